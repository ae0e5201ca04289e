//! x86-64 with AVX2: pairs of 16-bit products added to 32-bit sums (`vpmaddwd`).
//!
//! The 8-bit multiply-add (`vpmaddubsw`) saturates at 16 bits and is not exact, and on cores that
//! have no VNNI it is no faster: it needs a second multiply to widen. Inputs are widened once a tile,
//! as they are gathered; weights stay 8-bit in memory and are widened as they are loaded.

use super::avx2_rows;
use super::avx2_store::Epilogue;
use super::winograd::{self, Winograd};
use super::{Indirection, Kernel, RowOps, TileOutput};
use crate::engine::int8::family::{self, Family};
use crate::engine::int8::requant::Requant;
use std::arch::x86_64::*;

const MR: usize = family::AVX2.tile.mr;
const NR: usize = family::AVX2.tile.nr;
const KR: usize = family::AVX2.order.kr;

/// Given out by [`Avx2::detect`] alone.
pub(super) struct Avx2 {
    _detected: (),
}

impl Avx2 {
    /// The kernel, if this processor has AVX2 and FMA.
    pub(super) fn detect() -> Option<&'static Self> {
        static KERNEL: Avx2 = Avx2 { _detected: () };
        let detected =
            std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
        detected.then_some(&KERNEL)
    }
}

impl Kernel for Avx2 {
    fn family(&self) -> &'static Family {
        &family::AVX2
    }

    fn winograd(&self) -> Option<&'static dyn Winograd> {
        winograd::avx2::detect()
    }

    fn rows(&self) -> &'static dyn RowOps {
        avx2_rows::detect()
    }

    /// [mr][k] of i16, and room for the last widening store.
    fn scratch_bytes(&self, k: usize) -> usize {
        2 * MR * k + 32
    }

    fn gather(&self, rows: &Indirection<'_>, k: usize, scratch: &mut [u8]) {
        // SAFETY: having `self` proves AVX2.
        unsafe { gather(rows, k, scratch) }
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
        assert!(scratch.len() >= 2 * MR * k && weights.len() >= NR * k);
        // SAFETY: having `self` proves AVX2 and FMA; the caller guarantees the pointers, and the lengths
        // are checked above.
        unsafe { tile(scratch.as_ptr(), weights.as_ptr(), k, requant, place) }
    }
}

#[target_feature(enable = "avx2")]
fn gather(rows: &Indirection<'_>, k: usize, scratch: &mut [u8]) {
    let channels = rows.channels;
    let taps = rows.offsets.len() / MR;
    assert!(scratch.len() >= 2 * MR * k && taps * channels <= k);
    for pixel in 0..MR {
        let line = &mut scratch[2 * pixel * k..2 * (pixel + 1) * k];
        for tap in 0..taps {
            widen(
                rows.get(tap * MR + pixel),
                &mut line[2 * tap * channels..][..2 * channels],
            );
        }
        line[2 * taps * channels..].fill(0);
    }
}

/// i8 to i16; `wide` has twice the bytes.
#[target_feature(enable = "avx2")]
fn widen(narrow: &[i8], wide: &mut [u8]) {
    let mut from = narrow.chunks_exact(16);
    let mut to = wide.chunks_exact_mut(32);
    for (from, to) in (&mut from).zip(&mut to) {
        // SAFETY: the chunks are 16 and 32 bytes long.
        unsafe {
            let bytes = _mm_loadu_si128(from.as_ptr().cast());
            _mm256_storeu_si256(to.as_mut_ptr().cast(), _mm256_cvtepi8_epi16(bytes));
        }
    }
    let (mut from, mut to) = (from.remainder(), to.into_remainder());
    if let (Some(eight), Some(wide)) = (from.first_chunk::<8>(), to.first_chunk_mut::<16>()) {
        // SAFETY: the chunks are 8 and 16 bytes long.
        unsafe {
            let bytes = _mm_loadl_epi64(eight.as_ptr().cast());
            _mm_storeu_si128(wide.as_mut_ptr().cast(), _mm_cvtepi8_epi16(bytes));
        }
        (from, to) = (&from[8..], &mut to[16..]);
    }
    for (from, to) in from.iter().zip(to.chunks_exact_mut(2)) {
        to.copy_from_slice(&i16::from(*from).to_le_bytes());
    }
}

/// # Safety
/// `scratch` holds [mr][k] i16 and `weights` [k / 2][nr][2] i8; the rest as for [`Kernel::tile`].
#[target_feature(enable = "avx2,fma")]
unsafe fn tile(
    scratch: *const u8,
    weights: *const i8,
    k: usize,
    requant: &Requant<'_>,
    place: &TileOutput,
) {
    let mut sums = [[_mm256_setzero_si256(); 2]; MR];
    for pair in 0..k / KR {
        // SAFETY: `pair` is below k / 2, so 32 bytes of weights and 4 of each line are there.
        unsafe {
            let at = weights.add(pair * NR * KR).cast::<__m128i>();
            let low = _mm256_cvtepi8_epi16(_mm_loadu_si128(at));
            let high = _mm256_cvtepi8_epi16(_mm_loadu_si128(at.add(1)));
            for (pixel, sums) in sums.iter_mut().enumerate() {
                let inputs = scratch.add(2 * (pixel * k + pair * KR)).cast::<i32>();
                let inputs = _mm256_set1_epi32(inputs.read_unaligned());
                sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(inputs, low));
                sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(inputs, high));
            }
        }
    }
    let epilogue = Epilogue::new(requant);
    for (pixel, sums) in sums.into_iter().enumerate().take(place.pixels) {
        // SAFETY: passed on from the caller.
        unsafe { epilogue.store(sums, place, pixel) };
    }
}
