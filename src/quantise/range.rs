//! The scale and the zero point of a tensor: those with the least error over its histogram, in a norm that counts large
//! errors more than squares do (Nahshan et al., "Loss Aware Post-Training Quantization", 2019).

use super::histogram::Histogram;

/// Steps of uint8.
const STEPS: f32 = 255.0;
/// A range is cut at one of so many places, the last at a third of the whole.
const CUTS: usize = 40;
const SMALLEST_PART: f32 = 1.0 / 3.0;

/// The power of an error. Squares cut the largest values too far, and these are the peaks that keypoints are read from. Of
/// 2, 2.5, 3, 4 and 6 this one leaves heatmaps of the demo's networks nearest to float's, or within 3 % of the nearest.
const POWER: f64 = 2.5;

/// The meaning of a uint8 value: `real = scale * (value - zero_point)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Params {
    pub scale: f32,
    pub zero_point: u8,
}

impl Params {
    /// For values from `lowest`, at most 0, to `highest`, at least 0. 0 is exact.
    fn of_range(lowest: f32, highest: f32) -> Self {
        let scale = (highest - lowest) / STEPS;
        if !scale.is_normal() {
            // All values are 0, or as good as.
            return Params {
                scale: 1.0,
                zero_point: 0,
            };
        }
        Params {
            scale,
            zero_point: (-lowest / scale).round() as u8,
        }
    }

    /// A value after it was rounded.
    fn rounded(&self, value: f32) -> f32 {
        let zero_point = f32::from(self.zero_point);
        let step = ((value / self.scale).round() + zero_point).clamp(0.0, STEPS);
        (step - zero_point) * self.scale
    }

    fn error(&self, cells: &[(f32, u64)]) -> f64 {
        let errors = cells.iter().map(|&(value, count)| {
            let error = f64::from(self.rounded(value) - value).abs();
            error.powf(POWER) * count as f64
        });
        errors.sum()
    }
}

/// The whole range: no value is cut.
pub(super) fn whole(histogram: &Histogram) -> Params {
    let (lowest, highest) = histogram.range();
    Params::of_range(lowest, highest)
}

/// The range with the least error: rare large values are cut, if that makes the others finer.
pub(super) fn finest(histogram: &Histogram) -> Params {
    let cells: Vec<(f32, u64)> = histogram.cells().collect();
    let (lowest, highest) = histogram.range();
    let cuts = |end: f32| {
        (0..CUTS)
            .map(move |cut| end * (1.0 - (1.0 - SMALLEST_PART) * cut as f32 / (CUTS - 1) as f32))
    };
    let error = |lowest: f32, highest: f32| Params::of_range(lowest, highest).error(&cells);
    let least = |ends: &mut dyn Iterator<Item = f32>, error: &dyn Fn(f32) -> f64| {
        let rated = ends.map(|end| (error(end), end));
        rated
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map_or(0.0, |(_, end)| end)
    };
    // Each end in turn, the upper one twice: the lower one was whole when it was chosen first.
    let first = least(&mut cuts(highest), &|highest| error(lowest, highest));
    let lower = least(&mut cuts(lowest), &|lowest| error(lowest, first));
    let upper = least(&mut cuts(highest), &|highest| error(lower, highest));
    Params::of_range(lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn histogram(values: &[f32]) -> Histogram {
        let mut histogram = Histogram::new();
        assert!(histogram.add(values));
        histogram
    }

    proptest! {
        #[test]
        fn the_finest_range_is_no_worse_than_the_whole_one(
            values in prop::collection::vec(-100_f32..1000.0, 1..200),
        ) {
            let histogram = histogram(&values);
            let cells: Vec<_> = histogram.cells().collect();
            prop_assert!(finest(&histogram).error(&cells) <= whole(&histogram).error(&cells));
        }

        #[test]
        fn values_within_the_range_are_half_a_step_off_at_most(
            lowest in -1e3_f32..=0.0, highest in 1e-3_f32..1e3, part in 0_f32..=1.0,
        ) {
            let params = Params::of_range(lowest, highest);
            let value = lowest + part * (highest - lowest);
            // The zero point is rounded, so an end may be half a step outside.
            prop_assert!((params.rounded(value) - value).abs() <= params.scale * 1.001);
            prop_assert_eq!(params.rounded(0.0), 0.0);
        }
    }

    #[test]
    fn a_lone_large_value_is_cut() {
        let values: Vec<f32> = (0..10_000).map(|i| i as f32 / 10_000.0).collect();
        let mut histogram = histogram(&[3.0]);
        for _ in 0..3000 {
            assert!(histogram.add(&values));
        }
        let (finest, whole) = (finest(&histogram), whole(&histogram));
        assert!(finest.scale < 0.5 * whole.scale, "{finest:?} {whole:?}");
    }

    #[test]
    fn a_tensor_of_zeros_has_a_scale() {
        let zeros = histogram(&[0.0; 8]);
        assert_eq!(whole(&zeros), finest(&zeros));
        assert_eq!(whole(&zeros).scale, 1.0);
    }
}
