//! The networks, as the follower sees them.

use super::place::{Candidate, MAX_CANDIDATES};
use crate::error::Result;
use crate::scene::{BBox, CropBox, Keypoints, Task};

/// A network's result for a region.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// In source-frame pixels.
    pub keypoints: Keypoints,
    /// Evidence of an instance, 0 to 1.
    pub presence: f32,
    /// The probability that a hand is a right one, if the network tells.
    pub right_hand: Option<f32>,
    /// The time that it took.
    pub took_us: u64,
}

/// A pass of a finder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pass {
    /// The time that it took.
    pub took_us: u64,
    /// Instances of smaller boxes are easily missed.
    pub sure_side_px: f32,
}

/// Candidates of one pass.
pub type Candidates = heapless::Vec<Candidate, MAX_CANDIDATES>;

/// The networks that look at a frame.
pub trait Looker {
    /// Looks at a region for one hand or body.
    ///
    /// # Errors
    /// Those of the network.
    fn look(&mut self, task: Task, crop: &CropBox) -> Result<Look>;

    /// Searches an area with a finder network, and adds what it finds. It is only called if there is one.
    ///
    /// # Errors
    /// Those of the network.
    fn find(&mut self, area: &BBox, found: &mut Candidates) -> Result<Pass>;
}
