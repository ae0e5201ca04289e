//! The rendered clips inside the binary, with their ground truth.

use crate::error::{Error, Result};
use crate::scene::Task;
use serde::Deserialize;
use std::path::Path;

/// Ground truth of one frame of a clip.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipFrame {
    /// The tight box of the joints: x, y, width, height in source-frame pixels.
    pub bbox_xywh: [f32; 4],
    /// x, y of each joint in source-frame pixels.
    pub keypoints: Vec<[f32; 2]>,
    /// 1 if the joint is visible.
    pub visible: Vec<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Truth {
    #[serde(rename = "task")]
    _task: String,
    #[serde(rename = "frame_size")]
    _frame_size: [u32; 2],
    frames: Vec<ClipFrame>,
}

/// A motion JPEG, with the ground truth of each frame.
#[derive(Debug, Clone)]
pub struct Clip {
    /// The pictures, one JPEG after the other.
    pub mjpeg: &'static [u8],
    /// Facts of each picture.
    pub frames: Vec<ClipFrame>,
    /// Rate of the clip.
    pub frames_per_second: u32,
}

impl Clip {
    /// The clip for a task.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if its truth cannot be read, which a test rules out.
    pub fn shipped(task: Task) -> Result<Self> {
        let (mjpeg, truth): (&[u8], &str) = match task {
            Task::Hand => (
                include_bytes!("../../models/demo/clips/hand.mjpeg"),
                include_str!("../../models/demo/clips/hand.json"),
            ),
            Task::Body => (
                include_bytes!("../../models/demo/clips/body.mjpeg"),
                include_str!("../../models/demo/clips/body.json"),
            ),
        };
        Self::new(task.name(), mjpeg, truth)
    }

    fn new(name: &str, mjpeg: &'static [u8], truth: &str) -> Result<Self> {
        let truth: Truth = serde_json::from_str(truth)
            .map_err(|error| Error::data(Path::new(name), "the clip's truth").because(error))?;
        Ok(Clip {
            mjpeg,
            frames: truth.frames,
            frames_per_second: 15,
        })
    }
}
