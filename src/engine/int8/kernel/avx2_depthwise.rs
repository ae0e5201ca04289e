//! Convolutions with one filter for each channel, with AVX2: four pixels by 16 channels, two taps at once.

use super::rows::{self, DEPTHWISE_PIXELS, DepthwiseTile};
use crate::engine::int8::family::{DEPTHWISE_LANES as LANES, DEPTHWISE_TAP_BYTES as TAP_BYTES};
use std::arch::x86_64::*;

/// As [`rows::depthwise`].
#[target_feature(enable = "avx2")]
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
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn multiply(
    inputs: &[[&[i8]; DEPTHWISE_PIXELS]],
    first: usize,
    weights: &[i8],
) -> [[i32; LANES]; DEPTHWISE_PIXELS] {
    // SAFETY: each load is of a tap's 16 weights.
    let weight =
        |tap: usize| unsafe { _mm256_loadu_si256(weights.as_ptr().add(tap * TAP_BYTES).cast()) };
    // SAFETY: each load is of 16 values of an input.
    let input = |values: &[i8]| unsafe {
        _mm256_cvtepi8_epi16(_mm_loadu_si128(values.as_ptr().add(first).cast()))
    };
    let zero = _mm256_setzero_si256();
    // Of channels 0 to 3 and 8 to 11, and of the others: neighbours of two taps lie side by side.
    let mut sums = [[zero; 2]; DEPTHWISE_PIXELS];
    for (pair, taps) in inputs.chunks(2).enumerate() {
        let (one, other) = match taps.len() {
            2 => (weight(2 * pair), weight(2 * pair + 1)),
            _ => (weight(2 * pair), zero),
        };
        let weights = [
            _mm256_unpacklo_epi16(one, other),
            _mm256_unpackhi_epi16(one, other),
        ];
        for (pixel, sums) in sums.iter_mut().enumerate() {
            let one = input(taps[0][pixel]);
            let other = match taps {
                [_, other] => input(other[pixel]),
                _ => zero,
            };
            let low = _mm256_madd_epi16(_mm256_unpacklo_epi16(one, other), weights[0]);
            let high = _mm256_madd_epi16(_mm256_unpackhi_epi16(one, other), weights[1]);
            sums[0] = _mm256_add_epi32(sums[0], low);
            sums[1] = _mm256_add_epi32(sums[1], high);
        }
    }
    let mut stored = [[0; LANES]; DEPTHWISE_PIXELS];
    for (stored, [low, high]) in stored.iter_mut().zip(sums) {
        // SAFETY: 16 sums have room for two registers.
        unsafe {
            let place = stored.as_mut_ptr();
            _mm256_storeu_si256(place.cast(), _mm256_permute2x128_si256::<0x20>(low, high));
            let place = place.add(LANES / 2);
            _mm256_storeu_si256(place.cast(), _mm256_permute2x128_si256::<0x31>(low, high));
        }
    }
    stored
}
