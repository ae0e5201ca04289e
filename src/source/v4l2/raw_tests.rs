//! Nodes with raw pictures on the model of a kernel.

use super::capture::Patience;
use super::fake::{Device, FakeKernel, Trouble};
use super::sensor::SensorModel;
use super::*;

const EVERY: Duration = Duration::from_secs(5);

/// 8 x 4 samples of 10 bits: blue a quarter, green a half, red full, above a black level of 64.
fn ribbon(path: &str) -> Device {
    let sample = |x: usize, y: usize| match (x % 2, y % 2) {
        (0, 0) => 1023_u16,
        (1, 1) => 304,
        _ => 543,
    };
    let samples = (0..32).map(|at| sample(at % 8, at / 8));
    let mut device = Device::webcam(path);
    device.identity.driver = "unicam".into();
    device.identity.card = "unicam".into();
    device.formats = vec![(FourCc(*b"RG10"), 30.0)];
    device.picture = samples.flat_map(u16::to_le_bytes).collect();
    device
}

fn open(kernel: &FakeKernel, device: &str, options: &CameraOptions) -> Result<V4l2Source> {
    let patience = Patience::default();
    V4l2Source::open_with(Box::new(kernel.clone()), device, options, patience)
}

fn options() -> CameraOptions {
    CameraOptions {
        size_px: [640, 480],
        ..CameraOptions::default()
    }
}

/// The first pixel of the next frame, and the frame's size.
fn pixel(source: &mut V4l2Source) -> ([u8; 3], [u32; 2]) {
    match source.next_frame(EVERY).unwrap() {
        Next::Frame(frame) => {
            let rgb = frame.pixels.to_rgb();
            let size = [frame.pixels.width_px(), frame.pixels.height_px()];
            ([rgb[0], rgb[1], rgb[2]], size)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn raw_pictures_are_developed_with_the_sensors_black_level() {
    let sensor = SensorModel::new("imx219 10-0010", [1.0; 3]);
    let mut device = ribbon("/dev/video0");
    device.sensor = Some(sensor.clone());
    let kernel = FakeKernel::with([device]);
    let mut source = open(&kernel, "/dev/video0", &options()).unwrap();
    let (rgb, size) = pixel(&mut source);
    assert_eq!(size, [4, 2]);
    // Red is cut off, so that the colours say nothing about the light.
    assert_eq!(rgb[0], 255);
    let near = |byte: u8, wanted: u8| byte.abs_diff(wanted) <= 2;
    assert!(near(rgb[1], 188) && near(rgb[2], 137), "{rgb:?}");
    assert_eq!(sensor.mode(), [1640, 1232]);
    drop(source);
    assert_eq!(kernel.violations(), [""; 0]);
}

#[test]
fn a_node_without_a_sensor_is_read_all_the_same() {
    let kernel = FakeKernel::with([ribbon("/dev/video0")]);
    let mut source = open(&kernel, "/dev/video0", &options()).unwrap();
    assert_eq!(pixel(&mut source).1, [4, 2]);
}

#[test]
fn auto_prefers_pictures_that_are_ready() {
    let mut webcam = Device::webcam("/dev/video1");
    webcam.size_px = [8, 4];
    let kernel = FakeKernel::with([ribbon("/dev/video0"), webcam]);
    let mut source = open(&kernel, "auto", &options()).unwrap();
    assert_eq!(pixel(&mut source).1, [8, 4]);
    let alone = FakeKernel::with([ribbon("/dev/video0")]);
    let mut source = open(&alone, "auto", &options()).unwrap();
    assert_eq!(pixel(&mut source).1, [4, 2]);
}

#[test]
fn impossible_raw_pictures_are_named() {
    let refused = |change: &dyn Fn(&mut Device)| {
        let mut device = ribbon("/dev/video0");
        change(&mut device);
        let opened = open(&FakeKernel::with([device]), "/dev/video0", &options());
        opened
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    for size in [[7, 4], [8, 3]] {
        let error = refused(&|device| device.size_px = size);
        assert!(error.contains("even sides"), "{error}");
    }
    let narrow = refused(&|device| device.stride_bytes = 15);
    assert!(narrow.contains("rows of 15 bytes"), "{narrow}");
    let broken = refused(&|device| {
        let sensor = SensorModel::new("imx219 10-0010", [1.0; 3]);
        sensor.break_down();
        device.sensor = Some(sensor);
    });
    assert!(
        broken.contains("imx219 10-0010 cannot be set up"),
        "{broken}"
    );
    // A buffer that is too short costs itself.
    let kernel = FakeKernel::with([ribbon("/dev/video0")]);
    kernel.trouble(Trouble::Short(63));
    let mut source = open(&kernel, "/dev/video0", &options()).unwrap();
    pixel(&mut source);
    assert_eq!(source.counts().skipped, 1);
}

#[test]
fn a_memory_budget_chooses_the_mode() {
    let sensor = SensorModel::new("imx219 10-0010", [1.0; 3]);
    let mut device = ribbon("/dev/video0");
    device.sensor = Some(sensor.clone());
    let kernel = FakeKernel::with([device]);
    let named = CameraOptions {
        format: Some(FourCc(*b"RG10")),
        ..options()
    };
    // The budget of a named format has room for a mode that is somewhat larger.
    let most_bytes = Some(named.buffer_bytes());
    let fitting = CameraOptions {
        most_bytes,
        ..named.clone()
    };
    drop(open(&kernel, "/dev/video0", &fitting).unwrap());
    assert_eq!(sensor.mode(), [1640, 1232]);
    let small = CameraOptions {
        most_bytes: most_bytes.map(|bytes| bytes / 4),
        ..named
    };
    let _ = open(&kernel, "/dev/video0", &small);
    assert_eq!(sensor.mode(), [640, 480]);
}

#[test]
fn names_of_raw_formats_keep_their_case() {
    for code in ["pgAA", "pGAA", "RG10", "BA81", "BYR2", "pRCC"] {
        assert_eq!(code.parse::<FourCc>().unwrap().to_string(), code);
    }
    assert_eq!("rg10".parse::<FourCc>().unwrap(), FourCc(*b"RG10"));
    assert!("RG14".parse::<FourCc>().unwrap_err().contains("raw Bayer"));
}
