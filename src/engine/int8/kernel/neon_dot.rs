//! AArch64 with the dot product (Cortex-A76, A78AE, Neoverse): 16 products an instruction.
//!
//! `sdot` takes four inputs of one pixel, from a quarter of a register, and four weights of each of
//! four channels. The intrinsic is not stable yet, so the instruction is written as assembly.

use super::neon_dot_store::{self, Lines};
use super::neon_rows::NeonRows;
use super::{Indirection, Kernel, RowOps, TileOutput};
use crate::engine::int8::family::{self, Family};
use crate::engine::int8::requant::Requant;
use std::arch::aarch64::*;
use std::arch::asm;

const MR: usize = family::NEON_DOT.tile.mr;
const NR: usize = family::NEON_DOT.tile.nr;
const KR: usize = family::NEON_DOT.order.kr;

/// Given out by [`NeonDot::detect`] alone.
pub(super) struct NeonDot {
    _detected: (),
}

impl NeonDot {
    /// The kernel, if this processor has the dot product.
    pub(super) fn detect() -> Option<&'static Self> {
        static KERNEL: NeonDot = NeonDot { _detected: () };
        let detected = std::arch::is_aarch64_feature_detected!("dotprod");
        detected.then_some(&KERNEL)
    }
}

impl Kernel for NeonDot {
    fn family(&self) -> &'static Family {
        &family::NEON_DOT
    }

    fn rows(&self) -> &'static dyn RowOps {
        &NeonRows
    }

    fn scratch_bytes(&self, k: usize) -> usize {
        MR * k
    }

    /// The scratch is [k / 4][mr][4].
    fn gather(&self, rows: &Indirection<'_>, k: usize, scratch: &mut [u8]) {
        // Channels are a multiple of four, so a group never spans two taps.
        let tap_bytes = MR * rows.channels;
        let taps = rows.offsets.len() / MR;
        for (tap, part) in scratch.chunks_exact_mut(tap_bytes).take(taps).enumerate() {
            let lines: [&[i8]; MR] = std::array::from_fn(|pixel| rows.get(tap * MR + pixel));
            let sixteens = rows.channels / 16;
            // SAFETY: each line has `channels` values and the part room for MR lines, of which
            // `sixteens` times 16 are read and written.
            unsafe { transpose(&lines, sixteens, part.as_mut_ptr()) };
            // Fewer than 16 are left: a row of taps of the network's input has 8 or 24.
            for group in 4 * sixteens..rows.channels / KR {
                for (lane, line) in lines.iter().enumerate() {
                    let bytes = &line[group * KR..][..KR];
                    let to = &mut part[(group * MR + lane) * KR..][..KR];
                    to.copy_from_slice(&[0, 1, 2, 3].map(|index| bytes[index].cast_unsigned()));
                }
            }
        }
        scratch[taps * tap_bytes..MR * k].fill(0);
    }

    // SAFETY: the contract is the trait's.
    unsafe fn tile(
        &self,
        scratch: &[u8],
        weights: &[i8],
        k: usize,
        requant: &Requant<'_>,
        place: &TileOutput,
    ) {
        assert!(weights.len() >= NR * k);
        let mut place = *place;
        // SAFETY: passed on from the caller.
        unsafe { self.blocks(scratch, &weights[..NR * k], k, requant, &mut place) }
    }

    // SAFETY: the contract is the trait's.
    unsafe fn blocks(
        &self,
        scratch: &[u8],
        weights: &[i8],
        k: usize,
        requant: &Requant<'_>,
        place: &mut TileOutput,
    ) {
        assert!(scratch.len() >= MR * k);
        // SAFETY: having `self` proves the dot product; the caller guarantees the places, and the lengths are
        // checked above and by the block.
        unsafe { blocks(scratch.as_ptr().cast(), weights, k, requant, place) }
    }
}

/// Lines of channels to groups of [8 pixels][4 channels].
///
/// # Safety
/// Each line holds `sixteens` times 16 values, and `to` has room for all of them.
unsafe fn transpose(lines: &[&[i8]; MR], sixteens: usize, to: *mut u8) {
    for at in 0..sixteens {
        for (first, four) in lines.chunks_exact(4).enumerate() {
            // SAFETY: NEON is part of AArch64; 16 values of each line, and 16 bytes in each of four
            // groups, of those that the caller gives.
            unsafe {
                let load = |pixel: usize| {
                    vreinterpretq_s32_s8(vld1q_s8(four[pixel].as_ptr().add(16 * at)))
                };
                let pair = |low: int32x4_t, high: int32x4_t| {
                    let (even, odd) = (vtrn1q_s32(low, high), vtrn2q_s32(low, high));
                    (vreinterpretq_s64_s32(even), vreinterpretq_s64_s32(odd))
                };
                let (ab_even, ab_odd) = pair(load(0), load(1));
                let (cd_even, cd_odd) = pair(load(2), load(3));
                let to = to.add(16 * MR * at + 16 * first).cast::<i8>();
                vst1q_s8(to, vreinterpretq_s8_s64(vtrn1q_s64(ab_even, cd_even)));
                vst1q_s8(
                    to.add(MR * KR),
                    vreinterpretq_s8_s64(vtrn1q_s64(ab_odd, cd_odd)),
                );
                vst1q_s8(
                    to.add(2 * MR * KR),
                    vreinterpretq_s8_s64(vtrn2q_s64(ab_even, cd_even)),
                );
                vst1q_s8(
                    to.add(3 * MR * KR),
                    vreinterpretq_s8_s64(vtrn2q_s64(ab_odd, cd_odd)),
                );
            }
        }
    }
}

/// `sums += dot(weights, inputs[LANE])`, four channels at once.
macro_rules! sdot {
    ($sums:expr, $weights:expr, $inputs:expr, $lane:literal) => {
        asm!(
            ".arch_extension dotprod",
            concat!("sdot {sums:v}.4s, {weights:v}.16b, {inputs:v}.4b[", $lane, "]"),
            sums = inout(vreg) $sums,
            weights = in(vreg) $weights,
            inputs = in(vreg) $inputs,
            options(pure, nomem, nostack, preserves_flags)
        )
    };
}

/// Four inputs of eight pixels, in two registers, times those of eight channels.
macro_rules! group {
    ($sums:ident, $inputs:expr, $weights:expr) => {
        let ([first, second], weights) = ($inputs, $weights);
        for half in 0..2 {
            sdot!($sums[0][half], weights[half], first, 0);
            sdot!($sums[0][2 + half], weights[half], first, 1);
            sdot!($sums[1][half], weights[half], first, 2);
            sdot!($sums[1][2 + half], weights[half], first, 3);
            sdot!($sums[2][half], weights[half], second, 0);
            sdot!($sums[2][2 + half], weights[half], second, 1);
            sdot!($sums[3][half], weights[half], second, 2);
            sdot!($sums[3][2 + half], weights[half], second, 3);
        }
    };
}

/// A tile after the other, inlined: the registers that a call saves are saved once.
///
/// # Safety
/// As for [`tile`], of as many blocks as there are weights for.
#[target_feature(enable = "neon,dotprod")]
unsafe fn blocks(
    inputs: *const i8,
    weights: &[i8],
    k: usize,
    requant: &Requant<'_>,
    place: &mut TileOutput,
) {
    let mut rest = weights;
    // Not by chunks, whose number is a division.
    for requant in requant.blocks(NR) {
        let Some((block, next)) = rest.split_at_checked(NR * k) else {
            break;
        };
        rest = next;
        // SAFETY: passed on from the caller.
        unsafe { tile(inputs, block.as_ptr(), k, &requant, place) };
        place.channel += NR;
    }
}

/// Eight pixels by eight channels.
///
/// # Safety
/// The processor has the dot product; `inputs` holds [k / 4][8][4] and `weights` the same; the rest
/// as for [`Kernel::tile`].
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn tile(
    inputs: *const i8,
    weights: *const i8,
    k: usize,
    requant: &Requant<'_>,
    place: &TileOutput,
) {
    assert!(requant.bias.len() >= NR);
    // SAFETY: every load is of 32 values of one group below k / 4, or of two of them, or of the biases; the places
    // are passed on from the caller.
    unsafe {
        let mut sums = neon_dot_store::begin::<Lines, { MR / 2 }>(requant.bias.as_ptr());
        let groups = k / KR;
        for pair in 0..groups / 2 {
            let at = 2 * pair * MR * KR;
            let inputs = vld1q_s8_x4(inputs.add(at));
            let weights = vld1q_s8_x4(weights.add(at));
            group!(sums, [inputs.0, inputs.1], [weights.0, weights.1]);
            group!(sums, [inputs.2, inputs.3], [weights.2, weights.3]);
        }
        if !groups.is_multiple_of(2) {
            let at = (groups - 1) * MR * KR;
            let inputs = vld1q_s8_x2(inputs.add(at));
            let weights = vld1q_s8_x2(weights.add(at));
            group!(sums, [inputs.0, inputs.1], [weights.0, weights.1]);
        }
        neon_dot_store::store::<Lines, _>(&sums, requant, place);
    }
}
