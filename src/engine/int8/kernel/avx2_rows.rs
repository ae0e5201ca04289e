//! Operations on rows with AVX2.

use super::rows::{self, DepthwiseTile, PlainRows, RowOps};
use super::{avx2_depthwise, avx2_store};
use crate::engine::int8::requant::{Addition, Product};

/// Given out by [`detect`] alone, where the processor has AVX2 and FMA.
struct Avx2Rows {
    _detected: (),
}

/// The operations with AVX2 if this processor has it, else the plain ones.
pub(super) fn detect() -> &'static dyn RowOps {
    static ROWS: Avx2Rows = Avx2Rows { _detected: () };
    match std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
        true => &ROWS,
        false => &PlainRows,
    }
}

impl RowOps for Avx2Rows {
    fn add(&self, addition: &Addition, a: &[i8], b: &[i8], sums: &mut [i8]) {
        // SAFETY: having `self` proves AVX2 and FMA.
        unsafe { avx2_store::add_rows(addition, a, b, sums) }
    }

    fn multiply(&self, product: &Product, a: &[i8], b: &[i8], to: &mut [i8]) {
        // SAFETY: as above.
        unsafe { multiply(product, a, b, to) }
    }

    fn depthwise(&self, tile: &DepthwiseTile<'_>, to: &mut [i8]) {
        // SAFETY: as above.
        unsafe { avx2_depthwise::depthwise(tile, to) }
    }

    fn quantize(&self, row: [&[f32]; 3], scale: f32, zero_point: i8, to: &mut [i8]) {
        // SAFETY: as above.
        unsafe { quantize(row, scale, zero_point, to) }
    }

    fn max_rows(&self, row: &mut [i8], others: &[&[i8]]) {
        // SAFETY: as above.
        unsafe { max_rows(row, others) }
    }
}

#[target_feature(enable = "avx2")]
fn multiply(product: &Product, a: &[i8], b: &[i8], to: &mut [i8]) {
    rows::multiply(product, a, b, to);
}

#[target_feature(enable = "avx2")]
fn quantize(row: [&[f32]; 3], scale: f32, zero_point: i8, to: &mut [i8]) {
    rows::quantize(row, scale, zero_point, to);
}

#[target_feature(enable = "avx2")]
fn max_rows(row: &mut [i8], others: &[&[i8]]) {
    rows::max_rows(row, others);
}
