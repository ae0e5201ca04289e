//! `posewire infer` against ONNX Runtime's result on the same file. tests/fixtures/make.py made both.

mod common;

use common::{TestDir, run, stderr, stdout};
use posewire::npy;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The largest difference from ONNX Runtime, over the range of its heatmaps.
fn difference(network: &str, input: &str) -> f32 {
    let dir = TestDir::new(&format!("infer-{network}"));
    let out = dir.path().join("out.npy");
    let output = run(&[
        "infer",
        "--model",
        fixture(&format!("{network}.onnx")).to_str().unwrap(),
        "--input",
        fixture(&format!("{input}.input.npy")).to_str().unwrap(),
        "--output",
        out.to_str().unwrap(),
        "--repeat",
        "2",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("2 runs"));
    let found = npy::read(&out).unwrap();
    let expected = npy::read(&fixture(&format!("{network}.expected.npy"))).unwrap();
    assert_eq!(found.shape, expected.shape);
    let range = expected
        .values
        .iter()
        .fold((f32::MAX, f32::MIN), |(low, high), &value| {
            (low.min(value), high.max(value))
        });
    found
        .values
        .iter()
        .zip(&expected.values)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
        / (range.1 - range.0)
}

#[test]
fn float_networks_agree_to_a_thousandth_of_the_range() {
    for task in ["hand", "body"] {
        let difference = difference(task, task);
        println!("{task}: {difference:e} of the range");
        assert!(difference < 1e-3, "{task}: {difference}");
    }
}

#[test]
fn quantised_networks_agree_to_a_few_levels() {
    for task in ["hand", "body"] {
        for form in ["qdq", "s8"] {
            let difference = difference(&format!("{task}.{form}"), task);
            println!("{task}.{form}: {difference:.4} of the range");
            assert!(difference < 0.05, "{task}.{form}: {difference}");
        }
    }
}

#[test]
fn a_tensor_of_another_shape_is_refused() {
    let output = run(&[
        "infer",
        "--model",
        fixture("hand.qdq.onnx").to_str().unwrap(),
        "--input",
        fixture("body.input.npy").to_str().unwrap(),
        "--output",
        "/dev/null",
    ]);
    assert_eq!(output.status.code(), Some(8));
    assert!(
        stderr(&output).contains("[1, 3, 128, 128]"),
        "{}",
        stderr(&output)
    );
}
