//! Operations on rows of values, one element at a time, and their plain form.

use super::MAX_NR;
use super::epilogue::{quantise, to_i8};
use crate::engine::int8::family::{DEPTHWISE_LANES as LANES, DEPTHWISE_TAP_BYTES as TAP_BYTES};
use crate::engine::int8::requant::{Addition, Product, Requant};

/// Neighbouring output pixels that [`RowOps::depthwise`] makes at once: they read the same weights.
pub(crate) const DEPTHWISE_PIXELS: usize = 4;

/// Output pixels of a convolution with one filter for each channel.
pub(crate) struct DepthwiseTile<'a> {
    /// For each tap, for each of the pixels, all channels of the input's pixel.
    pub inputs: &'a [[&'a [i8]; DEPTHWISE_PIXELS]],
    /// [channels / 16][tap][16] of i16 in little-endian bytes.
    pub weights: &'a [i8],
    /// For all channels, a multiple of 16.
    pub requant: Requant<'a>,
}

impl DepthwiseTile<'_> {
    /// Asserts that all inputs and the weights have so many channels.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[inline(always)]
    pub(super) fn assert_holds(&self, channels: usize) {
        let mut inputs = self.inputs.iter().flatten();
        assert!(inputs.all(|input| input.len() >= channels));
        assert!(self.weights.len() <= channels / LANES * self.inputs.len() * TAP_BYTES);
    }
}

/// Operations on rows of values. All implementations give the same bytes.
pub(crate) trait RowOps: Sync {
    /// `sums[i] = a[i] + b[i]`, requantised.
    fn add(&self, addition: &Addition, a: &[i8], b: &[i8], sums: &mut [i8]) {
        add(addition, a, b, sums);
    }

    /// `to[i] = a[i] * b[i]`, requantised.
    fn multiply(&self, product: &Product, a: &[i8], b: &[i8], to: &mut [i8]) {
        multiply(product, a, b, to);
    }

    /// Up to [`DEPTHWISE_PIXELS`] pixels, as many as `to` has room for.
    fn depthwise(&self, tile: &DepthwiseTile<'_>, to: &mut [i8]) {
        depthwise(tile, to);
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
pub(super) fn multiply(product: &Product, a: &[i8], b: &[i8], to: &mut [i8]) {
    let (zero_point, floor) = (f32::from(product.zero_point), f32::from(product.floor));
    for ((to, &a), &b) in to.iter_mut().zip(a).zip(b) {
        let factors = [
            i32::from(a) - i32::from(product.a_zero),
            i32::from(b) - i32::from(product.b_zero),
        ];
        let value = (factors[0] * factors[1]) as f32 * product.ratio;
        *to = to_i8(quantise(value, zero_point, floor));
    }
}

#[inline(always)]
pub(super) fn depthwise(tile: &DepthwiseTile<'_>, to: &mut [i8]) {
    let channels = tile.requant.bias.len();
    let block_bytes = tile.inputs.len() * TAP_BYTES;
    for (index, weights) in tile.weights.chunks_exact(block_bytes).enumerate() {
        let first = index * LANES;
        for (pixel, to) in to.chunks_exact_mut(channels).enumerate() {
            let mut sums = [0_i32; LANES];
            let taps = tile.inputs.iter().zip(weights.chunks_exact(TAP_BYTES));
            for (inputs, weights) in taps {
                let inputs = inputs[pixel][first..][..LANES].iter();
                let weights = weights.as_chunks::<2>().0.iter();
                for ((sum, &input), weight) in sums.iter_mut().zip(inputs).zip(weights) {
                    let weight = i16::from_le_bytes(weight.map(i8::cast_unsigned));
                    *sum += i32::from(input) * i32::from(weight);
                }
            }
            requantise(&tile.requant, first, &sums, &mut to[first..][..LANES]);
        }
    }
}

/// Sums of a block of channels, from `first` on, to 8 bits.
#[inline(always)]
pub(super) fn requantise(requant: &Requant<'_>, first: usize, sums: &[i32; LANES], to: &mut [i8]) {
    let bias = &requant.bias[first..][..LANES];
    let multipliers = &requant.multipliers[first..][..LANES];
    let (zero_point, floor) = (f32::from(requant.zero_point), f32::from(requant.floor));
    let sums = sums.iter().zip(bias).zip(multipliers);
    for (to, ((sum, &bias), multiplier)) in to.iter_mut().zip(sums) {
        let value = sum.wrapping_add(bias) as f32 * multiplier;
        *to = to_i8(quantise(value, zero_point, floor));
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
