//! x86-64 with AVX-512 VNNI (Ice Lake, Zen 4 and newer): 64 products an instruction (`vpdpbusd`).

use super::avx2::Avx2;
use super::avx2_rows;
use super::avx512_store;
use super::vnni::{self, GROUP, KR};
use super::winograd::{self, Winograd};
use super::{Indirection, Kernel, RowOps, TileOutput};
use crate::engine::int8::family::{self, Family};
use crate::engine::int8::requant::Requant;
use std::arch::x86_64::*;

/// Sixteen sums: two such instructions a cycle, whose results take five. Few tiles are then not full,
/// since sides of networks are powers of two, and weights are read half as often as with eight.
const MR: usize = family::AVX512_VNNI.tile.mr;
const NR: usize = family::AVX512_VNNI.tile.nr;

/// Bytes ahead of the inner loop at which weights are fetched that are not in the cache.
const AHEAD: usize = 3072;

/// Given out by [`Avx512Vnni::detect`] alone.
pub(super) struct Avx512Vnni {
    _detected: (),
}

impl Avx512Vnni {
    /// The kernel, if this processor has AVX-512 VNNI, and what AVX2's kernel needs.
    pub(super) fn detect() -> Option<&'static Self> {
        static KERNEL: Avx512Vnni = Avx512Vnni { _detected: () };
        let detected = Avx2::detect().is_some()
            && std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512vnni");
        detected.then_some(&KERNEL)
    }
}

impl Kernel for Avx512Vnni {
    fn family(&self) -> &'static Family {
        &family::AVX512_VNNI
    }

    fn winograd(&self) -> Option<&'static dyn Winograd> {
        winograd::vnni::detect_512()
    }

    fn rows(&self) -> &'static dyn RowOps {
        avx2_rows::detect()
    }

    /// These processors have a megabyte or more.
    fn weight_cache_bytes(&self) -> usize {
        768 << 10
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
        // SAFETY: having `self` proves AVX-512 VNNI; the caller guarantees the pointers, and the lengths
        // are checked above.
        unsafe {
            if place.weights_cold {
                tile::<true>(scratch.as_ptr(), weights.as_ptr(), k, requant, place)
            } else {
                tile::<false>(scratch.as_ptr(), weights.as_ptr(), k, requant, place)
            }
        }
    }
}

/// # Safety
/// `scratch` holds [k / 16][mr][16] u8 and `weights` [k / 4][nr][4] i8; the rest as for
/// [`Kernel::tile`].
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn tile<const COLD: bool>(
    scratch: *const u8,
    weights: *const i8,
    k: usize,
    requant: &Requant<'_>,
    place: &TileOutput,
) {
    let mut sums = [avx512_store::bias(requant); MR];
    for piece in 0..k / KR {
        for group in 0..KR / GROUP {
            // SAFETY: `piece` is below k / 16 and `group` below 4, so 64 bytes of weights and 4 of each
            // pixel are there.
            unsafe {
                let at = weights.add((piece * KR + group * GROUP) * NR);
                let channels = _mm512_loadu_si512(at.cast());
                if COLD {
                    _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(AHEAD));
                }
                let inputs = scratch.add(piece * MR * KR + group * GROUP);
                for (pixel, sum) in sums.iter_mut().enumerate() {
                    let four = inputs.add(pixel * KR).cast::<i32>().read_unaligned();
                    *sum = _mm512_dpbusd_epi32(*sum, _mm512_set1_epi32(four), channels);
                }
            }
        }
    }
    // SAFETY: passed on from the caller.
    unsafe { avx512_store::store(|pixel| sums[pixel], requant, place) };
}
