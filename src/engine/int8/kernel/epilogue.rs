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
    pub residual: Option<&'a Residual>,
}

/// The addition behind a convolution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Residual {
    pub addition: Addition,
    /// The convolution's result is the first operand.
    pub own_is_first: bool,
}

/// `round(a * ratio_a + (b * ratio_b + fixed))` with two fused multiply-adds, on values as the graph
/// has them: `offset` (128 for u8, else 0) above those in memory. The order is ONNX Runtime's, so
/// that even ties and near-ties fall as they do there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Addition {
    pub ratio_a: f32,
    pub ratio_b: f32,
    pub fixed: f32,
    pub offset: f32,
    /// Results below this, in memory's range, are raised to it.
    pub floor: i8,
}

impl Addition {
    #[inline(always)]
    pub(in super::super) fn apply(&self, a: f32, b: f32) -> f32 {
        let b = (b + self.offset).mul_add(self.ratio_b, self.fixed);
        let sum = (a + self.offset).mul_add(self.ratio_a, b);
        (sum.round_ties_even() - self.offset)
            .max(f32::from(self.floor))
            .min(127.0)
    }
}

/// Adds two rows of values.
#[inline(always)]
pub(super) fn add(addition: &Addition, a: &[i8], b: &[i8], sums: &mut [i8]) {
    for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
        *sum = to_i8(addition.apply(a.into(), b.into()));
    }
}

/// See [`Kernel::quantize`](super::Kernel::quantize).
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

/// See [`Kernel::raise`](super::Kernel::raise).
#[inline(always)]
pub(super) fn raise(row: &mut [i8], others: &[&[i8]]) {
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
pub(super) unsafe fn store<const NR: usize, const MR: usize>(
    sums: &[[i32; NR]; MR],
    requant: &Requant<'_>,
    place: &Place,
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
                values[channel] = if residual.own_is_first {
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
        // SAFETY: the caller gives `nr` writable bytes for each pixel, written by nobody else.
        unsafe { place.output(pixel).cast::<[i8; NR]>().write(bytes) };
    }
}
