//! Code that runs for every frame allocates nothing. The allocator itself counts.
//!
//! This is a program without the test harness, because the harness's main thread allocates at any time and would
//! be counted.

use posewire::clock::Instant;
use posewire::crop::Cropper;
use posewire::decode::Decoder;
use posewire::engine::{self, EngineChoice, FakeNetwork, Outputs, Workspace, WorkspaceSize};
use posewire::filter::Smooth;
use posewire::frame::{
    Balance, Bayer, BayerOrder, BayerSample, Frame, PixelFormat, Pixels, Tones, measure_light,
};
use posewire::model::{DecodeMode, ModelFile};
use posewire::pipeline::{Estimator, Pipeline, SeveralOptions};
use posewire::process::memory::{self, Heap, Meter};
use posewire::scene::{FrameInfo, mean_score};
use posewire::sink::{Delivery, Event, SerialSink, Sink, What};
use posewire::source::{CameraOptions, FrameSource, SourceSpec, StillsSource};
use posewire::stats::{Probe, StageTimes};
use posewire::track::Tracker;
use posewire::wire::{
    Body, FixedPoint, Flags, Key, Packet, PacketView, Sealer, Sender, StreamId, WireKeypoint,
    WireStats, cobs,
};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::path::Path;
use std::time::Duration;

#[global_allocator]
static HEAP: Heap = Heap;

/// Number of allocations in `work`.
fn allocations(work: impl FnOnce()) -> u64 {
    memory::mark_steady();
    work();
    memory::heap_stats().allocations
}

fn main() {
    let probe = allocations(|| drop(std::hint::black_box(vec![1_u8; 100])));
    assert_eq!(probe, 1, "the allocator counts");
    network();
    one_workspace();
    around_the_network();
    several_instances();
    decoding();
    // Last: the preview's thread frees what it holds when it ends, after its sink.
    #[cfg(feature = "preview")]
    preview();
}

/// Baseline and progressive JPEGs take no more memory than a budget counts for them.
fn decoding() {
    let camera = CameraOptions::default();
    assert_eq!(camera.size_px, [640, 480]);
    let spec: SourceSpec = "v4l2:auto".parse().unwrap();
    let counted = spec.footprint(&camera).heap_bytes;
    for name in ["baseline-420.jpg", "progressive-444.jpg"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(name);
        let mut meter = Meter::default();
        meter.measure(|| {
            let mut source = StillsSource::image(&path).unwrap();
            source.next_frame(Duration::ZERO).map(drop).unwrap();
        });
        let most = meter.most_bytes();
        println!("{name}: {most} bytes at most, {counted} are counted");
        // The pixels alone are 3 x 640 x 480.
        assert!((921_600..counted).contains(&most), "{name}: {most}");
    }
}

/// Three networks share the workspace of the largest: a budget counts it once.
fn one_workspace() {
    let sizes = ["hand.qdq.onnx", "body.qoperator.onnx", "hand.s8.onnx"].map(|name| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(name);
        let model = ModelFile::open(&path).unwrap();
        let network = engine::load(&model, EngineChoice::Auto, 1).unwrap();
        network.workspace().unwrap()
    });
    let bytes = |sizes: &[WorkspaceSize]| {
        let mut meter = Meter::default();
        let work = meter.measure(|| Workspace::new(sizes.iter().copied(), 1).unwrap());
        drop(work);
        meter.kept_bytes()
    };
    let each = sizes.map(|size| bytes(&[size]));
    let largest = bytes(&[sizes.into_iter().reduce(WorkspaceSize::max).unwrap()]);
    let shared = bytes(&sizes);
    println!("a workspace of its own takes {each:?} bytes, one for all {shared}");
    assert_eq!(shared, largest);
    assert_eq!(bytes(&[sizes[0]; 3]), each[0]);
    assert!(each.iter().all(|&one| one > 0 && shared >= one));
    assert!(shared < each.iter().sum());
}

/// The integer engine.
fn network() {
    for name in ["hand.qdq.onnx", "body.qoperator.onnx"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(name);
        let model = ModelFile::open(&path).unwrap();
        let mut network = engine::load(&model, EngineChoice::Auto, 1).unwrap();
        let mut work = Workspace::new(network.workspace(), 1).unwrap();
        let description = network.describe();
        assert!(description.name.starts_with("int8"), "{description:?}");
        let input = vec![0.5; description.input_len()];
        let mut outputs = Outputs::new(description);
        let count = allocations(|| {
            for _ in 0..3 {
                network.run(&mut work, &input, &mut outputs).unwrap();
            }
        });
        assert_eq!(count, 0, "{name}");
        println!("{name}: no allocations in 3 runs of the network");
    }
}

/// Crop, decode, track, packets in both directions, a serial line, and the kernel's figures of the process.
fn around_the_network() {
    let bytes = [128; 3 * 64 * 64];
    let pictures = PixelFormat::ALL.map(|format| {
        let stride = format.row_bytes(64);
        Pixels::new(format, 64, 64, stride, &bytes).unwrap()
    });
    let bayer = Bayer {
        order: BayerOrder::Rggb,
        sample: BayerSample::Packed10,
    };
    let raw = Pixels::new(PixelFormat::Bayer(bayer), 128, 64, 160, &bytes).unwrap();
    let mut tones = Tones::new();
    let mut gain = 256;
    let mut cropper = Cropper::new([64, 64].into(), [128.0; 3], [64.0; 3]);
    let mut tracker = Tracker::new(None, 1.5, [64, 64].into(), 0.3);
    let info = FrameInfo {
        width_px: 64,
        height_px: 64,
        ..FrameInfo::default()
    };
    let mut input = vec![0.0; 3 * 64 * 64];
    let heatmaps: Vec<f32> = (0..21 * 16 * 16)
        .map(|index| (index % 97) as f32 / 97.0)
        .collect();
    let mut decoders =
        [DecodeMode::Default, DecodeMode::Dark].map(|mode| Decoder::new(21, 16, 16, mode));
    let far_end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&far_end).unwrap();
    unlockpt(&far_end).unwrap();
    let near_end = ptsname(&far_end, Vec::new()).unwrap();
    let mut line = match SerialSink::open(
        &near_end.to_str().unwrap().parse().unwrap(),
        Some(Sealer::new(Key::new(&[7; 32]), 1)),
    ) {
        // Emulators such as qemu-user 7.2 do not know termios2.
        Err(error) if error.to_string().contains("not implemented") => None,
        opened => Some(opened.unwrap()),
    };
    let mut probe = Probe::open();
    let mut frame = || {
        let crop = tracker.region(&info).crop;
        for pixels in &pictures {
            cropper.crop(pixels, &crop, &mut input);
        }
        assert!(measure_light(&raw, 64, [1.0; 3]).is_some());
        gain += 1;
        let balance = Balance {
            black: 64,
            gains: [gain; 3],
        };
        tones.set(10, balance);
        cropper.crop(&raw.with_tones(&tones), &crop, &mut input);
        for decoder in &mut decoders {
            let keypoints = decoder.decode(&heatmaps);
            tracker.absorb(&info, &keypoints, mean_score(&keypoints));
            let unit = FixedPoint::for_frame(64, 64);
            let mut packet = Packet {
                flags: Flags::default(),
                session: 1,
                sequence: 2,
                captured: Instant::now(),
                age_us: 3,
                frame_index: 4,
                frame_width_px: 64,
                frame_height_px: 64,
                task: 1,
                joint_table: 1,
                unit,
                instance: 0,
                score: 5,
                body: Body::Keypoints(
                    keypoints
                        .iter()
                        .map(|k| WireKeypoint::new(k, unit))
                        .collect(),
                ),
            };
            there_and_back(&packet);
            if let Some(line) = &mut line {
                assert_eq!(send(line, &packet), Ok(()));
            }
            let health = probe.read();
            packet.body = Body::Stats(WireStats {
                resident_kib: health.resident_kib.map(|kib| kib as u32),
                hottest_decicelsius: health.hottest_decicelsius,
                ..WireStats::default()
            });
            there_and_back(&packet);
            if let Some(line) = &mut line {
                assert_eq!(send(line, &packet), Ok(()));
            }
        }
    };
    // The first frame may detect the processor's features.
    frame();
    assert_eq!(allocations(frame), 0);
    println!("around the network: no allocations");
}

/// Two networks, eight instances, and their packets, encoded.
fn several_instances() {
    let estimator = |task: &str, peaks: usize| {
        let model = ModelFile::open(Path::new(&format!("builtin:{task}"))).unwrap();
        let mut card = model.require_card().unwrap().clone();
        let side = card.input_px.width as usize;
        // Those of the fake network.
        card.heatmap_px = [side as u32 / 4; 2].into();
        card.extra_channels.clear();
        let scale = side as f32 / 4.0 / 64.0;
        let peaks = (0..peaks).map(|joint| {
            let (x, y) = (11.0 + 2.0 * joint as f32, 11.0 + 8.0 * (joint % 6) as f32);
            (scale * x, scale * y, 0.9)
        });
        let network = FakeNetwork::new(side, peaks.collect());
        Estimator::with_card(card, Box::new(network))
    };
    let options = SeveralOptions {
        hands: 6,
        bodies: 2,
        limit: 8,
        roi: None,
        budget: Some(Duration::from_secs(1)),
        min_score: 0.3,
        smooth: Smooth::Light,
        costs: None,
    };
    let estimators = vec![estimator("hand", 21), estimator("body", 16)];
    let work = Workspace::new(None, 1).unwrap();
    let mut pipeline = Pipeline::several(estimators, None, work, &options).unwrap();
    let card = pipeline.card();
    let id = StreamId {
        session: 1,
        instance: 0,
        task: card.task,
        joint_table: card.joint_table_id(),
        mirrored: false,
    };
    let mut sender = Sender::new(id, Duration::from_secs(1));
    let mut times = StageTimes::default();
    let bytes = vec![90; 640 * 480];
    let pixels = Pixels::new(PixelFormat::Grey, 640, 480, 640, &bytes).unwrap();
    let mut most = 0;
    let mut frame = |index: u64| {
        let frame = Frame {
            pixels,
            captured: Instant::now(),
            index,
            file: None,
        };
        let scene = pipeline.process(&frame, &mut times).unwrap();
        most = most.max(scene.instances.len());
        for packet in sender.scene(scene, Instant::now()) {
            there_and_back(packet);
        }
    };
    for index in 0..20 {
        frame(index);
    }
    let count = allocations(|| {
        for index in 20..60 {
            frame(index);
        }
    });
    assert_eq!(count, 0);
    assert!(most > 2, "{most}");
    println!("{most} instances: no allocations");
}

/// The stream's part of the preview, without a viewer and with one.
#[cfg(feature = "preview")]
fn preview() {
    use posewire::scene::Scene;
    use posewire::sink::{Figures, PreviewSink};
    use std::io::{Read, Write};

    let mut sink = PreviewSink::open("127.0.0.1:0".parse().unwrap()).unwrap();
    let host = sink.url().replace("http://", "").replace('/', "");
    sink.start().unwrap();
    let bytes = vec![90; 640 * 480];
    let frame = Frame {
        pixels: Pixels::new(PixelFormat::Grey, 640, 480, 640, &bytes).unwrap(),
        captured: Instant::now(),
        index: 0,
        file: None,
    };
    let scene = Scene::default();
    let event = Event {
        what: What::Scene {
            scene: &scene,
            frame: &frame,
        },
        packets: &[],
    };
    let mut take = |times: usize| {
        allocations(|| {
            for _ in 0..times {
                assert_eq!(sink.take(&event, Instant::now()), Ok(()));
            }
        })
    };
    assert_eq!(take(100), 0, "without a viewer");
    let mut viewer = std::net::TcpStream::connect(&host).unwrap();
    let request = format!("GET /view HTTP/1.1\r\nHost: {host}\r\nX-Posewire:\r\n\r\n");
    viewer.write_all(request.as_bytes()).unwrap();
    // The request arrives, and the thread then sleeps until the view is complete.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(take(1), 0, "with a viewer");
    sink.watch(&Figures::default());
    let mut answer = [0; 64];
    viewer
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    viewer.read_exact(&mut answer).unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 200 OK"),
        "the frame was taken"
    );
    println!("a frame for the preview: no allocations");
}

fn send(line: &mut SerialSink, packet: &Packet) -> Delivery {
    let event = Event {
        what: What::Idle,
        packets: std::slice::from_ref(packet),
    };
    line.take(&event, Instant::now())
}

/// Encodes a packet as a datagram and as a frame for a serial line, and reads both back.
fn there_and_back(packet: &Packet) {
    let bytes = packet.encode();
    assert_eq!(PacketView::new(&bytes).unwrap().to_packet(), *packet);
    let frame = cobs::encode(&bytes);
    assert_eq!(cobs::decode(&frame[..frame.len() - 1]).unwrap(), bytes);
}
