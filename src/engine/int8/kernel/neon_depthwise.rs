//! Convolutions with one filter for each channel, with NEON: four pixels by 16 channels, whose sums stay in registers.

use super::rows::{self, DEPTHWISE_PIXELS, DepthwiseTile};
use crate::engine::int8::family::{DEPTHWISE_LANES as LANES, DEPTHWISE_TAP_BYTES as TAP_BYTES};
use std::arch::aarch64::*;

/// As [`rows::depthwise`].
pub(super) fn depthwise(tile: &DepthwiseTile<'_>, to: &mut [i8]) {
    let channels = tile.requant.bias.len();
    tile.assert_holds(channels);
    let block_bytes = tile.inputs.len() * TAP_BYTES;
    for (index, weights) in tile.weights.chunks_exact(block_bytes).enumerate() {
        let first = index * LANES;
        // SAFETY: `assert_holds` checks that each input has all channels, and a block ends within them.
        let sums = unsafe { multiply(tile.inputs, first, weights) };
        for (sums, to) in sums.iter().zip(to.chunks_exact_mut(channels)) {
            rows::requantise(&tile.requant, first, sums, &mut to[first..][..LANES]);
        }
    }
}

/// Sums of all taps, of 16 channels from `first` on.
///
/// # Safety
/// Each input has `first + 16` values or more; `weights` has [`TAP_BYTES`] for each tap.
#[inline(always)]
unsafe fn multiply(
    inputs: &[[&[i8]; DEPTHWISE_PIXELS]],
    first: usize,
    weights: &[i8],
) -> [[i32; LANES]; DEPTHWISE_PIXELS] {
    // SAFETY: NEON is part of AArch64. Each load is of 16 values of an input or of a tap's 16 weights.
    unsafe {
        let mut sums = [[vdupq_n_s32(0); LANES / 4]; DEPTHWISE_PIXELS];
        for (tap, inputs) in inputs.iter().enumerate() {
            let weights = weights.as_ptr().add(tap * TAP_BYTES).cast::<i16>();
            let (low, high) = (vld1q_s16(weights), vld1q_s16(weights.add(8)));
            for (sums, input) in sums.iter_mut().zip(inputs) {
                let input = vld1q_s8(input.as_ptr().add(first));
                let (start, end) = (vmovl_s8(vget_low_s8(input)), vmovl_high_s8(input));
                sums[0] = vmlal_s16(sums[0], vget_low_s16(start), vget_low_s16(low));
                sums[1] = vmlal_high_s16(sums[1], start, low);
                sums[2] = vmlal_s16(sums[2], vget_low_s16(end), vget_low_s16(high));
                sums[3] = vmlal_high_s16(sums[3], end, high);
            }
        }
        let mut stored = [[0; LANES]; DEPTHWISE_PIXELS];
        for (stored, sums) in stored.iter_mut().zip(sums) {
            for (place, sum) in stored.chunks_exact_mut(4).zip(sums) {
                vst1q_s32(place.as_mut_ptr(), sum);
            }
        }
        stored
    }
}
