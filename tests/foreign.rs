//! Networks as other people's tools write them, each with ONNX Runtime's result. tests/foreign/make.py made them and
//! says of each which tool makes such files. POSEWIRE_FOREIGN names a folder with others of its making: `.ci/full foreign`.
#![cfg(feature = "onnx")]

mod common;

use common::{TestDir, posewire, run, stderr, stdout};
use posewire::npy;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

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
    match std::env::var_os("POSEWIRE_FOREIGN") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign"),
    }
}

/// The text of cases.txt.
fn list() -> String {
    std::fs::read_to_string(folder().join("cases.txt")).unwrap()
}

fn cases(list: &str) -> Vec<Case<'_>> {
    let cases: Vec<_> = list.lines().map(Case::of).collect();
    assert!(cases.len() > 70);
    cases
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
    let list = list();
    let cases = cases(&list);
    let faults: Vec<String> = cases
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.name, fault(case, &dir)?)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Processor time and peak memory of a program that has ended.
#[derive(Debug)]
struct Cost {
    processor: Duration,
    peak_kib: u64,
}

/// The cost of a file's load and its first frame.
fn cost(model: &Path, input: &Path, out: &Path) -> Cost {
    let mut command = posewire();
    command.arg("infer");
    for (option, path) in [("--model", model), ("--input", input), ("--output", out)] {
        command.arg(option).arg(path);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let about =
        |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", child.id())).unwrap();
    let field = |text: &str, name: &str| -> Option<String> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.split_whitespace().next()?.to_owned())
    };
    let mut peak_kib = 0;
    loop {
        let status = about("status");
        if let Some(peak) = field(&status, "VmHWM:") {
            peak_kib = peak.parse().unwrap();
        }
        if field(&status, "State:").as_deref() == Some("Z") {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // Hundredths of a second in user and in system mode, behind the name in parentheses.
    let stat = about("stat");
    let fields = stat.rsplit_once(") ").unwrap().1.split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum();
    child.wait().unwrap();
    Cost {
        processor: Duration::from_millis(10 * ticks),
        peak_kib,
    }
}

#[test]
#[cfg_attr(
    not(target_arch = "x86_64"),
    ignore = "an emulator takes many times as long"
)]
fn no_file_takes_long_or_much_memory_to_load() {
    let dir = TestDir::new("foreign-cost");
    let list = list();
    for case in cases(&list) {
        let out = dir.path().join("out.npy");
        let cost = cost(&case.file("onnx"), &case.input(), &out);
        let most_ms = match case.name.ends_with("additions-that-do-not-fit") {
            true => 100,
            false => 1000,
        };
        assert!(
            cost.processor <= Duration::from_millis(most_ms),
            "{}: {cost:?}",
            case.name
        );
        assert!(cost.peak_kib <= 200 * 1024, "{}: {cost:?}", case.name);
    }
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
