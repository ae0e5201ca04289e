//! Generated sets of persons in COCO's and PoseTrack18's forms, of which the figures are known; COCO's own figures; and sets that
//! are broken, also at random.

use super::accuracy::{self, Seen};
use super::kept::{Kept, Look};
use super::labels::Labels;
use super::persons;
use super::presence;
use super::read;
use super::run::Judged;
use super::tests::{Set, figure, grid, measured, truth};
use crate::engine::FakeNetwork;
use crate::error::Result;
use crate::model::{ModelCard, test_card};
use crate::pipeline::Estimator;
use crate::protocol;
use crate::random::Random;
use crate::scene::joint_fixtures::{MPII, POSETRACK};
use crate::scene::{BODY_JOINTS, COCO_JOINTS, Task};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;

fn names(joints: &[&str]) -> Vec<String> {
    joints.iter().map(|&joint| joint.to_owned()).collect()
}

/// A network for persons of these joints, each at its place in the grid.
fn network(joints: &[&str]) -> Judged {
    let card = ModelCard {
        task: Task::Body,
        joint_table: "own".into(),
        joints: names(joints),
        bones: vec![],
        ..test_card()
    };
    let peaks = (0..joints.len()).map(|joint| (grid(joint).0, grid(joint).1, 0.9));
    let network = FakeNetwork::new(256, peaks.collect());
    Judged::of(Estimator::with_card(card, Box::new(network)))
}

/// The keypoints that a set of `order` has of the joints of `model` where the network sees them; others are far away.
fn keypoints(order: &[&str], model: &[&str]) -> Vec<f32> {
    let joint = |name: &&str| match model.iter().position(|own| own == name) {
        Some(place) => [truth(place).0, truth(place).1, 2.0],
        None => [7.0, 9.0, 1.0],
    };
    order.iter().flat_map(joint).collect()
}

/// A set in COCO's form with persons of these keypoints in one picture.
fn coco(persons: &[Vec<f32>]) -> Value {
    let person = |(index, keypoints): (usize, &Vec<f32>)| {
        json!({
            "id": index + 1, "image_id": 5, "category_id": 1, "iscrowd": 0, "keypoints": keypoints,
            "num_keypoints": 17, "bbox": [100, 80, 64, 64], "area": 2048.0, "segmentation": [[1, 2, 3, 4]],
        })
    };
    let persons: Vec<Value> = persons.iter().enumerate().map(person).collect();
    json!({
        "images": [{ "id": 5, "file_name": "a.pgm", "width": 320, "height": 240 }],
        "annotations": persons,
        "categories": [{ "id": 1, "name": "person", "keypoints": COCO_JOINTS, "skeleton": [[16, 14]] }],
    })
}

fn read(set: &Set, labels: &Value, joints: &[&str]) -> Result<Labels> {
    let path = set.file("labels.json", &labels.to_string());
    read::labels(&path, &set.0, Task::Body, &names(joints))
}

#[test]
fn the_figures_of_cocos_own_tools_come_out() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/oks.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let labels = golden["labels"].to_string();
    // The order of the model's joints changes nothing.
    let mut model = names(&COCO_JOINTS);
    model.rotate_left(5);
    model.push("pelvis".into());
    let labels =
        persons::labels(Path::new("labels.json"), Path::new("p"), &labels, &model).unwrap();
    let mut results: Vec<&Value> = golden["results"].as_array().unwrap().iter().collect();
    results.sort_by_key(|one| one["image_id"].as_u64());
    assert_eq!(labels.subjects(), results.len());
    let subjects = labels.pictures.iter().enumerate();
    let subjects =
        subjects.flat_map(|(at, picture)| picture.subjects.iter().map(move |one| (at, one)));
    let seen: Vec<Seen> = subjects
        .zip(results)
        .map(|((picture, subject), found)| {
            let own: Vec<f64> = serde_json::from_value(found["keypoints"].clone()).unwrap();
            let mut joints: Vec<(f64, f64)> = own.chunks(3).map(|one| (one[0], one[1])).collect();
            joints.rotate_left(5);
            joints.push((-1.0, -1.0));
            let score = found["score"].as_f64().unwrap();
            Seen::new(picture, subject, &Look { joints, score })
        })
        .collect();
    let figures = accuracy::figures(&seen, &labels);
    for (name, value) in golden["figures"].as_object().unwrap() {
        let (own, value) = (figure(&figures, name), value.as_f64().unwrap());
        assert!((own - value).abs() < 1e-9, "{name}: {own}, not {value}");
    }
}

#[test]
fn the_known_answer_of_cocos_persons_comes_out() {
    let set = Set::new("persons");
    let good = keypoints(&COCO_JOINTS, &COCO_JOINTS);
    let figures = |labels: &Value| {
        measured(
            &mut network(&COCO_JOINTS),
            &read(&set, labels, &COCO_JOINTS).unwrap(),
        )
    };
    let found = figures(&coco(std::slice::from_ref(&good)));
    for name in [
        "AP",
        "AP50",
        "AP75",
        "AP-medium",
        "AR",
        "PCK@0.2",
        "PCK@0.1",
    ] {
        assert!(
            (figure(&found, name) - 1.0).abs() < 1e-6,
            "{name}: {found:?}"
        );
    }
    assert!(found.contains(&("AP-large", None)), "{found:?}");
    // The nose is so far off that its similarity is 0.6: of one labelled joint it is the person's.
    let mut nose = good.clone();
    let off = (-(0.6_f32.ln()) * 2.0 * 2048.0).sqrt() * 2.0 * 0.026;
    nose[0] += off;
    for joint in 1..17 {
        nose[3 * joint + 2] = 0.0;
    }
    let found = figures(&coco(&[nose]));
    // Thresholds 0.5, 0.55 and, at its edge, 0.6.
    let ap = figure(&found, "AP");
    assert!((0.199..0.301).contains(&ap), "{ap} {off}");
    assert!((figure(&found, "AP50") - 1.0).abs() < 1e-6);
    assert_eq!(figure(&found, "AP75"), 0.0);
    // A nose is none of the joints that all sets have.
    assert_eq!(figure(&found, "PCK@0.2"), 0.0);
    // A second person of the same score who is somewhere else: half of the recall.
    let mut away = good.clone();
    for joint in 0..17 {
        away[3 * joint] += 300.0;
    }
    let found = figures(&coco(&[good.clone(), away]));
    assert!((figure(&found, "AP") - 51.0 / 101.0).abs() < 1e-6);
    assert!((figure(&found, "AR") - 0.5).abs() < 1e-6);
    // A crowd and a person without labels may be found or not.
    let mut three = coco(&[good.clone(), vec![0.0; 51], vec![0.0; 51]]);
    three["annotations"][1]["iscrowd"] = json!(1);
    three["annotations"][2]["num_keypoints"] = json!(0);
    let labels = read(&set, &three, &COCO_JOINTS).unwrap();
    assert_eq!((labels.subjects(), labels.skipped), (1, 2));
    assert!((figure(&figures(&three), "AP") - 1.0).abs() < 1e-6);
    // Other kinds of subjects are none.
    three["annotations"][1]["category_id"] = json!(2);
    assert_eq!(read(&set, &three, &COCO_JOINTS).unwrap().skipped, 1);
}

#[test]
fn a_model_of_mpiis_joints_is_compared_by_name_in_the_twelve_that_count() {
    let set = Set::new("twelve");
    let mut person = keypoints(&COCO_JOINTS, &MPII);
    // A left knee 9 px away, of a box of 64 px.
    person[3 * 13] += 9.0;
    let labels = read(&set, &coco(std::slice::from_ref(&person)), &MPII).unwrap();
    assert_eq!(
        (labels.form, labels.subjects(), labels.skipped),
        ("COCO persons", 1, 0)
    );
    let compared = labels.compared.as_ref().unwrap();
    assert_eq!(
        compared.iter().filter(|&&counts| counts).count(),
        BODY_JOINTS.len()
    );
    let figures = measured(&mut network(&MPII), &labels);
    assert_eq!(figures[0].0, "PCK@0.2");
    assert_eq!(figure(&figures, "PCK@0.2"), 1.0);
    assert!((figure(&figures, "PCK@0.1") - 11.0 / 12.0).abs() < 1e-6);
    assert!((figure(&figures, "EPE") - 9.0 / 12.0).abs() < 1e-6);
    // Faces alone are nothing for it.
    for joint in BODY_JOINTS
        .iter()
        .map(|name| COCO_JOINTS.iter().position(|own| own == name))
    {
        person[3 * joint.unwrap() + 2] = 0.0;
    }
    let labels = read(&set, &coco(&[person]), &MPII).unwrap();
    assert_eq!((labels.subjects(), labels.skipped), (0, 1));
    let error = read(&set, &coco(&[]), &["joint 0", "nose"])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("labels.json") && error.contains("left_shoulder"),
        "{error}"
    );
}

/// A video of three frames: a person, nothing labelled, and nobody.
fn posetrack() -> Value {
    let image = |id: u64, is_labelled: bool| {
        json!({ "id": id, "frame_id": id, "vid_id": "000001", "nframes": 3, "file_name": "a.pgm",
                "is_labeled": is_labelled })
    };
    let mut keypoints = keypoints(&POSETRACK, &MPII);
    // An elbow 9 px away.
    keypoints[3 * 7 + 1] += 9.0;
    json!({
        "images": [image(1, true), image(2, false), image(3, true)],
        "annotations": [{ "id": 100, "image_id": 1, "track_id": 0, "category_id": 1, "keypoints": keypoints,
                          "bbox": [100, 80, 64, 64], "bbox_head": [1, 2, 3, 4] }],
        "categories": [{ "id": 1, "name": "person", "keypoints": POSETRACK }],
    })
}

#[test]
fn the_known_answer_of_pictures_of_posetrack_comes_out() {
    let set = Set::new("posetrack");
    let mut video = posetrack();
    let labels = read(&set, &video, &MPII).unwrap();
    // The frame that is not labelled is none, and the last one is empty.
    let empty: Vec<bool> = labels.pictures.iter().map(|one| one.is_empty).collect();
    assert_eq!((labels.form, empty), ("PoseTrack18", vec![false, true]));
    let figures = measured(&mut network(&MPII), &labels);
    assert!((figure(&figures, "PCK@0.1") - 11.0 / 12.0).abs() < 1e-6);
    assert!((figure(&figures, "EPE") - 9.0 / 12.0).abs() < 1e-6);
    // The same through a folder, and for a model of COCO's joints.
    std::fs::remove_file(set.0.join("labels.json")).unwrap();
    let folder = set.0.join("videos");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["1.json", "2.json"] {
        std::fs::write(folder.join(name), video.to_string()).unwrap();
    }
    let labels = read::labels(&folder, &set.0, Task::Body, &names(&COCO_JOINTS)).unwrap();
    assert_eq!((labels.pictures.len(), labels.subjects()), (4, 2));
    // The left elbow is in an ignored region.
    let (x, y) = truth(MPII.iter().position(|&name| name == "left_elbow").unwrap());
    video["images"][0]["ignore_regions_x"] = json!([[x - 2.0, x + 2.0, x + 2.0, x - 2.0]]);
    video["images"][0]["ignore_regions_y"] = json!([[y + 7.0, y + 7.0, y + 11.0, y + 11.0]]);
    let figures = measured(&mut network(&MPII), &read(&set, &video, &MPII).unwrap());
    assert_eq!(figure(&figures, "EPE"), 0.0);
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::create_dir_all(&folder).unwrap();
    let error = read::labels(&folder, &set.0, Task::Body, &names(&MPII)).unwrap_err();
    assert!(error.to_string().contains("without JSON files"), "{error}");
}

#[test]
fn a_finder_has_the_persons_of_both_forms() {
    let set = Set::new("finder-persons");
    let person = keypoints(&COCO_JOINTS, &COCO_JOINTS);
    for (labels, form) in [
        (coco(&[person]), "COCO persons"),
        (posetrack(), "PoseTrack18"),
    ] {
        let path = set.file("labels.json", &labels.to_string());
        let (task, labels) = read::of_finder(&path, &set.0).unwrap();
        assert_eq!(
            (task, labels.form, labels.subjects()),
            (Task::Body, form, 1)
        );
    }
}

#[test]
fn what_shows_unlabelled_persons_is_no_empty_picture() {
    let set = Set::new("unlabelled");
    let mut labels = coco(&[keypoints(&COCO_JOINTS, &COCO_JOINTS), vec![0.0; 51]]);
    labels["annotations"][1]["image_id"] = json!(6);
    for id in [6, 7] {
        let image = json!({ "id": id, "file_name": "a.pgm" });
        labels["images"].as_array_mut().unwrap().push(image);
    }
    let labels = read(&set, &labels, &COCO_JOINTS).unwrap();
    let seen = presence::look_at(&mut network(&COCO_JOINTS), &labels).unwrap();
    assert_eq!(seen.counts(), (1, 3, 5, 1));
}

#[test]
fn broken_sets_of_persons_are_refused_with_the_files_name_and_the_fault() {
    let set = Set::new("broken-persons");
    let good = {
        let person = keypoints(&COCO_JOINTS, &COCO_JOINTS);
        coco(&[person.clone(), person])
    };
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut labels = good.clone();
        change(&mut labels);
        let error = read(&set, &labels, &COCO_JOINTS).unwrap_err().to_string();
        assert!(
            error.contains("labels.json") && !error.contains('\n'),
            "{error}"
        );
        error
    };
    let of = |field: &'static str, value: Value| {
        refused(&|all| {
            let person = all["annotations"][1].as_object_mut().unwrap();
            match value.is_null() {
                true => drop(person.remove(field)),
                false => drop(person.insert(field.into(), value.clone())),
            }
        })
    };
    for (field, value, word) in [
        ("keypoints", json!([1, 2, 3]), "17 joints need 51"),
        ("keypoints", Value::Null, "no keypoints"),
        ("bbox", json!([1, 2, 3]), "line 1"),
        ("bbox", json!([1, 2, 3, 1e9]), "a bbox is"),
        ("bbox", Value::Null, "no bbox"),
        ("area", json!(-2), "an area of -2"),
        ("area", Value::Null, "no area"),
        ("id", json!(1), "two annotations of the id 1"),
        ("id", Value::Null, "`id`"),
        ("image_id", json!(8), "image 8"),
    ] {
        let error = of(field, value);
        assert!(error.contains(word), "{field}: {error}");
    }
    let error = refused(&|all| {
        let images = all["images"].as_array_mut().unwrap();
        images.push(images[0].clone());
    });
    assert!(error.contains("two images of the id 5"), "{error}");
    let error = refused(&|all| {
        all["images"] = json!([]);
        all["annotations"] = json!([]);
    });
    assert!(error.contains("names no picture"), "{error}");
    let path = set.file("nan.json", &good.to_string().replacen("2048.0", "NaN", 1));
    let error = read::labels(&path, &set.0, Task::Body, &names(&COCO_JOINTS)).unwrap_err();
    assert!(error.to_string().contains("nan.json"), "{error}");
    // All persons are crowds.
    let mut crowds = good.clone();
    for person in crowds["annotations"].as_array_mut().unwrap() {
        person["iscrowd"] = json!(1);
    }
    let labels = read(&set, &crowds, &COCO_JOINTS).unwrap();
    let path = set.0.join("labels.json");
    let mut judged = network(&COCO_JOINTS);
    let error =
        accuracy::measure(&mut judged, &labels, &path, &mut Kept::default(), false).unwrap_err();
    assert!(
        error.to_string().contains("labels.json: labels no joint"),
        "{error}"
    );
}

#[test]
fn progress_with_other_joints_is_not_used() {
    let set = Set::new("other-joints");
    let labels = read(
        &set,
        &coco(&[keypoints(&COCO_JOINTS, &COCO_JOINTS)]),
        &COCO_JOINTS,
    )
    .unwrap();
    let path = set.0.join("progress");
    let mut kept = Kept::open(&path, "this").unwrap();
    let look = Look {
        joints: vec![(1.0, 2.0)],
        score: 0.5,
    };
    kept.add((0, 0), &look).unwrap();
    let mut kept = Kept::open(&path, "this").unwrap();
    let seen = accuracy::samples(&mut network(&COCO_JOINTS), &labels, &mut kept).unwrap();
    assert!((figure(&accuracy::figures(&seen, &labels), "AP") - 1.0).abs() < 1e-6);
}

/// Changes a value somewhere in a document.
fn edit(value: &mut Value, random: &mut Random) {
    let goes_on = !random.next().is_multiple_of(8);
    let pick = |length: usize, random: &mut Random| random.next() as usize % length.max(1);
    match value {
        Value::Array(list) if goes_on && !list.is_empty() => {
            let at = pick(list.len(), random);
            match random.next() % 12 {
                0 => drop(list.remove(at)),
                1 => list.push(list[at].clone()),
                2 => list.clear(),
                _ => edit(&mut list[at], random),
            }
        }
        Value::Object(fields) if goes_on && !fields.is_empty() => {
            let at = pick(fields.len(), random);
            let (name, field) = fields.iter_mut().nth(at).unwrap();
            match random.next() % 8 {
                0 => {
                    let name = name.clone();
                    fields.remove(&name);
                }
                _ => edit(field, random),
            }
        }
        _ => {
            let strange = [
                json!(null),
                json!(true),
                json!(-1),
                json!(0),
                json!(1),
                json!(5),
                json!(1e300),
                json!(-1e5),
                json!(9.99e5),
                json!(u64::MAX),
                json!(1e-300),
                json!(""),
                json!("../a.pgm"),
                json!([]),
                json!([[]]),
                json!([1, 2, 3]),
                json!({}),
                json!(COCO_JOINTS),
                json!(POSETRACK),
            ];
            *value = strange[pick(strange.len(), random)].clone();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// Whatever labels say, they are read or refused in one line with the file's name, and no figure is no number.
    #[test]
    fn edited_labels_never_panic(seed: u64, edits in 1_usize..6, is_video: bool, is_mpii: bool) {
        let set = Set::new("edited");
        let person = keypoints(&COCO_JOINTS, &COCO_JOINTS);
        let mut labels = if is_video { posetrack() } else { coco(&[person.clone(), person]) };
        let mut random = Random(seed);
        for _ in 0..edits {
            edit(&mut labels, &mut random);
        }
        let joints: &[&str] = if is_mpii { &MPII } else { &COCO_JOINTS };
        let path = set.file("edited.json", &labels.to_string());
        let check = |error: crate::Error| {
            let error = error.to_string();
            assert!(error.contains("edited.json") && !error.contains('\n'), "{error}");
        };
        match read::labels(&path, &set.0, Task::Body, &names(joints)) {
            Err(error) => check(error),
            Ok(labels) => {
                let seen = accuracy::samples(&mut network(joints), &labels, &mut Kept::default());
                if let Ok(seen) = seen {
                    let figures = accuracy::figures(&seen, &labels);
                    prop_assert!(figures.iter().all(|(_, value)| value.is_none_or(f64::is_finite)), "{:?}", figures);
                }
            }
        }
        match protocol::read_videos(&path, &set.0, &names(joints)) {
            Err(error) => check(error),
            Ok(videos) => {
                for video in videos {
                    if let Err(error) = video.clip(25) {
                        check(error);
                    }
                }
            }
        }
    }
}
