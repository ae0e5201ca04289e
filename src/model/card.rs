//! The model card: everything that the runtime must know about a network besides its graph.
//!
//! It is JSON in the ONNX metadata key `posewire.card`, or TOML with the same fields beside an export from
//! another tool. Unknown fields are errors: ignoring a field could make every crop wrong without a message.
//! docs/model-card.md lists the fields.

use super::extra::ExtraChannel;
use crate::limits::*;
use crate::scene::{JointTable, SizePx, Task};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The card format that this build reads.
pub const CARD_FORMAT: u32 = 1;

/// Method that turns the peak of a heatmap into a coordinate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecodeMode {
    /// Arg-max, then a quarter pixel toward the larger neighbour.
    Default,
    /// DARK (Zhang et al., CVPR 2020): one Newton step on the logarithm of the blurred heatmap.
    Dark,
}

impl FromStr for DecodeMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "default" => Ok(DecodeMode::Default),
            "dark" => Ok(DecodeMode::Dark),
            _ => Err(format!("{text:?} is not default or dark")),
        }
    }
}

/// Values of presence from which an instance counts. Presence is the map [`ExtraChannel::Presence`]; without one, where
/// several are followed, it is the mean of the joints' scores, of which none counts as less than 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresenceRule {
    /// A new instance needs it in each of its first looks.
    pub birth: f32,
    /// A followed instance needs it to stay.
    pub keep: f32,
}

impl PresenceRule {
    /// For networks whose card has no values. Measured with the first shipped hand network: of crops of hands 90 %
    /// reach `birth` in three looks, of crops without one 2.1 %. For bodies nobody has measured better ones.
    pub const DEFAULT: PresenceRule = PresenceRule {
        birth: 0.44,
        keep: 0.35,
    };

    /// For networks with a map of presence whose card has no values: the middle of the map's range, and less for
    /// an instance that is followed. `posewire eval presence` measures better ones.
    const OF_MAP: PresenceRule = PresenceRule {
        birth: 0.5,
        keep: 0.35,
    };
}

/// The fields of a card. Mean and std are RGB, for values 0 to 255.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    pub format: u32,
    pub task: Task,
    pub joint_table: String,
    pub joints: Vec<String>,
    /// Pairs of joint indexes, for drawing.
    pub bones: Vec<[usize; 2]>,
    /// Pairs of joints that swap when the picture is mirrored.
    pub flip_pairs: Vec<[usize; 2]>,
    /// Ratio of the side of the crop to the side of the box around the joints.
    pub crop_padding: f32,
    #[serde(rename = "input_size")]
    pub input_px: SizePx,
    #[serde(rename = "heatmap_size")]
    pub heatmap_px: SizePx,
    pub mean: [f32; 3],
    pub std: [f32; 3],
    pub decode: DecodeMode,
    /// Without it, the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<PresenceRule>,
    /// The network's maps after those of the joints, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_channels: Vec<ExtraChannel>,
    /// The checkpoint of the weights, and its SHA-256 ("" if there is none).
    pub source: String,
    pub source_sha256: String,
}

/// A field and its fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardError {
    pub field: &'static str,
    pub what: String,
}

impl ModelCard {
    pub fn from_json(text: &str) -> Result<Self, CardError> {
        let card: ModelCard = serde_json::from_str(text).map_err(|error| CardError {
            field: "posewire.card",
            what: error.to_string(),
        })?;
        card.checked()
    }

    pub fn from_toml(text: &str) -> Result<Self, CardError> {
        let card: ModelCard = toml::from_str(text).map_err(|error| CardError {
            field: "card",
            what: error.to_string(),
        })?;
        card.checked()
    }

    pub fn joint_table_id(&self) -> JointTable {
        JointTable::from_name(&self.joint_table)
    }

    /// The card's values of presence, or the defaults.
    pub fn presence(&self) -> PresenceRule {
        let default = match self.tells_presence() {
            true => PresenceRule::OF_MAP,
            false => PresenceRule::DEFAULT,
        };
        self.presence.unwrap_or(default)
    }

    /// Whether the network has a map of presence.
    pub fn tells_presence(&self) -> bool {
        self.extra_map(ExtraChannel::Presence).is_some()
    }

    /// Index of a map among all maps of the network.
    pub fn extra_map(&self, channel: ExtraChannel) -> Option<usize> {
        let place = self.extra_channels.iter().position(|&own| own == channel)?;
        Some(self.joints.len() + place)
    }

    /// The network's input shape, N x C x H x W.
    pub fn input_shape(&self) -> [usize; 4] {
        self.input_px.planes(3)
    }

    /// The shape of the joints' heatmaps, N x joints x H x W.
    pub fn heatmap_shape(&self) -> [usize; 4] {
        self.heatmap_px.planes(self.joints.len())
    }

    /// The network's output shape, N x maps x H x W: those of the joints, then the extra ones.
    pub fn output_shape(&self) -> [usize; 4] {
        let maps = self.joints.len() + self.extra_channels.len();
        self.heatmap_px.planes(maps)
    }

    /// The names of the extra maps, for messages.
    pub fn extra_names(&self) -> String {
        let names: Vec<&str> = self.extra_channels.iter().map(|one| one.name()).collect();
        match &names[..] {
            [] => "no extra_channels".into(),
            names => format!("the extra_channels {}", names.join(", ")),
        }
    }

    fn checked(self) -> Result<Self, CardError> {
        let fail = |field, what: String| Err(CardError { field, what });
        Shared {
            format: self.format,
            sizes: [self.input_px, self.heatmap_px],
            mean: self.mean,
            std: self.std,
            presence: self.presence(),
        }
        .check()?;
        let joints = self.joints.len();
        if !(1..=MAX_KEYPOINTS).contains(&joints) {
            return fail(
                "joints",
                format!("has {joints} names, allowed are 1 to {MAX_KEYPOINTS}"),
            );
        }
        if let Some(expected) = self.joint_table_id().joint_count()
            && expected != joints
        {
            return fail(
                "joints",
                format!(
                    "has {joints} names, joint table {} has {expected}",
                    self.joint_table
                ),
            );
        }
        for (field, pairs) in [("bones", &self.bones), ("flip_pairs", &self.flip_pairs)] {
            if pairs.len() > MAX_CARD_PAIRS {
                return fail(field, format!("has {} pairs, too many", pairs.len()));
            }
            if let Some(pair) = pairs.iter().find(|pair| pair.iter().any(|&j| j >= joints)) {
                return fail(
                    field,
                    format!("names joints {pair:?}, there are only {joints}"),
                );
            }
        }
        if !(0.5..=4.0).contains(&self.crop_padding) {
            return fail(
                "crop_padding",
                format!("is {}, must be in 0.5..4", self.crop_padding),
            );
        }
        for (at, channel) in self.extra_channels.iter().enumerate() {
            let name = channel.name();
            if self.extra_channels[..at].contains(channel) {
                return fail("extra_channels", format!("names {name} twice"));
            }
            if *channel == ExtraChannel::RightHand && self.task != Task::Hand {
                let task = self.task.name();
                return fail(
                    "extra_channels",
                    format!("names {name}, and the task is {task}: only hands have it"),
                );
            }
        }
        Ok(self)
    }
}

/// Fields that cards of every kind have.
pub(super) struct Shared {
    pub format: u32,
    /// Of the input and of the maps.
    pub sizes: [SizePx; 2],
    pub mean: [f32; 3],
    pub std: [f32; 3],
    pub presence: PresenceRule,
}

impl Shared {
    pub fn check(&self) -> Result<(), CardError> {
        let fail = |field, what: String| Err(CardError { field, what });
        if self.format != CARD_FORMAT {
            return fail(
                "format",
                format!(
                    "is {}, this build reads {CARD_FORMAT}: export the model again, or update posewire",
                    self.format
                ),
            );
        }
        let ranges = [
            ("input_size", MIN_INPUT_SIDE_PX..=MAX_INPUT_SIDE_PX),
            ("heatmap_size", MIN_HEATMAP_SIDE_PX..=MAX_HEATMAP_SIDE_PX),
        ];
        for (size, (field, range)) in self.sizes.into_iter().zip(ranges) {
            let size: [u32; 2] = size.into();
            if !size.iter().all(|side| range.contains(side)) {
                return fail(field, format!("is {size:?}, each must be in {range:?}"));
            }
        }
        let PresenceRule { birth, keep } = self.presence;
        if !(0.0..=birth).contains(&keep) || !(0.0..=1.0).contains(&birth) {
            return fail(
                "presence",
                format!("is birth {birth}, keep {keep}: must be 0 <= keep <= birth <= 1"),
            );
        }
        if !self.mean.iter().all(|mean| mean.is_finite()) {
            let what = format!("is {:?}, must be finite numbers", self.mean);
            return fail("mean", what);
        }
        if !self.std.iter().all(|&std| std.is_finite() && std > 1e-3) {
            return fail("std", format!("is {:?}, must be above 0.001", self.std));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn hand_card() -> ModelCard {
        ModelCard {
            format: CARD_FORMAT,
            task: Task::Hand,
            joint_table: "interhand2d-21".into(),
            joints: (0..21).map(|joint| format!("joint{joint}")).collect(),
            bones: vec![[20, 3]],
            flip_pairs: vec![],
            crop_padding: 1.5,
            input_px: [256, 256].into(),
            heatmap_px: [64, 64].into(),
            mean: [123.675, 116.28, 103.53],
            std: [58.395, 57.12, 57.375],
            decode: DecodeMode::Default,
            presence: None,
            extra_channels: vec![],
            source: String::new(),
            source_sha256: String::new(),
        }
    }

    fn error_field(card: ModelCard) -> &'static str {
        ModelCard::from_json(&serde_json::to_string(&card).unwrap())
            .unwrap_err()
            .field
    }

    #[test]
    fn json_and_toml_say_the_same() {
        let card = hand_card();
        let json = serde_json::to_string(&card).unwrap();
        assert_eq!(ModelCard::from_json(&json).unwrap(), card);
        // A JSON value of these kinds is a TOML value too.
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let fields = value.as_object().unwrap().iter();
        let text: String = fields
            .map(|(key, value)| format!("{key} = {value}\n"))
            .collect();
        assert_eq!(ModelCard::from_toml(&text).unwrap(), card);
    }

    #[test]
    fn each_bad_field_is_named() {
        let good = hand_card();
        assert_eq!(
            error_field(ModelCard {
                format: 2,
                ..good.clone()
            }),
            "format"
        );
        assert_eq!(
            error_field(ModelCard {
                joints: vec![],
                ..good.clone()
            }),
            "joints"
        );
        assert_eq!(
            error_field(ModelCard {
                bones: vec![[0, 21]],
                ..good.clone()
            }),
            "bones"
        );
        assert_eq!(
            error_field(ModelCard {
                flip_pairs: vec![[99, 0]],
                ..good.clone()
            }),
            "flip_pairs"
        );
        assert_eq!(
            error_field(ModelCard {
                crop_padding: 0.0,
                ..good.clone()
            }),
            "crop_padding"
        );
        assert_eq!(
            error_field(ModelCard {
                input_px: [0, 256].into(),
                ..good.clone()
            }),
            "input_size"
        );
        assert_eq!(
            error_field(ModelCard {
                heatmap_px: [64, 1 << 30].into(),
                ..good.clone()
            }),
            "heatmap_size"
        );
        for (birth, keep) in [(0.3, 0.4), (1.5, 0.4), (0.4, -0.1), (f32::NAN, 0.1)] {
            let mut bad = good.clone();
            bad.presence = Some(PresenceRule { birth, keep });
            assert_eq!(bad.checked().unwrap_err().field, "presence");
        }
        assert_eq!(
            error_field(ModelCard {
                std: [0.0, 1.0, 1.0],
                ..good
            }),
            "std"
        );
    }

    #[test]
    fn a_known_joint_table_fixes_the_joint_count() {
        let mut card = hand_card();
        card.joints.pop();
        card.bones.clear();
        assert_eq!(error_field(card), "joints");
    }

    #[test]
    fn the_values_of_presence_are_the_cards() {
        let mut card = hand_card();
        assert_eq!(card.presence().birth, 0.44);
        card.presence = Some(PresenceRule {
            birth: 0.7,
            keep: 0.5,
        });
        let json = serde_json::to_string(&card).unwrap();
        assert_eq!(ModelCard::from_json(&json).unwrap().presence().keep, 0.5);
    }

    #[test]
    fn extra_channels_follow_the_joints_and_each_is_named_once() {
        let mut card = hand_card();
        let plain = serde_json::to_string(&card).unwrap();
        assert!(!plain.contains("extra_channels"));
        assert_eq!(card.output_shape(), card.heatmap_shape());
        card.extra_channels = vec![ExtraChannel::RightHand, ExtraChannel::Presence];
        let json = serde_json::to_string(&card).unwrap();
        assert!(json.contains(r#""extra_channels":["right_hand","presence"]"#));
        let read = ModelCard::from_json(&json).unwrap();
        assert_eq!(read, card);
        assert_eq!(read.output_shape(), [1, 23, 64, 64]);
        assert_eq!(read.heatmap_shape(), [1, 21, 64, 64]);
        assert_eq!(read.extra_map(ExtraChannel::RightHand), Some(21));
        assert_eq!(read.extra_map(ExtraChannel::Presence), Some(22));
        assert_eq!(read.presence().birth, 0.5);

        card.extra_channels.push(ExtraChannel::Presence);
        assert_eq!(error_field(card.clone()), "extra_channels");
        card.extra_channels = vec![ExtraChannel::RightHand];
        card.task = Task::Body;
        assert_eq!(error_field(card), "extra_channels");
        let error = ModelCard::from_json(&json.replace("presence", "depth")).unwrap_err();
        assert!(error.what.contains("depth"), "{}", error.what);
    }

    #[test]
    fn unknown_fields_are_errors() {
        let mut json = serde_json::to_value(hand_card()).unwrap();
        json["colour"] = "bgr".into();
        let error = ModelCard::from_json(&json.to_string()).unwrap_err();
        assert!(error.what.contains("colour"), "{}", error.what);
    }
}
