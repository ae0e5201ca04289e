//! `cargo xtask arm-test`: plans from this machine, run by the board program on emulated ARM processors.
//!
//! In: the test networks with their inputs. Each is compiled here for a kernel family and run under qemu-user on a
//! processor of that family. Out: a line per processor. The heatmaps must equal this machine's, byte for byte.

use crate::fixtures::{self, QUANTISED};
use crate::tools::{self, Outcome, text};
use crate::{cargo, plans};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Processors of qemu-user and their kernel families.
pub const PROCESSORS: [(&str, &str); 3] = [
    ("cortex-a72", "neon"),
    ("cortex-a76", "neon-dot"),
    ("max", "neon-i8mm"),
];

/// Compares every network on every processor. True if all are equal.
pub fn main() -> Outcome<bool> {
    let compiler = plans::compiler()?;
    let program = cargo::board_program(cargo::BOARD_TARGET)?;
    let folder = tools::target()?.join("arm-test");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut all_equal = true;
    for (processor, family) in PROCESSORS {
        let mut different = Vec::new();
        for network in QUANTISED {
            if !is_equal(network, processor, family, &compiler, &program, &folder)? {
                different.push(network);
            }
        }
        let verdict = match different.as_slice() {
            [] => format!("PASS {} networks as on this machine", QUANTISED.len()),
            different => format!("FAIL {}", different.join(", ")),
        };
        println!("{processor:<12} {family:<10} {verdict}");
        all_equal &= different.is_empty();
    }
    Ok(all_equal)
}

fn is_equal(
    network: &str,
    processor: &str,
    family: &str,
    compiler: &Path,
    program: &Path,
    folder: &Path,
) -> Outcome<bool> {
    let (model, input) = (fixtures::model(network)?, fixtures::input(network)?);
    let plan = folder.join(format!("{network}.{family}.plan"));
    tools::run(
        Command::new(compiler)
            .args(["compile", "--kernel", family, "--model"])
            .args([&text(&model), "--out", &text(&plan)]),
    )?;
    let here = heatmaps(&mut Command::new(compiler), &model, &input, folder)?;
    let mut emulated = Command::new("qemu-aarch64");
    emulated.args(["-cpu", processor]).arg(program);
    Ok(heatmaps(&mut emulated, &plan, &input, folder)? == here)
}

/// Output bytes of `posewire infer`.
fn heatmaps(program: &mut Command, model: &Path, input: &Path, folder: &Path) -> Outcome<Vec<u8>> {
    let out = folder.join("heatmaps.npy");
    let _ = fs::remove_file(&out);
    tools::run(program.args(["infer", "--model", &text(model)]).args([
        "--input",
        &text(input),
        "--output",
        &text(&out),
    ]))?;
    fs::read(&out).map_err(|error| format!("{}: {error}", out.display()))
}
