//! The demo networks, compiled for a board's processor by the full program on this machine.

use crate::board::build::Workshop;
use crate::board::{Outcome, at, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program of this machine to compile with instead of building one.
const OTHER_COMPILER: &str = "POSEWIRE_COMPILER";
/// The program that reads ONNX.
const BUILD_COMPILER: &[&str] = &["build", "--locked", "--release", "--package=posewire"];
const MODELS: [(&str, &str); 2] = [
    ("hand.plan", "hand-demo.int8.onnx"),
    ("body.plan", "body-demo.int8.onnx"),
];

/// Plans for processors of a kind, by the name that they have on the card.
pub fn compile(shop: &Workshop, kernels: &str) -> Outcome<Vec<(&'static str, Vec<u8>)>> {
    let compiler = compiler(shop)?;
    let folder = shop.folder.join("plans");
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    MODELS
        .iter()
        .map(|&(name, model)| {
            let plan = folder.join(format!("{kernels}-{name}"));
            run(Command::new(&compiler)
                .args(["compile", "--kernel", kernels, "--model"])
                .arg(shop.repository.join("models").join(model))
                .arg("--out")
                .arg(&plan))?;
            Ok((name, fs::read(&plan).map_err(at(&plan))?))
        })
        .collect()
}

fn compiler(shop: &Workshop) -> Outcome<PathBuf> {
    if let Some(path) = std::env::var_os(OTHER_COMPILER) {
        return Ok(Path::new(&path).into());
    }
    println!("building posewire for this machine, to compile the plans: minutes, the first time");
    shop.build(BUILD_COMPILER, "release/posewire")
}
