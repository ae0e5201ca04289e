//! `posewire eval tracking`: the protocol's clips, and how well they are followed.

use super::table::{self, Row};
use crate::cli::command::Given;
use crate::cli::{layers, say};
use crate::engine::{self, Workspace};
use crate::error::{Error, Result};
use crate::limits::{MAX_CAMERA_FPS, MAX_CLIP_RUNS, MAX_CLUTTER_MINUTES};
use crate::model::ModelFile;
use crate::protocol::{self, Clip, Follow, Networks, Report};
use crate::scene::Task;
use crate::settings::Settings;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for options that do not fit together; those of clips and networks.
pub(super) fn measure(given: &Given) -> Result<()> {
    let settings = layers::partial(&given.line)?;
    let (clips, runs) = match (given.path("clips"), given.path("labels")) {
        (Some(_), Some(_)) => return Err(Error::usage("give --clips or --labels, not both")),
        (Some(folder), None) => (of_folder(&folder)?, 1),
        (None, Some(labels)) => (of_labels(given, &labels, &settings)?, 1),
        (None, None) => {
            let minutes = count(given, "minutes", MAX_CLUTTER_MINUTES)?;
            (
                protocol::scenarios(minutes),
                count(given, "runs", MAX_CLIP_RUNS)?,
            )
        }
    };
    check_networks(&clips, &settings)?;
    let follows = follows(given, &settings, &clips)?;
    let rows = run_all(&clips, &follows, runs, &settings)?;
    // Modelled clips each show something else, and so do rendered ones. Videos are a sample of one kind.
    let totals = match given.path("labels") {
        Some(_) if clips.len() > 1 => table::totals(&rows, &follows),
        _ => Vec::new(),
    };
    if given.has("json") {
        let (clips, all) = (table::as_json(&rows), table::as_json(&totals));
        say!("{}", json!({ "runs": runs, "clips": clips, "all": all }));
        return Ok(());
    }
    table::print(&rows, totals);
    Ok(())
}

/// The videos of labels in PoseTrack18's form.
fn of_labels(given: &Given, labels: &Path, settings: &Settings) -> Result<Vec<Clip>> {
    let images = given.required_path("images")?;
    let fps = count(given, "fps", MAX_CAMERA_FPS)?;
    let joints = joints_of(settings, Task::Body)?.ok_or_else(|| {
        Error::usage("--labels of persons need a network for bodies: give one as --model")
    })?;
    let videos = protocol::read_videos(labels, &images, &joints)?;
    videos.iter().map(|video| video.clip(fps)).collect()
}

/// Every clip of pictures needs a network for what it shows. It is said before the first clip runs, so that no result is lost.
fn check_networks(clips: &[Clip], settings: &Settings) -> Result<()> {
    if !clips.iter().any(Clip::is_of_pictures) {
        return Ok(());
    }
    let tasks = [Task::Hand, Task::Body];
    let mut has_network = [false; 2];
    for (has, task) in has_network.iter_mut().zip(tasks) {
        *has = joints_of(settings, task)?.is_some();
    }
    let is_run = |clip: &Clip| {
        let mut both = tasks.into_iter().zip(has_network);
        !clip.is_of_pictures() || both.any(|(task, has)| has && clip.follows(task))
    };
    let Some(clip) = clips.iter().find(|clip| !is_run(clip)) else {
        return Ok(());
    };
    let shown = tasks.into_iter().find(|&task| clip.follows(task));
    Err(Error::usage(format!(
        "the clip {:?} needs a network for the task {}: give one as a further --model",
        clip.name,
        shown.map_or("hand", Task::name)
    )))
}

/// The joints of the first model for a task.
fn joints_of(settings: &Settings, task: Task) -> Result<Option<Vec<String>>> {
    for path in &settings.models {
        let model = ModelFile::open(path)?;
        if model.finder().is_none() {
            let card = model.require_card()?;
            if card.task == task {
                return Ok(Some(card.joints.clone()));
            }
        }
    }
    Ok(None)
}

/// A count from 1 on; the default is the option's.
fn count(given: &Given, name: &'static str, most: u32) -> Result<u32> {
    let count: u32 = given.value(name)?.unwrap_or(match name {
        "minutes" => 10,
        "fps" => 25,
        _ => 4,
    });
    if !(1..=most).contains(&count) {
        return Err(Error::usage(format!(
            "--{name} {count}: must be 1 to {most}"
        )));
    }
    Ok(count)
}

fn follows(given: &Given, settings: &Settings, clips: &[Clip]) -> Result<Vec<Follow>> {
    let name: Option<String> = given.value("tracker")?;
    let of_pictures = clips.iter().any(Clip::is_of_pictures);
    let has_finder = !of_pictures || has_finder(settings)?;
    match name.as_deref() {
        None | Some("all") if has_finder => {
            Ok(vec![Follow::One, Follow::Several, Follow::WithFinder])
        }
        None | Some("all") => Ok(vec![Follow::One, Follow::Several]),
        Some("one") => Ok(vec![Follow::One]),
        Some("several") => Ok(vec![Follow::Several]),
        Some("finder") if has_finder => Ok(vec![Follow::WithFinder]),
        Some("finder") => Err(Error::usage(
            "--tracker finder needs a finder: give one as a further --model",
        )),
        Some(other) => Err(Error::usage(format!(
            "--tracker {other:?} is not one, several, finder or all"
        ))),
    }
}

fn has_finder(settings: &Settings) -> Result<bool> {
    for path in &settings.models {
        if ModelFile::open(path)?.finder().is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The clips in the folders of a folder, by name; or the clip of the folder itself.
fn of_folder(folder: &Path) -> Result<Vec<Clip>> {
    if folder.join("truth.json").exists() {
        return Ok(vec![protocol::read_clip(folder)?]);
    }
    let entries = std::fs::read_dir(folder)
        .map_err(|error| Error::data(folder, "cannot be listed").because(error))?;
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("truth.json").exists())
        .collect();
    folders.sort();
    if folders.is_empty() {
        return Err(Error::data(folder, "has no folder with a truth.json"));
    }
    folders
        .iter()
        .map(|path| protocol::read_clip(path))
        .collect()
}

/// Runs each clip in each way, on all processors if the networks are modelled.
fn run_all(clips: &[Clip], follows: &[Follow], runs: u32, settings: &Settings) -> Result<Vec<Row>> {
    let jobs: Vec<(&Clip, Follow)> = clips
        .iter()
        .flat_map(|clip| follows.iter().map(move |&follow| (clip, follow)))
        .collect();
    let is_modelled = !clips.iter().any(Clip::is_of_pictures);
    let workers = match is_modelled {
        true => thread::available_parallelism().map_or(1, usize::from),
        false => 1,
    };
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<Report>)>> = Mutex::new(Vec::new());
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(&(clip, follow)) = jobs.get(at) else {
                return;
            };
            log::info!("{}, {}", clip.name, table::name_of(follow));
            let report = run_one(clip, follow, runs, settings);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((at, report));
        }
    };
    thread::scope(|scope| {
        for _ in 1..workers.min(jobs.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    let row = |(at, report): (usize, Result<Report>)| {
        let (clip, follow) = jobs[at];
        Ok(Row {
            clip: clip.name.clone(),
            follow,
            report: report?,
        })
    };
    done.into_iter().map(row).collect()
}

fn run_one(clip: &Clip, follow: Follow, runs: u32, settings: &Settings) -> Result<Report> {
    if clip.is_of_pictures() {
        return protocol::run(clip, follow, Some(networks(settings)?), 0);
    }
    let mut all = protocol::run(clip, follow, None, 1)?;
    // The long clip has enough noise of its own.
    let runs = if clip.frames() > 5000 { 1 } else { runs };
    for seed in 2..=u64::from(runs) {
        all.join(protocol::run(clip, follow, None, seed)?);
    }
    Ok(all)
}

fn networks(settings: &Settings) -> Result<Networks> {
    let (mut poses, mut finder, mut sizes) = (Vec::new(), None, Vec::new());
    for path in &settings.models {
        let model = ModelFile::open(path)?;
        let network = engine::load(&model, settings.engine, settings.threads)?;
        sizes.extend(network.workspace());
        match model.finder() {
            Some(card) => finder = Some((card.clone(), network)),
            None => {
                let card = model.require_card()?;
                engine::check_shapes(model.path(), card, network.as_ref())?;
                poses.push((card.clone(), network));
            }
        }
    }
    Ok(Networks {
        poses,
        finder,
        work: Workspace::new(sizes, settings.threads)?,
    })
}
