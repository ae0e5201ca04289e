//! The card of a finder: a network that sees where hands and persons are in a whole frame.
//!
//! It has the form of other cards. Its maps are no joints, but they are named in the same place.

use super::card::{CardError, DecodeMode, PresenceRule, Shared};
use crate::scene::SizePx;
use serde::{Deserialize, Serialize};

/// The maps of a finder, in order, all 0 to 1. Those after the centres are read at a centre. A size is
/// log2(side / 8 px) / 5, a direction (cosine + 1) / 2 and (sine + 1) / 2 of wrist to knuckles.
pub const FINDER_CHANNELS: [&str; 8] = [
    "hand_centre",
    "person_centre",
    "head_centre",
    "hand_size",
    "person_size",
    "direction_cos",
    "direction_sin",
    "right_hand",
];

/// Of a finder whose card has no values. Nobody has measured them.
const DEFAULT: PresenceRule = PresenceRule {
    birth: 0.5,
    keep: 0.3,
};

/// The task of every finder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FinderTask {
    Finder,
}

/// The fields of the card. Mean and std are RGB, for values 0 to 255.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinderCard {
    format: u32,
    task: FinderTask,
    #[serde(rename = "joints")]
    channels: Vec<String>,
    // A finder has nothing to draw, to mirror or to pad. Fields that say otherwise are refused.
    bones: Vec<[usize; 2]>,
    flip_pairs: Vec<[usize; 2]>,
    crop_padding: f32,
    #[serde(rename = "input_size")]
    pub input_px: SizePx,
    #[serde(rename = "heatmap_size")]
    pub map_px: SizePx,
    pub mean: [f32; 3],
    pub std: [f32; 3],
    decode: DecodeMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    presence: Option<PresenceRule>,
    pub source: String,
    pub source_sha256: String,
}

impl FinderCard {
    /// Heights of peaks from which a place is tried, and from which a followed instance counts as found again.
    pub fn presence(&self) -> PresenceRule {
        self.presence.unwrap_or(DEFAULT)
    }

    /// The network's input shape, N x C x H x W.
    pub fn input_shape(&self) -> [usize; 4] {
        self.input_px.planes(3)
    }

    /// The network's output shape, N x maps x H x W.
    pub fn output_shape(&self) -> [usize; 4] {
        self.map_px.planes(FINDER_CHANNELS.len())
    }

    pub(super) fn checked(self) -> Result<Self, CardError> {
        Shared {
            format: self.format,
            sizes: [self.input_px, self.map_px],
            mean: self.mean,
            std: self.std,
            presence: self.presence(),
        }
        .check()?;
        let fail = |field, what: String| Err(CardError { field, what });
        if self.channels != FINDER_CHANNELS {
            let names = FINDER_CHANNELS.join(", ");
            return fail("joints", format!("must name the maps of a finder: {names}"));
        }
        for (field, pairs) in [("bones", &self.bones), ("flip_pairs", &self.flip_pairs)] {
            if !pairs.is_empty() {
                let what = format!("has {} pairs, a finder has none", pairs.len());
                return fail(field, what);
            }
        }
        if self.crop_padding != 1.0 {
            let what = format!(
                "is {}, a finder looks at whole frames: 1",
                self.crop_padding
            );
            return fail("crop_padding", what);
        }
        if self.decode != DecodeMode::Default {
            return fail("decode", "must be default for a finder".into());
        }
        Ok(self)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn finder_card() -> FinderCard {
        FinderCard {
            format: 1,
            task: FinderTask::Finder,
            channels: FINDER_CHANNELS.map(str::to_string).to_vec(),
            bones: vec![],
            flip_pairs: vec![],
            crop_padding: 1.0,
            input_px: [320, 240].into(),
            map_px: [40, 30].into(),
            mean: [123.675, 116.28, 103.53],
            std: [58.395, 57.12, 57.375],
            decode: DecodeMode::Default,
            presence: None,
            source: String::new(),
            source_sha256: String::new(),
        }
    }

    #[test]
    fn a_finders_card_has_its_shapes_and_values() {
        let card = finder_card();
        assert_eq!(card.clone().checked().unwrap(), card);
        assert_eq!(card.input_shape(), [1, 3, 240, 320]);
        assert_eq!(card.output_shape(), [1, 8, 30, 40]);
        assert_eq!(card.presence().birth, 0.5);
    }

    #[test]
    fn fields_that_no_finder_has_are_named() {
        let refused = |change: fn(&mut FinderCard)| {
            let mut card = finder_card();
            change(&mut card);
            card.checked().unwrap_err().field
        };
        assert_eq!(refused(|card| card.format = 2), "format");
        assert_eq!(refused(|card| card.channels.swap(0, 1)), "joints");
        assert_eq!(refused(|card| card.bones.push([0, 1])), "bones");
        assert_eq!(refused(|card| card.flip_pairs.push([0, 1])), "flip_pairs");
        assert_eq!(refused(|card| card.crop_padding = 1.5), "crop_padding");
        assert_eq!(refused(|card| card.decode = DecodeMode::Dark), "decode");
        assert_eq!(refused(|card| card.map_px = [0, 30].into()), "heatmap_size");
        assert_eq!(refused(|card| card.std[1] = 0.0), "std");
        let rule = |birth, keep| Some(PresenceRule { birth, keep });
        let mut card = finder_card();
        card.presence = rule(0.3, 0.4);
        assert_eq!(card.checked().unwrap_err().field, "presence");
    }
}
