//! Labels from a file of any form.

use super::labels::{self, Labels};
use super::{coco, interhand, mpii, persons, posetrack, wholebody};
use crate::error::{Error, Result};
use crate::protocol::is_posetracks;
use crate::scene::{COCO_JOINTS, POSETRACK_JOINTS, Task};
use std::path::Path;

/// Reads the labels of the pictures in `images`, for a task's model of these joints.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data), naming the file and what is wrong in it.
pub(super) fn labels(path: &Path, images: &Path, task: Task, joints: &[String]) -> Result<Labels> {
    let labels = read(path, images, task, joints)?;
    if labels.pictures.is_empty() {
        return Err(Error::data(path, "names no picture"));
    }
    Ok(labels)
}

fn read(path: &Path, images: &Path, task: Task, joints: &[String]) -> Result<Labels> {
    let is_body = task == Task::Body;
    // Only PoseTrack's are many files.
    if is_body && path.is_dir() {
        return posetrack::labels(path, images, joints);
    }
    let text = labels::text(path)?;
    let count = joints.len();
    // Only MPII's is a list.
    if text.trim_start().starts_with('[') {
        let persons: Vec<mpii::Person> = labels::parse(path, &text)?;
        return mpii::labels(path, images, &persons, count);
    }
    let file: coco::File = labels::parse(path, &text)?;
    if file.has_joint_valid() {
        interhand::labels(path, images, file, count)
    } else if file.has_hands() && !is_body {
        wholebody::labels(path, images, &file, count)
    } else if is_body && file.names_joints(is_posetracks) {
        posetrack::labels(path, images, joints)
    } else if is_body && file.names_joints(persons::are_cocos) {
        persons::labels(path, images, &text, joints)
    } else {
        coco::labels(path, images, &file, count)
    }
}

/// Joints of a hand and of MPII's person.
const HAND_JOINTS: usize = 21;
const MPII_JOINTS: usize = 16;

/// Labels for a finder, which has no joints of its own: of hands, if the file has them, or else of persons.
///
/// # Errors
/// As of [`labels`].
pub(super) fn of_finder(path: &Path, images: &Path) -> Result<(Task, Labels)> {
    let joints = own_joints(path)?;
    let task = match joints.len() {
        HAND_JOINTS => Task::Hand,
        _ => Task::Body,
    };
    Ok((task, labels(path, images, task, &joints)?))
}

/// The joints of a file as a model would name them. Those without a name have any.
fn own_joints(path: &Path) -> Result<Vec<String>> {
    let named = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let unnamed = |count: usize| (0..count).map(|joint| format!("joint {joint}")).collect();
    if path.is_dir() {
        return Ok(named(&POSETRACK_JOINTS));
    }
    let text = labels::text(path)?;
    if text.trim_start().starts_with('[') {
        return Ok(unnamed(MPII_JOINTS));
    }
    let file: coco::File = labels::parse(path, &text)?;
    Ok(if file.has_joint_valid() || file.has_hands() {
        unnamed(HAND_JOINTS)
    } else if file.names_joints(is_posetracks) {
        named(&POSETRACK_JOINTS)
    } else if file.names_joints(persons::are_cocos) {
        named(&COCO_JOINTS)
    } else {
        unnamed(file.joints())
    })
}
