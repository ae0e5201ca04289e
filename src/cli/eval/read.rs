//! Labels from a file of any form.

use super::labels::{self, Labels};
use super::{coco, interhand, mpii, wholebody};
use crate::error::{Error, Result};
use crate::scene::Task;
use std::path::Path;

/// Reads the labels of the pictures in `images`, for a task's model of `joints` joints.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data), naming the file and what is wrong in it.
pub(super) fn labels(path: &Path, images: &Path, task: Task, joints: usize) -> Result<Labels> {
    let text = labels::text(path)?;
    // Only MPII's is a list.
    let labels = if text.trim_start().starts_with('[') {
        let persons: Vec<mpii::Person> = labels::parse(path, &text)?;
        mpii::labels(path, images, &persons, joints)
    } else {
        let file: coco::File = labels::parse(path, &text)?;
        if file.has_joint_valid() {
            interhand::labels(path, images, file, joints)
        } else if file.has_hands() && task == Task::Hand {
            wholebody::labels(path, images, &file, joints)
        } else {
            coco::labels(path, images, &file, joints)
        }
    }?;
    if labels.pictures.is_empty() {
        return Err(Error::data(path, "names no picture"));
    }
    Ok(labels)
}

/// Joints of a hand and of MPII's person.
const HAND_JOINTS: usize = 21;
const MPII_JOINTS: usize = 16;

/// Labels for a finder, which has no joints of its own: of hands, if the file has them, or else of persons.
///
/// # Errors
/// As of [`labels`].
pub(super) fn of_finder(path: &Path, images: &Path) -> Result<(Task, Labels)> {
    let text = labels::text(path)?;
    let joints = if text.trim_start().starts_with('[') {
        MPII_JOINTS
    } else {
        let file: coco::File = labels::parse(path, &text)?;
        match file.has_joint_valid() || file.has_hands() {
            true => HAND_JOINTS,
            false => file.joints(),
        }
    };
    let task = match joints {
        HAND_JOINTS => Task::Hand,
        _ => Task::Body,
    };
    Ok((task, labels(path, images, task, joints)?))
}
