//! The mean of a map in a disc at its middle.

use std::ops::Range;

/// Radius of the disc, as a share of the map's shorter side.
const RADIUS: f32 = 0.125;

/// The pixels of the disc, for maps of one size.
#[derive(Debug)]
pub struct Middle {
    rows: Vec<Range<usize>>,
    count: usize,
}

impl Middle {
    /// Panics if a side is 0.
    pub fn new(width: usize, height: usize) -> Self {
        let radius = RADIUS * width.min(height) as f32;
        let from_middle = |at: usize, length: usize| at as f32 - 0.5 * (length - 1) as f32;
        let is_inside = |x: usize, y: usize| {
            let (x, y) = (from_middle(x, width), from_middle(y, height));
            x * x + y * y <= radius * radius
        };
        let row = |y: usize| {
            let mut inside = (0..width).filter(|&x| is_inside(x, y));
            let first = inside.next()?;
            let last = inside.next_back().unwrap_or(first);
            Some(y * width + first..y * width + last + 1)
        };
        let rows: Vec<Range<usize>> = (0..height).filter_map(row).collect();
        Middle {
            count: rows.iter().map(ExactSizeIterator::len).sum(),
            rows,
        }
    }

    /// The mean, 0 to 1. 0 if a value is no number.
    pub fn mean(&self, map: &[f32]) -> f32 {
        let values = self.rows.iter().flat_map(|row| &map[row.clone()]);
        let mean = values.sum::<f32>() / self.count.max(1) as f32;
        if mean.is_nan() {
            0.0
        } else {
            mean.clamp(0.0, 1.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disc_is_an_eighth_of_the_side_in_radius() {
        let disc = Middle::new(32, 32);
        // The pixels whose centres are within 4 px of (15.5, 15.5).
        assert_eq!(disc.count, 52);
        assert_eq!(disc.rows.first(), Some(&(12 * 32 + 14..12 * 32 + 18)));
        assert_eq!(Middle::new(64, 32).count, 52);
        // The smallest heatmap.
        assert_eq!(Middle::new(8, 8).count, 4);
    }

    #[test]
    fn only_the_middle_counts_and_the_mean_is_a_probability() {
        let disc = Middle::new(32, 32);
        let mut map = vec![9.0; 32 * 32];
        for row in &disc.rows {
            map[row.clone()].fill(0.25);
        }
        assert_eq!(disc.mean(&map), 0.25);
        assert_eq!(disc.mean(&[3.0; 32 * 32]), 1.0);
        assert_eq!(disc.mean(&[-3.0; 32 * 32]), 0.0);
        assert_eq!(disc.mean(&[f32::NAN; 32 * 32]), 0.0);
    }
}
