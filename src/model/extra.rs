//! Maps of a network about the crop's subject as a whole. They follow the joints' maps.

use serde::{Deserialize, Serialize};

/// The meaning of a map, 0 to 1 in a disc at the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtraChannel {
    /// The subject is there.
    Presence,
    /// The hand is a right one.
    RightHand,
}

impl ExtraChannel {
    /// The name in cards.
    pub fn name(self) -> &'static str {
        match self {
            ExtraChannel::Presence => "presence",
            ExtraChannel::RightHand => "right_hand",
        }
    }
}
