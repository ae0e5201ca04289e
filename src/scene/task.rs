//! Kinds of subject, and the orders of their joints.

use serde::{Deserialize, Serialize};

/// The subject that a network looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// One hand.
    Hand,
    /// One person.
    Body,
}

impl Task {
    /// All tasks.
    pub const ALL: [Task; 2] = [Task::Hand, Task::Body];

    /// The name in cards.
    pub fn name(self) -> &'static str {
        match self {
            Task::Hand => "hand",
            Task::Body => "body",
        }
    }
}

/// The order of the joints, with a number for packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JointTable {
    /// 21 joints of one hand, InterHand2.6M in MMPose's order: finger tips first, wrist last.
    Interhand21,
    /// 16 joints of a body, MPII.
    Mpii16,
    /// Any other order: the receiver must know the model.
    Custom,
}

impl JointTable {
    /// The table of a name; unknown names give [`JointTable::Custom`].
    pub fn from_name(name: &str) -> Self {
        match name {
            "interhand2d-21" => JointTable::Interhand21,
            "mpii-16" => JointTable::Mpii16,
            _ => JointTable::Custom,
        }
    }

    /// Number of joints of the table; `None` for a custom order.
    pub fn joint_count(self) -> Option<usize> {
        match self {
            JointTable::Interhand21 => Some(21),
            JointTable::Mpii16 => Some(16),
            JointTable::Custom => None,
        }
    }
}
