//! `posewire quantize` from the outside: what it refuses, in one line, and without a file.
//!
//! The network here has random weights. Unit tests compare heatmaps.
#![cfg(feature = "demo")]

mod common;

use common::{TestDir, run, stderr, stdout};
use posewire::source::{FrameLength, frame_length};

const CLIP: &[u8] = include_bytes!("../models/demo/clips/hand.mjpeg");
const FLOAT: &str = "tests/fixtures/hand.onnx";

/// The clip's pictures.
fn pictures() -> Vec<&'static [u8]> {
    let mut rest = CLIP;
    let mut pictures = Vec::new();
    while let FrameLength::Complete(length) = frame_length(rest) {
        pictures.push(&rest[..length]);
        rest = &rest[length..];
    }
    pictures
}

/// Runs the command on a model and pictures; returns its exit code and its last line.
fn refusal(name: &str, model: &str, pictures: &[&[u8]]) -> (i32, String) {
    let dir = TestDir::new(name);
    std::fs::create_dir(dir.path().join("pictures")).unwrap();
    for (index, picture) in pictures.iter().enumerate() {
        dir.file(&format!("pictures/{index}.jpg"), picture);
    }
    let source = format!("dir:{}/pictures", dir.path().display());
    let out = dir.path().join("out.onnx");
    let output = run(&[
        "quantize",
        "--model",
        model,
        "--source",
        &source,
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(!out.exists(), "{name}");
    let line = stderr(&output).lines().last().unwrap().to_string();
    (output.status.code().unwrap(), line)
}

#[test]
fn a_quantised_network_is_refused_before_a_picture_is_read() {
    let (code, line) = refusal("quantised", "builtin:hand", &[]);
    assert_eq!(code, 4, "{line}");
    assert!(
        line.contains("is quantised already: give the float network"),
        "{line}"
    );
}

#[test]
fn too_few_pictures_are_refused() {
    let (code, line) = refusal("few", FLOAT, &pictures()[..3]);
    assert_eq!(code, 6, "{line}");
    assert!(line.contains("at least 10 are needed"), "{line}");
}

#[test]
fn pictures_that_are_all_alike_are_refused() {
    let (code, line) = refusal("alike", FLOAT, &[pictures()[0]; 12]);
    assert_eq!(code, 6, "{line}");
    assert!(line.contains("all alike"), "{line}");
}

#[test]
fn the_int8_network_and_its_plan_run_in_integers_with_the_card() {
    let dir = TestDir::new("quantize");
    for name in ["hand.int8.onnx", "hand.plan"] {
        let out = dir.path().join(name);
        let out = out.to_str().unwrap();
        let made = run(&[
            "quantize", "--model", FLOAT, "--source", "demo", "--out", out,
        ]);
        assert!(made.status.success(), "{}", stderr(&made));
        let text = stdout(&made);
        assert!(
            text.contains("keypoints: ") && text.contains("heatmaps: "),
            "{text}"
        );
        let bench = run(&["bench", "--model", out, "--frames", "1", "--json"]);
        assert!(bench.status.success(), "{}", stderr(&bench));
        let report: serde_json::Value = serde_json::from_slice(&bench.stdout).unwrap();
        assert!(
            report["model"]["engine"]
                .as_str()
                .unwrap()
                .starts_with("int8"),
            "{report}"
        );
    }
}

#[test]
fn the_model_is_not_written_over() {
    let output = run(&[
        "quantize", "--model", FLOAT, "--source", "demo", "--out", FLOAT,
    ]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}
