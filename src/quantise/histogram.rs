//! How often a tensor has each value. The range grows by doubling, so that one look at each picture is enough.

/// Cells on each side of 0. A uint8 range has 256 steps, so a step has 16 cells or more, 8 after a doubling.
const CELLS: usize = 4096;

/// Counts of values in cells of equal width, from `-limit` to `limit`.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    limit: f32,
    lowest: f32,
    highest: f32,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Histogram {
            counts: vec![0; 2 * CELLS],
            limit: 0.0,
            lowest: 0.0,
            highest: 0.0,
        }
    }

    /// Counts values. False if one of them is no number; none of them is counted then.
    pub(super) fn add(&mut self, values: &[f32]) -> bool {
        let (mut lowest, mut highest) = (0.0_f32, 0.0_f32);
        for &value in values {
            if !value.is_finite() {
                return false;
            }
            lowest = lowest.min(value);
            highest = highest.max(value);
        }
        self.lowest = self.lowest.min(lowest);
        self.highest = self.highest.max(highest);
        let most = highest.max(-lowest);
        if self.limit == 0.0 {
            self.limit = most;
        }
        while self.limit < most {
            self.double();
        }
        if self.limit > 0.0 {
            let cells_per_unit = CELLS as f32 / self.limit;
            for &value in values {
                let cell = (value * cells_per_unit) + CELLS as f32;
                self.counts[(cell as usize).min(2 * CELLS - 1)] += 1;
            }
        }
        true
    }

    fn double(&mut self) {
        let mut wider = vec![0; 2 * CELLS];
        for (cell, &count) in self.counts.iter().enumerate() {
            wider[(cell + CELLS) / 2] += count;
        }
        self.counts = wider;
        self.limit *= 2.0;
    }

    /// The smallest and the largest value, and 0.
    pub(super) fn range(&self) -> (f32, f32) {
        (self.lowest, self.highest)
    }

    /// The middle of each cell that has values, and their number.
    pub(super) fn cells(&self) -> impl Iterator<Item = (f32, u64)> {
        let width = self.limit / CELLS as f32;
        let cells = self
            .counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0);
        cells.map(move |(cell, &count)| ((cell as f32 - CELLS as f32 + 0.5) * width, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_value_is_counted_within_a_cell(lists in prop::collection::vec(
            prop::collection::vec(-1e6_f32..1e6, 1..50), 1..6,
        )) {
            let mut histogram = Histogram::new();
            for list in &lists {
                prop_assert!(histogram.add(list));
            }
            let mut values = lists.concat();
            values.sort_by(f32::total_cmp);
            let counted: Vec<f32> = histogram
                .cells()
                .flat_map(|(middle, count)| std::iter::repeat_n(middle, count as usize))
                .collect();
            prop_assert_eq!(counted.len(), values.len());
            let width = histogram.limit / CELLS as f32;
            for (counted, value) in counted.iter().zip(&values) {
                prop_assert!((counted - value).abs() <= width, "{} {}", counted, value);
            }
            let (lowest, highest) = histogram.range();
            prop_assert_eq!(lowest, values[0].min(0.0));
            prop_assert_eq!(highest, values[values.len() - 1].max(0.0));
        }
    }

    #[test]
    fn what_is_no_number_is_not_counted() {
        let mut histogram = Histogram::new();
        assert!(!histogram.add(&[1.0, f32::NAN]));
        assert!(!histogram.add(&[f32::INFINITY]));
        assert_eq!(histogram.cells().count(), 0);
        assert!(histogram.add(&[0.0]));
        assert_eq!(histogram.range(), (0.0, 0.0));
    }
}
