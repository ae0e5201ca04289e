//! `posewire bench`: what a report holds, and what a comparison says. No test looks at a time.
#![cfg(feature = "demo")]

mod common;

use common::{TestDir, run, stderr, stdout};
use std::fs;

#[test]
fn a_report_is_whole_and_within_the_noise_of_itself() {
    let dir = TestDir::new("bench-report");
    let folder = dir.path().join("results");
    let folder = folder.to_str().unwrap();
    let output = run(&["bench", "--frames", "40", "--report", folder]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("builtin:hand: 40 frames on "));
    let report = fs::read_to_string(format!("{folder}/bench.md")).unwrap();
    for row in [
        "| infer |",
        "| age |",
        "| SHA-256 |",
        "| posewire |",
        "![blocks.svg](blocks.svg)",
    ] {
        assert!(report.contains(row), "{row}: {report}");
    }
    let plot = fs::read_to_string(format!("{folder}/blocks.svg")).unwrap();
    assert!(plot.starts_with("<svg ") && plot.ends_with("</svg>\n"));
    let record = format!("{folder}/bench.json");
    let text = fs::read_to_string(&record).unwrap();
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["stages"][2]["name"], "infer");
    assert_eq!(found["stages"][2]["ms"]["count"], 40);
    assert_eq!(
        found["stages"][2]["block_medians_ms"]
            .as_array()
            .unwrap()
            .len(),
        16
    );
    assert!(found["layers"].as_array().unwrap().len() > 10);

    let output = run(&["bench", "--compare", &record, "--to", &record]);
    assert!(output.status.success(), "{}", stderr(&output));
    let rows: Vec<String> = stdout(&output)
        .lines()
        .filter(|line| line.starts_with("infer"))
        .map(String::from)
        .collect();
    assert!(
        rows[0].contains(" 1.000") && rows[0].ends_with("within noise"),
        "{rows:?}"
    );
}

#[test]
fn wrong_reports_are_refused_by_name() {
    let dir = TestDir::new("bench-wrong");
    let path = dir.path().join("other.json");
    fs::write(&path, "{\"format\": \"posewire-bench-1\"}").unwrap();
    let path = path.to_str().unwrap();
    for (arguments, said) in [
        (
            vec!["bench", "--compare", path, "--to", path],
            "is no record of `posewire bench --report`",
        ),
        (
            vec!["bench", "--compare", "/nowhere.json", "--to", path],
            "/nowhere.json",
        ),
        (
            vec!["bench", "--compare", path],
            "--compare and --to belong together",
        ),
    ] {
        let output = run(&arguments);
        assert!(!output.status.success());
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
}
