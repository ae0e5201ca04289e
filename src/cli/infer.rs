//! `posewire infer`: the bare network on a tensor.

use super::clash::{self, Named};
use super::command::{Accepts, Command, CommandOption, Given};
use super::{layers, say};
use crate::engine::{self, Outputs, Workspace};
use crate::error::{Error, Result};
use crate::limits::MAX_INFER_RUNS;
use crate::model::ModelFile;
use crate::npy;
use crate::stats::{Stage, StageTimes};
use std::time::Instant;

pub const COMMAND: Command = Command {
    name: "infer",
    summary: "run the bare network on a tensor",
    about: "Run the bare network: NCHW float32 in, heatmaps out, both as NumPy files.",
    usage: &["[--model FILE] --input IN.npy --output OUT.npy [OPTIONS]"],
    positional: None,
    options: &[
        CommandOption {
            name: "input",
            argument: Some("FILE"),
            default: None,
            help: "1 x 3 x H x W float32, normalised RGB",
        },
        CommandOption {
            name: "output",
            argument: Some("FILE"),
            default: None,
            help: "the heatmaps, 1 x joints x H/4 x W/4 float32",
        },
        CommandOption {
            name: "repeat",
            argument: Some("N"),
            default: Some("1"),
            help: "run N times and print the times",
        },
    ],
    settings: Accepts::These(&["model", "threads", "pin", "engine"]),
    notes: "A model card is not needed.",
    examples: &["--model hand.onnx --input crop.npy --output heatmaps.npy --repeat 20"],
    run,
};

fn run(given: Given) -> Result<()> {
    let repeat = given.value("repeat")?.unwrap_or(1);
    if !(1..=MAX_INFER_RUNS).contains(&repeat) {
        return Err(Error::usage(format!(
            "--repeat is {repeat}, must be in 1..{MAX_INFER_RUNS}"
        )));
    }
    let (input, output) = (
        given.required_path("input")?,
        given.required_path("output")?,
    );
    let settings = layers::partial(&given.line)?;
    let named = |role, path| Named { role, path };
    let path = settings.model()?;
    let card = ModelFile::card_beside(path);
    let inputs = [
        named("--model", path),
        named("the card", &card),
        named("--input", &input),
    ];
    clash::check(
        &inputs,
        &[named("--output", &output), clash::standard_output()],
    )?;
    let threads = settings.threads;

    let tensor = npy::read(&input)?;
    let mut model = ModelFile::open(path)?;
    if let Ok(shape) = <[usize; 4]>::try_from(&tensor.shape[..]) {
        model.assume_input(shape);
    }
    let mut network = engine::load(&model, settings.engine, threads)?;
    let mut work = Workspace::new(network.workspace(), threads)?;
    let description = network.describe();
    let expected = description.input_shape;
    if tensor.shape != expected {
        return Err(Error::data(
            &input,
            format!(
                "has the shape {:?}, the network takes {expected:?}",
                tensor.shape
            ),
        ));
    }
    let (name, shape) = (description.name.clone(), description.output_shapes[0]);
    let mut outputs = Outputs::new(description);
    let mut times = StageTimes::default();
    for _ in 0..repeat {
        let start = Instant::now();
        network.run(&mut work, &tensor.values, &mut outputs)?;
        times.record(Stage::Infer, start.elapsed());
    }
    npy::write(&output, &shape, outputs.get(0))?;
    if let Some(summary) = times.summary(Stage::Infer) {
        say!(
            "{name}: {} runs, min {:.3} ms, median {:.3} ms, max {:.3} ms",
            summary.count,
            summary.min_ms,
            summary.median_ms,
            summary.max_ms
        );
    }
    Ok(())
}
