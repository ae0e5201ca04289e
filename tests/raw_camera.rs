//! The demo clip as a sensor would give it, against the clip itself.
#![cfg(feature = "demo")]

use posewire::engine::{self, EngineChoice, Workspace};
use posewire::frame::Pixels;
use posewire::model::ModelFile;
use posewire::pipeline::Estimator;
use posewire::scene::{BBox, CropBox, Keypoints, Task};
use posewire::source::{
    CameraOptions, Clip, ClipFrame, Context, FourCc, FrameSource, MjpegSource, Next, SourceSpec,
};
use posewire::stats::StageTimes;
use std::path::Path;
use std::time::Duration;

const MODEL: &str = "models/hand-demo.int8.onnx";
/// Frames that `--source demo` shows in a camera's format.
const FRAMES: usize = 8;
/// Joints that the network is sure of.
const SURE: f32 = 0.3;
/// Mean and median distance. Most joints are where they were. Others change to another cell of their heatmap, as white
/// balance shifts the colours.
const MEAN_PX: f32 = 1.0;
const MEDIAN_PX: f32 = 0.1;

/// The keypoints in the box of the true ones.
fn keypoints(
    estimator: &mut Estimator,
    work: &mut Workspace,
    pixels: &Pixels<'_>,
    truth: &ClipFrame,
) -> Keypoints {
    let [x_px, y_px, width_px, height_px] = truth.bbox_xywh;
    let bbox = BBox {
        x_px,
        y_px,
        width_px,
        height_px,
    };
    let crop = CropBox::new(bbox, 1.25, estimator.card().input_px);
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
    let truth = Clip::shipped(Task::Hand).unwrap();
    let mut clip = MjpegSource::looping("clip".into(), truth.mjpeg);
    let mut expected = Vec::new();
    for truth in &truth.frames[..FRAMES] {
        let Next::Frame(frame) = clip.next_frame(Duration::ZERO).unwrap() else {
            panic!("the clip is too short");
        };
        expected.push(keypoints(&mut estimator, &mut work, &frame.pixels, truth));
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
            // Frames go on while the network is busy.
            let index = frame.index as usize % FRAMES;
            let found = keypoints(&mut estimator, &mut work, pixels, &truth.frames[index]);
            let pairs = found.iter().zip(&expected[index]);
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
        distances.sort_by(f32::total_cmp);
        let median = distances[distances.len() / 2];
        println!("{code}: {mean:.2} px on average, {median:.2} px half of them");
        assert!(
            mean <= MEAN_PX && median <= MEDIAN_PX,
            "{code}: mean {mean} px, median {median} px"
        );
    }
}
