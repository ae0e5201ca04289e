//! `posewire eval`: a network's accuracy, and its values of presence, on labelled pictures.

mod accuracy;
mod coco;
mod finder;
mod interhand;
mod kept;
mod labels;
mod matlab;
mod mpii;
#[cfg(test)]
mod person_tests;
mod persons;
mod posetrack;
mod presence;
mod published;
mod read;
mod run;
mod table;
#[cfg(test)]
mod tests;
mod tracking;
mod wholebody;

use super::clash::{self, Named};
use super::command::{Accepts, Command, CommandOption, Given};
use super::layers;
use crate::error::{Error, Result};
use crate::file;
use crate::limits::MAX_LABEL_BYTES;
use crate::model::ModelFile;
use crate::protocol;
use crate::scene::Task;
use crate::settings::Settings;
use crate::text::Shown;
use kept::Kept;
pub(super) use run::{Judged, with_picture};
use std::path::Path;

pub const COMMAND: Command = Command {
    name: "eval",
    summary: "measure a model on labelled pictures",
    about: "\
Measure a model on labelled pictures, each subject in its labelled box: PCK, AUC and EPE of hands or bodies,
as model cards print them, and AP and AR of persons, as COCO's tools compute them; `presence`, the values of a card's
field of that name; or `finder`, how many hands or persons a finder sees in whole pictures.

Or measure how well several instances are followed: `tracking` runs clips with a known truth, or PoseTrack18's videos,
through the whole program.",
    usage: &[
        "hand|body|presence|finder --labels FILE --images DIR [OPTIONS]",
        "tracking --labels FILE|DIR --images DIR [OPTIONS]",
        "tracking [OPTIONS]",
    ],
    positional: Some("WHAT"),
    options: &[
        CommandOption {
            name: "labels",
            argument: Some("FILE"),
            default: None,
            help: "COCO keypoints, in the order of the model's joints; COCO-WholeBody's, of which the hands; InterHand2.6M's \
                   NAME_data.json, with NAME_camera.json and NAME_joint_3d.json beside it; MPII's mpii_NAME.json, \
                   with mpii_gt_NAME.mat; COCO's person_keypoints_NAME.json; or PoseTrack18's, a file or a folder of them. \
                   tracking: PoseTrack18's",
        },
        CommandOption {
            name: "images",
            argument: Some("DIR"),
            default: None,
            help: "the folder that the labels' file names start from",
        },
        CommandOption {
            name: "progress",
            argument: Some("FILE"),
            default: None,
            help: "hand, body: keep what was seen, and go on from there: for long runs that may be stopped",
        },
        CommandOption {
            name: "clips",
            argument: Some("DIR"),
            default: None,
            help: "tracking: a folder of clips in pictures, each a folder with truth.json; without it, modelled clips",
        },
        CommandOption {
            name: "tracker",
            argument: Some("NAME"),
            default: Some("all"),
            help: "tracking: one, several, finder or all",
        },
        CommandOption {
            name: "minutes",
            argument: Some("N"),
            default: Some("10"),
            help: "tracking: minutes of clutter",
        },
        CommandOption {
            name: "runs",
            argument: Some("N"),
            default: Some("4"),
            help: "tracking: runs of each modelled clip, with other noise",
        },
        CommandOption {
            name: "fps",
            argument: Some("N"),
            default: Some("25"),
            help: "tracking: frames a second of the labelled videos, which do not tell it",
        },
        CommandOption::JSON,
    ],
    settings: Accepts::These(&["model", "flip-test", "decode", "threads", "pin", "engine"]),
    notes: "\
An image without an annotation shows no subject: `presence` needs some. docs/evaluation.md says how each
figure is computed.",
    examples: &[
        "hand --model hand.int8.onnx --labels labels.json --images pictures",
        "presence --model hand.plan --labels labels.json --images pictures --json",
        "finder --model finder.plan --labels labels.json --images pictures",
        "tracking",
        "tracking --clips clips --model hand.plan --model finder.plan",
        "tracking --labels posetrack_data/val --images posetrack --model body.plan",
    ],
    run,
};

fn run(given: Given) -> Result<()> {
    let what = given.positional().unwrap_or_default();
    let task = match &*what {
        "hand" => Some(Task::Hand),
        "body" => Some(Task::Body),
        "presence" | "finder" => None,
        "tracking" => return tracking::measure(&given),
        _ => {
            return Err(Error::usage(format!(
                "eval measures hand, body, presence, finder or tracking, not {what:?}"
            )));
        }
    };
    let (path, images) = (
        given.required_path("labels")?,
        given.required_path("images")?,
    );
    let settings = layers::partial(&given.line)?;
    let model = settings.model()?;
    let card = ModelFile::card_beside(model);
    let inputs = [
        Named {
            role: "--model",
            path: model,
        },
        Named {
            role: "the card",
            path: &card,
        },
        Named {
            role: "--labels",
            path: &path,
        },
    ];
    let progress = given.path("progress");
    let mut outputs = vec![clash::standard_output()];
    outputs.extend(progress.as_deref().map(|path| Named {
        role: "--progress",
        path,
    }));
    clash::check(&inputs, &outputs)?;
    if progress.is_some() && task.is_none() {
        return Err(Error::usage("--progress is for eval hand and eval body"));
    }
    if what == "finder" {
        let (task, labels) = read::of_finder(&path, &images)?;
        return finder::measure(model, &settings, task, &labels, &path, given.has("json"));
    }
    let mut judged = Judged::open(model, &settings)?;
    let own = judged.card().task;
    if task.is_some_and(|task| task != own) {
        return Err(Error::usage(format!(
            "eval {what}: {} is for the task {}",
            Shown::path(model),
            own.name()
        )));
    }
    let labels = read::labels(&path, &images, own, &judged.card().joints)?;
    let as_json = given.has("json");
    let mut kept = match &progress {
        Some(progress) => Kept::open(progress, &origin(&[model, &card, &path], &settings)?)?,
        None => Kept::default(),
    };
    match task {
        Some(_) => accuracy::measure(&mut judged, &labels, &path, &mut kept, as_json),
        None => presence::measure(&mut judged, &labels, &path, as_json),
    }
}

/// Text that differs if another model, other labels or other options give other joints.
fn origin(paths: &[&Path], settings: &Settings) -> Result<String> {
    let mut text = format!("{:?}", settings.looks());
    for path in paths {
        for path in protocol::label_files(path)? {
            let sum = match file::read_bounded(&path, MAX_LABEL_BYTES) {
                Ok(bytes) => crc32fast::hash(&bytes),
                // A plan has its card inside.
                Err(error) if error.is_missing() => 0,
                Err(error) => return Err(Error::data(&path, error.to_string())),
            };
            text += &format!(" {sum:08x}");
        }
    }
    Ok(text)
}
