//! `posewire quantize`: a float network to an int8 one, calibrated on pictures.

#[cfg(feature = "onnx")]
mod measure;
#[cfg(feature = "onnx")]
mod pictures;

use super::command::{Accepts, Command, CommandOption, Given};
use crate::error::{Error, Result};
#[cfg(feature = "onnx")]
use {
    super::clash::{self, Named},
    super::{compile, layers, say},
    crate::engine,
    crate::limits::MAX_CALIBRATION_CROPS,
    crate::model::{ModelFile, with_card},
    crate::quantise::FloatNetwork,
    crate::text::Shown,
    pictures::Crops,
    prost::Message,
};

pub const COMMAND: Command = Command {
    name: "quantize",
    summary: "make an int8 model of a float one, with pictures to calibrate on",
    about: "\
Make an int8 model of a float ONNX network. It is calibrated on pictures of the source, 50 or more,
as the network will see them. Every fifth crop is left out, and measures the difference.",
    usage: &["--model FILE --source SOURCE --out FILE [OPTIONS]"],
    positional: None,
    options: &[
        CommandOption {
            name: "model",
            argument: Some("FILE"),
            default: None,
            help: "a float ONNX file with its card",
        },
        CommandOption {
            name: "out",
            argument: Some("FILE"),
            default: None,
            help: "NAME.onnx: the int8 network; any other name: its plan",
        },
        CommandOption {
            name: "kernel",
            argument: Some("NAME"),
            default: None,
            help: "the processor of the plan, as of `posewire compile`",
        },
        CommandOption {
            name: "crops",
            argument: Some("N"),
            default: Some("100"),
            help: "use at most N crops; a picture gives one, or two if its instance is smaller",
        },
    ],
    settings: Accepts::These(&[
        "source",
        "camera-size",
        "camera-fps",
        "camera-format",
        "threads",
    ]),
    notes: "",
    examples: &["--model hand.onnx --source dir:pictures --out hand.int8.onnx"],
    run,
};

#[cfg(not(feature = "onnx"))]
fn run(_: Given) -> Result<()> {
    Err(Error::usage(
        "this build reads plans only: quantise with a full build",
    ))
}

#[cfg(feature = "onnx")]
const DEFAULT_CROPS: usize = 100;

#[cfg(feature = "onnx")]
fn run(given: Given) -> Result<()> {
    let crops = given.value("crops")?.unwrap_or(DEFAULT_CROPS);
    if !(pictures::MIN_CROPS..=MAX_CALIBRATION_CROPS).contains(&crops) {
        return Err(Error::usage(format!(
            "--crops is {crops}, must be in {}..{MAX_CALIBRATION_CROPS}",
            pictures::MIN_CROPS
        )));
    }
    let (path, out) = (given.required_path("model")?, given.required_path("out")?);
    let kernel = given.value::<String>("kernel")?;
    let settings = layers::partial(&given.line)?;
    let source = settings.source()?;
    let named = |role, path| Named { role, path };
    let card = ModelFile::card_beside(&path);
    let read: Vec<_> = source
        .access()
        .read
        .iter()
        .flat_map(|path| clash::files_of(path))
        .collect();
    let mut inputs = vec![named("--model", &*path), named("the card", &card)];
    inputs.extend(read.iter().map(|path| named("--source", path)));
    clash::check(&inputs, &[named("--out", &out), clash::standard_output()])?;

    let model = ModelFile::open(&path)?;
    let network = FloatNetwork::new(&model)?;
    let threads = settings.threads.count;
    let crops = Crops::collect(&model, source, &settings.camera, threads, crops)?;
    let mut calibration = network.calibrate(&model, threads)?;
    let (seen, measured) = crops.split();
    for (index, input) in seen.iter().enumerate() {
        calibration.see(input)?;
        if (index + 1).is_multiple_of(10) {
            log::info!("calibrated on {} of {} crops", index + 1, seen.len());
        }
    }
    let int8 = with_card(calibration.finish(&model)?, model.require_card()?)?.encode_to_vec();
    let int8_model = ModelFile::from_onnx(&out, &int8)?;
    let plan = engine::compile(&int8_model, kernel.as_deref(), None)?;
    let difference = measure::difference(&model, &int8_model, &measured, threads)?;
    let is_onnx = out.extension().is_some_and(|extension| extension == "onnx");
    let bytes = if is_onnx { &int8 } else { &plan };
    compile::write(&out, bytes)?;
    say!(
        "{}: {:.1} MB, calibrated on {} crops, measured on {} others",
        Shown::path(&out),
        bytes.len() as f64 / 1e6,
        seen.len(),
        measured.len()
    );
    difference.lines().iter().for_each(|line| say!("{line}"));
    Ok(())
}
