//! Convolutions with one filter for each channel: their taps, and the sizes of their packed weights.

use crate::engine::int8::family::DEPTHWISE_LANES;
use crate::engine::int8::ir::ConvWeights;
use crate::engine::int8::ir::size::{Size, product};

/// Channels of the packed weights, biases and multipliers.
pub(crate) fn padded_channels(weights: &ConvWeights) -> usize {
    weights.out_channels.next_multiple_of(DEPTHWISE_LANES)
}

/// Bytes of the packed weights.
pub(super) fn packed_bytes(weights: &ConvWeights) -> Size {
    product(weights.kernel_size) * padded_channels(weights) * size_of::<i16>()
}

pub(super) fn taps(weights: &ConvWeights) -> Vec<[isize; 2]> {
    let [height, width] = weights.kernel_size;
    let from = |tap: usize, axis: usize| tap.cast_signed() - weights.pad[axis].cast_signed();
    let rows = 0..height;
    rows.flat_map(|y| (0..width).map(move |x| [from(y, 0), from(x, 1)]))
        .collect()
}
