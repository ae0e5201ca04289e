//! Building this repository's programs with cargo.

use crate::tools::{Outcome, cargo, repository, target as folder};
use std::path::PathBuf;
use std::process::Stdio;

/// The target of most boards.
pub const BOARD_TARGET: &str = "aarch64-unknown-linux-musl";
/// Environment variable: a board program to use instead of building one.
const OTHER_BINARY: &str = "POSEWIRE_BOARD_BINARY";

/// `cargo build --locked` with these arguments.
pub fn build(name: &str, arguments: &[&str]) -> Outcome<()> {
    let status = cargo()
        .args(["build", "--locked", "--package", name])
        .args(arguments)
        .arg("--target-dir")
        .arg(folder()?)
        .current_dir(repository()?)
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("cargo could not build {name}"))
    }
}

/// Builds the test program that these arguments select, and returns its path.
pub fn test_program(arguments: &[&str]) -> Outcome<PathBuf> {
    let output = cargo()
        .args(["test", "--locked", "--no-run", "--message-format=json"])
        .args(["--package", "posewire"])
        .args(arguments)
        .arg("--target-dir")
        .arg(folder()?)
        .current_dir(repository()?)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let messages = String::from_utf8_lossy(&output.stdout);
    let program = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message.get("executable")?.as_str().map(PathBuf::from)
    });
    program
        .filter(|_| output.status.success())
        .ok_or_else(|| "cargo could not build the tests".into())
}

/// The program that ships for boards: it runs plans and reads no ONNX, and on 64 bits it is static. Tests use the
/// optimised build too, because an unoptimised network is too slow under emulation.
pub fn board_program(target: &str) -> Outcome<PathBuf> {
    if let Some(path) = std::env::var_os(OTHER_BINARY) {
        return Ok(path.into());
    }
    build(
        "posewire",
        &[
            "--release",
            "--no-default-features",
            "--features=plan",
            // A twentieth fewer bytes. Not for all programs: it makes AVX2 kernels slower by 1 %, and links for minutes.
            "--config=profile.release.lto='fat'",
            "--target",
            target,
        ],
    )?;
    Ok(folder()?.join(target).join("release/posewire"))
}
