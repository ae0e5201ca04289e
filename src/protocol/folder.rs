//! Clips of pictures: a folder with `truth.json` and the frames that it names.

use super::clip::{Clip, Moment, Picture};
use super::run::PICTURE_COSTS;
use crate::error::{Error, Result};
use crate::file;
use crate::limits::{MAX_FRAME_SIDE_PX, MAX_INSTANCES, MAX_KEYPOINTS, MAX_LABEL_BYTES};
use crate::mot::Truth;
use crate::scene::{Side, Task};
use serde::Deserialize;
use std::path::Path;

/// The name of the file of truths.
const TRUTH: &str = "truth.json";
/// Coordinates beyond this are no place in or near any frame.
const FAR_PX: f32 = 1e5;

/// The fields of `truth.json`. docs/evaluation.md lists them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    frame_size: [u32; 2],
    #[serde(default)]
    mirrored: bool,
    #[serde(default)]
    hands: usize,
    #[serde(default)]
    bodies: usize,
    frames: Vec<FrameOfFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrameOfFile {
    file: String,
    time_us: u64,
    instances: Vec<InstanceOfFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InstanceOfFile {
    id: u32,
    task: Task,
    side: Option<SideOfFile>,
    visible: f32,
    joints: Vec<(f32, f32)>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SideOfFile {
    Left,
    Right,
}

/// Reads the clip of a folder.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data), naming the file and the frame that is wrong.
pub fn read(folder: &Path) -> Result<Clip> {
    let path = folder.join(TRUTH);
    let text = file::read_text(&path, MAX_LABEL_BYTES)
        .map_err(|error| Error::data(&path, error.to_string()))?;
    let file: File = serde_json::from_str(&text)
        .map_err(|error| Error::data(&path, format!("is no truth of a clip: {error}")))?;
    clip(folder, file).map_err(|what| Error::data(&path, what))
}

fn clip(folder: &Path, file: File) -> std::result::Result<Clip, String> {
    let [width, height] = file.frame_size;
    if !file
        .frame_size
        .iter()
        .all(|side| (1..=MAX_FRAME_SIDE_PX).contains(side))
    {
        return Err(format!("frame_size is {width} x {height}"));
    }
    if file.hands + file.bodies == 0 || file.hands.max(file.bodies) > MAX_INSTANCES {
        return Err(format!(
            "hands and bodies say how many are followed: 1 to {MAX_INSTANCES}, not {} and {}",
            file.hands, file.bodies
        ));
    }
    if file.frames.len() < 3 {
        return Err("has fewer than 3 frames".into());
    }
    let mut moments: Vec<Moment> = Vec::with_capacity(file.frames.len());
    for frame in file.frames {
        let name = frame.file;
        // A file of another folder is none of the clip's.
        if name.is_empty() || name.contains(['/', '\\']) {
            return Err(format!("the frame {name:?} is no name of a file"));
        }
        if moments
            .last()
            .is_some_and(|last| frame.time_us <= last.captured_us)
        {
            return Err(format!(
                "the frame {name:?} is not later than the one before"
            ));
        }
        let truths = frame.instances.into_iter().map(truth);
        let truths = truths.collect::<std::result::Result<Vec<Truth>, String>>();
        moments.push(Moment {
            captured_us: frame.time_us,
            truths: truths.map_err(|what| format!("the frame {name:?}: {what}"))?,
            picture: Picture::File(folder.join(&name)),
            is_labelled: true,
            ignored: Vec::new(),
            clutter: Vec::new(),
        });
    }
    Ok(Clip {
        name: file.name,
        size_px: (width, height),
        is_mirrored: file.mirrored,
        quarter_turns: 0,
        hands: file.hands,
        bodies: file.bodies,
        costs: PICTURE_COSTS,
        is_dim: false,
        moments,
    })
}

fn truth(one: InstanceOfFile) -> std::result::Result<Truth, String> {
    let is_place = |(x, y): &(f32, f32)| x.abs() < FAR_PX && y.abs() < FAR_PX;
    if !(1..=MAX_KEYPOINTS).contains(&one.joints.len()) {
        let joints = one.joints.len();
        return Err(format!("instance {} has {joints} joints", one.id));
    }
    if let Some((x, y)) = one.joints.iter().find(|joint| !is_place(joint)) {
        return Err(format!("a joint of instance {} is at {x}, {y}", one.id));
    }
    if !(0.0..=1.0).contains(&one.visible) {
        return Err(format!("instance {} is visible by {}", one.id, one.visible));
    }
    Ok(Truth {
        id: one.id,
        task: one.task,
        side: one.side.map(|side| match side {
            SideOfFile::Left => Side::Left,
            SideOfFile::Right => Side::Right,
        }),
        visible: one.visible,
        joints: one.joints.into_iter().map(Some).collect(),
    })
}
