//! `posewire eval hand` and `body`: the figures that model cards print.

use super::kept::Kept;
use super::labels::{Labels, Measure};
use super::published;
use super::run::{self, Judged};
use crate::cli::say;
use crate::error::{Error, Result};
use crate::metrics::{self, Sample};
use serde_json::{Value, json};
use std::path::Path;

/// AUC is over thresholds up to this distance, as in MMPose.
const AUC_PX: f64 = 30.0;
/// A line of progress every so many pictures.
const PROGRESS_PICTURES: usize = 500;

/// A figure by its name in model cards.
type Figure = (&'static str, f64);

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
    let samples = samples(judged, labels, kept)?;
    let figures = figures(&samples, labels.measure);
    let joints = samples
        .iter()
        .map(|sample| sample.valid.iter().filter(|&&valid| valid).count())
        .sum::<usize>();
    if as_json {
        say!(
            "{}",
            report(judged, labels, &figures, samples.len(), joints)
        );
        return Ok(());
    }
    print(judged, labels, &figures, samples.len(), joints);
    Ok(())
}

/// The network's joints of each subject, beside the truth. What is kept already is not looked at again.
///
/// # Errors
/// Those of the pictures, of the network and of the file that keeps them.
pub(super) fn samples(
    judged: &mut Judged,
    labels: &Labels,
    kept: &mut Kept,
) -> Result<Vec<Sample>> {
    let mut samples = Vec::with_capacity(labels.subjects());
    for (index, picture) in labels.pictures.iter().enumerate() {
        if index > 0 && index.is_multiple_of(PROGRESS_PICTURES) {
            log::info!("{index} of {} pictures", labels.pictures.len());
        }
        let old: Option<Vec<Sample>> = picture
            .subjects
            .iter()
            .enumerate()
            .map(|(at, subject)| Some(subject.sample(kept.joints((index, at))?)))
            .collect();
        if let Some(old) = old {
            samples.extend(old);
            continue;
        }
        run::with_picture(&picture.path, |pixels| {
            for (at, subject) in picture.subjects.iter().enumerate() {
                let joints = judged.joints(pixels, subject)?;
                kept.add((index, at), &joints)?;
                samples.push(subject.sample(&joints));
            }
            Ok(())
        })?;
    }
    Ok(samples)
}

pub(super) fn figures(samples: &[Sample], measure: Measure) -> Vec<Figure> {
    match measure {
        Measure::Box => vec![
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
    }
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
    for (name, value) in figures {
        say!("{name:<9} {value:.3}");
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
        "left_out": labels.skipped,
        "median_ms": judged.inference().map(|times| times.median_ms),
        "figures": figures,
        "model_card": published,
    })
}
