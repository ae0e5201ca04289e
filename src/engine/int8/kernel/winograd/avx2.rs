//! x86-64 with AVX2: pairs of 16-bit products added to 32-bit sums (`vpmaddwd`). Processors with VNNI
//! have the same transforms of inputs and weights, and products of their own.

use super::super::TileOutput;
use super::super::avx2_store::Epilogue;
use super::avx2_rows::{Narrow, Wide};
use super::transform;
use super::{Multiply, TileSums, Winograd, WinogradForm};
use crate::engine::int8::family;
use crate::engine::int8::family::WinogradShape;
use crate::engine::int8::requant::Requant;
use std::arch::x86_64::*;

const SHAPE: WinogradShape = family::AVX2.winograd.expect("AVX2 has Winograd's method");
const MR: usize = SHAPE.mr;
const NR: usize = SHAPE.nr;
const KR: usize = SHAPE.kr;

/// A kernel with the transforms of AVX2. A value is only given out where the processor has AVX2, FMA and
/// the instructions of its functions.
pub(super) struct Avx2 {
    /// For one line, for two, and so on.
    pub(super) multiply: &'static [Multiply],
    pub(super) outputs: Outputs,
}

/// The kernel, if this processor has AVX2 and FMA.
pub(in super::super) fn detect() -> Option<&'static dyn Winograd> {
    static KERNEL: Avx2 = Avx2 {
        multiply: &[
            multiply::<1>,
            multiply::<2>,
            multiply::<3>,
            multiply::<4>,
            multiply::<5>,
            multiply::<MR>,
        ],
        outputs,
    };
    has_avx2().then_some(&KERNEL)
}

pub(super) fn has_avx2() -> bool {
    std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma")
}

/// As [`Winograd::outputs`]; calling it is sound where the processor has its instructions, too.
pub(super) type Outputs = unsafe fn(&TileSums<'_>, &Requant<'_>, &TileOutput);

impl Winograd for Avx2 {
    // SAFETY: the contract is the trait's.
    unsafe fn inputs(&self, form: WinogradForm, pixels: &[&[i8]], to: *mut i16, stride: usize) {
        // SAFETY: having `self` proves AVX2; the rest is passed on from the caller.
        unsafe { inputs(form, pixels, to, stride) }
    }

    fn weights(&self, band: (WinogradForm, usize), taps: &[&[i8]], to: &mut [i16], stride: usize) {
        // SAFETY: having `self` proves AVX2.
        unsafe { weights(band, taps, to, stride) }
    }

    fn multiply(&self, inputs: &[i16], weights: &[i16], k: usize, sums: &mut [i32], more: bool) {
        let lines = sums.len() / NR;
        assert!((1..=self.multiply.len()).contains(&lines));
        assert!(inputs.len() >= lines * k && weights.len() >= NR * k);
        let multiply = self.multiply[lines - 1];
        // SAFETY: having `self` proves its instructions, and the lengths are checked above.
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
        // SAFETY: having `self` proves its instructions; the rest is passed on from the caller.
        unsafe { (self.outputs)(tile, requant, place) }
    }
}

/// # Safety
/// As for [`Winograd::inputs`].
#[target_feature(enable = "avx2,fma")]
unsafe fn inputs(form: WinogradForm, pixels: &[&[i8]], to: *mut i16, stride: usize) {
    // SAFETY: passed on from the caller.
    unsafe { transform::inputs::<Narrow>(form, pixels, to, stride) }
}

#[target_feature(enable = "avx2,fma")]
fn weights(band: (WinogradForm, usize), taps: &[&[i8]], to: &mut [i16], stride: usize) {
    transform::weights::<Narrow>(band, taps, to, stride);
}

/// # Safety
/// As for [`Winograd::outputs`].
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn outputs(tile: &TileSums<'_>, requant: &Requant<'_>, place: &TileOutput) {
    // SAFETY: the places are passed on from the caller; a line of sums is 64 bytes.
    unsafe {
        let epilogue = Epilogue::new(requant);
        transform::outputs::<Wide, NR>(tile, |sums| {
            for (pixel, sums) in sums.iter().enumerate().take(place.pixels) {
                let sums = sums.as_ptr().cast::<__m256i>();
                let sums = [_mm256_loadu_si256(sums), _mm256_loadu_si256(sums.add(1))];
                epilogue.store(sums, place, pixel);
            }
        });
    }
}

/// # Safety
/// `inputs` holds [lines][k] values, `weights` [k / 2][nr][2], and `sums` [lines][nr].
#[target_feature(enable = "avx2")]
unsafe fn multiply<const LINES: usize>(
    inputs: *const i16,
    weights: *const i16,
    k: usize,
    sums: *mut i32,
    more: bool,
) {
    let mut totals = [[_mm256_setzero_si256(); 2]; LINES];
    if more {
        for (tile, totals) in totals.iter_mut().enumerate() {
            // SAFETY: a line of `sums` is 64 bytes.
            unsafe {
                let from = sums.add(tile * NR).cast::<__m256i>();
                *totals = [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))];
            }
        }
    }
    for pair in 0..k / KR {
        // SAFETY: `pair` is below k / 2, so 64 bytes of weights and 4 of each line are there.
        unsafe {
            let at = weights.add(pair * NR * KR).cast::<__m256i>();
            let (low, high) = (_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1)));
            for (tile, totals) in totals.iter_mut().enumerate() {
                let input = inputs.add(tile * k + pair * KR).cast::<i32>();
                let input = _mm256_set1_epi32(input.read_unaligned());
                totals[0] = _mm256_add_epi32(totals[0], _mm256_madd_epi16(input, low));
                totals[1] = _mm256_add_epi32(totals[1], _mm256_madd_epi16(input, high));
            }
        }
    }
    for (tile, totals) in totals.iter().enumerate() {
        // SAFETY: a line of `sums` is 64 bytes.
        unsafe {
            let to = sums.add(tile * NR).cast::<__m256i>();
            _mm256_storeu_si256(to, totals[0]);
            _mm256_storeu_si256(to.add(1), totals[1]);
        }
    }
}
