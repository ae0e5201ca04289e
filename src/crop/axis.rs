//! Source positions of the columns or rows of a crop.
//!
//! Without rotation the map is separable: each output column and row has one source position. It is computed
//! once per crop, in 1/32 pixel, with OpenCV's rounding.

use std::ops::Range;

/// OpenCV's INTER_BITS: source positions have 5 fractional bits.
const FRACTION_BITS: u32 = 5;
/// OpenCV's AB_BITS: the matrix has 10 fractional bits before positions are rounded.
const MATRIX_BITS: u32 = 10;

/// Pixels outside the frame that a [`Position`] may name on either side of it.
pub(super) const OUTSIDE_PX: i32 = 2;

/// Source position of an output column or row: the pixel before it, and the weight (of 32) of the pixel after
/// it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Position {
    /// From -[`OUTSIDE_PX`] to the frame's side. Beyond these, both pixels are outside the frame.
    pub before_px: i32,
    pub weight: u32,
}

/// Source positions of all outputs along an axis of `side_px` pixels. The middle of the output is at
/// `center_px`.
pub(super) fn fill(positions: &mut [Position], side_px: u32, center_px: f64, length_px: f64) {
    let scale = length_px / positions.len() as f64;
    let shift = center_px - 0.5 * length_px;
    let one = f64::from(1 << MATRIX_BITS);
    let to_fraction = MATRIX_BITS - FRACTION_BITS;
    // Half of 1/32, so that the shift below rounds to nearest.
    let origin = ((shift * one).round_ties_even() as i64).saturating_add(1 << (to_fraction - 1));
    for (index, position) in positions.iter_mut().enumerate() {
        let along = (scale * index as f64 * one).round_ties_even() as i64;
        let fixed = origin.saturating_add(along) >> to_fraction;
        let before = (fixed >> FRACTION_BITS).clamp(i64::from(-OUTSIDE_PX), i64::from(side_px));
        *position = Position {
            before_px: before as i32,
            weight: (fixed & ((1 << FRACTION_BITS) - 1)) as u32,
        };
    }
}

/// The source pixels from the first to the last position, including pixels outside the frame.
pub(super) fn span(positions: &[Position]) -> Range<i32> {
    let before = || positions.iter().map(|position| position.before_px);
    before().min().unwrap_or(0)..before().max().unwrap_or(0) + 2
}
