//! `posewire infer`: the bare network on a tensor.

use super::args::{Args, Item, required};
use super::say;
use crate::config::checked_threads;
use crate::engine::{self, EngineChoice, Outputs, Threads, Workspace};
use crate::error::{Error, Result};
use crate::limits::MAX_INFER_RUNS;
use crate::model::ModelFile;
use crate::npy;
use crate::stats::{Stage, StageTimes};
use std::time::Instant;

const HELP: &str = "\
Run the bare network: NCHW float32 in, heatmaps out, both as NumPy files.

Usage: posewire infer --model FILE --input IN.npy --output OUT.npy [OPTIONS]

  --model FILE    an ONNX file; a model card is not needed
  --input FILE    1 x 3 x H x W float32, normalised RGB
  --output FILE   the heatmaps, 1 x joints x H/4 x W/4 float32
  --repeat N      run N times and print the times [1]
  --threads N     threads of the network [1]
  --pin           each thread on a processor of its own
  --engine NAME   auto or tract [auto]

Example: posewire infer --model hand.onnx --input crop.npy --output heatmaps.npy --repeat 20
";

pub fn main(mut args: Args) -> Result<()> {
    let (mut model, mut input, mut output) = (None, None, None);
    let (mut repeat, mut threads, mut choice) = (1, Threads::from(1), EngineChoice::Auto);
    while let Some(item) = args.next()? {
        let Item::Option(name) = &item else {
            return Err(Args::unknown(item));
        };
        match name.as_str() {
            "model" => model = Some(args.path()?),
            "input" => input = Some(args.path()?),
            "output" => output = Some(args.path()?),
            "repeat" => repeat = args.value::<usize>()?,
            "threads" => threads.count = checked_threads(args.value()?)?,
            "pin" => threads.pinned = true,
            "engine" => choice = args.value()?,
            "help" => {
                say!("{HELP}");
                return Ok(());
            }
            _ => return Err(Args::unknown(item)),
        }
    }
    if !(1..=MAX_INFER_RUNS).contains(&repeat) {
        return Err(Error::usage(format!(
            "--repeat is {repeat}, must be in 1..{MAX_INFER_RUNS}"
        )));
    }
    let (model, input) = (required(model, "model")?, required(input, "input")?);
    let output = required(output, "output")?;

    let tensor = npy::read(&input)?;
    let mut network = engine::load(&ModelFile::open(&model)?, choice, threads)?;
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
