//! A joint in wire units: 16 bits for each of x, y and score.

use super::layout::{NOT_FOUND, SCORE_ONE};
use crate::scene::Keypoint;

/// Number of fraction bits in a 16-bit coordinate: as many as the frame's size allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedPoint {
    fraction_bits: u8,
}

impl FixedPoint {
    /// 1/16 px for frames up to 1,024 px a side, so that points well outside the frame still fit. Each doubling of the
    /// side takes one bit.
    pub fn for_frame(width_px: u32, height_px: u32) -> Self {
        let side = width_px.max(height_px).max(1);
        let doublings = side.div_ceil(1024).next_power_of_two().trailing_zeros();
        FixedPoint {
            fraction_bits: 4_u32.saturating_sub(doublings) as u8,
        }
    }

    /// The unit with this number of fraction bits, at most 15.
    pub fn from_bits(fraction_bits: u8) -> Option<Self> {
        (fraction_bits <= 15).then_some(FixedPoint { fraction_bits })
    }

    /// Bits behind the binary point.
    pub fn fraction_bits(self) -> u8 {
        self.fraction_bits
    }

    pub(super) fn one(self) -> f32 {
        f32::from(1_u16 << self.fraction_bits)
    }

    /// Rounds to the nearest step and clamps to the range. The result is never the value for "not found".
    fn encode(self, value_px: f32) -> i16 {
        let limit = f32::from(i16::MAX);
        (value_px * self.one()).round().clamp(-limit, limit) as i16
    }

    pub(super) fn decode(self, raw: i16) -> f32 {
        f32::from(raw) / self.one()
    }
}

/// A joint in wire units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireKeypoint {
    /// Column in the packet's unit.
    pub x: i16,
    /// Row in the packet's unit.
    pub y: i16,
    /// Heatmap maximum, in units of 1/32768.
    pub score: u16,
}

impl WireKeypoint {
    /// Rounds a keypoint to the unit. Values beyond 16 bits become the nearest limit.
    pub fn new(keypoint: &Keypoint, unit: FixedPoint) -> Self {
        if !keypoint.is_found() || !keypoint.x_px.is_finite() || !keypoint.y_px.is_finite() {
            return WireKeypoint {
                x: NOT_FOUND,
                y: NOT_FOUND,
                score: 0,
            };
        }
        WireKeypoint {
            x: unit.encode(keypoint.x_px),
            y: unit.encode(keypoint.y_px),
            score: encode_score(keypoint.score),
        }
    }

    /// In source-frame pixels; `None` if the joint was not found.
    pub fn position_px(&self, unit: FixedPoint) -> Option<(f32, f32)> {
        (self.x != NOT_FOUND).then(|| (unit.decode(self.x), unit.decode(self.y)))
    }

    /// Heatmap maximum: about 1 for a certain joint.
    pub fn score(&self) -> f32 {
        decode_score(self.score)
    }
}

pub(super) fn encode_score(score: f32) -> u16 {
    // `as` saturates, and converts NaN to 0.
    (score * SCORE_ONE).round() as u16
}

pub(super) fn decode_score(raw: u16) -> f32 {
    f32::from(raw) / SCORE_ONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_leaves_room_for_the_frame() {
        for (side, bits) in [
            (1, 4),
            (640, 4),
            (1024, 4),
            (1025, 3),
            (1920, 3),
            (4096, 2),
            (16384, 0),
        ] {
            assert_eq!(
                FixedPoint::for_frame(side, 1).fraction_bits(),
                bits,
                "{side}"
            );
        }
    }

    #[test]
    fn a_joint_survives_to_the_step() {
        let unit = FixedPoint::for_frame(640, 480);
        let keypoint = Keypoint {
            x_px: 123.456,
            y_px: -7.03,
            score: 0.875,
        };
        let wire = WireKeypoint::new(&keypoint, unit);
        let (x, y) = wire.position_px(unit).unwrap();
        assert!((x - keypoint.x_px).abs() <= 1.0 / 32.0 && (y - keypoint.y_px).abs() <= 1.0 / 32.0);
        assert_eq!(wire.score(), 0.875);
    }

    #[test]
    fn what_cannot_be_said_is_not_found_or_stops_at_the_range() {
        let unit = FixedPoint::for_frame(640, 480);
        let point = |x_px, score| {
            WireKeypoint::new(
                &Keypoint {
                    x_px,
                    y_px: 0.0,
                    score,
                },
                unit,
            )
        };
        assert_eq!(point(f32::NAN, 0.5).position_px(unit), None);
        assert_eq!(point(1.0, 0.0).position_px(unit), None);
        assert_eq!(point(1.0, f32::NAN).position_px(unit), None);
        assert_eq!(point(-1e9, 0.5).position_px(unit).unwrap().0, -2047.9375);
        assert_eq!(point(1.0, 1e9).score, u16::MAX);
    }
}
