//! MPII's files as MMPose has them: `mpii_val.json` with the boxes, and beside it `mpii_gt_val.mat` with joints and heads.
//!
//! Both count pixels from 1, and a box is a centre and a side of 200 px times `scale`, moved down by 15 px times it, as in
//! MMPose's data set. A person without a labelled joint or without a head is left out.

use super::labels::{self, Labels, Measure, Picture, Subject};
use super::matlab::{self, Array};
use crate::error::{Error, Result};
use crate::file;
use crate::limits::MAX_LABEL_BYTES;
use crate::metrics;
use crate::scene::BBox;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const JOINTS: usize = 16;
/// The side of a box of scale 1.
const SIDE_PX: f64 = 200.0;
/// How far it is moved down, so that feet are less often cut off.
const DOWN_PX: f64 = 15.0;

/// A person of the list.
#[derive(Debug, Deserialize)]
pub(super) struct Person {
    image: String,
    center: (f64, f64),
    scale: f64,
}

/// The arrays of `mpii_gt_val.mat` that are used. The last index is the person's.
struct Truths {
    /// (joint, axis, person), in pixels from 1 on.
    joints: Array,
    /// (joint, person): 1 where a joint is not labelled.
    missing: Array,
    /// (corner, axis, person).
    heads: Array,
}

/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data), naming the file and the picture that is wrong.
pub(super) fn labels(
    path: &Path,
    images: &Path,
    persons: &[Person],
    joints: usize,
) -> Result<Labels> {
    labels::check_joints(path, "persons", JOINTS, joints)?;
    let truths = Truths::read(&beside(path)?, persons.len())?;
    let mut pictures: Vec<Picture> = Vec::new();
    let mut places = HashMap::new();
    let mut skipped = 0;
    for (index, person) in persons.iter().enumerate() {
        let place = *places.entry(&person.image).or_insert_with(|| {
            pictures.push(Picture {
                is_empty: false,
                ..Picture::empty(images.join(&person.image))
            });
            pictures.len() - 1
        });
        match truths.subject(index, person) {
            Ok(Some(subject)) => pictures[place].subjects.push(subject),
            Ok(None) => skipped += 1,
            Err(what) => return Err(labels::fault(path, Path::new(&person.image), what)),
        }
    }
    Ok(Labels {
        form: "MPII",
        boxes: "centre and scale of the labels",
        measure: Measure::Head,
        compared: None,
        pictures,
        skipped,
    })
}

impl Truths {
    fn read(path: &Path, persons: usize) -> Result<Truths> {
        let bytes = file::read_bounded(path, MAX_LABEL_BYTES)
            .map_err(|error| Error::data(path, error.to_string()))?;
        let mut arrays = matlab::arrays(&bytes).map_err(|what| Error::data(path, what))?;
        let mut take = |name: &str, shape: &[usize]| {
            let array = arrays.remove(name).filter(|array| array.shape == shape);
            array.ok_or_else(|| {
                let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
                let what = format!(
                    "has no {name} of {} numbers: the persons must be those of the list, in its order",
                    shape.join(" x ")
                );
                Error::data(path, what)
            })
        };
        Ok(Truths {
            joints: take("pos_gt_src", &[JOINTS, 2, persons])?,
            missing: take("jnt_missing", &[JOINTS, persons])?,
            heads: take("headboxes_src", &[2, 2, persons])?,
        })
    }

    /// A person of the list; `None` if nothing of it can be measured.
    fn subject(
        &self,
        index: usize,
        person: &Person,
    ) -> std::result::Result<Option<Subject>, String> {
        let (x, y) = person.center;
        let side = SIDE_PX * person.scale;
        if !labels::is_place(x, y) || !labels::is_place(side, side) || side <= 0.0 {
            return Err(format!(
                "a box is at {x}, {y} with the scale {}",
                person.scale
            ));
        }
        let at = |array: &Array, place: [usize; 3]| array.at(place).unwrap_or(f64::NAN);
        let truth: [(f64, f64); JOINTS] = std::array::from_fn(|joint| {
            let axis = |axis| at(&self.joints, [joint, axis, index]) - 1.0;
            (axis(0), axis(1))
        });
        let valid: [bool; JOINTS] =
            std::array::from_fn(|joint| at(&self.missing, [joint, index, 0]) == 0.0);
        let wrong = truth.iter().zip(&valid);
        if let Some(((x, y), _)) = wrong
            .into_iter()
            .find(|((x, y), valid)| **valid && !labels::is_place(*x, *y))
        {
            return Err(format!("a joint is at {x}, {y}"));
        }
        let corner = |corner| {
            let axis = |axis| at(&self.heads, [corner, axis, index]);
            (axis(0), axis(1))
        };
        let scale_px = metrics::head_size_px(corner(0), corner(1));
        let is_usable = valid.contains(&true) && scale_px.is_finite() && scale_px > 0.0;
        Ok(is_usable.then(|| Subject {
            bbox: BBox {
                x_px: (x - 1.0 - side / 2.0) as f32,
                y_px: (y - 1.0 + DOWN_PX * person.scale - side / 2.0) as f32,
                width_px: side as f32,
                height_px: side as f32,
            },
            truth: truth.to_vec(),
            valid: valid.to_vec(),
            scale_px,
        }))
    }
}

/// `mpii_val.json` to `mpii_gt_val.mat`.
fn beside(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str());
    let part = name
        .and_then(|name| name.strip_prefix("mpii_"))
        .and_then(|name| name.strip_suffix(".json"));
    let part = part.ok_or_else(|| {
        let what = "has MPII's form, but not its name mpii_NAME.json, beside mpii_gt_NAME.mat";
        Error::data(path, what)
    })?;
    Ok(path.with_file_name(format!("mpii_gt_{part}.mat")))
}
