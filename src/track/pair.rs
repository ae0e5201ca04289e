//! Association: which candidate continues a lost instance.

use super::place::Place;
use crate::scene::Side;

/// Distance of the centres, in sides.
const GATE_SIDES: f32 = 0.6;
/// Ratio of the sides.
const GATE_RATIO: std::ops::RangeInclusive<f32> = 0.7..=1.4;
/// Distance at which the bonus for nearness falls to 37 %.
const NEAR_SIDES: f32 = 0.3;
/// Two instances whose scores differ by less cannot be told apart.
pub(super) const CLEAR_LEAD: f32 = 0.15;

/// How well a candidate continues an instance; `None` if it cannot.
pub(super) fn score(
    candidate: (&Place, Option<Side>),
    known: (&Place, Option<Side>),
) -> Option<f32> {
    let ((place, side), (other, other_side)) = (candidate, known);
    let distance = place.distance_sides(other);
    let ratio = place.side_px / other.side_px;
    let opposite = side.zip(other_side).is_some_and(|(a, b)| a != b);
    if !(distance < GATE_SIDES && GATE_RATIO.contains(&ratio)) || opposite {
        return None;
    }
    let nearness = (-(distance / NEAR_SIDES).powi(2)).exp();
    Some(place.overlap(other) + 0.5 * nearness)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_is_distance_size_and_side() {
        let here = Place {
            x_px: 50.0,
            y_px: 50.0,
            side_px: 100.0,
        };
        let moved = |x_px: f32| Place { x_px, ..here };
        let of = |place: &Place| score((place, None), (&here, None));
        assert_eq!(of(&here), Some(1.5));
        assert!(of(&moved(100.0)).unwrap() < of(&moved(60.0)).unwrap());
        assert_eq!(of(&moved(111.0)), None);
        assert_eq!(of(&here.scaled(1.5)), None);
        assert_eq!(of(&here.scaled(0.5)), None);
        assert_eq!(of(&moved(f32::NAN)), None);
        let left = (&here, Some(Side::Left));
        assert_eq!(score((&here, Some(Side::Right)), left), None);
        assert!(score((&here, Some(Side::Left)), left).is_some());
    }
}
