//! `posewire compare`: what two networks of the same joints see in the same pictures.

use super::clash::{self, Named};
use super::command::{Accepts, Command, CommandOption, Given};
use super::eval::{Judged, with_picture};
use super::{layers, say};
use crate::error::{Error, Result};
use crate::frame::Pixels;
use crate::metrics::nearest_rank;
use crate::model::ModelFile;
use crate::scene::{BBox, CropBox, Keypoint};
use crate::source;
use crate::text::Shown;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub const COMMAND: Command = Command {
    name: "compare",
    summary: "compare two models on the same pictures",
    about: "\
Compare two models of the same joints on the pictures of a folder, without labels: how far apart their joints
are, how long each takes, and whether one can take the other's place.",
    usage: &["--model FILE --reference FILE --images DIR [OPTIONS]"],
    positional: None,
    options: &[
        CommandOption {
            name: "reference",
            argument: Some("FILE"),
            default: None,
            help: "the model to compare with",
        },
        CommandOption {
            name: "images",
            argument: Some("DIR"),
            default: None,
            help: "the folder of the pictures, each with one subject",
        },
        CommandOption::JSON,
    ],
    settings: Accepts::These(&["model", "flip-test", "decode", "threads", "pin", "engine"]),
    notes: "\
The reference finds the subject in the whole picture; both then look at the box around its joints. Joints that
the reference does not find do not count.",
    examples: &["--model hand.int8.onnx --reference hand.onnx --images pictures"],
    run,
};

/// The score from which on a joint is found.
const MIN_SCORE: f32 = 0.3;
/// Distances within these shares of the box's side are the same place, or near it.
const SAME: f64 = 0.02;
const NEAR: f64 = 0.05;
/// Share of the joints that must be so.
const MOST: f64 = 0.95;

fn run(given: Given) -> Result<()> {
    let (reference, images) = (
        given.required_path("reference")?,
        given.required_path("images")?,
    );
    let settings = layers::partial(&given.line)?;
    let model = settings.model()?;
    let cards = [model, &reference].map(ModelFile::card_beside);
    let roles = [
        ("--model", model),
        ("--reference", &*reference),
        ("the card", &cards[0]),
        ("the card", &cards[1]),
    ];
    let inputs = roles.map(|(role, path)| Named { role, path });
    clash::check(&inputs, &[clash::standard_output()])?;
    let pictures = source::pictures_of(&images)?;
    let open = |path: &Path| Judged::open(path, &settings);
    let (mut own, mut other) = (open(model)?, open(&reference)?);
    check(model, &own, &reference, &other)?;
    let compared = compare(&mut own, &mut other, &pictures)?;
    if given.has("json") {
        say!("{}", compared.as_json(&own, &other));
    } else {
        compared.print(&own, &other);
    }
    Ok(())
}

/// Both must be for the same joints, in the same order.
fn check(model: &Path, own: &Judged, reference: &Path, other: &Judged) -> Result<()> {
    let (first, second) = (own.card(), other.card());
    if (first.task, &first.joints) == (second.task, &second.joints) {
        return Ok(());
    }
    let names = first.joints.iter().zip(&second.joints);
    let what = match names.enumerate().find(|(_, (a, b))| a != b) {
        Some((at, (a, b))) => format!("joint {at} is {a:?} in one and {b:?} in the other"),
        None => format!(
            "one is for {} joints of the task {}, the other for {} of {}",
            first.joints.len(),
            first.task.name(),
            second.joints.len(),
            second.task.name()
        ),
    };
    Err(Error::usage(format!(
        "{} and {} cannot be compared: {what}",
        Shown::path(model),
        Shown::path(reference)
    )))
}

/// Distances and times over all pictures.
#[derive(Debug, Default)]
struct Compared {
    pictures: usize,
    /// Those in which the reference finds something.
    subjects: usize,
    /// Of each joint: distances in px, and in sides of the box.
    joints: Vec<Vec<(f64, f64)>>,
    /// Joints that only the reference finds.
    missed: usize,
}

fn compare(own: &mut Judged, other: &mut Judged, pictures: &[PathBuf]) -> Result<Compared> {
    let mut compared = Compared {
        joints: vec![Vec::new(); own.card().joints.len()],
        ..Compared::default()
    };
    for path in pictures {
        with_picture(path, |pixels| compared.picture(own, other, pixels, path))?;
    }
    if compared.subjects == 0 {
        return Err(Error::usage(format!(
            "the reference finds nothing in {} pictures: give pictures of what it was trained for",
            compared.pictures
        )));
    }
    Ok(compared)
}

impl Compared {
    fn picture(
        &mut self,
        own: &mut Judged,
        other: &mut Judged,
        pixels: &Pixels<'_>,
        path: &Path,
    ) -> Result<()> {
        self.pictures += 1;
        let whole = BBox::whole(pixels.width_px(), pixels.height_px());
        let whole = CropBox::new(whole, 1.0, other.card().input_px);
        let found = other.look_at(pixels, &whole, path)?.keypoints;
        let Some(bbox) = box_of(&found) else {
            return Ok(());
        };
        let crop = |judged: &Judged| {
            let card = judged.card();
            CropBox::new(bbox, card.crop_padding, card.input_px)
        };
        let (own_crop, other_crop) = (crop(own), crop(other));
        let wanted = other.look_at(pixels, &other_crop, path)?.keypoints;
        let seen = own.look_at(pixels, &own_crop, path)?.keypoints;
        self.subjects += 1;
        let side_px = f64::from(bbox.width_px.max(bbox.height_px).max(1.0));
        for (at, (wanted, seen)) in wanted.iter().zip(&seen).enumerate() {
            if wanted.score < MIN_SCORE {
                continue;
            }
            if !seen.is_found() {
                self.missed += 1;
                continue;
            }
            let (dx, dy) = (wanted.x_px - seen.x_px, wanted.y_px - seen.y_px);
            let px = f64::from(dx).hypot(f64::from(dy));
            self.joints[at].push((px, px / side_px));
        }
        Ok(())
    }

    /// Share of the joints that are nearer than this, in sides. A missed one is far away.
    fn share(&self, sides: f64) -> f64 {
        let all = self.joints.iter().flatten();
        let near = all.clone().filter(|(_, far)| *far <= sides).count();
        near as f64 / (all.count() + self.missed).max(1) as f64
    }

    fn distances_px(&self) -> Vec<f64> {
        sorted(self.joints.iter().flatten().map(|(px, _)| *px))
    }

    fn verdict(&self) -> &'static str {
        if self.share(SAME) >= MOST {
            "it sees the same"
        } else if self.share(NEAR) >= MOST {
            "it sees nearly the same"
        } else {
            "it does not see the same"
        }
    }

    fn print(&self, own: &Judged, other: &Judged) {
        say!(
            "{} pictures, {} with a subject; {} joints that the reference finds and the model does not",
            self.pictures,
            self.subjects,
            self.missed
        );
        say!(
            "{:<24} {:>6} {:>9} {:>9}",
            "joint",
            "n",
            "median px",
            "p95 px"
        );
        for (name, distances) in own.card().joints.iter().zip(&self.joints) {
            let px = sorted(distances.iter().map(|(px, _)| *px));
            if !px.is_empty() {
                line(name, &px);
            }
        }
        line("all", &self.distances_px());
        let times = [own, other].map(|judged| judged.inference().map(|times| times.median_ms));
        if let [Some(own_ms), Some(other_ms)] = times {
            say!(
                "a look takes {own_ms:.1} ms, the reference's {other_ms:.1} ms (median): {:.2} times as long",
                own_ms / other_ms
            );
        }
        say!(
            "{}: {:.1} % of the joints within {SAME} of the box's side, {:.1} % within {NEAR}",
            self.verdict(),
            100.0 * self.share(SAME),
            100.0 * self.share(NEAR)
        );
    }

    fn as_json(&self, own: &Judged, other: &Judged) -> Value {
        let joints = own.card().joints.iter().zip(&self.joints);
        let joints = joints.map(|(name, distances)| {
            let px = sorted(distances.iter().map(|(px, _)| *px));
            json!({ "joint": name, "n": px.len(), "median_px": nearest_rank(&px, 0.5), "p95_px": nearest_rank(&px, 0.95) })
        });
        let all = self.distances_px();
        let side = |judged: &Judged| {
            json!({
                "source": judged.card().source,
                "engine": judged.engine_name(),
                "median_ms": judged.inference().map(|times| times.median_ms),
            })
        };
        json!({
            "model": side(own),
            "reference": side(other),
            "pictures": self.pictures,
            "subjects": self.subjects,
            "missed": self.missed,
            "median_px": nearest_rank(&all, 0.5),
            "p95_px": nearest_rank(&all, 0.95),
            "share_same": self.share(SAME),
            "share_near": self.share(NEAR),
            "verdict": self.verdict(),
            "joints": joints.collect::<Vec<_>>(),
        })
    }
}

fn line(name: &str, px: &[f64]) {
    let value = |share| nearest_rank(px, share).unwrap_or(0.0);
    say!(
        "{name:<24} {:>6} {:>9.2} {:>9.2}",
        px.len(),
        value(0.5),
        value(0.95)
    );
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The box around the joints that are found, if half of them are.
fn box_of(joints: &[Keypoint]) -> Option<BBox> {
    let found = joints.iter().filter(|joint| joint.score >= MIN_SCORE);
    let is_half = 2 * found.clone().count() >= joints.len();
    let around = BBox::around(found.map(|joint| (joint.x_px, joint.y_px)))?;
    let side_px = around.width_px.max(around.height_px);
    (is_half && side_px >= 1.0).then_some(around)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::FakeNetwork;
    use crate::model::{ModelCard, test_card};
    use crate::pipeline::Estimator;

    /// A network that sees the joints on a grid, moved by so many pixels of the heatmap.
    fn judged(moved: f32, card: ModelCard) -> Judged {
        let joint = |joint: usize| {
            let (x, y) = (
                11.0 + 7.0 * (joint % 7) as f32,
                11.0 + 21.0 * (joint / 7) as f32,
            );
            (x + moved, y, 0.9)
        };
        let network = FakeNetwork::new(256, (0..card.joints.len()).map(joint).collect());
        Judged::of(Estimator::with_card(card, Box::new(network)))
    }

    fn pictures(name: &str) -> (PathBuf, Vec<PathBuf>) {
        let folder =
            std::env::temp_dir().join(format!("posewire-compare-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut picture = b"P5 64 64 255\n".to_vec();
        picture.extend([90; 64 * 64]);
        std::fs::write(folder.join("a.pgm"), &picture).unwrap();
        std::fs::write(folder.join("b.pgm"), &picture).unwrap();
        let found = source::pictures_of(&folder).unwrap();
        (folder, found)
    }

    #[test]
    fn the_distance_is_that_of_the_networks() {
        let (folder, pictures) = pictures("distance");
        assert_eq!(pictures.len(), 2);
        let card = test_card;
        let mut reference = judged(0.0, card());
        let same = compare(&mut judged(0.0, card()), &mut reference, &pictures).unwrap();
        assert_eq!((same.pictures, same.subjects, same.missed), (2, 2, 0));
        assert_eq!(nearest_rank(&same.distances_px(), 1.0), Some(0.0));
        assert_eq!(same.verdict(), "it sees the same");

        // The picture's 64 px are the heatmap's 64, and the joints' box has 42 of them. Both networks look at
        // 1.5 times of it: 63 px, so that 2 px of the heatmap are about 2 px of the picture.
        let moved = compare(&mut judged(2.0, card()), &mut reference, &pictures).unwrap();
        let px = nearest_rank(&moved.distances_px(), 0.5).unwrap();
        assert!((px - 2.0 * 63.0 / 64.0).abs() < 0.1, "{px}");
        assert_eq!(moved.verdict(), "it sees nearly the same");
        let far = compare(&mut judged(6.0, card()), &mut reference, &pictures).unwrap();
        assert_eq!(far.verdict(), "it does not see the same");
        let json = far.as_json(&reference, &judged(0.0, card()));
        assert_eq!(
            (json["subjects"].as_u64(), json["joints"][0]["n"].as_u64()),
            (Some(2), Some(2))
        );
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_cannot_be_compared_is_named() {
        let (folder, pictures) = pictures("errors");
        let (a, b) = (Path::new("a.plan"), Path::new("b.plan"));
        let mut other = test_card();
        other.joints[4] = "elbow".into();
        let error = check(a, &judged(0.0, test_card()), b, &judged(0.0, other)).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("a.plan") && error.contains("elbow"),
            "{error}"
        );
        let mut fewer = test_card();
        fewer.joint_table = "own".into();
        fewer.joints.pop();
        let error = check(a, &judged(0.0, test_card()), b, &judged(0.0, fewer)).unwrap_err();
        assert!(error.to_string().contains("20"), "{error}");

        let nan = || {
            let network = FakeNetwork::new(256, vec![(f32::NAN, 9.0, 0.9); 21]);
            Judged::of(Estimator::with_card(test_card(), Box::new(network)))
        };
        let error = compare(&mut nan(), &mut judged(0.0, test_card()), &pictures).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("a.pgm") && error.contains("no number"),
            "{error}"
        );

        let blind = FakeNetwork::new(256, vec![(9.0, 9.0, 0.1); 21]);
        let mut blind = Judged::of(Estimator::with_card(test_card(), Box::new(blind)));
        let error = compare(&mut judged(0.0, test_card()), &mut blind, &pictures).unwrap_err();
        assert!(error.to_string().contains("finds nothing in 2"), "{error}");

        for path in pictures {
            std::fs::remove_file(path).unwrap();
        }
        let error = source::pictures_of(&folder).unwrap_err().to_string();
        assert!(error.contains("has no pictures"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
