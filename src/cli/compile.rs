//! `posewire compile`: an ONNX file to a plan file.

#[cfg(feature = "onnx")]
use super::clash::{self, Named};
use super::command::{Accepts, Command, CommandOption, Given};
#[cfg(feature = "onnx")]
use super::say;
#[cfg(feature = "onnx")]
use crate::engine;
use crate::error::{Error, Result};
#[cfg(feature = "onnx")]
use crate::file;
#[cfg(feature = "onnx")]
use crate::model::ModelFile;
#[cfg(feature = "onnx")]
use crate::text::Shown;
#[cfg(feature = "onnx")]
use std::path::Path;

pub const COMMAND: Command = Command {
    name: "compile",
    summary: "make a plan of a model: quick to start, and all that a build without ONNX runs",
    about: "\
Compile an int8 model to a plan: checked, packed for one kind of processor, and mapped when it is run.",
    usage: &["--model FILE --out FILE [OPTIONS]"],
    positional: None,
    options: &[
        CommandOption {
            name: "model",
            argument: Some("FILE"),
            default: None,
            help: "an int8 ONNX file, builtin:hand, builtin:body or builtin:finder",
        },
        CommandOption {
            name: "out",
            argument: Some("FILE"),
            default: None,
            help: "the plan; give it to --model of any other command",
        },
        CommandOption {
            name: "kernel",
            argument: Some("NAME"),
            default: None,
            help: "the processor it is for, this one if not given: neon (Cortex-A53, A57, A72), neon-dot (A76, A78AE), neon-i8mm, \
                   avx2, avx-vnni (N100), avx512-vnni, amx, portable",
        },
        CommandOption {
            name: "cpu",
            argument: Some("NAME"),
            default: None,
            help: "the core it is for: cortex-a53, cortex-a57, cortex-a72, cortex-a76, cortex-a78ae, neoverse-n1, neoverse-n2, x86-64; \
                   chooses methods by its caches and the price of its products, and the kernel if --kernel is not given",
        },
    ],
    settings: Accepts::These(&[]),
    notes: "",
    examples: &[
        "--model hand.int8.onnx --kernel neon --out hand.plan",
        "--model hand.int8.onnx --cpu cortex-a72 --out hand.plan",
    ],
    run,
};

#[cfg(not(feature = "onnx"))]
fn run(_: Given) -> Result<()> {
    Err(Error::usage(
        "this build reads plans only: compile with a full build",
    ))
}

#[cfg(feature = "onnx")]
fn run(given: Given) -> Result<()> {
    let (model, out) = (given.required_path("model")?, given.required_path("out")?);
    let kernel = given.value::<String>("kernel")?;
    let named = |role, path| Named { role, path };
    let card = ModelFile::card_beside(&model);
    let inputs = [named("--model", &*model), named("the card", &card)];
    clash::check(&inputs, &[named("--out", &out), clash::standard_output()])?;
    let cpu = given.value::<String>("cpu")?;
    let plan = engine::compile(&ModelFile::open(&model)?, kernel.as_deref(), cpu.as_deref())?;
    write(&out, &plan)?;
    say!("{}: {:.1} MB", Shown::path(&out), plan.len() as f64 / 1e6);
    Ok(())
}

/// By renaming, so that the old file or the new one is there at any time.
#[cfg(feature = "onnx")]
pub(super) fn write(out: &Path, plan: &[u8]) -> Result<()> {
    file::replace(out, plan).map_err(|error| Error::data(out, "cannot be written").because(error))
}
