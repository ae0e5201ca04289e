//! `posewire compile`: an ONNX file to a plan file.

use super::args::{Args, Item, required};
use super::say;
use crate::engine;
use crate::error::{Error, Result};
use crate::model::ModelFile;
use std::path::Path;

const HELP: &str = "\
Compile an int8 model to a plan: checked, packed for one kind of processor, and mapped when it is run.

Usage: posewire compile --model FILE --out FILE [OPTIONS]

  --model FILE    an int8 ONNX file, builtin:hand or builtin:body
  --out FILE      the plan; give it to --model of any other command
  --kernel NAME   the processor it is for: neon (Cortex-A53, A57, A72), neon-dot (A76, A78AE),
                  neon-i8mm, avx2, avx-vnni (N100), avx512-vnni, amx, portable [the one this processor
                  would use]

Example, for a Raspberry Pi 4: posewire compile --model hand.int8.onnx --kernel neon --out hand.plan
";

pub fn main(mut args: Args) -> Result<()> {
    let (mut model, mut out, mut kernel) = (None, None, None::<String>);
    while let Some(item) = args.next()? {
        let Item::Option(name) = &item else {
            return Err(Args::unknown(item));
        };
        match name.as_str() {
            "model" => model = Some(args.path()?),
            "out" => out = Some(args.path()?),
            "kernel" => kernel = Some(args.value()?),
            "help" => {
                say!("{HELP}");
                return Ok(());
            }
            _ => return Err(Args::unknown(item)),
        }
    }
    let (model, out) = (required(model, "model")?, required(out, "out")?);
    let plan = engine::compile(&ModelFile::open(&model)?, kernel.as_deref())?;
    write(&out, &plan)?;
    say!("{}: {:.1} MB", out.display(), plan.len() as f64 / 1e6);
    Ok(())
}

/// By renaming, since a program may have the old plan mapped.
fn write(out: &Path, plan: &[u8]) -> Result<()> {
    let failed = |error: std::io::Error| Error::data(out, "cannot be written").because(error);
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = out.with_file_name(name);
    let written = std::fs::write(&new, plan).and_then(|()| std::fs::rename(&new, out));
    if written.is_err() {
        // The disk is full or the folder is read-only: leave nothing half-written behind.
        let _ = std::fs::remove_file(&new);
    }
    written.map_err(failed)
}
