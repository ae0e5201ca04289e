//! InterHand2.6M's own files: `..._data.json`, and beside it `..._camera.json` and `..._joint_3d.json`.
//!
//! Joints are projected into the picture, and each hand with enough valid joints is a subject, as in MMPose's
//! two-dimensional data set: a hand whose wrist is not valid counts for nothing, and one needs more than 11 joints.

use super::coco::{self, File, Image};
use super::labels::{self, Labels, Measure, Subject};
use crate::error::{Error, Result};
use crate::scene::BBox;
use crate::text::Shown;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Joints of one hand. Those of the right one come first.
const JOINTS: usize = 21;
const WRIST: usize = 20;
/// A hand with this number of valid joints, or fewer, is left out.
const TOO_FEW: usize = 11;

/// The cameras of a capture, by name. Lengths in mm, the others in pixels.
#[derive(Debug, Deserialize)]
struct Cameras {
    campos: HashMap<String, [f64; 3]>,
    camrot: HashMap<String, [[f64; 3]; 3]>,
    focal: HashMap<String, [f64; 2]>,
    princpt: HashMap<String, [f64; 2]>,
}

#[derive(Debug, Deserialize)]
struct Joints {
    world_coord: Vec<[f64; 3]>,
}

/// By capture, then by frame.
type Frames = HashMap<String, HashMap<String, Joints>>;

/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data), naming the file, and the picture whose camera or frame is missing.
pub(super) fn labels(path: &Path, images: &Path, file: File, joints: usize) -> Result<Labels> {
    labels::check_joints(path, "hands", JOINTS, joints)?;
    let camera_path = beside(path, "camera")?;
    let cameras: HashMap<String, Cameras> =
        labels::parse(&camera_path, &labels::text(&camera_path)?)?;
    let joint_path = beside(path, "joint_3d")?;
    let frames: Frames = labels::parse(&joint_path, &labels::text(&joint_path)?)?;
    let annotations: HashMap<u64, _> = file
        .annotations
        .iter()
        .rev()
        .map(|annotation| (annotation.image_id, annotation))
        .collect();
    let (mut pictures, _) = coco::pictures(path, images, &file.images)?;
    let mut skipped = 0;
    for (place, image) in file.images.iter().enumerate() {
        let name = Shown::path(Path::new(&image.file_name)).to_string();
        let (Some(capture), Some(camera), Some(frame)) =
            (image.capture, &image.camera, image.frame_idx)
        else {
            let what = format!("{name}: has no capture, camera and frame_idx");
            return Err(Error::data(path, what));
        };
        let capture = capture.to_string();
        let project = cameras
            .get(&capture)
            .and_then(|cameras| cameras.projection(camera))
            .ok_or_else(|| {
                let what = format!("{name}: has no camera {camera} of the capture {capture}");
                Error::data(&camera_path, what)
            })?;
        let world = frames
            .get(&capture)
            .and_then(|frames| frames.get(&frame.to_string()))
            .map(|frame| &frame.world_coord[..])
            .filter(|world| world.len() == 2 * JOINTS)
            .ok_or_else(|| {
                let what = format!(
                    "{name}: has no {} joints of the frame {frame} of the capture {capture}",
                    2 * JOINTS
                );
                Error::data(&joint_path, what)
            })?;
        let mut subjects = Vec::new();
        let annotation = annotations.get(&image.id);
        if let Some(valid) = annotation.and_then(|one| one.joint_valid.as_ref()) {
            if valid.len() != 2 * JOINTS {
                let what = format!(
                    "{name}: says of {} joints whether they are valid",
                    valid.len()
                );
                return Err(Error::data(path, what));
            }
            for (world, valid) in world.chunks(JOINTS).zip(valid.chunks(JOINTS)) {
                let truth: Vec<(f64, f64)> = world.iter().map(|&joint| project(joint)).collect();
                let valid: Vec<bool> = valid
                    .iter()
                    .zip(&truth)
                    .map(|(one, &(x, y))| {
                        one.is_set() && valid[WRIST].is_set() && labels::is_place(x, y)
                    })
                    .collect();
                if valid.iter().filter(|&&valid| valid).count() <= TOO_FEW {
                    skipped += 1;
                    continue;
                }
                let Some(bbox) = box_in(image, &truth, &valid) else {
                    skipped += 1;
                    continue;
                };
                subjects.push(Subject {
                    scale_px: f64::from(bbox.width_px.max(bbox.height_px)),
                    bbox,
                    truth,
                    valid,
                });
            }
        }
        pictures[place].is_empty = annotation.is_none();
        pictures[place].subjects = subjects;
    }
    Ok(Labels {
        form: "InterHand2.6M",
        boxes: "the valid joints' boxes",
        measure: Measure::Box,
        compared: None,
        pictures,
        skipped,
    })
}

/// The box of the valid joints. Its left edge is not beyond the picture's right one, and so on, as in MMPose.
fn box_in(image: &Image, truth: &[(f64, f64)], valid: &[bool]) -> Option<BBox> {
    let tight = labels::tight_box(truth, valid)?;
    let (width, height) = (image.width? as f32, image.height? as f32);
    let (left, top) = (tight.x_px.min(width), tight.y_px.min(height));
    let right = (tight.x_px + tight.width_px).max(0.0);
    let bottom = (tight.y_px + tight.height_px).max(0.0);
    (right > left && bottom > top).then_some(BBox {
        x_px: left,
        y_px: top,
        width_px: right - left,
        height_px: bottom - top,
    })
}

impl Cameras {
    /// From millimetres of the world to pixels of a camera's pictures.
    fn projection(&self, camera: &str) -> Option<impl Fn([f64; 3]) -> (f64, f64)> {
        let (position, rotation) = (*self.campos.get(camera)?, *self.camrot.get(camera)?);
        let (focal, middle) = (*self.focal.get(camera)?, *self.princpt.get(camera)?);
        Some(move |world: [f64; 3]| {
            let from: [f64; 3] = std::array::from_fn(|axis| world[axis] - position[axis]);
            let turned = rotation.map(|row| row.iter().zip(from).map(|(a, b)| a * b).sum::<f64>());
            let at = |axis: usize| turned[axis] / turned[2] * focal[axis] + middle[axis];
            (at(0), at(1))
        })
    }
}

/// `InterHand2.6M_test_data.json` to `InterHand2.6M_test_camera.json`.
fn beside(path: &Path, part: &str) -> Result<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str());
    let stem = name.and_then(|name| name.strip_suffix("data.json"));
    let stem = stem.ok_or_else(|| {
        let what = "has InterHand2.6M's form, but not its name NAME_data.json, beside NAME_camera.json and NAME_joint_3d.json";
        Error::data(path, what)
    })?;
    Ok(path.with_file_name(format!("{stem}{part}.json")))
}
