//! A person's view of a run besides its packets, and the changes that they may make.

use crate::scene::BBox;
use crate::stats::Stage;

/// Figures of a run at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// Times of the last frame's stages, in microseconds, in the order of [`Stage::ALL`].
    pub stages_us: [u64; Stage::ALL.len()],
    /// Frames that the network processed.
    pub frames: u64,
    /// Frames with an instance.
    pub found: u64,
    /// Frames on which the network failed.
    pub failed: u64,
    /// Packets that a sink could not deliver.
    pub dropped: u64,
    /// Pictures that could not be read.
    pub skipped: u64,
    /// Pictures that a newer one replaced.
    pub passed_over: u64,
    /// Pictures that the camera's driver lost.
    pub lost: u64,
    /// Number of times that the camera was opened again.
    pub reopened: u64,
    /// New instances are searched only here; `None` is the whole frame.
    pub roi: Option<BBox>,
    /// Several instances are followed, so that `roi` can be changed.
    pub takes_roi: bool,
}

/// A change that a person asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wish {
    /// New instances are searched only here; `None` is the whole frame.
    Roi(Option<BBox>),
}
