//! From 32-bit sums to 8-bit results, while they are still in the first cache.
//!
//! Written once, and compiled into each kernel with that kernel's instructions.

use super::{MAX_MR, MAX_NR, Place};

/// What happens to the sums of one block of channels.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Requant<'a> {
    /// Added to the sum: the bias less the zero point's share.
    pub bias: &'a [i32],
    /// Input scale x weight scale / output scale, for each channel.
    pub multipliers: &'a [f32],
    pub zero_point: i8,
    /// Results below this are raised to it.
    pub floor: i8,
    /// The addition behind the convolution, if there is one.
    pub residual: Option<Residual>,
}

/// `round(own_ratio * (result - own zero point) + other_ratio * (other - other_zero_point))`, with
/// ratios to the sum's scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Residual {
    pub own_ratio: f32,
    pub other_ratio: f32,
    pub other_zero_point: i8,
    pub zero_point: i8,
    pub floor: i8,
}

/// Rounds half to even, moves to the zero point, and clamps.
#[inline(always)]
pub(in super::super) fn quantise(value: f32, zero_point: f32, floor: f32) -> f32 {
    (value.round_ties_even() + zero_point).max(floor).min(127.0)
}

#[inline(always)]
fn to_i8(value: f32) -> i8 {
    // SAFETY: the value was clamped to -128..=127, and is not NaN: `max` with a number removes it.
    unsafe { value.to_int_unchecked::<i32>() as i8 }
}

/// Stores `nr` results for each pixel; `sums` is [mr][nr].
///
/// # Safety
/// As for [`Kernel::tile`](super::Kernel::tile).
#[inline(always)]
pub(super) unsafe fn store<const NR: usize>(
    sums: &[[i32; NR]; MAX_MR],
    requant: &Requant<'_>,
    place: &Place,
) {
    const { assert!(NR <= MAX_NR) };
    let bias: &[i32; NR] = requant.bias[..NR].try_into().expect("a block of biases");
    let multipliers: &[f32; NR] = requant.multipliers[..NR]
        .try_into()
        .expect("a block of multipliers");
    let (zero_point, floor) = (f32::from(requant.zero_point), f32::from(requant.floor));
    for pixel in 0..place.pixels {
        let mut values = [0.0_f32; NR];
        for channel in 0..NR {
            let sum = (sums[pixel][channel].wrapping_add(bias[channel])) as f32;
            values[channel] = quantise(sum * multipliers[channel], zero_point, floor);
        }
        if let Some(residual) = &requant.residual {
            // SAFETY: the caller gives `nr` readable bytes for each pixel.
            let other = unsafe { &*place.residual[pixel].cast::<[i8; NR]>() };
            let other_zero_point = f32::from(residual.other_zero_point);
            for channel in 0..NR {
                let own = (values[channel] - zero_point) * residual.own_ratio;
                let other = (f32::from(other[channel]) - other_zero_point) * residual.other_ratio;
                values[channel] = quantise(
                    own + other,
                    residual.zero_point.into(),
                    residual.floor.into(),
                );
            }
        }
        let mut bytes = [0_i8; NR];
        for channel in 0..NR {
            bytes[channel] = to_i8(values[channel]);
        }
        // SAFETY: the caller gives `nr` writable bytes for each pixel, written by nobody else.
        unsafe { place.output[pixel].cast::<[i8; NR]>().write(bytes) };
    }
}
