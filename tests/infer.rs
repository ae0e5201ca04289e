//! `posewire infer`, compared with ONNX Runtime's result on the same file. tests/fixtures/make.py made both.
#![cfg(feature = "onnx")]

mod common;

use common::{TestDir, run, stderr, stdout};
use posewire::npy;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// posewire's heatmaps, ONNX Runtime's heatmaps, and posewire's engine.
fn both(network: &str, input: &str, engine: &str) -> (Vec<f32>, Vec<f32>, String) {
    let dir = TestDir::new(&format!("infer-{network}-{engine}"));
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
        "--engine",
        engine,
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let report = stdout(&output);
    assert!(report.contains("2 runs"));
    let found = npy::read(&out).unwrap();
    let expected = npy::read(&fixture(&format!("{network}.expected.npy"))).unwrap();
    assert_eq!(found.shape, expected.shape);
    (found.values, expected.values, report)
}

/// The largest difference over the range of the heatmaps.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    let low = expected.iter().copied().fold(f32::MAX, f32::min);
    let high = expected.iter().copied().fold(f32::MIN, f32::max);
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max) / (high - low)
}

#[test]
fn float_networks_agree_to_a_thousandth_of_the_range() {
    for task in ["hand", "body"] {
        let (found, expected, report) = both(task, task, "auto");
        assert!(report.starts_with("tract: "), "{report}");
        let difference = difference(&found, &expected);
        println!("{task}: {difference:e} of the range");
        assert!(difference < 1e-3, "{task}: {difference}");
    }
}

/// u8 and s8, QDQ and QOperator: 99.9 % of the values differ by at most one quantisation level.
#[test]
fn quantised_networks_agree_to_the_level() {
    for task in ["hand", "body"] {
        for form in ["qdq", "qoperator", "s8"] {
            let (found, expected, report) = both(&format!("{task}.{form}"), task, "auto");
            assert!(report.starts_with("int8 ("), "{report}");
            // Dequantised values are multiples of one step.
            let level = expected
                .iter()
                .flat_map(|a| expected[..64].iter().map(move |b| (a - b).abs()))
                .filter(|&step| step > 1e-6)
                .fold(f32::MAX, f32::min);
            let off = |limit: f32| {
                let far = |(a, b): &(&f32, &f32)| (*a - *b).abs() > limit * level;
                found.iter().zip(&expected).filter(far).count() as f64 / found.len() as f64
            };
            println!("{task}.{form}: {:.3} % differ", 100.0 * off(0.5));
            assert!(off(1.5) <= 0.001, "{task}.{form}: {}", off(1.5));
        }
    }
}

#[test]
fn tract_runs_quantised_networks_too() {
    for task in ["hand", "body"] {
        let (found, expected, report) = both(&format!("{task}.qdq"), task, "tract");
        assert!(report.starts_with("tract: "), "{report}");
        let difference = difference(&found, &expected);
        println!("{task}: {difference:.4} of the range");
        assert!(difference < 0.05, "{task}: {difference}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    use posewire::engine::{self, EngineChoice, Outputs, Workspace};
    use posewire::model::ModelFile;

    for task in ["hand", "body"] {
        let model = ModelFile::open(&fixture(&format!("{task}.qdq.onnx"))).unwrap();
        let input = npy::read(&fixture(&format!("{task}.input.npy"))).unwrap();
        let heatmaps = |threads: usize| {
            let mut network = engine::load(&model, EngineChoice::Auto, threads).unwrap();
            let mut work = Workspace::new(network.workspace(), threads).unwrap();
            let mut outputs = Outputs::new(network.describe());
            network.run(&mut work, &input.values, &mut outputs).unwrap();
            outputs.get(0).to_vec()
        };
        let one = heatmaps(1);
        for threads in [2, 3, 7] {
            assert_eq!(heatmaps(threads), one, "{task}, {threads} threads");
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
