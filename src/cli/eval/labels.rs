//! Labelled pictures: which file has which subjects.

use crate::error::{Error, Result};
use crate::file;
use crate::limits::MAX_LABEL_BYTES;
use crate::scene::BBox;
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
    /// The length that distances are divided by.
    pub scale_px: f64,
}

/// A picture and its subjects, perhaps none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Picture {
    pub path: PathBuf,
    pub subjects: Vec<Subject>,
}

/// All labels of a set.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Labels {
    /// The form of the file, for reports.
    pub form: &'static str,
    /// Origin of the boxes, for reports.
    pub boxes: &'static str,
    pub pictures: Vec<Picture>,
    /// Annotations without a usable joint.
    pub skipped: usize,
}

impl Labels {
    pub fn subjects(&self) -> usize {
        self.pictures.iter().map(|one| one.subjects.len()).sum()
    }
}

/// A JSON file of labels.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data) with the line of the fault.
pub(super) fn parse<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = file::read_text(path, MAX_LABEL_BYTES)
        .map_err(|error| Error::data(path, error.to_string()))?;
    serde_json::from_str(&text)
        .map_err(|error| Error::data(path, format!("has no labels that are read here: {error}")))
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
