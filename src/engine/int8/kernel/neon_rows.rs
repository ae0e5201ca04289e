//! Operations on rows with NEON.

use super::rows::{DepthwiseTile, RowOps};
use super::{neon_depthwise, neon_store};
use crate::engine::int8::requant::Addition;

/// NEON is part of AArch64.
pub(super) struct NeonRows;

impl RowOps for NeonRows {
    fn add(&self, addition: &Addition, a: &[i8], b: &[i8], sums: &mut [i8]) {
        neon_store::add_rows(addition, a, b, sums);
    }

    fn depthwise(&self, tile: &DepthwiseTile<'_>, to: &mut [i8]) {
        neon_depthwise::depthwise(tile, to);
    }
}
