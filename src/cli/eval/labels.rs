//! Labelled pictures: which file has which subjects.

use crate::error::{Error, Result};
use crate::file;
use crate::limits::MAX_LABEL_BYTES;
use crate::metrics::{Sample, oks};
use crate::scene::BBox;
use crate::text::Shown;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Coordinates beyond this are no place in any picture.
const FAR_PX: f64 = 1e6;

/// One hand or person of a picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Subject {
    /// The box that the network is given, before padding.
    pub bbox: BBox,
    /// In pixels of the picture, in the order of the model's joints.
    pub truth: Vec<(f64, f64)>,
    /// Which joints are labelled; at least one is.
    pub valid: Vec<bool>,
    /// The length that distances are divided by, that of [`Measure`].
    pub scale_px: f64,
}

impl Subject {
    /// The joints that a network found, beside the truth.
    pub fn sample(&self, predicted: &[(f64, f64)]) -> Sample {
        Sample {
            predicted: predicted.to_vec(),
            truth: self.truth.clone(),
            valid: self.valid.clone(),
            scale_px: self.scale_px,
        }
    }
}

/// The length that a set measures distances by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// The longer side of a subject's box.
    Box,
    /// A person's head, as in MPII.
    Head,
    /// COCO's similarity of persons, and the longer side of a subject's box. These joints of the model are COCO's, in its order.
    Persons([usize; oks::JOINTS]),
}

/// A picture and its subjects, perhaps none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Picture {
    pub path: PathBuf,
    pub subjects: Vec<Subject>,
    /// No subject is there, not even one whose labels are of no use.
    pub is_empty: bool,
    /// For [`Measure::Persons`]: all that are there, also those who are no subjects.
    pub persons: Vec<oks::Truth>,
}

impl Picture {
    /// A picture of which nothing is known yet.
    pub fn empty(path: PathBuf) -> Picture {
        Picture {
            path,
            subjects: Vec::new(),
            is_empty: true,
            persons: Vec::new(),
        }
    }
}

/// All labels of a set.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Labels {
    /// The form of the file, for reports.
    pub form: &'static str,
    /// Origin of the boxes, for reports.
    pub boxes: &'static str,
    pub measure: Measure,
    /// The joints of the model whose distances count; `None`: all.
    pub compared: Option<Vec<bool>>,
    pub pictures: Vec<Picture>,
    /// Annotations without a usable joint.
    pub skipped: usize,
}

impl Labels {
    pub fn subjects(&self) -> usize {
        self.pictures.iter().map(|one| one.subjects.len()).sum()
    }
}

/// The text of a file of labels.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data) if it cannot be read.
pub(super) fn text(path: &Path) -> Result<String> {
    file::read_text(path, MAX_LABEL_BYTES).map_err(|error| Error::data(path, error.to_string()))
}

/// Labels in JSON.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data) with the line of the fault.
pub(super) fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::data(path, format!("has no labels that are read here: {error}")))
}

/// A model has as many joints as a set's subjects.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data) if it has not.
pub(super) fn check_joints(path: &Path, subjects: &str, own: usize, model: usize) -> Result<()> {
    if own == model {
        return Ok(());
    }
    let what = format!("labels {subjects} of {own} joints, the model has {model}");
    Err(Error::data(path, what))
}

/// An error about a picture of a file of labels.
pub(super) fn fault(path: &Path, picture: &Path, what: impl std::fmt::Display) -> Error {
    Error::data(path, format!("{}: {what}", Shown::path(picture)))
}

/// The subject of COCO's numbers: x, y, v for each joint, and a box of x, y, width, height. `None` without a labelled joint, or
/// if it has no size.
///
/// # Errors
/// A text that says which number is wrong.
pub(super) fn subject(
    keypoints: Option<&[f64]>,
    bbox: Option<[f64; 4]>,
    joints: usize,
) -> std::result::Result<Option<Subject>, String> {
    let triples = triples(keypoints, "the model's ", joints)?;
    let truth: Vec<(f64, f64)> = triples.iter().map(|&[x, y, _]| (x, y)).collect();
    let valid: Vec<bool> = triples.iter().map(|&[.., v]| v > 0.0).collect();
    let Some(bbox) = box_of(bbox).or_else(|| tight_box(&truth, &valid)) else {
        return Ok(None);
    };
    let scale_px = f64::from(bbox.width_px.max(bbox.height_px));
    let is_usable = valid.contains(&true) && scale_px > 0.0;
    Ok(is_usable.then_some(Subject {
        bbox,
        truth,
        valid,
        scale_px,
    }))
}

/// Joints as COCO's numbers: x, y and 1, or zeros for one that is not labelled.
pub(super) fn numbers(joints: impl Iterator<Item = Option<(f64, f64)>>) -> Vec<f64> {
    let triple = |joint| match joint {
        Some((x, y)) => [x, y, 1.0],
        None => [0.0; 3],
    };
    joints.flat_map(triple).collect()
}

/// The x, y and v of each joint. `whose` is in front of the number of joints in the error.
///
/// # Errors
/// A text that says which number is wrong.
pub(super) fn triples<'a>(
    keypoints: Option<&'a [f64]>,
    whose: &str,
    joints: usize,
) -> std::result::Result<&'a [[f64; 3]], String> {
    let keypoints = keypoints.ok_or("an annotation has no keypoints")?;
    if keypoints.len() != 3 * joints {
        return Err(format!(
            "an annotation has {} numbers of keypoints, {whose}{joints} joints need {}",
            keypoints.len(),
            3 * joints
        ));
    }
    let (triples, _) = keypoints.as_chunks::<3>();
    let wrong = triples
        .iter()
        .find(|[x, y, v]| *v > 0.0 && !is_place(*x, *y));
    if let Some([x, y, _]) = wrong {
        return Err(format!("a joint is at {x}, {y}"));
    }
    Ok(triples)
}

/// The box that an annotation gives, if it is one.
fn box_of(bbox: Option<[f64; 4]>) -> Option<BBox> {
    let [x, y, width, height] = bbox?;
    let is_box = is_place(x, y) && is_place(width, height);
    (is_box && width > 0.0 && height > 0.0).then_some(BBox {
        x_px: x as f32,
        y_px: y as f32,
        width_px: width as f32,
        height_px: height as f32,
    })
}

/// The tightest box around the labelled joints; `None` if there is none.
pub(super) fn tight_box(truth: &[(f64, f64)], valid: &[bool]) -> Option<BBox> {
    let labelled = truth.iter().zip(valid).filter(|(_, valid)| **valid);
    BBox::around(labelled.map(|((x, y), _)| (*x as f32, *y as f32)))
}

/// Whether a joint is at a place that a picture can have.
pub(super) fn is_place(x: f64, y: f64) -> bool {
    x.abs() < FAR_PX && y.abs() < FAR_PX
}
