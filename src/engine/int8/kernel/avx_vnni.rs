//! x86-64 with AVX-VNNI (Alder Lake, N100, Zen 5 and newer): 32 products an instruction (`vpdpbusd`).

use super::avx2::Avx2;
use super::avx2_rows;
use super::avx2_store::Epilogue;
use super::vnni::{self, GROUP, KR};
use super::winograd::{self, Winograd};
use super::{Indirection, Kernel, RowOps, TileOutput};
use crate::engine::int8::family::{self, Family};
use crate::engine::int8::requant::Requant;
use std::arch::x86_64::*;

/// Twelve sums: two such instructions a cycle, whose results take five.
const MR: usize = family::AVX_VNNI.tile.mr;
const NR: usize = family::AVX_VNNI.tile.nr;

/// Given out by [`AvxVnni::detect`] alone.
pub(super) struct AvxVnni {
    _detected: (),
}

impl AvxVnni {
    /// The kernel, if this processor has AVX-VNNI, and what AVX2's kernel needs.
    pub(super) fn detect() -> Option<&'static Self> {
        static KERNEL: AvxVnni = AvxVnni { _detected: () };
        let detected = Avx2::detect().is_some() && std::is_x86_feature_detected!("avxvnni");
        detected.then_some(&KERNEL)
    }
}

impl Kernel for AvxVnni {
    fn family(&self) -> &'static Family {
        &family::AVX_VNNI
    }

    fn winograd(&self) -> Option<&'static dyn Winograd> {
        winograd::vnni::detect_256()
    }

    fn rows(&self) -> &'static dyn RowOps {
        avx2_rows::detect()
    }

    fn scratch_bytes(&self, k: usize) -> usize {
        MR * k
    }

    fn gather(&self, rows: &Indirection<'_>, k: usize, scratch: &mut [u8]) {
        vnni::gather::<MR>(rows, k, scratch);
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
        assert!(scratch.len() >= MR * k && weights.len() >= NR * k);
        // SAFETY: having `self` proves AVX-VNNI; the caller guarantees the pointers, and the lengths are
        // checked above.
        unsafe { tile(scratch.as_ptr(), weights.as_ptr(), k, requant, place) }
    }
}

/// # Safety
/// `scratch` holds [k / 16][mr][16] u8 and `weights` [k / 4][nr][4] i8; the rest as for
/// [`Kernel::tile`].
#[target_feature(enable = "avx2,fma,avxvnni")]
unsafe fn tile(
    scratch: *const u8,
    weights: *const i8,
    k: usize,
    requant: &Requant<'_>,
    place: &TileOutput,
) {
    let mut sums = [[_mm256_setzero_si256(); 2]; MR];
    for piece in 0..k / KR {
        for group in 0..KR / GROUP {
            // SAFETY: `piece` is below k / 16 and `group` below 4, so 64 bytes of weights and 4 of each
            // pixel are there.
            unsafe {
                let at = weights.add((piece * KR + group * GROUP) * NR);
                let at = at.cast::<__m256i>();
                let (low, high) = (_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1)));
                let inputs = scratch.add(piece * MR * KR + group * GROUP);
                for (pixel, sums) in sums.iter_mut().enumerate() {
                    let four = inputs.add(pixel * KR).cast::<i32>().read_unaligned();
                    let four = _mm256_set1_epi32(four);
                    sums[0] = _mm256_dpbusd_avx_epi32(sums[0], four, low);
                    sums[1] = _mm256_dpbusd_avx_epi32(sums[1], four, high);
                }
            }
        }
    }
    let epilogue = Epilogue::new(requant);
    for (pixel, sums) in sums.into_iter().enumerate().take(place.pixels) {
        // SAFETY: passed on from the caller.
        unsafe { epilogue.store(sums, place, pixel) };
    }
}
