//! Products of 16-bit pairs with VNNI (`vpdpwssd`), which adds them up in the same instruction. The
//! transforms of inputs and weights are those of AVX2; that of outputs is too where AVX-512 is not there.

use super::super::{TileOutput, avx512_store};
use super::avx2::{self, Avx2};
use super::avx2_rows::Wide;
use super::transform;
use super::{TileSums, Winograd};
use crate::engine::int8::family::{self, WinogradShape};
use crate::engine::int8::requant::Requant;
use std::arch::x86_64::*;

const SHAPE: WinogradShape = family::AVX_VNNI
    .winograd
    .expect("AVX-VNNI has Winograd's method");
const SHAPE_512: WinogradShape = family::AVX512_VNNI
    .winograd
    .expect("AVX-512 VNNI has Winograd's method");
const NR: usize = SHAPE.nr;
const KR: usize = SHAPE.kr;

/// Tiles that are multiplied at once: twelve sums, two registers a tile and one.
const MR_256: usize = SHAPE.mr;
const MR_512: usize = SHAPE_512.mr;

const _: () = assert!(SHAPE_512.nr == NR && SHAPE_512.kr == KR);

/// The kernel, if this processor has AVX-VNNI, AVX2 and FMA.
pub(in super::super) fn detect_256() -> Option<&'static dyn Winograd> {
    static KERNEL: Avx2 = Avx2 {
        multiply: &[
            multiply_256::<1>,
            multiply_256::<2>,
            multiply_256::<3>,
            multiply_256::<4>,
            multiply_256::<5>,
            multiply_256::<MR_256>,
        ],
        outputs: avx2::outputs,
    };
    (avx2::has_avx2() && std::is_x86_feature_detected!("avxvnni")).then_some(&KERNEL)
}

/// The kernel, if this processor has AVX-512 VNNI, AVX2 and FMA.
pub(in super::super) fn detect_512() -> Option<&'static dyn Winograd> {
    static KERNEL: Avx2 = Avx2 {
        multiply: &[
            multiply_512::<1>,
            multiply_512::<2>,
            multiply_512::<3>,
            multiply_512::<4>,
            multiply_512::<5>,
            multiply_512::<6>,
            multiply_512::<7>,
            multiply_512::<8>,
            multiply_512::<9>,
            multiply_512::<10>,
            multiply_512::<11>,
            multiply_512::<MR_512>,
        ],
        outputs: outputs_512,
    };
    let detected = avx2::has_avx2()
        && std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512vnni");
    detected.then_some(&KERNEL)
}

/// # Safety
/// The processor has AVX-VNNI; `inputs` holds [lines][k] values, `weights` [k / 2][16][2], and `sums`
/// [lines][16].
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn multiply_256<const LINES: usize>(
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
                totals[0] = _mm256_dpwssd_avx_epi32(totals[0], input, low);
                totals[1] = _mm256_dpwssd_avx_epi32(totals[1], input, high);
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

/// # Safety
/// The processor has AVX-512 VNNI; `inputs` holds [lines][k] values, `weights` [k / 2][16][2], and
/// `sums` [lines][16].
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn multiply_512<const LINES: usize>(
    inputs: *const i16,
    weights: *const i16,
    k: usize,
    sums: *mut i32,
    more: bool,
) {
    let mut totals = [_mm512_setzero_si512(); LINES];
    if more {
        for (tile, total) in totals.iter_mut().enumerate() {
            // SAFETY: a line of `sums` is 64 bytes.
            *total = unsafe { _mm512_loadu_si512(sums.add(tile * NR).cast()) };
        }
    }
    for pair in 0..k / KR {
        // SAFETY: as above.
        unsafe {
            let channels = _mm512_loadu_si512(weights.add(pair * NR * KR).cast());
            for (tile, total) in totals.iter_mut().enumerate() {
                let input = inputs.add(tile * k + pair * KR).cast::<i32>();
                let input = _mm512_set1_epi32(input.read_unaligned());
                *total = _mm512_dpwssd_epi32(*total, input, channels);
            }
        }
    }
    for (tile, total) in totals.iter().enumerate() {
        // SAFETY: a line of `sums` is 64 bytes.
        unsafe { _mm512_storeu_si512(sums.add(tile * NR).cast(), *total) };
    }
}

/// # Safety
/// As for [`Winograd::outputs`](super::Winograd::outputs); the processor has AVX-512.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn outputs_512(tile: &TileSums<'_>, requant: &Requant<'_>, place: &TileOutput) {
    transform::outputs::<Wide, NR>(tile, |sums| {
        let bias = avx512_store::bias(requant);
        // SAFETY: a line of sums is 64 bytes; the places are passed on from the caller.
        unsafe {
            let sum = |pixel: usize| {
                let sums = _mm512_loadu_si512(sums[pixel].as_ptr().cast());
                _mm512_add_epi32(sums, bias)
            };
            avx512_store::store(sum, requant, place);
        }
    });
}
