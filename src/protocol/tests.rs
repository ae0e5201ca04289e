//! The protocol itself: its clips are followed, a run can be repeated, and clips of pictures are read.

use super::*;
use crate::engine::{FakeNetwork, Workspace};
use crate::model::test_card;
use serde_json::{Value, json};
use std::path::PathBuf;

fn clip_of(name: &str) -> Clip {
    let mut clips = scenarios(1).into_iter();
    clips.find(|clip| clip.name == name).unwrap()
}

fn followed(name: &str, follow: Follow) -> Report {
    run(&clip_of(name), follow, None, 1).unwrap()
}

#[test]
fn a_run_gives_the_same_figures_each_time() {
    let once = || followed("cross, right in front", Follow::WithFinder);
    assert_eq!(once(), once());
}

#[test]
fn a_hand_at_rest_is_found_and_steadied() {
    let report = followed("hand at rest", Follow::WithFinder);
    assert_eq!((report.frames, report.score.truths), (300, 300));
    assert_eq!((report.score.swaps, report.score.false_tracks), (0, 0));
    assert!(report.score.slowest_lock_us().unwrap() <= 200_000);
    let (raw, smooth) = (report.raw.jitter_sides, report.smooth.jitter_sides);
    let (raw, smooth) = (raw.unwrap(), smooth.unwrap());
    assert!(raw > 0.005 && smooth < 0.35 * raw, "{raw} {smooth}");
    assert_eq!(report.raw.lag_s, None);
}

#[test]
fn one_tracker_sees_one_of_two_hands() {
    let old = followed("cross, right in front", Follow::One);
    assert!(old.score.recall_from(48.0).unwrap() < 0.7);
}

#[test]
fn eight_hands_on_a_budget_of_four_stay_within_it() {
    let report = followed("8 hands, time for 4", Follow::WithFinder);
    assert!(report.spent_us(0.99) <= 28_333, "{}", report.spent_us(0.99));
    assert!(report.score.age_us(0.99) <= 100_000);
}

#[test]
fn the_side_of_a_persons_hands_is_the_same_in_a_mirror() {
    for name in ["hands of a person", "the same, mirrored"] {
        let score = followed(name, Follow::WithFinder).score;
        assert_eq!(score.linked_side_changes, 0, "{name}");
        assert!(score.recall_from(48.0).unwrap() > 0.5, "{name}");
    }
}

#[test]
fn hands_and_persons_that_cross_keep_their_numbers() {
    for name in [
        "cross, right in front",
        "cross, left in front",
        "persons cross",
    ] {
        for follow in [Follow::Several, Follow::WithFinder] {
            let score = followed(name, follow).score;
            assert_eq!((score.swaps, score.false_tracks), (0, 0), "{name}");
        }
    }
}

#[test]
fn a_minute_of_clutter_has_no_false_track_with_a_finder() {
    let score = followed("clutter, 1 min", Follow::WithFinder).score;
    assert_eq!((score.false_tracks, score.swaps), (0, 0));
}

#[test]
fn a_camera_may_be_mounted_in_any_way() {
    for quarter_turns in 0..4 {
        let mut clip = clip_of("hands of a person");
        clip.quarter_turns = quarter_turns;
        clip.moments.truncate(60);
        let score = run(&clip, Follow::WithFinder, None, 1).unwrap().score;
        // The modelled networks see people in any direction; only the joints' places are judged.
        assert_eq!(score.false_tracks, 0, "{quarter_turns}");
        assert!(score.recall_from(48.0).unwrap() > 0.6, "{quarter_turns}");
    }
}

/// A folder of a clip, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, truth: &Value) -> Folder {
        let folder =
            std::env::temp_dir().join(format!("posewire-clip-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("truth.json"), truth.to_string()).unwrap();
        let mut picture = b"P5 64 64 255\n".to_vec();
        picture.extend([90; 64 * 64]);
        std::fs::write(folder.join("a.pgm"), picture).unwrap();
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn truth_of(frames: usize) -> Value {
    let joints: Vec<[f32; 2]> = (0..21).map(|joint| [joint as f32, 20.0]).collect();
    let frame = |index: usize| {
        json!({ "file": "a.pgm", "time_us": 1_000_000 + 33_333 * index, "instances": [{
            "id": 1, "task": "hand", "side": "left", "visible": 1.0, "joints": joints,
        }]})
    };
    let frames: Vec<Value> = (0..frames).map(frame).collect();
    json!({ "name": "a clip", "frame_size": [64, 64], "hands": 2, "frames": frames })
}

#[test]
fn a_clip_of_pictures_is_run_with_real_networks() {
    let folder = Folder::new("pictures", &truth_of(5));
    let clip = read_clip(&folder.0).unwrap();
    assert_eq!((clip.name.as_str(), clip.frames()), ("a clip", 5));
    assert!(clip.is_of_pictures());
    let network = FakeNetwork::new(256, vec![(20.0, 30.0, 0.1); 21]);
    let networks = Networks {
        poses: vec![(test_card(), Box::new(network))],
        finder: None,
        work: Workspace::new(None, 1).unwrap(),
    };
    let report = run(&clip, Follow::Several, Some(networks), 0).unwrap();
    assert_eq!((report.frames, report.score.misses), (5, 0));
    std::fs::remove_file(folder.0.join("a.pgm")).unwrap();
    let network = FakeNetwork::new(256, vec![(20.0, 30.0, 0.1); 21]);
    let networks = Networks {
        poses: vec![(test_card(), Box::new(network))],
        finder: None,
        work: Workspace::new(None, 1).unwrap(),
    };
    let error = run(&clip, Follow::One, Some(networks), 0).unwrap_err();
    assert!(error.to_string().contains("a.pgm"), "{error}");
}

#[test]
fn a_broken_truth_is_refused_with_the_fault() {
    let refused = |name: &str, change: fn(&mut Value)| {
        let mut truth = truth_of(4);
        change(&mut truth);
        let folder = Folder::new(name, &truth);
        let error = read_clip(&folder.0).unwrap_err().to_string();
        assert!(error.contains("truth.json"), "{error}");
        error
    };
    let error = refused("few", |truth| truth["frames"] = json!([]));
    assert!(error.contains("3 frames"), "{error}");
    let error = refused("late", |truth| truth["frames"][2]["time_us"] = json!(5));
    assert!(error.contains("not later"), "{error}");
    let error = refused("path", |truth| {
        truth["frames"][1]["file"] = json!("../a.pgm")
    });
    assert!(error.contains("no name"), "{error}");
    let error = refused("far", |truth| {
        truth["frames"][1]["instances"][0]["joints"][3] = json!([1e9, 2.0]);
    });
    assert!(error.contains("instance 1"), "{error}");
    let error = refused("unknown", |truth| truth["fps"] = json!(30));
    assert!(error.contains("fps"), "{error}");
    let error = refused("many", |truth| truth["hands"] = json!(99));
    assert!(error.contains("1 to 8"), "{error}");
    let nowhere = read_clip(std::path::Path::new("/nowhere")).unwrap_err();
    assert!(nowhere.to_string().contains("truth.json"), "{nowhere}");
}
