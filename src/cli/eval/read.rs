//! Labels from a file of any form.

use super::labels::{self, Labels};
use super::{coco, interhand};
use crate::error::{Error, Result};
use std::path::Path;

/// Reads the labels of the pictures in `images`, for a model of `joints` joints.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data), naming the file and what is wrong in it.
pub(super) fn labels(path: &Path, images: &Path, joints: usize) -> Result<Labels> {
    let file: coco::File = labels::parse(path)?;
    let labels = if file.has_joint_valid() {
        interhand::labels(path, images, file, joints)
    } else {
        coco::labels(path, images, file, joints)
    }?;
    if labels.pictures.is_empty() {
        return Err(Error::data(path, "names no picture"));
    }
    Ok(labels)
}
