//! Hands and bodies in one frame.

use super::{CropBox, Crowd, Keypoints, Task, Track};
use crate::clock::Instant;
use crate::limits::MAX_INSTANCES;

/// The frame of a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FrameInfo {
    /// The source's frame counter. Frames that were skipped count.
    pub index: u64,
    /// Width of the frame, in pixels.
    pub width_px: u32,
    /// Height of the frame, in pixels.
    pub height_px: u32,
    /// Capture time.
    pub captured: Instant,
}

/// The reason for a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The user gave the box.
    Fixed,
    /// The whole frame is searched: nothing is tracked.
    Search,
    /// The box surrounds the keypoints of the frame before.
    Track,
}

/// A part of a frame for a network to look at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// In source-frame pixels.
    pub crop: CropBox,
    /// The reason for the region.
    pub origin: Origin,
}

/// Evidence of an instance in a region.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Presence {
    /// Mean of the joints' scores. A score below 0 counts as 0.
    pub score: f32,
    /// True if at least half of the joints reach the minimum score.
    pub found: bool,
}

/// One hand or body, or a region in which none was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Hand or body.
    pub task: Task,
    /// Evidence of the instance. If it was not found, the keypoints are the network's guess.
    pub presence: Presence,
    /// In source-frame pixels, in the order of the model's joint table.
    pub keypoints: Keypoints,
    /// The region that the network processed.
    pub region: Region,
    /// Its history, if several instances can be followed.
    pub track: Option<Track>,
}

/// The instances of one frame.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    /// The frame.
    pub frame: FrameInfo,
    /// One instance for each region that a network processed.
    pub instances: heapless::Vec<Instance, MAX_INSTANCES>,
    /// Counts, if several instances can be followed.
    pub crowd: Option<Crowd>,
}

impl Scene {
    /// True if an instance was found.
    pub fn has_found(&self) -> bool {
        self.instances.iter().any(|one| one.presence.found)
    }
}
