//! The epilogue in NEON: the same results as [`epilogue`](super::epilogue), in fewer instructions.
//!
//! Rounding and conversion are one instruction, and the saturating narrowings do the clamping.

use super::TileOutput;
use crate::engine::int8::requant::{Addition, Requant};
use std::arch::aarch64::*;

const NR: usize = 8;

/// Stores 8 results for each pixel; `sums` is [mr][8].
///
/// # Safety
/// As for [`Kernel::tile`](super::Kernel::tile).
#[inline(always)]
pub(super) unsafe fn store<const MR: usize>(
    sums: &[[i32; NR]; MR],
    requant: &Requant<'_>,
    place: &TileOutput,
) {
    // SAFETY: NEON is part of AArch64; a line of sums is eight values. The places are passed on from
    // the caller.
    unsafe {
        let mut registers = [[vdupq_n_s32(0); 2]; MR];
        for (to, sums) in registers.iter_mut().zip(sums) {
            *to = [vld1q_s32(sums.as_ptr()), vld1q_s32(sums.as_ptr().add(4))];
        }
        store_registers(&registers, requant, place);
    }
}

/// As [`store`], with the sums in registers.
///
/// # Safety
/// As for [`Kernel::tile`](super::Kernel::tile).
#[inline(always)]
pub(super) unsafe fn store_registers<const MR: usize>(
    sums: &[[int32x4_t; 2]; MR],
    requant: &Requant<'_>,
    place: &TileOutput,
) {
    assert!(requant.bias.len() >= NR && requant.multipliers.len() >= NR);
    // SAFETY: NEON is part of AArch64. Loads are of 8 biases and multipliers, whose number is
    // checked above; the caller guarantees the places.
    unsafe {
        let bias = [
            vld1q_s32(requant.bias.as_ptr()),
            vld1q_s32(requant.bias.as_ptr().add(4)),
        ];
        let multipliers = [
            vld1q_f32(requant.multipliers.as_ptr()),
            vld1q_f32(requant.multipliers.as_ptr().add(4)),
        ];
        let zero_point = vdupq_n_s16(requant.zero_point.into());
        let floor = vdup_n_s8(requant.floor);
        for (pixel, sums) in sums.iter().enumerate().take(place.pixels) {
            let scale = |half: usize| {
                let sum = vaddq_s32(sums[half], bias[half]);
                vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(sum), multipliers[half]))
            };
            let mut result = vmax_s8(narrow([scale(0), scale(1)], zero_point), floor);
            if let Some(residual) = requant.residual {
                let other = vld1_s8(place.residual(pixel));
                let (a, b) = if residual.conv_is_lhs {
                    (result, other)
                } else {
                    (other, result)
                };
                result = add(&residual.addition, a, b);
            }
            vst1_s8(place.output(pixel), result);
        }
    }
}

/// Adds 8 values, as [`Addition::apply`] does.
#[inline(always)]
fn add(addition: &Addition, a: int8x8_t, b: int8x8_t) -> int8x8_t {
    // SAFETY: NEON is part of AArch64; no memory is touched.
    unsafe {
        let offset = vdupq_n_s16(addition.offset as i16);
        let (a, b) = (widen(a, offset), widen(b, offset));
        let sum = |half: usize| {
            let b = vfmaq_n_f32(vdupq_n_f32(addition.fixed), b[half], addition.ratio_b);
            vcvtnq_s32_f32(vfmaq_n_f32(b, a[half], addition.ratio_a))
        };
        vmax_s8(
            narrow([sum(0), sum(1)], vnegq_s16(offset)),
            vdup_n_s8(addition.floor),
        )
    }
}

/// `value + offset` as floats.
#[inline(always)]
fn widen(values: int8x8_t, offset: int16x8_t) -> [float32x4_t; 2] {
    // SAFETY: NEON is part of AArch64; no memory is touched.
    unsafe {
        let wide = vaddq_s16(vmovl_s8(values), offset);
        [
            vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide))),
            vcvtq_f32_s32(vmovl_high_s16(wide)),
        ]
    }
}

/// `value + offset` as bytes, clamped.
#[inline(always)]
fn narrow(values: [int32x4_t; 2], offset: int16x8_t) -> int8x8_t {
    // SAFETY: NEON is part of AArch64; no memory is touched.
    unsafe {
        let half = vqmovn_high_s32(vqmovn_s32(values[0]), values[1]);
        vqmovn_s16(vqaddq_s16(half, offset))
    }
}

/// Adds two rows of values.
pub(super) fn add_rows(addition: &Addition, a: &[i8], b: &[i8], sums: &mut [i8]) {
    for ((sums, a), b) in sums
        .chunks_exact_mut(NR)
        .zip(a.chunks_exact(NR))
        .zip(b.chunks_exact(NR))
    {
        // SAFETY: each chunk has 8 values.
        unsafe {
            let sum = add(addition, vld1_s8(a.as_ptr()), vld1_s8(b.as_ptr()));
            vst1_s8(sums.as_mut_ptr(), sum);
        }
    }
    let done = sums.len() / NR * NR;
    super::rows::add(addition, &a[done..], &b[done..], &mut sums[done..]);
}
