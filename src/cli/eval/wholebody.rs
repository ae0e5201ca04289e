//! The hands of COCO-WholeBody: each person's annotation has two, with boxes of their own.
//!
//! Its joints run from the wrist along each finger to the tip. A hand of InterHand2.6M has the tips first and the wrist last.

use super::coco::{Annotation, File};
use super::labels::{self, Labels, Measure, Picture};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::path::Path;

const JOINTS: usize = 21;
const WRIST: usize = 20;
const JOINTS_OF_A_FINGER: usize = 4;

/// The place in COCO-WholeBody's order of a joint of InterHand2.6M's.
fn place(joint: usize) -> usize {
    if joint == WRIST {
        return 0;
    }
    let (finger, from_tip) = (joint / JOINTS_OF_A_FINGER, joint % JOINTS_OF_A_FINGER);
    finger * JOINTS_OF_A_FINGER + JOINTS_OF_A_FINGER - from_tip
}

/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data), naming the picture.
pub(super) fn labels(path: &Path, images: &Path, file: File, joints: usize) -> Result<Labels> {
    if joints != JOINTS {
        let what = format!("labels hands of {JOINTS} joints, the model has {joints}");
        return Err(Error::data(path, what));
    }
    let mut pictures: Vec<Picture> = Vec::with_capacity(file.images.len());
    let mut places = HashMap::with_capacity(file.images.len());
    for image in &file.images {
        places.insert(image.id, pictures.len());
        pictures.push(Picture {
            path: images.join(&image.file_name),
            subjects: Vec::new(),
        });
    }
    let mut skipped = 0;
    for annotation in file.annotations {
        let picture = labels::picture_of(path, annotation.image_id, &places, &mut pictures)?;
        for (is_valid, keypoints, bbox) in hands(&annotation) {
            if !is_valid {
                continue;
            }
            let in_order = keypoints.map(|own| in_order(own));
            let subject = labels::subject(in_order.as_deref(), bbox, JOINTS)
                .map_err(|what| labels::fault(path, &picture.path, what))?;
            match subject {
                Some(subject) => picture.subjects.push(subject),
                None => skipped += 1,
            }
        }
    }
    Ok(Labels {
        form: "COCO-WholeBody's hands",
        boxes: "the labels' boxes, or else those of the labelled joints",
        measure: Measure::Box,
        pictures,
        skipped,
    })
}

/// The numbers of InterHand2.6M's joints; as they are if there are too few or too many.
fn in_order(own: &[f64]) -> Vec<f64> {
    match own.as_chunks::<3>() {
        (triples, []) if triples.len() == JOINTS => (0..JOINTS)
            .flat_map(|joint| triples[place(joint)])
            .collect(),
        _ => own.to_vec(),
    }
}

type Hand<'a> = (bool, Option<&'a Vec<f64>>, Option<[f64; 4]>);

fn hands(annotation: &Annotation) -> [Hand<'_>; 2] {
    [
        (
            annotation.lefthand_valid.unwrap_or(false),
            annotation.lefthand_kpts.as_ref(),
            annotation.lefthand_box,
        ),
        (
            annotation.righthand_valid.unwrap_or(false),
            annotation.righthand_kpts.as_ref(),
            annotation.righthand_box,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_joint_has_its_place() {
        // Tip, then down to the knuckle, of thumb and little finger; the wrist.
        let ends = [0, 3, 16, 19, 20].map(place);
        assert_eq!(ends, [4, 1, 20, 17, 0]);
        let mut all: Vec<usize> = (0..JOINTS).map(place).collect();
        all.sort_unstable();
        assert_eq!(all, (0..JOINTS).collect::<Vec<_>>());
    }
}
