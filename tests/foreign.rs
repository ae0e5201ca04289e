//! Networks as other people's tools write them, each with ONNX Runtime's result. tests/foreign/make.py made them and
//! says of each which tool makes such files.
#![cfg(feature = "onnx")]

mod common;

use common::{TestDir, run, stderr, stdout};
use posewire::npy;
use std::path::{Path, PathBuf};

struct Case<'a> {
    name: &'a str,
    /// In steps of the result's scale. A few values may be three times as far off.
    tolerance: f32,
    step: f32,
    right: &'a str,
}

impl<'a> Case<'a> {
    fn of(line: &'a str) -> Self {
        let mut parts = line.splitn(4, ' ');
        let mut next = || parts.next().expect("four parts");
        let (name, tolerance, step, right) = (next(), next(), next(), next());
        Case {
            name,
            tolerance: tolerance.parse().unwrap(),
            step: step.parse().unwrap(),
            right,
        }
    }

    fn file(&self, end: &str) -> PathBuf {
        folder().join(format!("{}.{end}", self.name))
    }

    fn input(&self) -> PathBuf {
        let own = self.file("input.npy");
        match own.exists() {
            true => own,
            false => folder().join("input.npy"),
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign")
}

/// The result and what the program said, or the reason for which it refuses.
fn infer(model: &Path, input: &Path, out: &Path) -> Result<(Vec<f32>, String), String> {
    let [model, input, path] = [model, input, out].map(|path| path.to_str().unwrap());
    let output = run(&[
        "infer", "--model", model, "--input", input, "--output", path,
    ]);
    match output.status.code() {
        Some(0) => Ok((npy::read(out).unwrap().values, stdout(&output))),
        Some(4) => Err(stderr(&output)),
        other => panic!("{model}: exit code {other:?}: {}", stderr(&output)),
    }
}

/// Whether a text has the parts of `a.*(b|c)`, in any case, in order.
fn says(text: &str, pattern: &str) -> bool {
    let text = text.to_lowercase();
    let mut rest = &text[..];
    let pattern = pattern.trim_start_matches("(?i)").to_lowercase();
    pattern.split(".*").all(|part| {
        let words = part.trim_start_matches('(').trim_end_matches(')');
        let found = words
            .split('|')
            .filter_map(|word| Some(rest.find(word)? + word.len()))
            .min();
        rest = &rest[found.unwrap_or(0)..];
        found.is_some()
    })
}

fn fault(case: &Case<'_>, dir: &TestDir) -> Option<String> {
    let out = dir.path().join("out.npy");
    let result = infer(&case.file("onnx"), &case.input(), &out);
    if let Some(pattern) = case.right.strip_prefix("refused: ") {
        return match result {
            Ok(_) => Some("runs".into()),
            Err(said) if says(&said, pattern) => None,
            Err(said) => Some(said),
        };
    }
    let (found, report) = match result {
        Ok(result) => result,
        Err(said) => return Some(said),
    };
    if case.right == "int8" && !report.starts_with("int8 (") {
        return Some(report);
    }
    let expected = npy::read(&case.file("want.npy")).unwrap().values;
    assert_eq!(found.len(), expected.len(), "{}", case.name);
    let pairs = found.iter().zip(&expected);
    let steps: Vec<f32> = pairs.map(|(a, b)| (a - b).abs() / case.step).collect();
    let far = steps
        .iter()
        .filter(|&&steps| steps > 1.001 * case.tolerance);
    let (far, most) = (far.count(), steps.iter().copied().fold(0.0, f32::max));
    // One pixel that falls on the other side of a tie moves a value of each joint.
    if far > 2.max(steps.len() / 100) || most > 3.003 * case.tolerance {
        return Some(format!(
            "{far} of {} are off, by up to {most} steps",
            steps.len()
        ));
    }
    if report.starts_with("int8 (") && !case.name.ends_with("dynamic-size") {
        return plan_fault(case, &found, dir);
    }
    None
}

/// The plan of a network gives what the network gives.
fn plan_fault(case: &Case<'_>, expected: &[f32], dir: &TestDir) -> Option<String> {
    let plan = dir.path().join("network.plan");
    let model = case.file("onnx");
    let [model, path] = [&model, &plan].map(|path| path.to_str().unwrap());
    let output = run(&["compile", "--model", model, "--out", path]);
    if !output.status.success() {
        return Some(stderr(&output));
    }
    match infer(&plan, &case.input(), &dir.path().join("plan.npy")) {
        Ok((found, _)) if found == expected => None,
        Ok(_) => Some("gives something else as a plan".into()),
        Err(said) => Some(said),
    }
}

#[test]
fn files_of_other_tools_give_what_onnx_runtime_gives_or_are_refused_by_name() {
    let dir = TestDir::new("foreign");
    let cases = std::fs::read_to_string(folder().join("cases.txt")).unwrap();
    let cases: Vec<Case<'_>> = cases.lines().map(Case::of).collect();
    assert!(cases.len() > 70);
    let faults: Vec<String> = cases
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.name, fault(case, &dir)?)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_pattern_has_its_words_in_order() {
    assert!(says(
        "Conv_3: is made by the Optimiser",
        "conv.*(optimi|original)"
    ));
    assert!(says("has U16", "(?i)(uint16|u16)"));
    assert!(!says(
        "the optimiser made Conv_3",
        "conv.*(optimi|original)"
    ));
}
