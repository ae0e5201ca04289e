//! The capture loop on the model of a kernel: every way in which a camera fails, without a camera.

use super::fake::{Device, FakeKernel, Field, Stamping, Trouble};
use super::*;
use crate::limits::MAX_FRAME_SIDE_PX;
use rustix::io::Errno;

const EVERY: Duration = Duration::from_secs(5);

/// The real rules at a hundredth of the times. Only stalls take longer: otherwise a thread that a busy machine
/// does not run would see one.
const QUICK: Patience = Patience {
    look: Duration::from_millis(1),
    reopen: Duration::from_millis(5),
    stall: [Duration::from_millis(300), Duration::from_millis(500)],
    start: Duration::from_millis(500),
    unusable: Duration::from_millis(400),
};

fn options() -> CameraOptions {
    CameraOptions {
        size_px: [8, 4],
        ..CameraOptions::default()
    }
}

fn open(kernel: &FakeKernel, device: &str) -> Result<V4l2Source> {
    V4l2Source::open_with(Box::new(kernel.clone()), device, &options(), QUICK)
}

fn webcam() -> (FakeKernel, V4l2Source) {
    let kernel = FakeKernel::with([Device::webcam("/dev/video0")]);
    let source = open(&kernel, "/dev/video0").unwrap();
    (kernel, source)
}

/// Index and age of the next frame.
fn frame(source: &mut V4l2Source) -> (u64, u64) {
    match source.next_frame(EVERY).unwrap() {
        Next::Frame(frame) => {
            assert_eq!(frame.pixels.width_px(), 8);
            (
                frame.index,
                frame.captured.age_us(crate::clock::Instant::now()),
            )
        }
        other => panic!("{other:?}"),
    }
}

/// Waits until the source says that there is no camera.
fn until_no_camera(source: &mut V4l2Source) {
    let start = Instant::now();
    while !matches!(
        source.next_frame(Duration::from_millis(1)).unwrap(),
        Next::TimedOut {
            camera_present: false
        }
    ) {
        assert!(start.elapsed() < EVERY, "the camera is still there");
    }
}

/// Takes frames until the counts are as wanted.
fn until_counted(source: &mut V4l2Source, wanted: impl Fn(SourceCounts) -> bool) {
    let start = Instant::now();
    while !wanted(source.counts()) {
        assert!(start.elapsed() < EVERY, "{:?}", source.counts());
        frame(source);
    }
}

/// Waits until the device is closed. The source reports that there is no camera before its thread has closed the
/// device, and on a busy machine it does not wait for the end of that thread.
fn until_closed(kernel: &FakeKernel) {
    let start = Instant::now();
    while kernel.open_nodes() > 0 {
        assert!(start.elapsed() < EVERY, "the device is still open");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn message(result: Result<V4l2Source>) -> String {
    result.err().expect("there is no such camera").to_string()
}

#[test]
fn frames_come_in_order_and_buffers_go_round() {
    let (kernel, mut source) = webcam();
    let mut last = None;
    for _ in 0..100 {
        let (index, _) = frame(&mut source);
        assert!(last.is_none_or(|last| index > last));
        last = Some(index);
    }
    drop(source);
    until_closed(&kernel);
    assert_eq!(kernel.violations(), [""; 0]);
}

#[test]
fn a_slow_consumer_gets_the_newest_frame_and_the_others_are_counted() {
    let kernel = FakeKernel::with([Device {
        interval: Duration::from_millis(10),
        ..Device::webcam("/dev/video0")
    }]);
    let mut source = open(&kernel, "/dev/video0").unwrap();
    frame(&mut source);
    let (mut ages_us, mut first, mut last) = (Vec::new(), None, 0);
    for _ in 0..10 {
        // A quarter of the camera's rate, and longer than all of its buffers last.
        std::thread::sleep(Duration::from_millis(80));
        let (index, age_us) = frame(&mut source);
        ages_us.push(age_us);
        first.get_or_insert(index);
        last = index;
    }
    // One interval, with a margin for a busy machine. Such a machine may be late with some frames, but frames in a
    // queue would all be old.
    ages_us.sort_unstable();
    assert!(ages_us[5] < 30_000, "{ages_us:?}");
    let taken = last - first.unwrap_or(0);
    assert!(taken > 50, "{taken} frames in 0.8 s");
    let counts = source.counts();
    assert!(counts.passed_over + counts.lost >= 50, "{counts:?}");
    assert_eq!(kernel.violations(), [""; 0]);
}

#[test]
fn a_frame_keeps_its_bytes_while_it_is_held() {
    let (kernel, mut source) = webcam();
    let Next::Frame(held) = source.next_frame(EVERY).unwrap() else {
        panic!("no frame");
    };
    // Long enough for the driver to want every buffer several times over.
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(held.pixels.to_rgb(), [130; 8 * 4 * 3]);
    drop(source);
    assert_eq!(kernel.violations(), [""; 0]);
}

#[test]
fn damaged_and_short_frames_cost_only_themselves() {
    let (kernel, mut source) = webcam();
    frame(&mut source);
    let start = source.counts();
    for trouble in [
        Trouble::Flag,
        Trouble::Short(3),
        Trouble::Short(0),
        Trouble::Field(2),
        Trouble::Field(6),
    ] {
        kernel.trouble(trouble);
    }
    until_counted(&mut source, |counts| counts.skipped >= start.skipped + 5);
    let (before, _) = frame(&mut source);
    while frame(&mut source).0 < before + 20 {}
    let counts = source.counts();
    assert_eq!(counts.skipped - start.skipped, 5);
    assert_eq!(counts.reopened, 0);
}

#[test]
fn frames_that_the_driver_lost_are_counted_and_have_numbers() {
    let (kernel, mut source) = webcam();
    let (before, _) = frame(&mut source);
    let start = source.counts();
    kernel.trouble(Trouble::Lose(7));
    until_counted(&mut source, |counts| counts.lost >= start.lost + 7);
    // One more frame may have been waiting since before.
    frame(&mut source);
    assert!(frame(&mut source).0 > before + 7);
}

#[test]
fn a_broken_queue_is_closed_and_opened_again() {
    let (kernel, mut source) = webcam();
    let (mut index, _) = frame(&mut source);
    for (round, errno) in [Errno::IO, Errno::NODEV, Errno::INVAL]
        .into_iter()
        .enumerate()
    {
        // The source cannot open the camera again, so the test is sure to see it without a camera.
        kernel.trouble(Trouble::Busy(Duration::from_secs(3600)));
        let broken = Instant::now();
        kernel.trouble(Trouble::Break(errno));
        until_no_camera(&mut source);
        kernel.trouble(Trouble::Busy(Duration::ZERO));
        let (next, age_us) = frame(&mut source);
        // Numbers continue, and frames from before the fault do not appear after it.
        assert!(next > index);
        assert!(u128::from(age_us) <= broken.elapsed().as_micros());
        index = next;
        assert_eq!(source.counts().reopened, round as u64 + 1);
    }
    assert_eq!(kernel.most_open_nodes(), 1);
    assert_eq!(kernel.violations(), [""; 0]);
}

#[test]
fn buffer_numbers_that_cannot_be_are_refused() {
    for number in [5, usize::MAX] {
        let (kernel, mut source) = webcam();
        frame(&mut source);
        kernel.trouble(Trouble::Number(number));
        until_counted(&mut source, |counts| counts.reopened > 0);
        frame(&mut source);
    }
}

#[test]
fn a_stall_is_noticed_and_the_camera_started_again() {
    let (kernel, mut source) = webcam();
    frame(&mut source);
    kernel.trouble(Trouble::Stall(10 * EVERY));
    until_no_camera(&mut source);
    kernel.trouble(Trouble::Stall(Duration::ZERO));
    frame(&mut source);
    assert!(source.counts().reopened >= 1);
    assert_eq!(kernel.violations(), [""; 0]);
}

#[test]
fn an_unplugged_camera_is_said_to_be_gone_until_it_is_back() {
    let (kernel, mut source) = webcam();
    frame(&mut source);
    kernel.trouble(Trouble::Unplug(Duration::from_secs(3600)));
    until_no_camera(&mut source);
    until_closed(&kernel);
    kernel.trouble(Trouble::Unplug(Duration::ZERO));
    frame(&mut source);
}

#[test]
fn a_camera_that_is_not_there_yet_is_waited_for() {
    let kernel = FakeKernel::default();
    let mut source = open(&kernel, "/dev/video0").unwrap();
    until_no_camera(&mut source);
    kernel.plug(Device::webcam("/dev/video0"));
    frame(&mut source);
}

#[test]
fn a_busy_camera_is_waited_for() {
    let kernel = FakeKernel::with([Device::webcam("/dev/video0")]);
    kernel.trouble(Trouble::Busy(Duration::from_secs(3600)));
    let mut source = open(&kernel, "/dev/video0").unwrap();
    until_no_camera(&mut source);
    kernel.trouble(Trouble::Busy(Duration::ZERO));
    frame(&mut source);
    assert_eq!(kernel.violations(), [""; 0]);
}

#[test]
fn a_driver_without_a_clock_gets_the_time_of_arrival() {
    let kernel = FakeKernel::with([Device {
        stamps: Stamping::Unknown,
        ..Device::webcam("/dev/video0")
    }]);
    let mut source = open(&kernel, "/dev/video0").unwrap();
    // The age is not the time since boot.
    assert!(frame(&mut source).1 < 5_000_000);
}

#[test]
fn two_hundred_faults_in_one_run() {
    let (kernel, mut source) = webcam();
    let mut state = 1_u32;
    let mut slowest = Duration::ZERO;
    for _ in 0..200 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let away = Duration::from_millis(u64::from(state >> 29));
        let (trouble, recovers_after) = match (state >> 16) % 9 {
            0 => (Trouble::Flag, Duration::ZERO),
            1 => (Trouble::Short(1), Duration::ZERO),
            2 => (Trouble::Break(Errno::IO), Duration::ZERO),
            3 => (Trouble::Break(Errno::NODEV), Duration::ZERO),
            4 => (Trouble::Number(77), Duration::ZERO),
            5 => (Trouble::Lose(9), Duration::ZERO),
            6 => (Trouble::Stall(away), away),
            7 => (Trouble::Busy(away), away),
            _ => (Trouble::Unplug(away), away),
        };
        kernel.trouble(trouble);
        std::thread::sleep(recovers_after);
        let recovered = Instant::now();
        frame(&mut source);
        frame(&mut source);
        slowest = slowest.max(recovered.elapsed());
        assert!(kernel.open_nodes() <= 1);
    }
    // The real times are a hundred times as long, with a limit of 2 s. The limit here has a margin for a busy
    // machine.
    assert!(slowest < EVERY, "{slowest:?}");
    assert_eq!(kernel.violations(), [""; 0]);
    drop(source);
    until_closed(&kernel);
}

#[test]
fn jpegs_are_checked_and_decoded() {
    let jpeg = crate::source::mjpeg::tiny_jpeg();
    let with = |picture: Vec<u8>, size_px| {
        let device = Device {
            formats: vec![(FourCc(*b"MJPG"), 30.0)],
            picture,
            size_px,
            ..Device::webcam("/dev/video0")
        };
        open(&FakeKernel::with([device]), "/dev/video0").unwrap()
    };
    // Cameras pad.
    let padded = [&jpeg[..], &[0; 100]].concat();
    frame(&mut with(padded, [8, 8]));
    // They may leave the end marker and the standard's Huffman tables out.
    frame(&mut with(jpeg[..jpeg.len() - 2].to_vec(), [8, 8]));
    frame(&mut with(crate::source::jpeg::without_tables(), [8, 8]));
    for (picture, size_px) in [
        // A stump, other bytes, a cut JPEG.
        (jpeg[..100].to_vec(), [8, 8]),
        (vec![7; 500], [8, 8]),
        (jpeg[..jpeg.len() - 4].to_vec(), [8, 8]),
    ] {
        let mut source = with(picture, size_px);
        let start = Instant::now();
        while source.counts().skipped == 0 {
            assert!(start.elapsed() < EVERY, "nothing was skipped");
            let next = source.next_frame(Duration::from_millis(20)).unwrap();
            assert!(matches!(next, Next::TimedOut { .. }), "{next:?}");
        }
    }
}

#[test]
fn auto_takes_the_first_camera_and_stays_with_its_model() {
    let metadata = Device {
        identity: super::node::Identity {
            capabilities: super::camera::METADATA | super::camera::STREAMING,
            ..Device::webcam("").identity
        },
        ..Device::webcam("/dev/video0")
    };
    let mut processor = Device::webcam("/dev/video1");
    processor.identity.driver = "bcm2835-isp".into();
    let mut other = Device::webcam("/dev/video3");
    other.identity.card = "Another model".into();
    let mut camera = Device::webcam("/dev/video2");
    let kernel = FakeKernel::with([camera.clone(), metadata, processor, other]);
    let mut source = open(&kernel, "auto").unwrap();
    frame(&mut source);
    kernel.trouble(Trouble::Unplug(Duration::from_secs(3600)));
    until_no_camera(&mut source);
    std::thread::sleep(QUICK.reopen * 4);
    until_no_camera(&mut source);
    camera.path = "/dev/video4".into();
    kernel.plug(camera);
    frame(&mut source);
}

#[test]
fn the_cheapest_format_that_is_fast_enough_is_taken() {
    let with = |formats: &[(&[u8; 4], f64)]| {
        let formats = formats
            .iter()
            .map(|(code, rate)| (FourCc(**code), *rate))
            .collect();
        let kernel = FakeKernel::with([Device {
            formats,
            ..Device::webcam("/dev/video0")
        }]);
        let wanted = Wanted::Path("/dev/video0".into());
        let camera = Camera::open(&kernel, &wanted, &options());
        camera.map(|camera| camera.layout.format.to_string())
    };
    assert_eq!(with(&[(b"MJPG", 30.0), (b"YUYV", 30.0)]).unwrap(), "YUYV");
    assert_eq!(with(&[(b"MJPG", 30.0), (b"YUYV", 10.0)]).unwrap(), "MJPG");
    assert_eq!(
        with(&[(b"GREY", 60.0), (b"H264", 60.0), (b"NV12", 29.97)]).unwrap(),
        "NV12"
    );
    assert_eq!(with(&[(b"GREY", 15.0)]).unwrap(), "GREY");
}

#[test]
fn a_camera_cannot_write_to_the_terminal() {
    let mut device = Device::webcam("/dev/video0");
    device.identity.card = "Webcam\x1b[2J\r\n".into();
    let wanted = Wanted::Path("/dev/video0".into());
    let camera = Camera::open(&FakeKernel::with([device]), &wanted, &options());
    let agreed = camera.map(|camera| camera.agreed).unwrap();
    assert_eq!(
        agreed,
        r"Webcam\x1b[2J\r\n (uvcvideo, usb-1): 8 x 4 YUYV, 500.0 frames a second, 5 buffers"
    );
}

#[test]
fn what_cannot_be_used_is_refused_with_the_reason() {
    let refused = |change: &dyn Fn(&mut Device)| {
        let mut device = Device::webcam("/dev/video0");
        change(&mut device);
        message(open(&FakeKernel::with([device]), "/dev/video0"))
    };
    let capabilities = |flags: u32| refused(&move |d| d.identity.capabilities = flags);
    assert!(capabilities(1 << 23 | 1 << 26).contains("metadata node"));
    assert!(capabilities(1 << 15 | 1 << 26).contains("codec"));
    assert!(capabilities(1 << 12 | 1 << 26).contains("planes"));
    assert!(capabilities(1).contains("not a capture device"));
    let bayer = refused(&|d| d.formats = vec![(FourCc(*b"pBEE"), 30.0)]);
    assert!(
        bayer.contains("offers pBEE") && bayer.contains("from a pipe"),
        "{bayer}"
    );
    let other =
        refused(&|d| d.formats = vec![(FourCc(*b"H264"), 30.0), (FourCc([0, 1, 200, b' ']), 1.0)]);
    assert!(
        other.contains(r"offers H264, \x00\x01\xc8; read are YUYV"),
        "{other}"
    );
    assert!(refused(&|d| d.closed = Some(Errno::ACCESS)).contains("group video"));
    assert!(refused(&|d| d.buffers = 2).contains("2 buffers"));
    assert!(refused(&|d| d.size_px = [1 << 20, 4]).contains("1048576 x 4 px"));
    assert!(refused(&|d| d.stride_bytes = 15).contains("rows of 15 bytes"));
    for (field, name) in [
        (2, "TOP"),
        (3, "BOTTOM"),
        (5, "SEQ_TB"),
        (6, "SEQ_BT"),
        (7, "ALTERNATE"),
    ] {
        let error = refused(&move |d| d.field = Field(field));
        assert!(error.contains(&format!("(field {name})")), "{error}");
    }
    let output = refused(&|d| d.identity.capabilities = 1 << 1 | 1 << 26);
    assert!(output.contains("not a capture device"), "{output}");
    let kernel = FakeKernel::with([Device::webcam("/dev/video0")]);
    for device in ["", "video0", "/dev/\0"] {
        assert!(message(open(&kernel, device)).contains("v4l2:auto"));
    }
    let asked = CameraOptions {
        format: Some(FourCc(*b"NV12")),
        ..options()
    };
    let source = V4l2Source::open_with(Box::new(kernel.clone()), "auto", &asked, QUICK);
    assert!(
        source.is_ok(),
        "auto waits for a camera that has the format"
    );
    let source = V4l2Source::open_with(Box::new(kernel), "/dev/video0", &asked, QUICK);
    assert!(message(source).contains("offers YUYV, not NV12"));
}

#[test]
fn a_driver_that_hangs_does_not_keep_the_program() {
    let (kernel, mut source) = webcam();
    frame(&mut source);
    kernel.trouble(Trouble::Hang(20 * END_PATIENCE));
    let start = Instant::now();
    while !kernel.hang_was_met() {
        assert!(start.elapsed() < EVERY, "nobody asked the driver");
        std::thread::sleep(Duration::from_millis(1));
    }
    let start = Instant::now();
    drop(source);
    let took = start.elapsed();
    assert!(took >= END_PATIENCE && took < 10 * END_PATIENCE, "{took:?}");
}

#[test]
fn a_camera_that_takes_more_memory_than_it_may_is_refused_with_both_figures() {
    let kernel = FakeKernel::with([Device::webcam("/dev/video0")]);
    let within = |most_bytes| {
        let options = CameraOptions {
            most_bytes: Some(most_bytes),
            ..options()
        };
        V4l2Source::open_with(Box::new(kernel.clone()), "/dev/video0", &options, QUICK)
    };
    // Five buffers of a page each.
    let error = message(within(4 * 4096));
    assert!(
        error.contains("takes 20 KiB") && error.contains("has 16 KiB"),
        "{error}"
    );
    assert!(within(5 * 4096).is_ok());
}

#[test]
fn what_a_camera_may_take_is_reckoned_from_what_is_asked_of_it() {
    let bytes = |format: Option<&[u8; 4]>| {
        CameraOptions {
            size_px: [640, 480],
            format: format.map(|code| FourCc(*code)),
            ..CameraOptions::default()
        }
        .buffer_bytes()
    };
    assert_eq!(bytes(Some(b"GREY")), 5 * 640 * 480);
    assert_eq!(bytes(Some(b"YUYV")), 5 * 2 * 640 * 480);
    // Any format may be taken.
    assert_eq!(bytes(None), 5 * 3 * 640 * 480);
}

#[test]
fn pictures_that_are_whole_are_taken_however_their_fields_are_arranged() {
    // ANY, NONE and the three interleaved ones.
    for field in [0, 1, 4, 8, 9] {
        let mut device = Device::webcam("/dev/video0");
        device.field = Field(field);
        frame(&mut open(&FakeKernel::with([device]), "/dev/video0").unwrap());
    }
}

#[test]
fn a_camera_of_which_no_picture_can_be_used_is_no_camera() {
    let jpeg = crate::source::mjpeg::tiny_jpeg();
    let webcam = Device::webcam("/dev/video0");
    let mjpg = Device {
        formats: vec![(FourCc(*b"MJPG"), 30.0)],
        picture: jpeg.clone(),
        ..webcam.clone()
    };
    for (good, bad) in [
        (webcam, vec![0; 60]),
        (mjpg.clone(), vec![0; jpeg.len()]),
        (
            mjpg,
            [&jpeg[..jpeg.len() - 3], &[0xFF, 0xD9, 0, 0]].concat(),
        ),
    ] {
        // From the start.
        let mut device = good.clone();
        device.picture = bad.clone();
        let kernel = FakeKernel::with([device]);
        let mut source = open(&kernel, "/dev/video0").unwrap();
        let start = Instant::now();
        while source.counts().reopened == 0 {
            let next = source.next_frame(Duration::from_millis(5)).unwrap();
            let no_camera = matches!(
                next,
                Next::TimedOut {
                    camera_present: false
                }
            );
            assert!(no_camera, "{next:?}");
            assert!(start.elapsed() < EVERY, "{:?}", source.counts());
        }
        assert!(source.counts().skipped > 0);
        // And when a camera begins to send them. It is given back its sight by opening it again.
        kernel.change(|device| device.picture = good.picture.clone());
        frame(&mut source);
        kernel.change(|device| device.picture = bad.clone());
        kernel.trouble(Trouble::Break(Errno::IO));
        until_no_camera(&mut source);
        let before = source.counts().skipped;
        let start = Instant::now();
        while source.counts().skipped < before + 20 {
            assert!(start.elapsed() < EVERY, "{:?}", source.counts());
            until_no_camera(&mut source);
        }
        assert_eq!(kernel.violations(), [""; 0]);
    }
}

#[test]
fn a_jpeg_has_its_own_size() {
    let with = |size_px, most_bytes| {
        let device = Device {
            formats: vec![(FourCc(*b"MJPG"), 30.0)],
            picture: crate::source::mjpeg::tiny_jpeg(),
            size_px,
            ..Device::webcam("/dev/video0")
        };
        let options = CameraOptions {
            most_bytes,
            ..options()
        };
        let kernel = FakeKernel::with([device]);
        let source = V4l2Source::open_with(Box::new(kernel), "/dev/video0", &options, QUICK);
        frame(&mut source.unwrap());
    };
    // 8 x 8, however large the agreed size; also where the memory is limited.
    with([4, 4], None);
    with([640, 480], None);
    with([4, 4], Some(1 << 20));
    let room = CameraOptions::jpeg_room_px;
    assert_eq!(room([640, 480]), [656, 496]);
    assert_eq!(room([1920, 1080]), [1936, 1104]);
    assert_eq!(room([u32::MAX, 0]), [MAX_FRAME_SIDE_PX + 16, 16]);
}

#[test]
fn a_driver_that_rounds_up_to_whole_blocks_is_taken() {
    for code in [*b"YUYV", *b"NV12"] {
        let device = Device {
            formats: vec![(FourCc(code), 30.0)],
            size_px: [8, 1088],
            picture: vec![128; 8 * 1088 * 2],
            ..Device::webcam("/dev/video0")
        };
        let asked = CameraOptions {
            size_px: [8, 1080],
            ..options()
        };
        let kernel = FakeKernel::with([device]);
        let source = V4l2Source::open_with(Box::new(kernel), "/dev/video0", &asked, QUICK);
        let mut source = source.unwrap();
        let Next::Frame(frame) = source.next_frame(EVERY).unwrap() else {
            panic!("no frame");
        };
        assert_eq!(frame.pixels.height_px(), 1088);
    }
}

#[test]
fn a_camera_that_usb_has_no_bandwidth_for_sends_jpegs_or_names_the_remedy() {
    let with = |formats: &[&[u8; 4]], without: &[&[u8; 4]], asked: Option<&[u8; 4]>| {
        let device = Device {
            formats: formats.iter().map(|code| (FourCc(**code), 30.0)).collect(),
            no_bandwidth: without.iter().map(|code| FourCc(**code)).collect(),
            ..Device::webcam("/dev/video0")
        };
        let kernel = FakeKernel::with([device]);
        let asked = CameraOptions {
            format: asked.map(|code| FourCc(*code)),
            ..options()
        };
        let opened = |wanted: Wanted| {
            let camera = Camera::open(&kernel, &wanted, &asked);
            camera
                .map(|camera| camera.agreed)
                .map_err(|missing| missing.to_string())
        };
        let by_path = opened(Wanted::Path("/dev/video0".into()));
        let any = opened(Wanted::Any { card: None });
        assert_eq!(kernel.open_nodes(), 0);
        assert_eq!(any.is_ok(), by_path.is_ok());
        by_path
    };
    let agreed = with(&[b"YUYV", b"MJPG"], &[b"YUYV"], None).unwrap();
    assert!(
        agreed.contains("MJPG") && agreed.ends_with("no bandwidth for YUYV)"),
        "{agreed}"
    );
    for (formats, without, asked) in [
        (&[b"YUYV", b"MJPG"][..], &[b"YUYV"][..], Some(b"YUYV")),
        (&[b"YUYV", b"MJPG"], &[b"YUYV", b"MJPG"], None),
        (&[b"YUYV"], &[b"YUYV"], None),
        (&[b"MJPG"], &[b"MJPG"], None),
    ] {
        let error = with(formats, without, asked).unwrap_err();
        assert!(
            error.contains("USB bandwidth") && error.contains("--camera-size"),
            "{error}"
        );
    }
    // It is waited for.
    let kernel = FakeKernel::with([Device {
        no_bandwidth: vec![FourCc(*b"YUYV")],
        ..Device::webcam("/dev/video0")
    }]);
    let mut source = open(&kernel, "/dev/video0").unwrap();
    until_no_camera(&mut source);
    kernel.change(|device| device.no_bandwidth.clear());
    frame(&mut source);
}

#[test]
fn a_loopback_device_is_waited_for_until_a_program_feeds_it() {
    let mut device = Device::webcam("/dev/video0");
    device.identity.driver = "v4l2 loopback".into();
    device.identity.capabilities = 0x0520_0002;
    let kernel = FakeKernel::with([device]);
    let mut source = open(&kernel, "/dev/video0").unwrap();
    until_no_camera(&mut source);
    kernel.change(|device| device.identity.capabilities = 0x0520_0001);
    frame(&mut source);
}

#[test]
fn impossible_capture_times_are_the_time_of_arrival() {
    let hour = Duration::from_secs(3600);
    for stamps in [
        Stamping::Zero,
        Stamping::Behind(hour),
        Stamping::Behind(Duration::from_secs(1)),
        Stamping::Ahead(hour),
    ] {
        let kernel = FakeKernel::with([Device {
            stamps,
            ..Device::webcam("/dev/video0")
        }]);
        let mut source = open(&kernel, "/dev/video0").unwrap();
        for _ in 0..20 {
            assert!(frame(&mut source).1 < 500_000, "{stamps:?}");
        }
    }
}
