//! The history of an instance that is followed from frame to frame.

use super::{JointTable, Side};

/// State of a followed instance in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackState {
    /// The network saw it in this frame.
    Tracked,
    /// It was missed, or not looked at. Its joints are earlier ones, moved by its speed.
    Predicted,
    /// It is gone. Reported once, without joints.
    Lost,
}

/// Facts about an instance that one frame does not tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track {
    /// The same number is the same instance. Never 0.
    pub number: u16,
    /// A small index, unique in the frame.
    pub slot: u8,
    /// The order of its joints.
    pub joint_table: JointTable,
    /// State in this frame.
    pub state: TrackState,
    /// Number of the body that a hand belongs to.
    pub parent: Option<u16>,
    /// The side, and the confidence in it, 0 to 1.
    pub side: Option<(Side, f32)>,
    /// Its region crosses the frame's edge.
    pub is_border: bool,
    /// Another instance's region covers it.
    pub is_overlapped: bool,
    /// It may be swapped with another instance.
    pub is_unsure: bool,
    /// Its joints are smoothed over time.
    pub is_smoothed: bool,
    /// Time since it was confirmed.
    pub seen_us: u64,
    /// Time from the capture of the frame that its joints come from to the capture of this frame.
    pub look_age_us: u64,
    /// A bit for each joint that is an earlier one, because the joint is uncertain now.
    pub held: u64,
}

/// Counts of a frame in which several instances can be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Crowd {
    /// Instances that are confirmed.
    pub confirmed: u8,
    /// Instances for which there is no slot or no time.
    pub waiting: u8,
}
