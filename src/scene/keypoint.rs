//! Keypoints in three coordinate systems: heatmap pixels, network-input pixels, source-frame pixels.
//!
//! In all of them x points right, y points down, and the centre of the top-left pixel is (0, 0).

use crate::limits::MAX_KEYPOINTS;

/// One joint. The holder of the value defines the coordinate system.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Keypoint {
    /// Column, to the right.
    pub x_px: f32,
    /// Row, downward.
    pub y_px: f32,
    /// The heatmap's maximum: about 1 for a certain joint. At 0 or less the joint was not found, and the coordinates
    /// have no meaning.
    pub score: f32,
}

impl Keypoint {
    /// True if the joint was found: its score is above 0.
    pub fn is_found(&self) -> bool {
        self.score > 0.0
    }
}

/// The joints of one instance, in the order of the model's joint table.
pub type Keypoints = heapless::Vec<Keypoint, MAX_KEYPOINTS>;
