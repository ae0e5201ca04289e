//! The demo clip as a sensor would give it, against the clip itself.
#![cfg(feature = "demo")]

use posewire::engine::{self, EngineChoice, Workspace};
use posewire::frame::Pixels;
use posewire::model::ModelFile;
use posewire::pipeline::Estimator;
use posewire::scene::{BBox, CropBox, Keypoints, Task};
use posewire::source::{
    CameraOptions, Context, FourCc, FrameSource, MjpegSource, Next, SourceSpec,
};
use posewire::stats::StageTimes;
use std::path::Path;
use std::time::Duration;

const MODEL: &str = "models/hand-demo.int8.onnx";
const CLIP: &str = "models/demo/clips/hand.mjpeg";
/// Frames that `--source demo` shows in a camera's format.
const FRAMES: usize = 8;
/// Joints that the network is sure of.
const SURE: f32 = 0.3;
/// Mean distance over a frame's joints, and that of single joints: those of a heatmap's cell are 4 px apart, and a joint
/// between two cells may change sides.
const MEAN_PX: f32 = 1.0;
const WORST_PX: f32 = 6.0;

fn keypoints(estimator: &mut Estimator, work: &mut Workspace, pixels: &Pixels<'_>) -> Keypoints {
    let size = [pixels.width_px(), pixels.height_px()];
    let crop = CropBox::new(
        BBox::whole(size[0], size[1]),
        1.0,
        estimator.card().input_px,
    );
    let estimate = estimator.estimate(pixels, &crop, work, &mut StageTimes::default());
    estimate.unwrap().keypoints
}

#[test]
fn raw_pictures_give_the_keypoints_of_the_clip() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = ModelFile::open(&root.join(MODEL)).unwrap();
    let network = engine::load(&model, EngineChoice::Auto, 1).unwrap();
    let mut work = Workspace::new(network.workspace(), 1).unwrap();
    let mut estimator = Estimator::new(&model, network).unwrap();
    let mut expected = Vec::new();
    let mut clip = MjpegSource::open(&root.join(CLIP)).unwrap();
    while expected.len() < FRAMES {
        let Next::Frame(frame) = clip.next_frame(Duration::ZERO).unwrap() else {
            panic!("the clip is too short");
        };
        expected.push(keypoints(&mut estimator, &mut work, &frame.pixels));
    }
    for code in [b"RGGB", b"pgAA", b"GB10", b"pBCC", b"RG12", b"BYR2"] {
        let camera = CameraOptions {
            format: Some(FourCc(*code)),
            ..CameraOptions::default()
        };
        let spec: SourceSpec = "demo:hand".parse().unwrap();
        let mut raw = spec.open(&Context::new(Task::Hand, &camera)).unwrap();
        let mut distances = Vec::new();
        for _ in 0..FRAMES {
            let Next::Frame(frame) = raw.next_frame(Duration::from_secs(5)).unwrap() else {
                panic!("no frame");
            };
            let pixels = &frame.pixels;
            assert!(pixels.bayer().is_some());
            assert_eq!([pixels.width_px(), pixels.height_px()], [640, 480]);
            let found = keypoints(&mut estimator, &mut work, pixels);
            // Frames go on while the network is busy.
            let pairs = found.iter().zip(&expected[frame.index as usize % FRAMES]);
            let sure = pairs.filter(|(_, expected)| expected.score > SURE);
            distances.extend(sure.map(|(a, b)| (a.x_px - b.x_px).hypot(a.y_px - b.y_px)));
        }
        let code = FourCc(*code);
        assert!(
            distances.len() > 5 * FRAMES,
            "{code}: {} joints",
            distances.len()
        );
        let mean = distances.iter().sum::<f32>() / distances.len() as f32;
        let worst = distances.iter().copied().fold(0.0, f32::max);
        println!("{code}: {mean:.2} px on average, {worst:.2} px at worst");
        assert!(
            mean <= MEAN_PX && worst <= WORST_PX,
            "{code}: {mean} px, worst {worst} px"
        );
    }
}
