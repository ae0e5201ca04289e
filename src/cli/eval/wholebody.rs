//! The hands of COCO-WholeBody: each person's annotation has two, with boxes of their own.
//!
//! Its joints run from the wrist along each finger to the tip. A hand of InterHand2.6M has the tips first and the wrist last.

use super::coco::{self, Annotation, File, Given};
use super::labels::{self, Labels};
use crate::error::Result;
use std::borrow::Cow;
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
pub(super) fn labels(path: &Path, images: &Path, file: &File, joints: usize) -> Result<Labels> {
    labels::check_joints(path, "hands", JOINTS, joints)?;
    let form = "COCO-WholeBody's hands";
    coco::labels_of(path, images, file, joints, form, hands)
}

/// The valid hands of a person.
fn hands(annotation: &Annotation) -> impl Iterator<Item = Given<'_>> {
    let left = (
        annotation.lefthand_valid,
        &annotation.lefthand_kpts,
        annotation.lefthand_box,
    );
    let right = (
        annotation.righthand_valid,
        &annotation.righthand_kpts,
        annotation.righthand_box,
    );
    [left, right]
        .into_iter()
        .filter(|(is_valid, ..)| *is_valid == Some(true))
        .map(|(_, keypoints, bbox)| {
            let keypoints = keypoints.as_ref().map(|own| Cow::Owned(in_order(own)));
            (keypoints, bbox)
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
