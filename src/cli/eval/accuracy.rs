//! `posewire eval hand` and `body`: the figures that model cards print.

use super::kept::{Kept, Look};
use super::labels::{Labels, Measure, Subject};
use super::published;
use super::run::{self, Judged};
use crate::cli::say;
use crate::error::{Error, Result};
use crate::metrics::{self, Sample, oks};
use serde_json::{Value, json};
use std::path::Path;

/// AUC is over thresholds up to this distance, as in MMPose.
const AUC_PX: f64 = 30.0;
/// A line of progress every so many pictures.
const PROGRESS_PICTURES: usize = 500;

/// A figure by its name in model cards; `None` if the set has nothing of its kind.
type Figure = (&'static str, Option<f64>);

/// A subject and what the network saw of it.
#[derive(Debug)]
pub(super) struct Seen {
    /// The place of its picture in the labels.
    picture: usize,
    sample: Sample,
    /// The mean of the joints' scores.
    score: f64,
}

impl Seen {
    pub fn new(picture: usize, subject: &Subject, look: &Look) -> Seen {
        Seen {
            picture,
            sample: subject.sample(&look.joints),
            score: look.score,
        }
    }
}

/// # Errors
/// Those of the pictures and of the network; [`ErrorKind::Data`](crate::ErrorKind::Data) if nothing is labelled.
pub(super) fn measure(
    judged: &mut Judged,
    labels: &Labels,
    path: &Path,
    kept: &mut Kept,
    as_json: bool,
) -> Result<()> {
    if labels.subjects() == 0 {
        return Err(Error::data(path, "labels no joint of any picture"));
    }
    let seen = samples(judged, labels, kept)?;
    let figures = figures(&seen, labels);
    let joints = compared(&seen, labels)
        .iter()
        .map(|sample| sample.valid.iter().filter(|&&valid| valid).count())
        .sum::<usize>();
    if as_json {
        say!("{}", report(judged, labels, &figures, seen.len(), joints));
        return Ok(());
    }
    print(judged, labels, &figures, seen.len(), joints);
    Ok(())
}

/// The network's look at each subject, beside the truth. What is kept already is not looked at again.
///
/// # Errors
/// Those of the pictures, of the network and of the file that keeps them.
pub(super) fn samples(judged: &mut Judged, labels: &Labels, kept: &mut Kept) -> Result<Vec<Seen>> {
    let mut seen = Vec::with_capacity(labels.subjects());
    for (index, picture) in labels.pictures.iter().enumerate() {
        if index > 0 && index.is_multiple_of(PROGRESS_PICTURES) {
            log::info!("{index} of {} pictures", labels.pictures.len());
        }
        let old: Option<Vec<Seen>> = picture
            .subjects
            .iter()
            .enumerate()
            .map(|(at, subject)| {
                let look = kept.look((index, at))?;
                let is_whole = look.joints.len() == subject.truth.len();
                is_whole.then(|| Seen::new(index, subject, look))
            })
            .collect();
        if let Some(old) = old {
            seen.extend(old);
            continue;
        }
        run::with_picture(&picture.path, |pixels| {
            for (at, subject) in picture.subjects.iter().enumerate() {
                let look = judged.joints(pixels, subject)?;
                kept.add((index, at), &look)?;
                seen.push(Seen::new(index, subject, &look));
            }
            Ok(())
        })?;
    }
    Ok(seen)
}

/// The samples, in which only the joints that are compared are labelled.
fn compared(seen: &[Seen], labels: &Labels) -> Vec<Sample> {
    let mut samples: Vec<Sample> = seen.iter().map(|one| one.sample.clone()).collect();
    for sample in &mut samples {
        let counts = labels.compared.iter().flatten();
        for (valid, counts) in sample.valid.iter_mut().zip(counts) {
            *valid &= counts;
        }
    }
    samples
}

pub(super) fn figures(seen: &[Seen], labels: &Labels) -> Vec<Figure> {
    let mut figures = match labels.measure {
        Measure::Persons(places) => similarities(seen, labels, &places),
        Measure::Box | Measure::Head => Vec::new(),
    };
    let samples = &compared(seen, labels);
    let distances = match labels.measure {
        Measure::Box | Measure::Persons(_) => vec![
            ("PCK@0.2", metrics::pck(samples, 0.2)),
            ("PCK@0.1", metrics::pck(samples, 0.1)),
            ("AUC", metrics::auc(samples, AUC_PX)),
            ("EPE", metrics::epe_px(samples)),
        ],
        // Model cards state shares, not percents.
        Measure::Head => vec![
            ("PCKh@0.5", metrics::pckh(samples, 0.5) / 100.0),
            ("PCKh@0.1", metrics::pckh(samples, 0.1) / 100.0),
        ],
    };
    figures.extend(
        distances
            .into_iter()
            .map(|(name, value)| (name, Some(value))),
    );
    figures
}

/// COCO's figures. `places` has its joints in the model's order.
fn similarities(seen: &[Seen], labels: &Labels, places: &[usize; oks::JOINTS]) -> Vec<Figure> {
    let pictures = labels.pictures.iter();
    let mut pictures: Vec<oks::Picture> = pictures
        .map(|picture| oks::Picture {
            truths: picture.persons.clone(),
            found: Vec::new(),
        })
        .collect();
    for one in seen {
        let joints = places.map(|place| one.sample.predicted[place]);
        let score = one.score;
        pictures[one.picture]
            .found
            .push(oks::Found { joints, score });
    }
    let figures = oks::figures(&pictures);
    vec![
        ("AP", figures.ap),
        ("AP50", figures.ap50),
        ("AP75", figures.ap75),
        ("AP-medium", figures.ap_medium),
        ("AP-large", figures.ap_large),
        ("AR", figures.ar),
    ]
}

/// Names of the joints whose distances count, if not all of the model's do.
fn compared_names<'a>(judged: &'a Judged, labels: &Labels) -> Option<Vec<&'a str>> {
    let joints = judged.card().joints.iter().zip(labels.compared.as_ref()?);
    let names = joints.filter(|(_, counts)| **counts);
    Some(names.map(|(name, _)| name.as_str()).collect())
}

fn print(judged: &Judged, labels: &Labels, figures: &[Figure], samples: usize, joints: usize) {
    let card = judged.card();
    say!(
        "{} at {} x {} on {}",
        card.task.name(),
        card.input_px.width,
        card.input_px.height,
        judged.engine_name()
    );
    say!(
        "labels: {}, {} pictures, {samples} samples, {joints} joints, {} annotations left out",
        labels.form,
        labels.pictures.len(),
        labels.skipped
    );
    say!(
        "looks: {}, padded by {}, decode {:?}, {} flip test",
        labels.boxes,
        card.crop_padding,
        card.decode,
        if judged.has_flip_test() { "with" } else { "no" }
    );
    if let Some(times) = judged.inference() {
        say!("time of a look: {:.1} ms (median)", times.median_ms);
    }
    if let Some(names) = compared_names(judged, labels) {
        let of = match labels.measure {
            Measure::Persons(_) => "PCK, AUC and EPE",
            Measure::Box | Measure::Head => "figures",
        };
        say!(
            "{of}: only the {} joints from shoulders to ankles count, by name: {}",
            names.len(),
            names.join(", ")
        );
    }
    for (name, value) in figures {
        let value = value.map_or("-".into(), |value| format!("{value:.3}"));
        say!("{name:<9} {value}");
    }
    for row in published::rows(&card.source) {
        let values: Vec<String> = row
            .names
            .iter()
            .zip(row.values)
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        say!(
            "model card, {}, float, with flip test: {}",
            row.on,
            values.join(", ")
        );
    }
}

fn report(
    judged: &Judged,
    labels: &Labels,
    figures: &[Figure],
    samples: usize,
    joints: usize,
) -> Value {
    let card = judged.card();
    let figures: serde_json::Map<String, Value> = figures
        .iter()
        .map(|&(name, value)| (name.to_string(), json!(value)))
        .collect();
    let published: Vec<Value> = published::rows(&card.source)
        .iter()
        .map(|row| {
            let values = row.names.iter().zip(row.values);
            let values: serde_json::Map<String, Value> = values
                .map(|(&name, &value)| (name.to_string(), json!(value)))
                .collect();
            json!({ "on": row.on, "figures": values })
        })
        .collect();
    json!({
        "task": card.task.name(),
        "source": card.source,
        "engine": judged.engine_name(),
        "input_size": [card.input_px.width, card.input_px.height],
        "labels": labels.form,
        "boxes": labels.boxes,
        "padding": card.crop_padding,
        "decode": card.decode,
        "flip_test": judged.has_flip_test(),
        "pictures": labels.pictures.len(),
        "samples": samples,
        "joints": joints,
        "joints_compared": compared_names(judged, labels),
        "left_out": labels.skipped,
        "median_ms": judged.inference().map(|times| times.median_ms),
        "figures": figures,
        "model_card": published,
    })
}
