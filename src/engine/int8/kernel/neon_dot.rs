//! AArch64 with the dot product (Cortex-A76, A78AE, Neoverse): 16 products an instruction.
//!
//! `sdot` takes four inputs of one pixel, from a quarter of a register, and four weights of each of
//! four channels. The intrinsic is not stable yet, so the instruction is written as assembly.

use super::epilogue;
use super::{Kernel, MAX_MR, Place, Requant, Rows, pack_interleaved};
use std::arch::aarch64::*;
use std::arch::asm;

const MR: usize = 8;
const NR: usize = 8;
const KR: usize = 4;

pub(super) fn is_available() -> bool {
    std::arch::is_aarch64_feature_detected!("dotprod")
}

pub(super) struct NeonDot;

impl Kernel for NeonDot {
    fn name(&self) -> &'static str {
        "neon-dot"
    }

    fn mr(&self) -> usize {
        MR
    }

    fn nr(&self) -> usize {
        NR
    }

    fn kr(&self) -> usize {
        KR
    }

    fn scratch_bytes(&self, k: usize) -> usize {
        MR * k
    }

    fn pack(&self, block: &[i8], k: usize, packed: &mut Vec<i8>) {
        pack_interleaved(block, k, KR, packed);
    }

    /// The scratch is [k / 4][mr][4].
    fn gather(&self, rows: &Rows<'_>, k: usize, scratch: &mut [u8]) {
        let taps = rows.offsets.len() / MR;
        // Channels are a multiple of four, so a group never spans two taps.
        let groups = rows.channels / KR;
        for tap in 0..taps {
            for pixel in 0..MR {
                let row = rows.get(tap * MR + pixel);
                let lines = scratch[tap * groups * MR * KR..].chunks_exact_mut(MR * KR);
                for (line, four) in lines.zip(row.chunks_exact(KR)) {
                    for (byte, &value) in line[pixel * KR..][..KR].iter_mut().zip(four) {
                        *byte = value.cast_unsigned();
                    }
                }
            }
        }
        scratch[taps * groups * MR * KR..MR * k].fill(0);
    }

    unsafe fn tile(
        &self,
        scratch: &[u8],
        weights: &[i8],
        k: usize,
        requant: &Requant<'_>,
        place: &Place,
    ) {
        assert!(scratch.len() >= MR * k && weights.len() >= NR * k);
        // SAFETY: the dot product is there by the caller's word, the lengths were just checked.
        let sums = unsafe { multiply(scratch.as_ptr().cast(), weights.as_ptr(), k) };
        // SAFETY: passed on from the caller.
        unsafe { epilogue::store(&sums, requant, place) };
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

/// Eight pixels by eight channels.
///
/// # Safety
/// The processor has the dot product; `inputs` holds [k / 4][8][4] and `weights` the same.
#[target_feature(enable = "neon,dotprod")]
unsafe fn multiply(inputs: *const i8, weights: *const i8, k: usize) -> [[i32; NR]; MAX_MR] {
    // SAFETY: every load is of 16 of the 32 values of a group below k / 4.
    unsafe {
        let mut sums = [[vdupq_n_s32(0); 2]; MR];
        for group in 0..k / KR {
            let at = group * MR * KR;
            let (first, second) = (vld1q_s8(inputs.add(at)), vld1q_s8(inputs.add(at + 16)));
            for half in 0..2 {
                let weights = vld1q_s8(weights.add(at + 16 * half));
                sdot!(sums[0][half], weights, first, 0);
                sdot!(sums[1][half], weights, first, 1);
                sdot!(sums[2][half], weights, first, 2);
                sdot!(sums[3][half], weights, first, 3);
                sdot!(sums[4][half], weights, second, 0);
                sdot!(sums[5][half], weights, second, 1);
                sdot!(sums[6][half], weights, second, 2);
                sdot!(sums[7][half], weights, second, 3);
            }
        }
        let mut stored = [[0; NR]; MAX_MR];
        for (line, sums) in stored.iter_mut().zip(sums) {
            vst1q_s32(line.as_mut_ptr(), sums[0]);
            vst1q_s32(line.as_mut_ptr().add(4), sums[1]);
        }
        stored
    }
}
