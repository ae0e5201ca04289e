//! One thread's share of a convolution with one filter for each channel: some pixels of a row at once.

use super::share::{SharedSlice, ThreadShare};
use crate::engine::int8::kernel::{DEPTHWISE_PIXELS, DepthwiseTile, RowOps};
use crate::engine::int8::plan::DepthwiseStep;
use crate::engine::int8::requant::Requant;
use crate::limits::MAX_DEPTHWISE_TAPS;

const MAX_TAPS: usize = MAX_DEPTHWISE_TAPS as usize;

/// # Safety
/// No thread writes to the input, and no other one touches this share's rows of the output.
pub(super) unsafe fn depthwise(
    rows: &dyn RowOps,
    arena: SharedSlice<i8>,
    step: &DepthwiseStep,
    share: ThreadShare,
) {
    // SAFETY: guaranteed by the caller.
    let input = unsafe { arena.read(step.input.offset, step.input.bytes()) };
    let output = step.output;
    let requant = Requant {
        bias: &step.packed.bias,
        multipliers: &step.packed.multipliers,
        zero_point: step.zero_point,
        floor: step.floor,
        residual: None,
        is_narrow: false,
    };
    let mut inputs = [[&step.padding_row[..]; DEPTHWISE_PIXELS]; MAX_TAPS];
    let inputs = &mut inputs[..step.taps.len()];
    for y in share.range(output.height) {
        for first in (0..output.width).step_by(DEPTHWISE_PIXELS) {
            let count = DEPTHWISE_PIXELS.min(output.width - first);
            for (tap, places) in step.taps.iter().zip(inputs.iter_mut()) {
                let row = (step.stride * y).cast_signed() + tap[0];
                for (pixel, place) in places.iter_mut().enumerate().take(count) {
                    let column = (step.stride * (first + pixel)).cast_signed() + tap[1];
                    *place = match step.input.find(row, column) {
                        Some(start) => &input[start..][..step.input.stride],
                        None => &step.padding_row,
                    };
                }
            }
            let tile = DepthwiseTile {
                inputs,
                weights: &step.packed.weights,
                requant,
            };
            // SAFETY: neighbouring pixels of this share's rows.
            let to = unsafe { arena.write(output.at(y, first), count * output.stride) };
            rows.depthwise(&tile, to);
        }
    }
}
