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
