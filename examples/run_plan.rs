//! Loads a model or a compiled plan and prints the keypoints of one picture.
//!
//! `cargo run --example run_plan -- models/hand-demo.int8.onnx tests/fixtures/baseline-420.jpg`

use posewire::engine::{self, EngineChoice, Workspace};
use posewire::model::ModelFile;
use posewire::pipeline::{Estimator, Pipeline};
use posewire::source::{FrameSource, Next, StillsSource};
use posewire::stats::StageTimes;
use std::path::Path;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, model, picture] = &arguments[..] else {
        return Err("usage: run_plan MODEL PICTURE".into());
    };
    let model = ModelFile::open(Path::new(model))?;
    let network = engine::load(&model, EngineChoice::Auto, 1)?;
    // One workspace serves any number of networks: pass the sizes of all.
    let work = Workspace::new(network.workspace(), 1)?;
    let joints = model.require_card()?.joints.clone();
    let mut pipeline = Pipeline::new(Estimator::new(&model, network)?, work, None, 0.3);

    let mut source = StillsSource::image(Path::new(picture))?;
    let Next::Frame(frame) = source.next_frame(Duration::ZERO)? else {
        return Err("the picture cannot be read".into());
    };
    let scene = pipeline.process(&frame, &mut StageTimes::default())?;
    for instance in &scene.instances {
        println!("{}: {:?}", instance.task.name(), instance.presence);
        for (name, joint) in joints.iter().zip(&instance.keypoints) {
            let (x_px, y_px) = (joint.x_px, joint.y_px);
            println!("{name:>20} {x_px:7.1} {y_px:7.1} score {:.2}", joint.score);
        }
    }
    Ok(())
}
