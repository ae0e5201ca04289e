//! Recordings on a model of a disk: cut by a power failure, full, and begun anew.

use super::disk::{Disk, Folder};
use super::files::{CHUNK_TIME, Files};
use super::{KIND, PACKET_ENCODING, RecordOptions, Recorder};
use crate::clock::Instant;
use crate::mcap::Reader;
use crate::process::output::Patience;
use crate::scene::Keypoint;
use crate::wire::{Body, FixedPoint, Flags, Packet, PacketView, WireKeypoint, test_packet};
use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// A disk in memory with a capacity.
#[derive(Clone, Default)]
struct Model(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    files: Vec<Vec<u8>>,
    /// Bytes of the last file after each sync.
    synced: Vec<usize>,
    capacity: Option<usize>,
}

impl Disk for Model {
    fn create(&mut self) -> io::Result<()> {
        self.0.borrow_mut().files.push(Vec::new());
        Ok(())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        let used: usize = state.files.iter().map(Vec::len).sum();
        let room = state
            .capacity
            .map_or(usize::MAX, |capacity| capacity - used.min(capacity));
        let fits = bytes.len().min(room);
        state.files.last_mut().unwrap().extend(&bytes[..fits]);
        match fits == bytes.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        let length = state.files.last().unwrap().len();
        state.synced.push(length);
        Ok(())
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.0
            .borrow_mut()
            .files
            .last_mut()
            .unwrap()
            .truncate(bytes as usize);
        Ok(())
    }

    fn remove(&mut self) {
        self.0.borrow_mut().files.pop();
    }

    fn name(&self) -> &[u8] {
        b"model"
    }
}

const FRAME_NS: u64 = 33_333_333;
const START_NS: u64 = 1_800_000_000_000_000_000;

/// A hand's packet with its number.
fn packet(sequence: u32) -> Packet {
    let unit = FixedPoint::for_frame(640, 480);
    let joint = WireKeypoint::new(
        &Keypoint {
            x_px: 320.0,
            y_px: 240.0,
            score: 0.9,
        },
        unit,
    );
    Packet {
        sequence,
        frame_index: sequence,
        frame_width_px: 640,
        frame_height_px: 480,
        age_us: 20_000,
        unit,
        body: Body::Keypoints([joint; 21].into_iter().collect()),
        ..test_packet(Flags::TRACKING)
    }
}

fn time_ns(index: u32) -> u64 {
    START_NS + u64::from(index) * FRAME_NS
}

fn record(disk: &Model, options: RecordOptions, frames: u32) -> io::Result<Files<Model>> {
    let mut files = Files::begin(disk.clone(), options)?;
    for index in 0..frames {
        let taken = files.take(&packet(index).encode(), time_ns(index));
        #[cfg(feature = "pictures")]
        let taken = taken.and_then(|is_new| {
            // Two a second.
            let is_due = options.pictures_per_second.is_some() && index.is_multiple_of(15);
            match is_due {
                true => files.take_picture(&picture(time_ns(index))),
                false => Ok(is_new),
            }
        });
        if let Err(error) = taken {
            files.give_up();
            return Err(error);
        }
    }
    Ok(files)
}

/// Options of recordings without pictures, and with some if this build has them.
fn all_options() -> Vec<RecordOptions> {
    vec![
        RecordOptions::default(),
        #[cfg(feature = "pictures")]
        RecordOptions {
            pictures_per_second: Some(2),
            ..RecordOptions::default()
        },
    ]
}

/// A green picture of a camera of 800 x 600 pixels.
#[cfg(feature = "pictures")]
fn picture(time_ns: u64) -> super::pictures::Timed {
    use crate::frame::{Frame, PixelFormat, Pixels};

    let bytes = [20, 200, 40].repeat(800 * 600);
    let mut timed = super::pictures::Timed::new();
    timed.picture.take(&Frame {
        pixels: Pixels::new(PixelFormat::Rgb24, 800, 600, 2400, &bytes).unwrap(),
        captured: Instant::default(),
        index: 0,
        file: None,
    });
    timed.time_ns = time_ns;
    timed.captured_ns = time_ns - 20_000_000;
    *timed
}

/// Numbers and times of the packets in a file.
fn read(bytes: &[u8]) -> Vec<(u32, u64)> {
    let mut reader = Reader::new(bytes, PACKET_ENCODING).unwrap();
    let mut found = Vec::new();
    while let Some(message) = reader.next_message().unwrap() {
        let view = PacketView::new(message.data).unwrap();
        found.push((view.to_packet().sequence, message.time_ns));
    }
    found
}

#[test]
fn a_cut_at_any_of_100_places_keeps_all_that_was_older_than_a_second() {
    for options in all_options() {
        let disk = Model::default();
        let mut files = record(&disk, options, 900).unwrap();
        files.end().unwrap();
        let bytes = disk.0.borrow().files[0].clone();
        assert_eq!(read(&bytes).len(), 900);
        let syncs = disk.0.borrow().synced.clone();
        let mut seed = 0x2545_F491_4F6C_DD1D_u64;
        for _ in 0..100 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let cut = 4096 + (seed % (bytes.len() as u64 - 4096)) as usize;
            let found = read(&bytes[..cut]);
            // The power failed while this part was written: before the next sync, whose chunk began half a second before.
            let until = syncs
                .iter()
                .find(|&&sync| sync >= cut)
                .copied()
                .unwrap_or(bytes.len());
            let newest_ns = read(&bytes[..until]).last().unwrap().1;
            let kept = found.last().map_or(0, |(_, time_ns)| *time_ns);
            assert!(kept + 1_000_000_000 >= newest_ns, "cut at {cut}");
            for (index, (sequence, at_ns)) in found.iter().enumerate() {
                assert_eq!((*sequence, *at_ns), (index as u32, time_ns(index as u32)));
            }
        }
    }
}

#[test]
fn chunks_are_on_the_disk_within_half_a_second_of_their_first_packet() {
    let disk = Model::default();
    let mut files = Files::begin(disk.clone(), RecordOptions::default()).unwrap();
    let mut oldest_ns = None;
    for index in 0..300 {
        let syncs = disk.0.borrow().synced.len();
        files.take(&packet(index).encode(), time_ns(index)).unwrap();
        if disk.0.borrow().synced.len() > syncs {
            oldest_ns = None;
        }
        let from_ns = *oldest_ns.get_or_insert(time_ns(index));
        assert!(u128::from(time_ns(index) - from_ns) < CHUNK_TIME.as_nanos());
        assert!(!files.chunk_due(time_ns(index)));
    }
    assert!(disk.0.borrow().synced.len() >= 18);
}

#[test]
fn files_end_by_size_and_by_time_and_each_is_complete() {
    let small = RecordOptions {
        file_bytes: 1 << 20,
        ..RecordOptions::default()
    };
    let short = RecordOptions {
        file_time: Duration::from_secs(5),
        ..RecordOptions::default()
    };
    for (options, frames) in [(small, 2000), (short, 460)] {
        let disk = Model::default();
        let mut files = record(&disk, options, frames).unwrap();
        files.end().unwrap();
        let state = disk.0.borrow();
        assert!(state.files.len() > 2, "{}", state.files.len());
        let mut all = Vec::new();
        for file in &state.files {
            assert!(file.len() as u64 <= options.file_bytes);
            let found = read(file);
            let time_ns = found.last().unwrap().1 - found[0].1;
            assert!(u128::from(time_ns) < options.file_time.as_nanos());
            assert!(file.ends_with(b"\x89MCAP0\r\n"));
            all.extend(found.into_iter().map(|(sequence, _)| sequence));
        }
        assert_eq!(all, (0..frames).collect::<Vec<_>>());
    }
}

#[test]
fn a_full_disk_leaves_whole_chunks() {
    for capacity in (8000..300_000).step_by(7919) {
        let disk = Model::default();
        disk.0.borrow_mut().capacity = Some(capacity);
        let Err(error) = record(&disk, RecordOptions::default(), 900) else {
            panic!("{capacity} bytes are not enough");
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let state = disk.0.borrow();
        let mut reader = Reader::new(&state.files[0][..], PACKET_ENCODING).unwrap();
        let mut count = 0;
        while let Some(message) = reader.next_message().unwrap() {
            assert_eq!(message.time_ns, time_ns(count));
            count += 1;
        }
        assert_eq!(reader.unreadable_chunks, 0);
        assert!(count > 0 || capacity < 100_000, "{capacity}");
    }
}

struct Here(PathBuf);

impl Here {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("posewire-record-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Here(path)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
#[cfg_attr(miri, ignore = "Miri opens no folders")]
fn no_file_and_no_link_is_ever_opened_or_replaced() {
    let here = Here::new("names");
    std::fs::write(here.at("run.mcap"), "mine").unwrap();
    std::os::unix::fs::symlink("elsewhere", here.at("run-2.mcap")).unwrap();
    let mut disk = Folder::open(&here.at("run.mcap")).unwrap();
    disk.create().unwrap();
    disk.write_all(b"new").unwrap();
    disk.create().unwrap();
    assert_eq!(
        here.names(),
        ["run-2.mcap", "run-3.mcap", "run-4.mcap", "run.mcap"]
    );
    assert_eq!(std::fs::read(here.at("run.mcap")).unwrap(), b"mine");
    assert_eq!(std::fs::read(here.at("run-3.mcap")).unwrap(), b"new");
    assert!(Folder::open(&here.at("missing/run.mcap")).is_err());
}

#[test]
#[cfg_attr(miri, ignore = "Miri opens no folders")]
fn a_recording_is_whole_after_its_end_and_none_is_left_without_a_packet() {
    let here = Here::new("thread");
    let path = here.at("run.mcap");
    let open = || Recorder::open(&path, RecordOptions::default(), Patience::UntilRead).unwrap();
    drop(open());
    let mut recorder = open();
    recorder.start().unwrap();
    assert_eq!(recorder.finish(&|| false), Ok(()));
    assert!(here.names().is_empty(), "{:?}", here.names());
    let mut recorder = open();
    recorder.start().unwrap();
    let now = Instant::now();
    for index in 0..100 {
        recorder.put(&packet(index).encode(), now).unwrap();
    }
    assert_eq!(recorder.finish(&|| false), Ok(()));
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(read(&bytes).len(), 100);
    assert!(bytes.ends_with(b"\x89MCAP0\r\n"));
}

#[test]
#[cfg_attr(miri, ignore = "Miri opens no folders")]
fn a_packet_alone_is_on_the_disk_within_a_second() {
    let here = Here::new("alone");
    let path = here.at("run.mcap");
    let mut recorder = Recorder::open(&path, RecordOptions::default(), Patience::None).unwrap();
    recorder.start().unwrap();
    recorder.put(&packet(1).encode(), Instant::now()).unwrap();
    let begun = std::time::Instant::now();
    while read_or_none(&path).is_empty() {
        // A machine that is busy takes longer.
        assert!(begun.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(10));
    }
    recorder.finish(&|| false).unwrap();
}

fn read_or_none(path: &Path) -> Vec<(u32, u64)> {
    let bytes = std::fs::read(path).unwrap();
    if bytes.len() < 8 {
        Vec::new()
    } else {
        read(&bytes)
    }
}

#[test]
fn annotations_are_json_with_the_picture_corner_as_origin() {
    let lost = Packet {
        flags: Flags::LOST,
        ..packet(4)
    };
    let unit = FixedPoint::for_frame(640, 480);
    let mut found = packet(3);
    let at = |x_px, y_px| {
        WireKeypoint::new(
            &Keypoint {
                x_px,
                y_px,
                score: 0.5,
            },
            unit,
        )
    };
    let mut joints = [at(0.0, 0.0); 21];
    joints[0] = at(10.0, 20.5);
    found.body = Body::Keypoints(joints.into_iter().collect());
    let mut annotator = super::annotations::Annotator::new(false);
    let mut texts = Vec::new();
    for packet in [&found, &lost, &test_packet(Flags::LOST)] {
        annotator.take(packet, START_NS, |time_ns, pieces| {
            assert_eq!(time_ns, START_NS);
            texts.push(String::from_utf8(pieces.concat()).unwrap());
        });
    }
    // A heartbeat draws nothing; a frame without a hand clears the picture.
    assert_eq!(texts.len(), 2);
    let drawn: serde_json::Value = serde_json::from_str(&texts[0]).unwrap();
    let points = &drawn["points"];
    assert_eq!(points[0]["type"], 4);
    assert_eq!(points[0]["points"].as_array().unwrap().len(), 40);
    assert_eq!(points[1]["type"], 1);
    assert_eq!(
        points[1]["points"][0],
        serde_json::json!({"x": 10.5, "y": 21})
    );
    let captured_ns = START_NS - 20_000_000;
    assert_eq!(points[0]["timestamp"]["nsec"], captured_ns % 1_000_000_000);
    let cleared: serde_json::Value = serde_json::from_str(&texts[1]).unwrap();
    assert_eq!(cleared["points"], serde_json::json!([]));
    assert!((KIND.check)("/").is_err());
}

#[cfg(feature = "pictures")]
#[test]
fn pictures_and_what_is_drawn_on_them_fit_together() {
    use crate::sink::jpeg::tests::size_and_mean;

    let disk = Model::default();
    let [_, options] = all_options()[..] else {
        panic!("two kinds of recordings")
    };
    let mut files = Files::begin(disk.clone(), options).unwrap();
    files.take_picture(&picture(START_NS)).unwrap();
    let mut large = packet(0);
    (large.frame_width_px, large.frame_height_px) = (800, 600);
    files.take(&large.encode(), START_NS).unwrap();
    files.end().unwrap();
    let bytes = disk.0.borrow().files[0].clone();
    let mut reader = Reader::new(&*bytes, "json").unwrap();
    let mut next = || -> serde_json::Value {
        let message = reader.next_message().unwrap().unwrap();
        assert_eq!(message.time_ns, START_NS);
        serde_json::from_slice(message.data).unwrap()
    };
    let (shown, drawn) = (next(), next());
    assert_eq!(
        (&shown["format"], &shown["frame_id"]),
        (&"jpeg".into(), &"camera".into())
    );
    // The joint is at 320, 240 of the frame.
    let point = &drawn["points"][1];
    assert_eq!(
        point["points"][0],
        serde_json::json!({"x": 160.5, "y": 120.5})
    );
    // Foxglove puts those of one time together.
    assert_eq!(shown["timestamp"], point["timestamp"]);
    let text = shown["data"].as_str().unwrap();
    let mut jpeg = Vec::new();
    for four in text.as_bytes().chunks(4) {
        let digit = |byte: u8| match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => 0,
        };
        let word = four
            .iter()
            .fold(0, |word, &byte| word << 6 | u32::from(digit(byte)));
        jpeg.extend(&word.to_be_bytes()[1..]);
    }
    let (size, mean) = size_and_mean(&jpeg);
    assert_eq!(size, [400, 300]);
    assert!(mean[1] > 180, "{mean:?}");
}

/// A file for the Python package `mcap`.
#[cfg(feature = "pictures")]
#[test]
#[cfg_attr(miri, ignore = "Miri reads no files")]
fn the_file_with_pictures_for_other_readers_is_what_the_code_writes() {
    let disk = Model::default();
    let options = RecordOptions {
        pictures_per_second: Some(2),
        ..RecordOptions::default()
    };
    record(&disk, options, 16).unwrap().end().unwrap();
    let bytes = disk.0.take().files.remove(0);
    compare("clients/vectors/pictures.mcap", &bytes);
}

fn compare(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("POSEWIRE_BLESS").is_some() {
        std::fs::write(&path, bytes).unwrap();
    }
    let kept = std::fs::read(&path).unwrap_or_default();
    assert!(
        kept == bytes,
        "{name}: POSEWIRE_BLESS=1 cargo test --lib record"
    );
}

/// Files for other readers: the Python package `mcap`, and the fuzzer's first input. `POSEWIRE_BLESS=1` writes them.
#[test]
#[cfg_attr(miri, ignore = "Miri reads no files")]
fn the_files_for_other_readers_are_what_the_code_writes() {
    let recorded = |count: u32, body: fn(Packet) -> Packet| {
        let disk = Model::default();
        let mut files = Files::begin(disk.clone(), RecordOptions::default()).unwrap();
        for index in 0..count {
            let at_ns = START_NS + u64::from(index) * 100_000_000;
            files.take(&body(packet(index)).encode(), at_ns).unwrap();
        }
        files.end().unwrap();
        disk.0.take().files.remove(0)
    };
    let heartbeat = |packet| Packet {
        body: Body::Heartbeat,
        ..packet
    };
    for (name, bytes) in [
        (
            "clients/vectors/recording.mcap",
            recorded(12, |packet| packet),
        ),
        ("tests/fuzz/corpus/mcap/heartbeat", recorded(1, heartbeat)),
    ] {
        compare(name, &bytes);
    }
}
