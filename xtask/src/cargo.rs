//! Building this repository's programs with cargo.

use crate::tools::{Outcome, cargo, repository, target};
use std::path::PathBuf;

/// The target of the program for boards.
pub const BOARD_TARGET: &str = "aarch64-unknown-linux-musl";
/// A program for boards to take instead of building one.
const OTHER_BINARY: &str = "POSEWIRE_BOARD_BINARY";

/// `cargo build --locked` with these arguments.
pub fn build(name: &str, arguments: &[&str]) -> Outcome<()> {
    let status = cargo()
        .args(["build", "--locked", "--package", name])
        .args(arguments)
        .arg("--target-dir")
        .arg(target()?)
        .current_dir(repository()?)
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("cargo could not build {name}"))
    }
}

/// The program as it ships for boards: static, it runs plans and reads no ONNX. Optimised also for tests:
/// emulated, an unoptimised network would be too slow.
pub fn board_program() -> Outcome<PathBuf> {
    if let Some(path) = std::env::var_os(OTHER_BINARY) {
        return Ok(path.into());
    }
    build(
        "posewire",
        &[
            "--release",
            "--no-default-features",
            "--features=plan",
            "--target",
            BOARD_TARGET,
        ],
    )?;
    Ok(target()?.join(BOARD_TARGET).join("release/posewire"))
}
