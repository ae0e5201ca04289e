//! A sink of your own: it prints a bar for the score of each frame.
//!
//! `cargo run --example own_sink -- models/hand-demo.int8.onnx FOLDER_OF_PICTURES`

use posewire::clock::Instant;
use posewire::engine::{self, EngineChoice, Workspace};
use posewire::model::ModelFile;
use posewire::pipeline::{Estimator, Pipeline, Stream, StreamOptions};
use posewire::sink::{Delivery, Event, Sink, What};
use posewire::source::{CameraOptions, Context, SourceSpec};
use posewire::stats::StageTimes;
use std::path::Path;
use std::sync::atomic::AtomicBool;

struct Bars;

impl Sink for Bars {
    fn name(&self) -> &str {
        "bars"
    }

    fn take(&mut self, event: &Event<'_>, now: Instant) -> Delivery {
        match event.what {
            What::Scene { scene, .. } => {
                let age_us = scene.frame.captured.age_us(now);
                let score = scene
                    .instances
                    .first()
                    .map_or(0.0, |one| one.presence.score);
                let bar = "#".repeat((score.clamp(0.0, 1.0) * 40.0) as usize);
                println!("frame {:5} {age_us:7} us old {bar}", scene.frame.index);
            }
            What::Last => println!("the stream ends"),
            _ => {}
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, model, folder] = &arguments[..] else {
        return Err("usage: own_sink MODEL FOLDER".into());
    };
    let model = ModelFile::open(Path::new(model))?;
    let network = engine::load(&model, EngineChoice::Auto, 1)?;
    let work = Workspace::new(network.workspace(), 1)?;
    let task = model.require_card()?.task;
    let pipeline = Pipeline::new(Estimator::new(&model, network)?, work, None, 0.3);

    let spec: SourceSpec = format!("dir:{folder}").parse()?;
    let camera = CameraOptions::default();
    let mut pictures = spec.open(&Context::new(task, &camera))?;
    let options = StreamOptions::default();
    let mut stream = Stream::new(pipeline, vec![Box::new(Bars)], options, 1);
    let stop = AtomicBool::new(false);
    let totals = stream.run(pictures.as_mut(), &stop, &mut StageTimes::default())?;
    println!("{} frames, {} found", totals.frames, totals.found);
    Ok(())
}
