//! Generated sets of labels, of which the figures are known, in each form; and sets that are broken.

use super::accuracy;
use super::kept::Kept;
use super::labels::Labels;
use super::matlab;
use super::presence;
use super::read;
use super::run::Judged;
use crate::engine::FakeNetwork;
use crate::model::{ExtraChannel, test_card};
use crate::pipeline::Estimator;
use crate::scene::Task;
use serde_json::json;
use std::path::{Path, PathBuf};

/// A folder with a grey picture of 320 x 240, removed at the end.
pub(super) struct Set(pub PathBuf);

impl Set {
    pub fn new(name: &str) -> Set {
        let folder =
            std::env::temp_dir().join(format!("posewire-eval-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut picture = b"P5 320 240 255\n".to_vec();
        picture.extend([90; 320 * 240]);
        std::fs::write(folder.join("a.pgm"), picture).unwrap();
        Set(folder)
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, path: &Path) -> crate::error::Result<Labels> {
        read::labels(path, &self.0, Task::Hand, &names(21))
    }

    fn refused(&self, text: &str) -> String {
        let path = self.file("broken.json", text);
        self.read(&path).unwrap_err().to_string()
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Heatmap pixels of the joints: a grid over the part of the crop that the box fills.
pub(super) fn grid(joint: usize) -> (f32, f32) {
    (
        11.0 + 7.0 * (joint % 7) as f32,
        11.0 + 21.0 * (joint / 7) as f32,
    )
}

/// Names of joints that no set has.
fn names(joints: usize) -> Vec<String> {
    (0..joints).map(|joint| format!("joint {joint}")).collect()
}

/// A network that sees the joints there, whatever the picture is.
fn judged() -> Judged {
    let network = FakeNetwork::new(
        256,
        (0..21)
            .map(|joint| (grid(joint).0, grid(joint).1, 0.9))
            .collect(),
    );
    Judged::of(Estimator::with_card(test_card(), Box::new(network)))
}

/// The joints in the picture, of a box of 64 x 64 px at (100, 80): the crop is 96 px, 1.5 px to a heatmap pixel.
pub(super) fn truth(joint: usize) -> (f32, f32) {
    let (x, y) = grid(joint);
    (84.0 + 1.5 * x, 64.0 + 1.5 * y)
}

pub(super) fn figure(figures: &[(&'static str, Option<f64>)], name: &str) -> f64 {
    figures
        .iter()
        .find(|(own, _)| *own == name)
        .unwrap()
        .1
        .unwrap()
}

fn measure(labels: &Labels) -> Vec<(&'static str, Option<f64>)> {
    measured(&mut judged(), labels)
}

pub(super) fn measured(judged: &mut Judged, labels: &Labels) -> Vec<(&'static str, Option<f64>)> {
    let seen = accuracy::samples(judged, labels, &mut Kept::default()).unwrap();
    accuracy::figures(&seen, labels)
}

fn coco(moved_px: f32, file_name: &str) -> String {
    let keypoints: Vec<f32> = (0..21)
        .flat_map(|joint| {
            let (x, y) = truth(joint);
            // One joint is labelled elsewhere, and another one not at all.
            let x = if joint == 3 { x + moved_px } else { x };
            let y = if joint == 5 { 0.0 } else { y };
            [x, y, if joint == 5 { 0.0 } else { 2.0 }]
        })
        .collect();
    json!({
        "images": [{ "id": 1, "file_name": file_name }],
        "annotations": [{ "image_id": 1, "keypoints": keypoints, "bbox": [100, 80, 64, 64] }],
    })
    .to_string()
}

#[test]
fn the_known_answer_of_a_set_in_cocos_form_comes_out() {
    let set = Set::new("coco");
    for (moved_px, pck_wide, pck_narrow) in [(0.0, 1.0, 1.0), (9.0, 1.0, 0.95), (15.0, 0.95, 0.95)]
    {
        let labels = set
            .read(&set.file("labels.json", &coco(moved_px, "a.pgm")))
            .unwrap();
        let figures = measure(&labels);
        let close = |name: &str, value: f64| {
            let found = figure(&figures, name);
            assert!(
                (found - value).abs() < 1e-6,
                "{moved_px}: {name} {found}, not {value}"
            );
        };
        close("PCK@0.2", pck_wide);
        close("PCK@0.1", pck_narrow);
        close("EPE", f64::from(moved_px) / 20.0);
        // Of 20 joints one is further away than the first thresholds; none is closer than 0.
        let passing = (1..20)
            .filter(|step| f64::from(moved_px) / 30.0 < f64::from(*step) / 20.0)
            .count();
        close("AUC", (19.0 * 19.0 + passing as f64) / 20.0 / 20.0);
    }
}

#[test]
fn the_known_answer_of_a_set_in_interhands_form_comes_out() {
    let set = Set::new("interhand");
    // Of the two hands the left one has no valid wrist.
    let valid: Vec<[u8; 1]> = (0..42).map(|joint| [u8::from(joint != 41)]).collect();
    // The camera is 100 mm behind the origin and has turned half round the z axis. Its pictures have 500 px to 1000 mm at 1000 mm.
    let world: Vec<[f32; 3]> = (0..42)
        .map(|joint| {
            let (mut x, y) = truth(joint % 21);
            if joint == 10 {
                x += 10.0;
            }
            [-2.0 * (x - 160.0), -2.0 * (y - 120.0), 900.0]
        })
        .collect();
    let data = json!({
        "images": [{ "id": 8, "file_name": "a.pgm", "width": 320, "height": 240, "capture": 3,
                     "camera": "400262", "frame_idx": 17, "seq_name": "ROM01" }],
        "annotations": [{ "image_id": 8, "joint_valid": valid, "hand_type": "interacting" }],
    });
    let camera = json!({ "3": {
        "campos": { "400262": [0, 0, -100] },
        "camrot": { "400262": [[-1, 0, 0], [0, -1, 0], [0, 0, 1]] },
        "focal": { "400262": [500, 500] },
        "princpt": { "400262": [160, 120] },
    }});
    let path = set.file("mini_data.json", &data.to_string());
    let error = set.read(&path).unwrap_err().to_string();
    assert!(error.contains("mini_camera.json"), "{error}");
    set.file("mini_camera.json", &camera.to_string());
    set.file(
        "mini_joint_3d.json",
        &json!({ "3": { "17": { "world_coord": world } } }).to_string(),
    );
    let labels = set.read(&path).unwrap();
    assert_eq!(
        (labels.form, labels.subjects(), labels.skipped),
        ("InterHand2.6M", 1, 1)
    );
    let figures = measure(&labels);
    // The box is that of the joints, 63 px, so that heatmap pixels are not whole.
    assert_eq!(figure(&figures, "PCK@0.2"), 1.0);
    assert!((figure(&figures, "PCK@0.1") - 20.0 / 21.0).abs() < 1e-6);
    let epe_px = figure(&figures, "EPE");
    assert!((epe_px - 10.0 / 21.0).abs() < 0.5, "{epe_px}");

    set.file(
        "mini_joint_3d.json",
        &json!({ "3": { "18": { "world_coord": world } } }).to_string(),
    );
    let error = set.read(&path).unwrap_err().to_string();
    assert!(error.contains("frame 17"), "{error}");
    let nowhere = set.file("labels.json", &data.to_string());
    let error = set.read(&nowhere).unwrap_err().to_string();
    assert!(error.contains("NAME_camera.json"), "{error}");
}

#[test]
fn the_known_answer_of_wholebodys_hands_comes_out() {
    let set = Set::new("wholebody");
    // From the wrist along each finger, the other way round than the model's joints.
    let keypoints: Vec<f32> = std::iter::once(20)
        .chain((0..5).flat_map(|finger| (0..4).rev().map(move |joint| 4 * finger + joint)))
        .flat_map(|joint| {
            let (x, y) = truth(joint);
            [if joint == 16 { x + 9.0 } else { x }, y, 1.0]
        })
        .collect();
    let none = vec![0.0; 63];
    let text = json!({
        "images": [{ "id": 1, "file_name": "a.pgm" }],
        "annotations": [
            { "image_id": 1, "keypoints": [0], "lefthand_valid": true, "lefthand_kpts": keypoints,
              "lefthand_box": [100, 80, 64, 64], "righthand_valid": false, "righthand_kpts": none },
            { "image_id": 1, "lefthand_valid": true, "lefthand_kpts": none, "righthand_valid": false },
        ],
    });
    let labels = set
        .read(&set.file("labels.json", &text.to_string()))
        .unwrap();
    assert_eq!(
        (labels.form, labels.subjects(), labels.skipped),
        ("COCO-WholeBody's hands", 1, 1)
    );
    let figures = measure(&labels);
    assert_eq!(figure(&figures, "PCK@0.2"), 1.0);
    assert!((figure(&figures, "EPE") - 9.0 / 21.0).abs() < 1e-6);
    let mut cut = text;
    cut["annotations"][1]["lefthand_kpts"] = json!(vec![0.0; 62]);
    assert!(set.refused(&cut.to_string()).contains("62 numbers"));
}

#[test]
fn a_run_that_goes_on_looks_at_no_picture_again() {
    let set = Set::new("goes-on");
    let labels = set
        .read(&set.file("labels.json", &coco(9.0, "a.pgm")))
        .unwrap();
    let progress = set.0.join("progress");
    let samples = |labels: &Labels| {
        let mut kept = Kept::open(&progress, "this").unwrap();
        accuracy::samples(&mut judged(), labels, &mut kept)
    };
    let figures = |seen: &[accuracy::Seen]| accuracy::figures(seen, &labels);
    let first = samples(&labels).unwrap();
    std::fs::remove_file(set.0.join("a.pgm")).unwrap();
    assert_eq!(figures(&samples(&labels).unwrap()), figures(&first));
    std::fs::remove_file(&progress).unwrap();
    assert!(samples(&labels).is_err());
}

/// A network for persons of MPII's 16 joints.
fn body() -> Judged {
    let mut card = test_card();
    card.task = Task::Body;
    card.joints.truncate(16);
    let peaks = (0..16).map(|joint| (grid(joint).0, grid(joint).1, 0.9));
    let network = FakeNetwork::new(256, peaks.collect());
    Judged::of(Estimator::with_card(card, Box::new(network)))
}

/// Three persons with the same joints in the same picture, all in the box of [`truth`]. The second one has no head. Of the
/// third one, one of the four joints that are labelled is 9 px away, one is the pelvis.
fn mpii(set: &Set, is_packed: bool) -> PathBuf {
    let person = json!({
        "image": "a.pgm", "center": [133, 113.0 - 15.0 * 0.32], "scale": 0.32,
        "joints": [], "joints_vis": [],
    });
    let list = json!([person, person, person]);
    let (mut joints, mut missing, mut heads) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..3 {
        for axis in 0..2 {
            joints.extend((0..16).map(|joint| {
                let (x, y) = truth(joint);
                let x = if index == 2 && joint == 9 { x + 9.0 } else { x };
                1.0 + f64::from([x, y][axis])
            }));
        }
        missing.extend(
            (0..16)
                .map(|joint| f64::from(u8::from(index == 2 && ![6, 9, 10, 11].contains(&joint)))),
        );
        // Corners (10, 20) and (40, 60) are 50 px apart: a head of 30 px.
        heads.extend(if index == 1 {
            [0.0; 4]
        } else {
            [10.0, 40.0, 20.0, 60.0]
        });
    }
    let truths = matlab::file(
        &[
            ("pos_gt_src", &[16, 2, 3], &joints),
            ("jnt_missing", &[16, 3], &missing),
            ("headboxes_src", &[2, 2, 3], &heads),
        ],
        is_packed,
    );
    std::fs::write(set.0.join("mpii_gt_mini.mat"), truths).unwrap();
    set.file("mpii_mini.json", &list.to_string())
}

#[test]
fn the_known_answer_of_a_set_in_mpiis_form_comes_out() {
    for is_packed in [false, true] {
        let set = Set::new("mpii");
        let path = mpii(&set, is_packed);
        let labels = read::labels(&path, &set.0, Task::Body, &names(16)).unwrap();
        assert_eq!(
            (
                labels.form,
                labels.pictures.len(),
                labels.subjects(),
                labels.skipped
            ),
            ("MPII", 1, 2, 1)
        );
        let figures = measured(&mut body(), &labels);
        assert_eq!(figure(&figures, "PCKh@0.5"), 1.0);
        // 14 joints of the first person, 3 of the last; pelvis and thorax do not count.
        let pckh = figure(&figures, "PCKh@0.1");
        assert!((pckh - 16.0 / 17.0).abs() < 1e-6, "{pckh}");
    }
}

#[test]
fn faults_of_mpiis_files_are_named() {
    let set = Set::new("mpii-faults");
    let path = mpii(&set, false);
    let refused = |path: &Path| {
        read::labels(path, &set.0, Task::Body, &names(16))
            .unwrap_err()
            .to_string()
    };
    let list = std::fs::read_to_string(&path).unwrap();
    let error = refused(&set.file("persons.json", &list));
    assert!(error.contains("mpii_NAME.json"), "{error}");
    let error = refused(&set.file("mpii_other.json", &list));
    assert!(error.contains("mpii_gt_other.mat"), "{error}");
    let error = refused(&set.file("mpii_mini.json", &list.replace("0.32", "-1")));
    assert!(
        error.contains("a.pgm") && error.contains("scale"),
        "{error}"
    );
    let error = refused(&set.file("mpii_mini.json", "[]"));
    assert!(error.contains("16 x 2 x 0"), "{error}");
    set.file("mpii_mini.json", &list);
    set.file("mpii_gt_mini.mat", "MATLAB");
    assert!(refused(&path).contains("level 5"));
    let error = read::labels(&path, &set.0, Task::Body, &names(17)).unwrap_err();
    assert!(error.to_string().contains("16 joints"), "{error}");
}

#[test]
fn broken_sets_are_refused_with_the_files_name_and_the_fault() {
    let set = Set::new("broken");
    let good = coco(0.0, "a.pgm");
    assert!(set.refused("{}").contains("broken.json"));
    assert!(
        set.refused(&good.replace("100.5", "NaN"))
            .contains("line 1")
    );
    assert!(
        set.refused(&good.replace("100.5", "1e400"))
            .contains("line 1")
    );
    let empty = set.refused(r#"{"images": [], "annotations": []}"#);
    assert!(empty.contains("names no picture"), "{empty}");
    let missing =
        read::labels(&set.0.join("none.json"), &set.0, Task::Hand, &names(21)).unwrap_err();
    assert!(missing.to_string().contains("none.json"));

    let labels = set
        .read(&set.file("labels.json", &coco(0.0, "b.pgm")))
        .unwrap();
    let error = accuracy::samples(&mut judged(), &labels, &mut Kept::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("b.pgm"), "{error}");
    let nobody = r#"{"images": [{"id": 1, "file_name": "a.pgm"}], "annotations": []}"#;
    let path = set.file("nobody.json", nobody);
    let labels = set.read(&path).unwrap();
    let error =
        accuracy::measure(&mut judged(), &labels, &path, &mut Kept::default(), false).unwrap_err();
    assert!(error.to_string().contains("nobody.json"), "{error}");
    let error = presence::measure(&mut judged(), &labels, &path, false).unwrap_err();
    assert!(
        error.to_string().contains("0 subjects and 1 empty"),
        "{error}"
    );
}

#[test]
fn presence_is_that_of_three_looks_and_of_five_places() {
    let set = Set::new("presence");
    let mut card = test_card();
    card.extra_channels = vec![ExtraChannel::Presence];
    let peaks = (0..21).map(|_| (30.0, 30.0, 0.9)).collect();
    let network = FakeNetwork::new(256, peaks).with_level(0.625);
    let mut judged = Judged::of(Estimator::with_card(card, Box::new(network)));
    let mut text: serde_json::Value = serde_json::from_str(&coco(0.0, "a.pgm")).unwrap();
    let images = text["images"].as_array_mut().unwrap();
    images.push(json!({ "id": 2, "file_name": "a.pgm" }));
    let labels = set
        .read(&set.file("labels.json", &text.to_string()))
        .unwrap();
    let seen = presence::look_at(&mut judged, &labels).unwrap();
    assert_eq!(seen.counts(), (1, 3, 5, 1));
    // The network says the same of everything.
    assert_eq!(seen.rule(), (0.62, 0.62));
}

#[test]
fn options_of_tracking_that_make_no_sense_are_refused() {
    let run = |arguments: &[&str]| {
        let parser = lexopt::Parser::from_args(arguments);
        let given = super::COMMAND.read(parser).unwrap().unwrap();
        (super::COMMAND.run)(given)
    };
    let refused = |arguments: &[&str]| run(arguments).unwrap_err().to_string();
    let error = refused(&["tracking", "--tracker", "all-of-them"]);
    assert!(error.contains("one, several, finder or all"), "{error}");
    let error = refused(&["tracking", "--runs", "0"]);
    assert!(error.contains("1 to 100"), "{error}");
    let error = refused(&["tracking", "--clips", "/nowhere"]);
    assert!(error.contains("/nowhere"), "{error}");
    let error = refused(&["tracking", "--clips", "a", "--labels", "b"]);
    assert!(error.contains("not both"), "{error}");
    let error = refused(&["tracking", "--labels", "b"]);
    assert!(error.contains("--images"), "{error}");
    let labels = ["tracking", "--labels", "b", "--images", "c"];
    // The built-in network is for hands.
    if cfg!(feature = "demo") {
        let error = refused(&labels);
        assert!(error.contains("a network for bodies"), "{error}");
        let set = Set::new("tracking-networks");
        let frame = |time_us: u64| json!({ "file": "a.pgm", "time_us": time_us, "instances": [] });
        let frames: Vec<_> = [0, 33_000, 66_000].map(frame).into();
        let clip = json!({ "name": "walk", "frame_size": [320, 240], "hands": 0, "bodies": 2, "frames": frames });
        set.file("truth.json", &clip.to_string());
        let error = refused(&["tracking", "--clips", set.0.to_str().unwrap()]);
        assert!(
            error.contains("\"walk\" needs a network for the task body"),
            "{error}"
        );
    }
    let error = refused(&[&labels[..], &["--fps", "0"]].concat());
    assert!(error.contains("1 to 1000"), "{error}");
}
