//! What the follower knows of a network.

use crate::scene::{JointTable, SizePx, Task};

/// Values of presence from which an instance counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// A new instance needs it in each of its first looks.
    pub birth: f32,
    /// A followed instance needs it to stay.
    pub keep: f32,
}

/// A network that looks at hands or bodies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kind {
    /// The subject.
    pub task: Task,
    /// Order of its joints.
    pub joint_table: JointTable,
    /// Ratio of the region's side to that of the box around the joints.
    pub padding: f32,
    /// The network's input, for the aspect ratio of regions.
    pub input_px: SizePx,
    /// A joint counts from about this score on, with some hysteresis.
    pub min_score: f32,
    /// Presence that counts.
    pub presence: Thresholds,
    /// Mean score of the joints from which a pass of search finds a candidate.
    pub search_score: f32,
    /// The most instances that are followed.
    pub limit: usize,
}
