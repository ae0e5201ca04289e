//! Operations on rows of values, one element at a time, and their plain form.

use super::MAX_NR;
use super::epilogue::{quantise, to_i8};
use crate::engine::int8::requant::Addition;

/// Operations on rows of values. All implementations give the same bytes.
pub(crate) trait RowOps: Sync {
    /// `sums[i] = a[i] + b[i]`, requantised.
    fn add(&self, addition: &Addition, a: &[i8], b: &[i8], sums: &mut [i8]) {
        add(addition, a, b, sums);
    }

    /// A row of float planes to pixels of 8-bit channels, `to.len() / row's length` bytes each. A NaN
    /// becomes -128.
    fn quantize(&self, row: [&[f32]; 3], scale: f32, zero_point: i8, to: &mut [i8]) {
        quantize(row, scale, zero_point, to);
    }

    /// `row[i] = max(row[i], others[..][i])`; a row is a multiple of 16.
    fn max_rows(&self, row: &mut [i8], others: &[&[i8]]) {
        max_rows(row, others);
    }
}

/// In plain Rust.
pub(super) struct PlainRows;

impl RowOps for PlainRows {}

#[inline(always)]
pub(super) fn add(addition: &Addition, a: &[i8], b: &[i8], sums: &mut [i8]) {
    for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
        *sum = to_i8(addition.apply(a.into(), b.into()));
    }
}

#[inline(always)]
pub(super) fn quantize(row: [&[f32]; 3], scale: f32, zero_point: i8, to: &mut [i8]) {
    let stride = to.len() / row[0].len();
    let values = row[0].iter().zip(row[1]).zip(row[2]);
    for (pixel, ((r, g), b)) in to.chunks_exact_mut(stride).zip(values) {
        for (to, value) in pixel.iter_mut().zip([r, g, b]) {
            *to = to_i8(quantise(value / scale, zero_point.into(), -128.0));
        }
    }
}

#[inline(always)]
pub(super) fn max_rows(row: &mut [i8], others: &[&[i8]]) {
    let (pieces, _) = row.as_chunks_mut::<MAX_NR>();
    for (index, piece) in pieces.iter_mut().enumerate() {
        let mut highest = *piece;
        for other in others {
            let other = &other[index * MAX_NR..][..MAX_NR];
            for (highest, &value) in highest.iter_mut().zip(other) {
                *highest = value.max(*highest);
            }
        }
        *piece = highest;
    }
}
