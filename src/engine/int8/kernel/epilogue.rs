//! From 32-bit sums to 8-bit results, while they are still in the first cache.
//!
//! Written once, and compiled into each kernel with that kernel's instructions.

use super::{MAX_MR, MAX_NR, TileOutput};
use crate::engine::int8::requant::Requant;

/// Rounds half to even, moves to the zero point, and clamps.
#[inline(always)]
pub(super) fn quantise(value: f32, zero_point: f32, floor: f32) -> f32 {
    (value.round_ties_even() + zero_point).max(floor).min(127.0)
}

#[inline(always)]
pub(super) fn to_i8(value: f32) -> i8 {
    // SAFETY: the value was clamped to -128..=127, and is not NaN: `max` with a number removes it.
    unsafe { value.to_int_unchecked::<i32>() as i8 }
}

/// Stores `nr` results for each pixel; `sums` is [mr][nr].
///
/// # Safety
/// As for [`Kernel::tile`](super::Kernel::tile).
#[inline(always)]
pub(super) unsafe fn store<const NR: usize, const MR: usize>(
    sums: &[[i32; NR]; MR],
    requant: &Requant<'_>,
    place: &TileOutput,
) {
    const { assert!(NR <= MAX_NR && MR <= MAX_MR) };
    let bias: &[i32; NR] = requant.bias[..NR].try_into().expect("a block of biases");
    let multipliers: &[f32; NR] = requant.multipliers[..NR]
        .try_into()
        .expect("a block of multipliers");
    let (zero_point, floor) = (f32::from(requant.zero_point), f32::from(requant.floor));
    for (pixel, sums) in sums.iter().enumerate().take(place.pixels) {
        let mut values = [0.0_f32; NR];
        for channel in 0..NR {
            let sum = (sums[channel].wrapping_add(bias[channel])) as f32;
            values[channel] = quantise(sum * multipliers[channel], zero_point, floor);
        }
        if let Some(residual) = requant.residual {
            // SAFETY: the caller gives `nr` readable bytes for each pixel.
            let other = unsafe { &*place.residual(pixel).cast::<[i8; NR]>() };
            for channel in 0..NR {
                let (own, other) = (values[channel], f32::from(other[channel]));
                values[channel] = if residual.conv_is_lhs {
                    residual.addition.apply(own, other)
                } else {
                    residual.addition.apply(other, own)
                };
            }
        }
        let mut bytes = [0_i8; NR];
        for channel in 0..NR {
            bytes[channel] = to_i8(values[channel]);
        }
        // SAFETY: the caller gives `nr` writable bytes for each pixel, and no other thread writes there.
        unsafe { place.output(pixel).cast::<[i8; NR]>().write(bytes) };
    }
}
