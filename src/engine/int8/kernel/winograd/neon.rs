//! AArch64 without the dot product: 16-bit products added to 32-bit sums (`smlal` by element).

use super::super::{TileOutput, neon_loops, neon_store};
use super::neon_rows::{Narrow, Twice, Wide};
use super::{Multiply, TileSums, Winograd, WinogradForm, transform};
use crate::engine::int8::family::{self, WINOGRAD_LANES, WinogradShape};
use crate::engine::int8::requant::Requant;
use std::arch::aarch64::*;

const SHAPE: WinogradShape = family::NEON.winograd.expect("NEON has Winograd's method");
const MR: usize = SHAPE.mr;
const NR: usize = SHAPE.nr;

pub(in super::super) struct Neon;

impl Winograd for Neon {
    // SAFETY: the contract is the trait's.
    unsafe fn inputs(&self, form: WinogradForm, pixels: &[&[i8]], to: *mut i16, stride: usize) {
        // SAFETY: passed on from the caller.
        unsafe { transform::inputs::<Narrow>(form, pixels, to, stride) }
    }

    fn weights(&self, band: (WinogradForm, usize), taps: &[&[i8]], to: &mut [i16], stride: usize) {
        transform::weights::<Twice>(band, taps, to, stride);
    }

    fn multiply(&self, inputs: &[i16], weights: &[i16], k: usize, sums: &mut [i32], more: bool) {
        let lines = sums.len() / NR;
        assert!((1..=MR).contains(&lines) && k.is_multiple_of(WINOGRAD_LANES) && k > 0);
        assert!(inputs.len() >= lines * k && weights.len() >= NR * k);
        let multiply = MULTIPLY[lines - 1];
        // SAFETY: NEON is part of AArch64, and the lengths are checked above.
        unsafe {
            multiply(
                inputs.as_ptr(),
                weights.as_ptr(),
                k,
                sums.as_mut_ptr(),
                more,
            )
        }
    }

    // SAFETY: the contract is the trait's.
    unsafe fn outputs(&self, tile: &TileSums<'_>, requant: &Requant<'_>, place: &TileOutput) {
        // SAFETY: passed on from the caller.
        unsafe {
            transform::outputs::<Wide, NR>(tile, |sums| {
                neon_store::store(sums, requant, place);
            });
        }
    }
}

/// One input channel, of those that the lines hold: every tile by eight output channels.
macro_rules! channel {
    ($totals:ident, $lines:ident, $weights:expr, $lane:literal) => {
        let weights = vld1q_s16($weights.add(NR * $lane));
        for (totals, line) in $totals.iter_mut().zip($lines) {
            totals[0] = vmlal_laneq_s16::<$lane>(totals[0], vget_low_s16(weights), line);
            totals[1] = vmlal_high_laneq_s16::<$lane>(totals[1], weights, line);
        }
    };
}

/// For one line, for two, and so on.
static MULTIPLY: [Multiply; MR] = [
    multiply::<1>,
    multiply::<2>,
    multiply::<3>,
    multiply_four,
    multiply::<5>,
    multiply::<6>,
    multiply::<7>,
    multiply_all,
];

/// The sums so far: those that lie at `sums` if there is `more`, else zeros.
///
/// # Safety
/// `sums` holds [lines][nr] values.
#[inline(always)]
unsafe fn begun<const LINES: usize>(sums: *const i32, more: bool) -> [[int32x4_t; 2]; LINES] {
    // SAFETY: NEON is part of AArch64, and a line of `sums` is 8 values.
    unsafe {
        let mut totals = [[vdupq_n_s32(0); 2]; LINES];
        if more {
            for (line, totals) in totals.iter_mut().enumerate() {
                let from = sums.add(line * NR);
                *totals = [vld1q_s32(from), vld1q_s32(from.add(4))];
            }
        }
        totals
    }
}

/// Stores the sums.
///
/// # Safety
/// As for [`begun`].
#[inline(always)]
unsafe fn finish<const LINES: usize>(totals: &[[int32x4_t; 2]; LINES], sums: *mut i32) {
    // SAFETY: as above.
    unsafe {
        for (line, totals) in totals.iter().enumerate() {
            vst1q_s32(sums.add(line * NR), totals[0]);
            vst1q_s32(sums.add(line * NR + 4), totals[1]);
        }
    }
}

/// [`MR`] lines.
///
/// # Safety
/// As for [`multiply`].
unsafe fn multiply_all(
    inputs: *const i16,
    weights: *const i16,
    k: usize,
    sums: *mut i32,
    more: bool,
) {
    // SAFETY: NEON is part of AArch64; a line of `sums` is 8 values, and the rest is passed on from the caller.
    unsafe {
        let mut totals = begun::<MR>(sums, more);
        neon_loops::winograd(inputs, weights, k, &mut totals);
        finish(&totals, sums);
    }
}

/// Four lines.
///
/// # Safety
/// As for [`multiply`].
unsafe fn multiply_four(
    inputs: *const i16,
    weights: *const i16,
    k: usize,
    sums: *mut i32,
    more: bool,
) {
    // SAFETY: as above.
    unsafe {
        let mut totals = begun::<4>(sums, more);
        neon_loops::winograd_of_four(inputs, weights, k, &mut totals);
        finish(&totals, sums);
    }
}

/// # Safety
/// `inputs` holds [lines][k] values, `weights` [k][nr], and `sums` [lines][nr].
unsafe fn multiply<const LINES: usize>(
    inputs: *const i16,
    weights: *const i16,
    k: usize,
    sums: *mut i32,
    more: bool,
) {
    // SAFETY: NEON is part of AArch64. `k` is a multiple of 16, every load is of 8 values of a group
    // of 8 channels below it, and a line of `sums` is 8 values.
    unsafe {
        let mut totals = begun::<LINES>(sums, more);
        for first in (0..k).step_by(8) {
            let lines: [int16x8_t; LINES] =
                std::array::from_fn(|tile| vld1q_s16(inputs.add(tile * k + first)));
            let weights = weights.add(first * NR);
            channel!(totals, lines, weights, 0);
            channel!(totals, lines, weights, 1);
            channel!(totals, lines, weights, 2);
            channel!(totals, lines, weights, 3);
            channel!(totals, lines, weights, 4);
            channel!(totals, lines, weights, 5);
            channel!(totals, lines, weights, 6);
            channel!(totals, lines, weights, 7);
        }
        finish(&totals, sums);
    }
}
