//! The shipped models on the built-in clips, which they were not trained on: the first command that a newcomer
//! runs must be right.
#![cfg(feature = "demo")]

mod common;

use common::{TestDir, run, stderr, stdout};
use posewire::scene::Task;
use posewire::source::Clip;

/// The mean error of a clip in pixels, and its PCK@0.2, from the output of `posewire demo`.
fn figures(text: &str, task: &str) -> (f64, f64) {
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{task}: PCK@0.2 ")))
        .unwrap_or_else(|| panic!("no figures for {task} in {text}"));
    let number = |after: &str| -> f64 {
        let rest = line.split(after).nth(1).unwrap();
        rest.split([' ', ',']).next().unwrap().parse().unwrap()
    };
    (number("mean error "), number("PCK@0.2 "))
}

#[test]
fn the_demo_sees() {
    let dir = TestDir::new("demo");
    let output = run(&["demo", "--out", dir.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for (task, most_px, least_pck) in [("hand", 20.0, 0.9), ("body", 20.0, 0.9)] {
        let (error_px, pck) = figures(&text, task);
        println!("{task}: mean error {error_px} px, PCK@0.2 {pck}");
        assert!(error_px < most_px, "{task}: {error_px} px\n{text}");
        assert!(pck >= least_pck, "{task}: {pck}\n{text}");
    }
    // One picture per frame of both clips, and one composed of some frames.
    for task in [Task::Hand, Task::Body] {
        let frames = Clip::shipped(task).unwrap().frames.len();
        for index in 0..frames {
            let name = format!("{}-{index:06}.png", task.name());
            let picture = image::open(dir.path().join(&name)).unwrap();
            assert_eq!((picture.width(), picture.height()), (640, 480), "{name}");
        }
        let lines =
            std::fs::read_to_string(dir.path().join(format!("{}.jsonl", task.name()))).unwrap();
        // The last packet has the flag `last`.
        assert_eq!(lines.lines().count(), frames + 1);
    }
    assert!(dir.path().join("demo.png").exists());
}

#[test]
fn the_clips_and_their_truth_belong_together() {
    for task in [Task::Hand, Task::Body] {
        let clip = Clip::shipped(task).unwrap();
        let joints = if task == Task::Hand { 21 } else { 16 };
        assert!(clip.frames.len() >= 16);
        for frame in &clip.frames {
            assert_eq!(
                (frame.keypoints.len(), frame.visible.len()),
                (joints, joints)
            );
            let [x, y, width, height] = frame.bbox_xywh;
            assert!(x >= 0.0 && y >= 0.0 && x + width <= 640.0 && y + height <= 480.0);
        }
    }
}

#[test]
fn the_shipped_finder_finds_the_hand_and_the_person_of_the_clips() {
    for (task, limit) in [(Task::Hand, "--hands"), (Task::Body, "--bodies")] {
        let name = task.name();
        let output = run(&[
            "run",
            "--source",
            &format!(
                "mjpeg:{}/models/demo/clips/{name}.mjpeg",
                env!("CARGO_MANIFEST_DIR")
            ),
            "--frames",
            "24",
            "--model",
            &format!("builtin:{name}"),
            "--model",
            "builtin:finder",
            limit,
            "2",
            "--frame-budget-ms",
            "1000",
            "--json",
            "-",
        ]);
        assert!(output.status.success(), "{}", stderr(&output));
        let text = stdout(&output);
        let confirmed = |line: &&str| line.contains("\"confirmed\":1,");
        let seen = text.lines().filter(confirmed).count();
        println!("{name}: one in {seen} of 24 frames");
        assert!(seen >= 20, "{name}: {text}");
    }
}
