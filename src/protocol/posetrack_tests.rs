//! A generated video in PoseTrack18's form, of which the figures are known, and labels that are wrong.

use super::clip::{Moment, Picture};
use super::coded;
use super::modelled::{self, FinderModel, PoseModel};
use super::posetrack::read_videos;
use super::shape::body;
use super::world::World;
use super::{Clip, Follow, Networks, Report, run};
use crate::engine::{Network, Workspace};
use crate::mot::Truth;
use crate::scene::Task;
use crate::scene::joint_fixtures::{MPII, POSETRACK};
use serde_json::{Value, json};
use std::path::PathBuf;

const SIZE_PX: (u32, u32) = (640, 480);
/// The first frames are not labelled, later every second one is: 20 of them.
const FIRST_LABELLED: u64 = 40;
const FRAMES: u64 = 80;
const LABELLED: u64 = 20;
/// Noise of the networks, with which all persons are found in time.
const SEED: u64 = 1;
const VIDEO: u64 = 10_003_420_000;

fn model() -> Vec<String> {
    MPII.map(String::from).to_vec()
}

/// Three persons at rest. The third one is not labelled.
fn persons() -> [Truth; 3] {
    [110.0, 320.0, 530.0].map(|x| body(x as u32, (x, 240.0), 200.0, [(0.0, 0.0); 2]))
}

/// Joints that the model has not are labelled far away.
fn keypoints(person: &Truth) -> Vec<f32> {
    let joint = |name: &&str| match MPII.iter().position(|own| own == name) {
        Some(place) => {
            let (x, y) = person.joints[place].unwrap();
            [x, y, 1.0]
        }
        None => [600.0, 10.0, 1.0],
    };
    POSETRACK.iter().flat_map(joint).collect()
}

/// The labels; `ids` gives those of the two persons in a frame.
fn labels(ids: impl Fn(u64) -> [u32; 2], ignored: &Value) -> Value {
    let (mut images, mut annotations) = (Vec::new(), Vec::new());
    // Frames may be listed in any order.
    for frame in (0..FRAMES).rev() {
        let id = VIDEO + frame;
        let is_labelled = frame >= FIRST_LABELLED && frame % 2 == 0;
        images.push(json!({
            "id": id, "frame_id": id, "vid_id": "000342", "file_name": "a.ppm", "nframes": FRAMES,
            "is_labeled": is_labelled, "ignore_regions_x": ignored[0], "ignore_regions_y": ignored[1],
        }));
        if !is_labelled {
            continue;
        }
        for (at, (person, track_id)) in persons().iter().zip(ids(frame)).enumerate() {
            annotations.push(json!({
                "id": 100 * id + at as u64, "image_id": id, "track_id": track_id, "category_id": 1,
                "bbox_head": [], "bbox": [0, 0, 50, 60], "keypoints": keypoints(person),
            }));
        }
    }
    let categories = json!([{ "id": 1, "name": "person", "keypoints": POSETRACK }]);
    json!({ "images": images, "annotations": annotations, "categories": categories })
}

/// A folder with labels and a picture, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, labels: &Value) -> Folder {
        let folder =
            std::env::temp_dir().join(format!("posewire-video-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut picture = format!("P6 {} {} 255\n", SIZE_PX.0, SIZE_PX.1).into_bytes();
        picture.extend(coded::picture(SIZE_PX, false));
        std::fs::write(folder.join("a.ppm"), picture).unwrap();
        std::fs::write(folder.join("000342_test.json"), labels.to_string()).unwrap();
        Folder(folder)
    }

    fn clips(&self) -> crate::Result<Vec<Clip>> {
        let videos = read_videos(&self.0, &self.0, &model())?;
        videos.iter().map(|video| video.clip(25)).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Follows the video with a modelled network, which sees all three persons.
fn followed(name: &str, labels: &Value) -> Report {
    let folder = Folder::new(name, labels);
    let clips = folder.clips().unwrap();
    let [clip] = &clips[..] else {
        panic!("{clips:?}")
    };
    assert_eq!(
        (clip.name.as_str(), clip.frames()),
        ("000342_test", FRAMES as usize)
    );
    let mut shown = clip.clone();
    shown.size_px = SIZE_PX;
    let world = World::new(&shown, SEED);
    world.set(&Moment {
        captured_us: 0,
        picture: Picture::Coded {
            is_other_room: false,
        },
        truths: persons().to_vec(),
        is_labelled: true,
        ignored: Vec::new(),
        clutter: Vec::new(),
    });
    let mut card = modelled::card(Task::Body);
    card.joints = model();
    let network: Box<dyn Network> = Box::new(PoseModel::new(world.clone(), Task::Body, SEED));
    let finder = modelled::finder_card().unwrap();
    let sees = FinderModel::new(world, &finder, SEED);
    let networks = Networks {
        poses: vec![(card, network)],
        finder: Some((finder, Box::new(sees))),
        work: Workspace::new(None, 1).unwrap(),
    };
    run(clip, Follow::WithFinder, Some(networks), 0).unwrap()
}

/// Around the third person.
fn region() -> Value {
    json!([
        [[430.0, 639.0, 639.0, 430.0]],
        [[100.0, 100.0, 400.0, 400.0]]
    ])
}

fn same(_: u64) -> [u32; 2] {
    [3, 8]
}

#[test]
fn the_known_answer_of_a_video_comes_out() {
    let report = followed("known", &labels(same, &region()));
    let score = &report.score;
    assert_eq!(report.frames as u64, LABELLED);
    assert_eq!(report.spent_us.len() as u64, FRAMES);
    assert_eq!((score.truths, score.misses), (2 * LABELLED, 0));
    // The third person is in an ignored region.
    assert_eq!((score.sent, score.false_sent), (3 * LABELLED, 0));
    assert_eq!((score.mota(), score.idf1()), (Some(1.0), Some(1.0)));
    assert_eq!((score.swaps, score.never_found), (0, 0));
    assert_eq!(score.lock_us, [0, 0]);
    // Frames 40 to 78 at 25 Hz, and the step after the last one.
    assert!((score.seconds - 1.6).abs() < 1e-6, "{}", score.seconds);
    assert_eq!(score.recall[3].truths, 2 * LABELLED);
}

#[test]
fn a_person_outside_of_the_ignored_regions_who_is_not_labelled_is_false() {
    for ignored in [
        json!([null, null]),
        json!([[], []]),
        json!([[0, 9, 9], [0, 0, 9]]),
    ] {
        let score = followed("open", &labels(same, &ignored)).score;
        assert_eq!((score.false_sent, score.false_tracks), (LABELLED, 1));
        assert_eq!(score.mota(), Some(0.5));
    }
}

#[test]
fn ids_that_are_exchanged_in_the_labels_are_swaps() {
    let exchanged = |frame: u64| if frame < 60 { [3, 8] } else { [8, 3] };
    let score = followed("swaps", &labels(exchanged, &region())).score;
    assert_eq!((score.swaps, score.new_numbers), (2, 0));
    assert_eq!(score.mota(), Some(1.0 - 2.0 / 40.0));
    assert_eq!(score.idf1(), Some(0.5));
}

#[test]
fn a_person_with_few_labelled_joints_may_be_found_or_not() {
    let mut few = labels(same, &region());
    for annotation in few["annotations"].as_array_mut().unwrap() {
        if annotation["track_id"] == 8 {
            // A nose, and a right ankle that is not where it is.
            let mut keypoints = [0.0; 51];
            (keypoints[2], keypoints[50]) = (1.0, 1.0);
            annotation["keypoints"] = json!(keypoints.to_vec());
            annotation["bbox"] = json!([220, 100, 200, 300]);
        }
    }
    let score = followed("few", &few).score;
    assert_eq!(
        (score.truths, score.misses, score.false_sent),
        (LABELLED, 0, 0)
    );
    for annotation in few["annotations"].as_array_mut().unwrap() {
        annotation["bbox"] = json!([]);
    }
    let score = followed("no box", &few).score;
    assert_eq!((score.truths, score.false_sent), (LABELLED, LABELLED));
}

#[test]
fn videos_of_one_file_are_told_apart_and_frames_have_their_times() {
    let mut two = labels(same, &json!([null, null]));
    for image in two["images"].as_array_mut().unwrap() {
        let frame = image["id"].as_u64().unwrap() - VIDEO;
        if frame >= 70 {
            // Every second frame of the second one is missing.
            image["vid_id"] = json!(7);
            image["frame_id"] = json!(2 * frame);
        }
    }
    let clips = Folder::new("two", &two).clips().unwrap();
    let of = clips.iter().map(|clip| (clip.name.as_str(), clip.frames()));
    assert_eq!(
        of.collect::<Vec<_>>(),
        [("000342_test 000342", 70), ("000342_test 7", 10)]
    );
    let times = clips[1].moments.iter().map(|moment| moment.captured_us);
    assert_eq!(
        times.take(3).collect::<Vec<_>>(),
        [1_000_000, 1_080_000, 1_160_000]
    );
}

#[test]
fn wrong_labels_are_refused_with_the_file_and_the_fault() {
    let good = labels(same, &region());
    let refused = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut labels = good.clone();
        change(&mut labels);
        let error = Folder::new(name, &labels).clips().unwrap_err().to_string();
        assert!(
            error.contains("000342_test.json") && !error.contains('\n'),
            "{error}"
        );
        error
    };
    type Change<'a> = &'a dyn Fn(&mut Value);
    let cases: [(&str, Change<'_>, &str); 16] = [
        ("form", &|all| *all = json!([]), "no labels of PoseTrack18"),
        (
            "names",
            &|all| all["categories"][0]["keypoints"] = json!(MPII),
            "nose, head_bottom",
        ),
        (
            "unnamed",
            &|all| all["categories"] = json!([]),
            "nose, head_bottom",
        ),
        ("none", &|all| all["images"] = json!([]), "names no picture"),
        (
            "twice",
            &|all| all["images"][1]["id"] = all["images"][0]["id"].clone(),
            "two images of the id",
        ),
        (
            "frames",
            &|all| all["images"][1]["frame_id"] = all["images"][0]["frame_id"].clone(),
            "frame_id",
        ),
        (
            "far",
            &|all| all["images"][1]["frame_id"] = json!(5),
            "too far",
        ),
        (
            "ids",
            &|all| all["annotations"][1]["id"] = all["annotations"][0]["id"].clone(),
            "two annotations",
        ),
        (
            "track",
            &|all| all["annotations"][1]["track_id"] = json!(null),
            "no track_id",
        ),
        (
            "tracks",
            &|all| all["annotations"][1]["track_id"] = json!(3),
            "two persons of the track_id 3",
        ),
        (
            "image",
            &|all| all["annotations"][1]["image_id"] = json!(5),
            "does not list",
        ),
        (
            "length",
            &|all| all["annotations"][1]["keypoints"] = json!([1, 2, 3]),
            "17 joints need 51",
        ),
        (
            "place",
            &|all| all["annotations"][1]["keypoints"][6] = json!(1e9),
            "a joint is at 1000000000",
        ),
        (
            "box",
            &|all| all["annotations"][1]["bbox"] = json!([1, 2]),
            "a bbox has 2 numbers",
        ),
        (
            "region",
            &|all| all["images"][3]["ignore_regions_x"] = json!([[1, 2]]),
            "other lengths",
        ),
        (
            "picture",
            &|all| all["images"][3]["file_name"] = json!("b.ppm"),
            "b.ppm",
        ),
    ];
    for (name, change, word) in cases {
        let error = refused(name, change);
        assert!(error.contains(word), "{name}: {error}");
    }
    let unlabelled = refused("unlabelled", &|all| {
        for image in all["images"].as_array_mut().unwrap() {
            image["is_labeled"] = json!(0);
        }
    });
    assert!(unlabelled.contains("no labelled frame"), "{unlabelled}");
    let few = refused("few frames", &|all| {
        let images = all["images"].as_array_mut().unwrap();
        images.truncate(2);
        all["annotations"] = json!([]);
    });
    assert!(few.contains("fewer than 3 frames"), "{few}");
    let text = Folder::new("nan", &good);
    let path = text.0.join("000342_test.json");
    std::fs::write(&path, good.to_string().replacen("0.0,", "NaN,", 1)).unwrap();
    let error = text.clips().unwrap_err().to_string();
    assert!(
        error.contains("000342_test.json") && error.contains("line 1"),
        "{error}"
    );
    std::fs::remove_file(&path).unwrap();
    let error = text.clips().unwrap_err().to_string();
    assert!(error.contains("without JSON files"), "{error}");
    let other = read_videos(&text.0.join("none.json"), &text.0, &model()).unwrap_err();
    assert!(other.to_string().contains("none.json"), "{other}");
}

#[test]
fn a_model_of_other_joints_is_refused() {
    let folder = Folder::new("other", &labels(same, &region()));
    // Ears have places in the lists, and are never labelled.
    for names in [vec!["wrist".to_string()], vec!["left_ear".to_string()]] {
        let error = read_videos(&folder.0, &folder.0, &names)
            .unwrap_err()
            .to_string();
        assert!(error.contains("other names than the model's"), "{error}");
    }
}
