//! The test networks in `tests/fixtures`, and their inputs.

use crate::tools::{Outcome, repository};
use std::path::PathBuf;

/// Quantised networks, which the integer engine runs.
pub const QUANTISED: [&str; 6] = [
    "hand.qdq",
    "hand.qoperator",
    "hand.s8",
    "body.qdq",
    "body.qoperator",
    "body.s8",
];

/// The network's ONNX file.
///
/// # Errors
/// As of [`repository`].
pub fn model(network: &str) -> Outcome<PathBuf> {
    file(&format!("{network}.onnx"))
}

/// The network's input, which all forms of it share.
///
/// # Errors
/// As of [`repository`].
pub fn input(network: &str) -> Outcome<PathBuf> {
    let name = network.split('.').next().unwrap_or(network);
    file(&format!("{name}.input.npy"))
}

fn file(name: &str) -> Outcome<PathBuf> {
    Ok(repository()?.join("tests/fixtures").join(name))
}
