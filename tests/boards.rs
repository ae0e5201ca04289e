//! `boards`, `doctor` and `run --board` on the command line.

mod common;

use common::{run, stderr};

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn boards_are_listed_and_shown() {
    let list = run(&["boards"]);
    assert!(list.status.success());
    let text = stdout(&list);
    for name in ["rpi-zero2w", "jetson-orin-nano", "qemu-virt"] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{text}");
    }
    assert!(text.contains("computed, not measured"), "{text}");
    let one = stdout(&run(&["boards", "rpi5"]));
    assert!(one.contains("Raspberry Pi 5 (rpi5)"), "{one}");
    assert!(one.contains("ttyAMA10"), "{one}");
}

#[test]
fn an_unknown_board_is_one_line_with_the_names_there_are() {
    for args in [
        &["boards", "toaster"][..],
        &["doctor", "--board", "toaster"],
        &["run", "--source", "demo", "--board", "toaster"],
    ] {
        let output = run(args);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{args:?}: {text}");
        assert!(
            text.contains("\"toaster\"") && text.contains("rpi-zero2w, "),
            "{text}"
        );
    }
}

#[test]
fn doctor_ends_with_1_if_a_check_fails_and_scripts_see_which() {
    let output = run(&[
        "doctor",
        "--json",
        "--source",
        "demo",
        "--model",
        "/nowhere/x.plan",
    ]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("posewire: error: doctor: "), "{text}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["version"], 1);
    let checks = report["checks"].as_array().unwrap();
    let state = |name: &str| {
        let check = checks.iter().find(|check| check["check"] == name);
        check.unwrap()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state("model"), "fail");
    assert_eq!(state("camera"), "ok");
    for check in checks {
        assert!(check["what"].is_string(), "{check}");
        assert_eq!(
            check["advice"].is_string(),
            check["state"] != "ok",
            "{check}"
        );
    }
}
