//! The epilogue of cores with the dot product: the same results as [`neon_store`], in fewer cycles.
//!
//! Of two pipes one alone converts between integers and floats, and takes two cycles for a register. Results are
//! therefore rounded by an addition: around 1.5 x 2^23 floats are 1 apart, and their low 16 bits are the integer.
//! [`Requant::is_narrow`] tells that 16 bits hold every result. Sums begin with the bias.

use super::TileOutput;
use super::neon_store;
use crate::engine::int8::requant::{Addition, Requant, Residual};
use std::arch::aarch64::*;
use std::arch::asm;

const NR: usize = 8;

/// 1.5 x 2^23: a float that is added to it is rounded half to even.
const INTEGERS: f32 = 12_582_912.0;

/// Eight channels of two pixels.
pub(super) type Pair<T> = [T; 4];

/// The order of a pair's values.
pub(super) trait Order {
    /// Eight channels' constants, in the order of a pair.
    ///
    /// # Safety
    /// `from` is valid for reads of eight values.
    unsafe fn constants(from: *const f32) -> Pair<float32x4_t>;

    /// Where the halves of a pair of eight biases are: there, or in `copy`.
    ///
    /// # Safety
    /// `from` is valid for reads of eight values.
    unsafe fn biases(from: *const i32, copy: &mut Pair<float32x4_t>) -> [*const i32; 2];

    /// Eight values of each pixel, with the addend, in the order of a pair.
    fn widen(addend: int16x8_t, pixels: [int8x8_t; 2]) -> [int16x8_t; 2];

    /// From bytes in the order of a pair to each pixel's.
    fn pixels(bytes: int8x16_t) -> [int8x8_t; 2];

    /// The same of sums.
    fn lines(sums: Pair<int32x4_t>) -> [[int32x4_t; 2]; 2];
}

/// A pixel after the other.
pub(super) struct Lines;

/// Two channels of both pixels, and then the next two.
pub(super) struct Squares;

impl Order for Lines {
    // SAFETY: the contract is the trait's.
    #[inline(always)]
    unsafe fn constants(from: *const f32) -> Pair<float32x4_t> {
        // SAFETY: NEON is part of AArch64; the eight values are the caller's.
        let (low, high) = unsafe { (vld1q_f32(from), vld1q_f32(from.add(4))) };
        [low, high, low, high]
    }

    // SAFETY: the contract is the trait's.
    #[inline(always)]
    unsafe fn biases(from: *const i32, _copy: &mut Pair<float32x4_t>) -> [*const i32; 2] {
        [from; 2]
    }

    #[inline(always)]
    fn widen(addend: int16x8_t, pixels: [int8x8_t; 2]) -> [int16x8_t; 2] {
        // SAFETY: NEON is part of AArch64; no memory is touched.
        unsafe { [vaddw_s8(addend, pixels[0]), vaddw_s8(addend, pixels[1])] }
    }

    #[inline(always)]
    fn pixels(bytes: int8x16_t) -> [int8x8_t; 2] {
        // SAFETY: NEON is part of AArch64; no memory is touched.
        unsafe { [vget_low_s8(bytes), vget_high_s8(bytes)] }
    }

    #[inline(always)]
    fn lines([a, b, c, d]: Pair<int32x4_t>) -> [[int32x4_t; 2]; 2] {
        [[a, b], [c, d]]
    }
}

impl Order for Squares {
    // SAFETY: the contract is the trait's.
    #[inline(always)]
    unsafe fn constants(from: *const f32) -> Pair<float32x4_t> {
        // SAFETY: NEON is part of AArch64; two values each, of the caller's eight.
        unsafe {
            let two = |at: usize| vreinterpretq_f32_s64(vld1q_dup_s64(from.add(2 * at).cast()));
            [two(0), two(1), two(2), two(3)]
        }
    }

    // SAFETY: the contract is the trait's.
    #[inline(always)]
    unsafe fn biases(from: *const i32, copy: &mut Pair<float32x4_t>) -> [*const i32; 2] {
        // SAFETY: the eight values are the caller's.
        *copy = unsafe { Self::constants(from.cast()) };
        [copy.as_ptr().cast(), copy[2..].as_ptr().cast()]
    }

    #[inline(always)]
    fn widen(addend: int16x8_t, [a, b]: [int8x8_t; 2]) -> [int16x8_t; 2] {
        // SAFETY: NEON is part of AArch64; no memory is touched.
        unsafe {
            let (a, b) = (vcombine_s8(a, a), vcombine_s8(b, b));
            let both = vzip1q_s16(vreinterpretq_s16_s8(a), vreinterpretq_s16_s8(b));
            let both = vreinterpretq_s8_s16(both);
            [
                vaddw_s8(addend, vget_low_s8(both)),
                vaddw_high_s8(addend, both),
            ]
        }
    }

    #[inline(always)]
    fn pixels(bytes: int8x16_t) -> [int8x8_t; 2] {
        // SAFETY: NEON is part of AArch64; no memory is touched.
        unsafe {
            let twos = vreinterpretq_s16_s8(bytes);
            let [a, b] = [vuzp1q_s16(twos, twos), vuzp2q_s16(twos, twos)];
            [a, b].map(|pixel| vget_low_s8(vreinterpretq_s8_s16(pixel)))
        }
    }

    #[inline(always)]
    fn lines(sums: Pair<int32x4_t>) -> [[int32x4_t; 2]; 2] {
        // SAFETY: NEON is part of AArch64; no memory is touched.
        unsafe {
            let [a, b, c, d] = sums.map(|sums| vreinterpretq_s64_s32(sums));
            let first = [vtrn1q_s64(a, b), vtrn1q_s64(c, d)];
            let second = [vtrn2q_s64(a, b), vtrn2q_s64(c, d)];
            [first, second].map(|line| line.map(|half| vreinterpretq_s32_s64(half)))
        }
    }
}

/// The sums that `N` pairs begin with. Each register is loaded: a copy of another one would take a pipe that
/// multiplies.
///
/// # Safety
/// `from` is valid for reads of eight values.
#[inline(always)]
pub(super) unsafe fn begin<O: Order, const N: usize>(from: *const i32) -> [Pair<int32x4_t>; N] {
    // SAFETY: NEON is part of AArch64; each load is of the caller's eight biases, or of this function's copies.
    unsafe {
        let mut copy = [vdupq_n_f32(0.0); 4];
        let halves = O::biases(from, &mut copy);
        let mut sums = [[vdupq_n_s32(0); 4]; N];
        for pair in &mut sums {
            for (half, sums) in halves.into_iter().zip(pair.chunks_exact_mut(2)) {
                asm!(
                    "ldp {low:q}, {high:q}, [{from}]",
                    low = out(vreg) sums[0],
                    high = out(vreg) sums[1],
                    from = in(reg) half,
                    options(readonly, nostack, preserves_flags)
                );
            }
        }
        sums
    }
}

/// Stores 8 results for each pixel of `N` pairs.
///
/// # Safety
/// As for [`Kernel::tile`](super::Kernel::tile).
#[inline(always)]
pub(super) unsafe fn store<O: Order, const N: usize>(
    sums: &[Pair<int32x4_t>; N],
    requant: &Requant<'_>,
    place: &TileOutput,
) {
    // SAFETY: passed on from the caller: pixels below `place.pixels` are there.
    unsafe {
        if place.pixels == 2 * N && requant.is_narrow {
            match requant.residual {
                None => plain::<O, N>(sums, requant, place),
                Some(residual) if residual.conv_is_lhs => {
                    added::<O, N, true>(sums, requant, residual, place);
                }
                Some(residual) => added::<O, N, false>(sums, requant, residual, place),
            }
        } else {
            // In another order, also where it is the same: the registers would be stored for whole tiles too.
            let lines = sums.map(|pair| O::lines(pair));
            part(lines.as_flattened(), requant, place);
        }
    }
}

/// Pixel by pixel, by conversions.
///
/// # Safety
/// As for [`store`].
#[cold]
#[inline(never)]
unsafe fn part(lines: &[[int32x4_t; 2]], requant: &Requant<'_>, place: &TileOutput) {
    let requant = Requant {
        bias: &[0; NR],
        ..*requant
    };
    // SAFETY: passed on from the caller.
    unsafe { neon_store::part(&lines[..place.pixels.min(lines.len())], &requant, place) };
}

/// # Safety
/// As for [`store`], of whole tiles.
#[inline(always)]
unsafe fn plain<O: Order, const N: usize>(
    sums: &[Pair<int32x4_t>; N],
    requant: &Requant<'_>,
    place: &TileOutput,
) {
    assert!(requant.multipliers.len() >= NR);
    // SAFETY: NEON is part of AArch64; there are eight multipliers, and the places are the caller's.
    unsafe {
        let multipliers = O::constants(requant.multipliers.as_ptr());
        let offset = vdupq_n_s16(requant.zero_point.into());
        let floor = vdupq_n_s8(requant.floor);
        for (index, sums) in sums.iter().enumerate() {
            let bytes = narrow(scaled(sums, &multipliers), offset, floor);
            put::<O>(bytes, place, 2 * index);
        }
    }
}

/// `LHS`: the convolution's result is the first operand.
///
/// # Safety
/// As for [`store`], of whole tiles.
#[inline(always)]
unsafe fn added<O: Order, const N: usize, const LHS: bool>(
    sums: &[Pair<int32x4_t>; N],
    requant: &Requant<'_>,
    residual: &Residual,
    place: &TileOutput,
) {
    assert!(requant.multipliers.len() >= NR);
    let addition: &Addition = &residual.addition;
    let zero_point = f32::from(requant.zero_point);
    // SAFETY: NEON is part of AArch64; there are eight multipliers, and the places are the caller's.
    unsafe {
        let multipliers = O::constants(requant.multipliers.as_ptr());
        let least = vdupq_n_f32(f32::from(requant.floor) - zero_point);
        let most = vdupq_n_f32(127.0 - zero_point);
        let integers = vdupq_n_f32(INTEGERS);
        // A rounded float less this is the value with the addition's offset.
        let excess = vdupq_n_f32(INTEGERS - zero_point - addition.offset);
        let offset = vdupq_n_s16(addition.offset as i16);
        let fixed = vdupq_n_f32(addition.fixed);
        let floor = vdupq_n_s8(addition.floor);
        for (index, sums) in sums.iter().enumerate() {
            let others = [0, 1].map(|pixel| vld1_s8(place.residual(2 * index + pixel)));
            let [first, second] = O::widen(offset, others);
            let others = [
                vmovl_s16(vget_low_s16(first)),
                vmovl_high_s16(first),
                vmovl_s16(vget_low_s16(second)),
                vmovl_high_s16(second),
            ];
            let mut values = scaled(sums, &multipliers);
            for (value, other) in values.iter_mut().zip(others) {
                let clamped = vminq_f32(vmaxq_f32(*value, least), most);
                let own = vsubq_f32(vaddq_f32(clamped, integers), excess);
                let other = vcvtq_f32_s32(other);
                let (a, b) = if LHS { (own, other) } else { (other, own) };
                let b = vfmaq_n_f32(fixed, b, addition.ratio_b);
                *value = vfmaq_n_f32(b, a, addition.ratio_a);
            }
            let bytes = narrow(values, vnegq_s16(offset), floor);
            put::<O>(bytes, place, 2 * index);
        }
    }
}

/// The products with the multipliers, not rounded.
#[inline(always)]
fn scaled(sums: &Pair<int32x4_t>, multipliers: &Pair<float32x4_t>) -> Pair<float32x4_t> {
    // SAFETY: NEON is part of AArch64; no memory is touched.
    unsafe {
        let mut scaled = *multipliers;
        for (value, &sums) in scaled.iter_mut().zip(sums) {
            *value = vmulq_f32(vcvtq_f32_s32(sums), *value);
        }
        scaled
    }
}

/// `round(value) + offset` as bytes, clamped.
#[inline(always)]
fn narrow([a, b, c, d]: Pair<float32x4_t>, offset: int16x8_t, floor: int8x16_t) -> int8x16_t {
    // SAFETY: NEON is part of AArch64; no memory is touched.
    unsafe {
        let integers = vdupq_n_f32(INTEGERS);
        let bits = |value: float32x4_t| vreinterpretq_s16_f32(vaddq_f32(value, integers));
        let half = |low, high| vqaddq_s16(vuzp1q_s16(bits(low), bits(high)), offset);
        let bytes = vqmovn_high_s16(vqmovn_s16(half(a, b)), half(c, d));
        vmaxq_s8(bytes, floor)
    }
}

/// Stores two pixels.
///
/// # Safety
/// As for [`store`], of these two.
#[inline(always)]
unsafe fn put<O: Order>(bytes: int8x16_t, place: &TileOutput, first: usize) {
    let pixels = O::pixels(bytes);
    for (pixel, bytes) in pixels.into_iter().enumerate() {
        // SAFETY: NEON is part of AArch64; the places are the caller's.
        unsafe { vst1_s8(place.output(first + pixel), bytes) };
    }
}
