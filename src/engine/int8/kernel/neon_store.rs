//! The epilogue in NEON: the same results as [`epilogue`](super::epilogue), in fewer instructions.
//!
//! Rounding and conversion are one instruction, and the saturating narrowings do the clamping. Constants of a block
//! stay in registers, and a full tile's pixels are done several at once: a core that works in order would otherwise
//! wait for each result.

use super::TileOutput;
use crate::engine::int8::requant::{Addition, Requant, Residual};
use std::arch::aarch64::*;
use std::array;

const NR: usize = 8;
/// Pixels that are done side by side.
const TOGETHER: usize = 4;

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
        store_registers::<MR>(&registers, requant, place);
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
    const { assert!(MR.is_multiple_of(TOGETHER)) };
    // SAFETY: passed on from the caller: pixels below `place.pixels` are there.
    unsafe {
        if place.pixels == MR {
            pixels::<MR, TOGETHER>(sums, requant, place);
        } else {
            // A copy: the registers would otherwise be stored for whole tiles too.
            let copy = *sums;
            part(&copy[..place.pixels.min(MR)], requant, place);
        }
    }
}

/// Fewer pixels than a tile has, one by one.
///
/// # Safety
/// As for [`Kernel::tile`](super::Kernel::tile), for as many pixels as there are sums.
// Inlined, it would be unrolled for each number of pixels.
#[cold]
#[inline(never)]
pub(super) unsafe fn part(sums: &[[int32x4_t; 2]], requant: &Requant<'_>, place: &TileOutput) {
    let mut place = *place;
    for (pixel, sums) in sums.iter().enumerate() {
        place.output[0] = place.output[pixel];
        place.residual[0] = place.residual[pixel];
        // SAFETY: passed on from the caller.
        unsafe { pixels::<1, 1>(&[*sums], requant, &place) };
    }
}

/// All pixels of a tile, `N` at once.
///
/// # Safety
/// As for [`Kernel::tile`](super::Kernel::tile), for so many pixels.
#[inline(always)]
unsafe fn pixels<const MR: usize, const N: usize>(
    sums: &[[int32x4_t; 2]; MR],
    requant: &Requant<'_>,
    place: &TileOutput,
) {
    let block = Block::of(requant);
    // SAFETY: passed on from the caller.
    unsafe {
        match requant.residual {
            None => each::<MR, N>(sums, &block, place),
            Some(Residual {
                addition,
                conv_is_lhs: true,
            }) => {
                let added = Added::<true>::of(block, requant, addition);
                each::<MR, N>(sums, &added, place);
            }
            Some(Residual {
                addition,
                conv_is_lhs: false,
            }) => {
                let added = Added::<false>::of(block, requant, addition);
                each::<MR, N>(sums, &added, place);
            }
        }
    }
}

/// From sums to bytes, for some pixels side by side.
trait Results {
    /// # Safety
    /// The residual of each pixel is valid for reads of 8 bytes, if there is one.
    unsafe fn of<const N: usize>(
        &self,
        sums: [[int32x4_t; 2]; N],
        residual: [*const i8; N],
    ) -> [int8x8_t; N];
}

/// # Safety
/// As for [`pixels`].
#[inline(always)]
unsafe fn each<const MR: usize, const N: usize>(
    sums: &[[int32x4_t; 2]; MR],
    results: &impl Results,
    place: &TileOutput,
) {
    for first in (0..MR).step_by(N) {
        let mut some = [sums[first]; N];
        let mut residual = [place.residual(first); N];
        for pixel in 1..N {
            some[pixel] = sums[first + pixel];
            residual[pixel] = place.residual(first + pixel);
        }
        // SAFETY: passed on from the caller.
        unsafe {
            let results = results.of(some, residual);
            for (pixel, result) in results.into_iter().enumerate() {
                vst1_s8(place.output(first + pixel), result);
            }
        }
    }
}

/// Requantisation of a block of channels.
#[derive(Clone, Copy)]
struct Block {
    bias: [int32x4_t; 2],
    multipliers: [float32x4_t; 2],
    zero_point: int16x8_t,
    floor: int8x8_t,
}

impl Block {
    #[inline(always)]
    fn of(requant: &Requant<'_>) -> Self {
        assert!(requant.bias.len() >= NR && requant.multipliers.len() >= NR);
        let (bias, multipliers) = (requant.bias.as_ptr(), requant.multipliers.as_ptr());
        // SAFETY: NEON is part of AArch64. Loads are of 8 biases and multipliers, whose number is checked above.
        unsafe {
            Block {
                bias: [vld1q_s32(bias), vld1q_s32(bias.add(4))],
                multipliers: [vld1q_f32(multipliers), vld1q_f32(multipliers.add(4))],
                zero_point: vdupq_n_s16(requant.zero_point.into()),
                floor: vdup_n_s8(requant.floor),
            }
        }
    }

    /// The products with the multipliers, not rounded.
    #[inline(always)]
    fn scaled<const N: usize>(&self, sums: [[int32x4_t; 2]; N]) -> [[float32x4_t; 2]; N] {
        // SAFETY: NEON is part of AArch64; no memory is touched.
        unsafe {
            let mut scaled = [[vdupq_n_f32(0.0); 2]; N];
            for half in 0..2 {
                for pixel in 0..N {
                    let sum = vcvtq_f32_s32(vaddq_s32(sums[pixel][half], self.bias[half]));
                    scaled[pixel][half] = vmulq_f32(sum, self.multipliers[half]);
                }
            }
            scaled
        }
    }
}

impl Results for Block {
    // SAFETY: the contract is the trait's.
    #[inline(always)]
    unsafe fn of<const N: usize>(
        &self,
        sums: [[int32x4_t; 2]; N],
        _residual: [*const i8; N],
    ) -> [int8x8_t; N] {
        narrow(self.scaled(sums), self.zero_point, self.floor)
    }
}

/// A block of a convolution that an addition follows. `LHS`: the convolution's result is the first operand.
struct Added<const LHS: bool> {
    block: Block,
    sum: Sum,
    /// Bounds of the result before the zero point, and the distance from there to the value with the addition's
    /// offset.
    least: int16x8_t,
    most: int16x8_t,
    distance: int16x8_t,
}

impl<const LHS: bool> Added<LHS> {
    #[inline(always)]
    fn of(block: Block, requant: &Requant<'_>, addition: &Addition) -> Self {
        let zero_point = i16::from(requant.zero_point);
        // SAFETY: NEON is part of AArch64; no memory is touched.
        unsafe {
            Added {
                block,
                sum: Sum::of(addition),
                least: vdupq_n_s16(i16::from(requant.floor) - zero_point),
                most: vdupq_n_s16(i16::from(i8::MAX) - zero_point),
                distance: vdupq_n_s16(zero_point + addition.offset as i16),
            }
        }
    }

    /// The results of the convolution, with the addition's offset. They are clamped before the zero point is added,
    /// and so need not become bytes.
    #[inline(always)]
    fn own<const N: usize>(&self, sums: [[int32x4_t; 2]; N]) -> [[float32x4_t; 2]; N] {
        let mut own = self.block.scaled(sums);
        // SAFETY: NEON is part of AArch64; no memory is touched.
        unsafe {
            for own in &mut own {
                let value = vminq_s16(vmaxq_s16(round(*own), self.least), self.most);
                *own = [
                    vcvtq_f32_s32(vaddl_s16(vget_low_s16(value), vget_low_s16(self.distance))),
                    vcvtq_f32_s32(vaddl_high_s16(value, self.distance)),
                ];
            }
        }
        own
    }
}

impl<const LHS: bool> Results for Added<LHS> {
    // SAFETY: the contract is the trait's.
    #[inline(always)]
    unsafe fn of<const N: usize>(
        &self,
        sums: [[int32x4_t; 2]; N],
        residual: [*const i8; N],
    ) -> [int8x8_t; N] {
        // SAFETY: NEON is part of AArch64; the residuals are passed on from the caller.
        let others = unsafe {
            let mut others = [vdup_n_s8(0); N];
            for pixel in 0..N {
                others[pixel] = vld1_s8(residual[pixel]);
            }
            others
        };
        let (own, others) = (self.own(sums), self.sum.widen(others));
        match LHS {
            true => self.sum.of_pairs(own, others),
            false => self.sum.of_pairs(others, own),
        }
    }
}

/// Constants of an [`Addition`].
#[derive(Clone, Copy)]
struct Sum {
    ratio_a: f32,
    ratio_b: f32,
    fixed: float32x4_t,
    offset: int16x8_t,
    floor: int8x8_t,
}

impl Sum {
    #[inline(always)]
    fn of(addition: &Addition) -> Self {
        // SAFETY: NEON is part of AArch64; no memory is touched.
        unsafe {
            Sum {
                ratio_a: addition.ratio_a,
                ratio_b: addition.ratio_b,
                fixed: vdupq_n_f32(addition.fixed),
                offset: vdupq_n_s16(addition.offset as i16),
                floor: vdup_n_s8(addition.floor),
            }
        }
    }

    /// `value + offset` as floats.
    #[inline(always)]
    fn widen<const N: usize>(&self, values: [int8x8_t; N]) -> [[float32x4_t; 2]; N] {
        // SAFETY: NEON is part of AArch64; no memory is touched.
        unsafe {
            let mut wide = [[vdupq_n_f32(0.0); 2]; N];
            for pixel in 0..N {
                let value = vaddw_s8(self.offset, values[pixel]);
                wide[pixel] = [
                    vcvtq_f32_s32(vmovl_s16(vget_low_s16(value))),
                    vcvtq_f32_s32(vmovl_high_s16(value)),
                ];
            }
            wide
        }
    }

    /// The sums of values with the offset, as [`Addition::apply`] has them.
    #[inline(always)]
    fn of_pairs<const N: usize>(
        &self,
        a: [[float32x4_t; 2]; N],
        b: [[float32x4_t; 2]; N],
    ) -> [int8x8_t; N] {
        // SAFETY: NEON is part of AArch64; no memory is touched.
        unsafe {
            let mut sums = [[self.fixed; 2]; N];
            for half in 0..2 {
                for pixel in 0..N {
                    let sum = vfmaq_n_f32(self.fixed, b[pixel][half], self.ratio_b);
                    sums[pixel][half] = vfmaq_n_f32(sum, a[pixel][half], self.ratio_a);
                }
            }
            narrow(sums, vnegq_s16(self.offset), self.floor)
        }
    }
}

/// Rounded half to even, saturated to 16 bits.
#[inline(always)]
fn round([low, high]: [float32x4_t; 2]) -> int16x8_t {
    // SAFETY: NEON is part of AArch64; no memory is touched.
    unsafe { vqmovn_high_s32(vqmovn_s32(vcvtnq_s32_f32(low)), vcvtnq_s32_f32(high)) }
}

/// `round(value) + offset` as bytes, clamped.
#[inline(always)]
fn narrow<const N: usize>(
    values: [[float32x4_t; 2]; N],
    offset: int16x8_t,
    floor: int8x8_t,
) -> [int8x8_t; N] {
    // SAFETY: NEON is part of AArch64; no memory is touched.
    unsafe {
        let mut bytes = [floor; N];
        for pixel in 0..N {
            bytes[pixel] = vmax_s8(vqmovn_s16(vqaddq_s16(round(values[pixel]), offset)), floor);
        }
        bytes
    }
}

/// Adds two rows of values.
pub(super) fn add_rows(addition: &Addition, a: &[i8], b: &[i8], sums: &mut [i8]) {
    const COUNT: usize = TOGETHER * NR;
    let sum = Sum::of(addition);
    for ((sums, a), b) in sums
        .chunks_exact_mut(COUNT)
        .zip(a.chunks_exact(COUNT))
        .zip(b.chunks_exact(COUNT))
    {
        // SAFETY: each chunk has as many values.
        unsafe {
            let row = |values: &[i8]| array::from_fn(|at| vld1_s8(values.as_ptr().add(at * NR)));
            let bytes: [_; TOGETHER] = sum.of_pairs(sum.widen(row(a)), sum.widen(row(b)));
            for (at, &bytes) in bytes.iter().enumerate() {
                vst1_s8(sums.as_mut_ptr().add(at * NR), bytes);
            }
        }
    }
    let done = sums.len() / COUNT * COUNT;
    super::rows::add(addition, &a[done..], &b[done..], &mut sums[done..]);
}
