//! AArch64 with 8-bit matrix products (Cortex-A510, A715, X2 and newer; Neoverse V1, N2): 32 products an
//! instruction.
//!
//! `smmla` multiplies two pixels of eight inputs with two channels of eight weights. The intrinsic is
//! not stable yet, so the instruction is written as assembly.

use super::neon_dot_store::{self, Squares};
use super::neon_rows::NeonRows;
use super::{Indirection, Kernel, RowOps, TileOutput};
use crate::engine::int8::family::{self, Family};
use crate::engine::int8::requant::Requant;
use std::arch::aarch64::*;
use std::arch::asm;

const MR: usize = family::NEON_I8MM.tile.mr;
const NR: usize = family::NEON_I8MM.tile.nr;
const KR: usize = family::NEON_I8MM.order.kr;

/// Given out by [`NeonI8mm::detect`] alone.
pub(super) struct NeonI8mm {
    _detected: (),
}

impl NeonI8mm {
    /// The kernel, if this processor has 8-bit matrix products.
    pub(super) fn detect() -> Option<&'static Self> {
        static KERNEL: NeonI8mm = NeonI8mm { _detected: () };
        let detected = std::arch::is_aarch64_feature_detected!("i8mm");
        detected.then_some(&KERNEL)
    }
}

impl Kernel for NeonI8mm {
    fn family(&self) -> &'static Family {
        &family::NEON_I8MM
    }

    fn rows(&self) -> &'static dyn RowOps {
        &NeonRows
    }

    fn scratch_bytes(&self, k: usize) -> usize {
        MR * k
    }

    /// The scratch is [k / 8][mr][8].
    fn gather(&self, rows: &Indirection<'_>, k: usize, scratch: &mut [u8]) {
        // Channels are a multiple of eight, so a group never spans two taps.
        let tap_bytes = MR * rows.channels;
        let taps = rows.offsets.len() / MR;
        for (tap, part) in scratch.chunks_exact_mut(tap_bytes).take(taps).enumerate() {
            let lines: [&[i8]; MR] = std::array::from_fn(|pixel| rows.get(tap * MR + pixel));
            for (group, part) in part.chunks_exact_mut(MR * KR).enumerate() {
                for (line, eight) in lines.iter().zip(part.chunks_exact_mut(KR)) {
                    let from: &[i8; KR] = line[group * KR..].first_chunk().expect("eight channels");
                    // SAFETY: NEON is part of AArch64; both are eight bytes long.
                    unsafe { vst1_s8(eight.as_mut_ptr().cast(), vld1_s8(from.as_ptr())) };
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
        // SAFETY: having `self` proves the matrix product; the caller guarantees the places, and the lengths are
        // checked above and by the block.
        unsafe { blocks(scratch.as_ptr().cast(), weights, k, requant, place) }
    }
}

/// `sums[2 x 2] += inputs[2 x 8] * weights[2 x 8]`, transposed.
macro_rules! smmla {
    ($sums:expr, $inputs:expr, $weights:expr) => {
        asm!(
            ".arch_extension i8mm",
            "smmla {sums:v}.4s, {inputs:v}.16b, {weights:v}.16b",
            sums = inout(vreg) $sums,
            inputs = in(vreg) $inputs,
            weights = in(vreg) $weights,
            options(pure, nomem, nostack, preserves_flags)
        )
    };
}

/// A tile after the other, inlined: the registers that a call saves are saved once.
///
/// # Safety
/// As for [`tile`], of as many blocks as there are weights for.
#[target_feature(enable = "neon,i8mm")]
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
/// The processor has the matrix product; `inputs` holds [k / 8][8][8] and `weights` the same; the rest
/// as for [`Kernel::tile`].
#[inline]
#[target_feature(enable = "neon,i8mm")]
unsafe fn tile(
    inputs: *const i8,
    weights: *const i8,
    k: usize,
    requant: &Requant<'_>,
    place: &TileOutput,
) {
    assert!(requant.bias.len() >= NR);
    // SAFETY: every load is of the 64 values of one group below k / 8, or of the biases; the places are passed on
    // from the caller.
    unsafe {
        // Pairs of pixels by pairs of channels.
        let mut sums = neon_dot_store::begin::<Squares, { MR / 2 }>(requant.bias.as_ptr());
        for group in 0..k / KR {
            let at = group * MR * KR;
            let inputs = vld1q_s8_x4(inputs.add(at));
            let weights = vld1q_s8_x4(weights.add(at));
            let weights = [weights.0, weights.1, weights.2, weights.3];
            let inputs = [inputs.0, inputs.1, inputs.2, inputs.3];
            for (line, pixels) in sums.iter_mut().zip(inputs) {
                for (sum, channels) in line.iter_mut().zip(weights) {
                    smmla!(*sum, pixels, channels);
                }
            }
        }
        neon_dot_store::store::<Squares, _>(&sums, requant, place);
    }
}
