//! AArch64 without the dot product (Cortex-A53, A57, A72, A73): 8-bit products added in pairs.
//!
//! `smull` and `smlal2` make two products in 16 bits, `sadalp` adds neighbours to 32-bit sums: 16
//! products in three instructions. Two products of -128 by -128 would overflow 16 bits, so a layer
//! that has such weights is given to [`EXACT`], which widens each product on its own: four.

use super::neon_loops;
use super::neon_rows::NeonRows;
use super::neon_store;
use super::winograd::{self, Winograd};
use super::{Indirection, Kernel, RowOps, TileOutput};
use crate::engine::int8::family::{self, Family};
use crate::engine::int8::requant::Requant;
use std::arch::aarch64::*;

const MR: usize = family::NEON.tile.mr;
const NR: usize = family::NEON.tile.nr;
/// Channels that are multiplied at once: 4 x 4 sums leave registers for both operands.
const HALF: usize = family::NEON.order.strip;
const KR: usize = family::NEON.order.kr;
/// Channels are a multiple of it.
const EIGHT: usize = 8;

/// `EXACT` is true if weights may be -128.
pub(super) struct Neon<const EXACT: bool>;

pub(super) static NEON: Neon<false> = Neon;
static EXACT: Neon<true> = Neon;

impl<const MAY_BE_MINIMUM: bool> Kernel for Neon<MAY_BE_MINIMUM> {
    fn family(&self) -> &'static Family {
        &family::NEON
    }

    fn winograd(&self) -> Option<&'static dyn Winograd> {
        Some(&winograd::neon::Neon)
    }

    fn rows(&self) -> &'static dyn RowOps {
        &NeonRows
    }

    fn exact(&self) -> Option<&'static dyn Kernel> {
        Some(&EXACT)
    }

    fn scratch_bytes(&self, k: usize) -> usize {
        MR * k
    }

    /// The scratch is [mr][k].
    fn gather(&self, rows: &Indirection<'_>, k: usize, scratch: &mut [u8]) {
        let taps = rows.offsets.len() / MR;
        assert!(rows.channels.is_multiple_of(EIGHT) && taps * rows.channels <= k);
        for (pixel, line) in scratch.chunks_exact_mut(k).take(MR).enumerate() {
            let mut to = line.as_mut_ptr();
            for tap in 0..taps {
                let from = rows.get(tap * MR + pixel);
                // SAFETY: both have so many bytes, in eights.
                unsafe { copy(from.as_ptr().cast(), to, from.len()) };
                to = to.wrapping_add(rows.channels);
            }
            line[taps * rows.channels..].fill(0);
        }
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
        assert!(scratch.len() >= MR * k && k.is_multiple_of(KR) && k > 0);
        let inputs = scratch.as_ptr().cast();
        let mut rest = weights;
        // Not by chunks, whose number is a division: some layers have few channels in a block.
        for requant in requant.blocks(NR) {
            let Some((block, next)) = rest.split_at_checked(NR * k) else {
                break;
            };
            rest = next;
            // SAFETY: the lengths are checked above; the places are passed on from the caller.
            unsafe {
                let low = multiply::<MAY_BE_MINIMUM>(inputs, block.as_ptr(), k);
                let high = multiply::<MAY_BE_MINIMUM>(inputs, block.as_ptr().add(HALF * k), k);
                let mut sums = [[low[0]; 2]; MR];
                for pixel in 0..MR {
                    sums[pixel] = [low[pixel], high[pixel]];
                }
                neon_store::store_registers::<MR>(&sums, &requant, place);
            }
            place.channel += NR;
        }
    }
}

/// Copies bytes, in place of a call for each pixel.
///
/// # Safety
/// `from` is valid for reads and `to` for writes of `count` bytes, which is a multiple of 8.
#[inline(always)]
unsafe fn copy(from: *const u8, to: *mut u8, count: usize) {
    // SAFETY: NEON is part of AArch64; all accesses are below `count`.
    unsafe {
        let mut at = 0;
        while at + 64 <= count {
            vst1q_u8_x4(to.add(at), vld1q_u8_x4(from.add(at)));
            at += 64;
        }
        while at + 16 <= count {
            vst1q_u8(to.add(at), vld1q_u8(from.add(at)));
            at += 16;
        }
        if at < count {
            vst1_u8(to.add(at), vld1_u8(from.add(at)));
        }
    }
}

/// Four pixels by four channels.
///
/// # Safety
/// `inputs` holds [mr][k] and `weights` [k / 16][4][16] values; `k` is a multiple of 16 and not 0.
#[inline(always)]
unsafe fn multiply<const MAY_BE_MINIMUM: bool>(
    inputs: *const i8,
    weights: *const i8,
    k: usize,
) -> [int32x4_t; MR] {
    // SAFETY: passed on from the caller.
    unsafe {
        if MAY_BE_MINIMUM {
            return exact(inputs, weights, k);
        }
        neon_loops::direct(inputs, weights, k)
    }
}

/// The same, of weights that may be -128.
///
/// # Safety
/// As for [`multiply`].
// Inlined twice, the halves get in each other's way: the compiler runs out of registers.
#[inline(never)]
unsafe fn exact(inputs: *const i8, weights: *const i8, k: usize) -> [int32x4_t; MR] {
    // SAFETY: NEON is part of AArch64. Every load is of 16 values of a group below k / 16, in a
    // line below `mr` or a channel below 4.
    unsafe {
        let mut sums = [[vdupq_n_s32(0); HALF]; MR];
        for group in 0..k / KR {
            let weights: [int8x16_t; HALF] =
                std::array::from_fn(|channel| vld1q_s8(weights.add((group * HALF + channel) * KR)));
            for (pixel, sums) in sums.iter_mut().enumerate() {
                let input = vld1q_s8(inputs.add(pixel * k + group * KR));
                for (sum, &weight) in sums.iter_mut().zip(&weights) {
                    let low = vmull_s8(vget_low_s8(input), vget_low_s8(weight));
                    *sum = vpadalq_s16(*sum, low);
                    *sum = vpadalq_s16(*sum, vmull_high_s8(input, weight));
                }
            }
        }
        sums.map(|[a, b, c, d]| vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d)))
    }
}
