//! Values that change slowly and at random, as a network's certainty does while a hand moves.

use crate::random::Random;

/// Time between two independent values.
const KNOT_S: f64 = 1.0;

/// About normal with a deviation of about 1, the same for the same seed, name and time, and steady over time.
pub(super) fn slow(seed: u64, name: u64, at_us: u64) -> f32 {
    let place = at_us as f64 / 1e6 / KNOT_S;
    let knot = place.floor();
    let part = (place - knot) as f32;
    let (before, after) = (
        once(seed, name, knot as u64),
        once(seed, name, knot as u64 + 1),
    );
    // So weighted the deviation is 1 everywhere.
    let angle = part * std::f32::consts::FRAC_PI_2;
    angle.cos() * before + angle.sin() * after
}

/// Whether a name is one of this share of all, the same for the same numbers.
pub(super) fn is_one_of(seed: u64, name: u64, share: f64) -> bool {
    let mut mixed = Random(seed ^ 0x57EA);
    mixed = Random(mixed.next() ^ name);
    mixed.real().abs() < share
}

/// About normal with a deviation of 1, the same for the same numbers.
pub(super) fn once(seed: u64, name: u64, index: u64) -> f32 {
    let mut mixed = Random(seed);
    for part in [name, index] {
        mixed = Random(mixed.next() ^ part);
    }
    mixed.normal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_values_are_steady_and_spread_like_normal_ones() {
        let values: Vec<f32> = (0..20_000).map(|step| slow(3, 5, step * 50_000)).collect();
        let square = values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32;
        assert!((0.85..1.15).contains(&square), "{square}");
        for pair in values.windows(2) {
            assert!((pair[0] - pair[1]).abs() < 0.5, "{pair:?}");
        }
        assert_eq!(slow(3, 5, 70_000), slow(3, 5, 70_000));
        assert_ne!(slow(3, 5, 70_000), slow(4, 5, 70_000));
    }
}
