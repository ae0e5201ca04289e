//! x86-64 with AVX-512 VNNI (Ice Lake, Zen 4 and newer): 64 products an instruction (`vpdpbusd`).

use super::avx2::{self, Avx2};
use super::avx512_store;
use super::vnni::{self, GROUP, KR};
use super::winograd::{self, Winograd};
use super::{Addition, Kernel, Place, Requant, Rows, Shape, pack_interleaved};
use std::arch::x86_64::*;

/// Sixteen sums: two such instructions a cycle, whose results take five. Few tiles are then not full,
/// since sides of networks are powers of two, and weights are read half as often as with eight.
const MR: usize = 16;
const NR: usize = 16;

/// How far ahead weights are fetched that are not in the cache, in bytes.
const AHEAD: usize = 3072;

pub(super) fn is_available() -> bool {
    avx2::is_available()
        && std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512vnni")
}

pub(super) struct Avx512Vnni;

impl Kernel for Avx512Vnni {
    fn name(&self) -> &'static str {
        "avx512-vnni"
    }

    fn shape(&self) -> Shape {
        Shape {
            mr: MR,
            nr: NR,
            kr: KR,
        }
    }

    fn input_offset(&self) -> i32 {
        vnni::INPUT_OFFSET
    }

    fn winograd(&self) -> Option<&'static dyn Winograd> {
        Some(&winograd::AVX512_VNNI)
    }

    /// These processors have a megabyte or more.
    fn weight_cache_bytes(&self) -> usize {
        768 << 10
    }

    fn scratch_bytes(&self, k: usize) -> usize {
        MR * k
    }

    fn pack(&self, block: &[i8], k: usize, packed: &mut Vec<i8>) {
        pack_interleaved(block, k, GROUP, packed);
    }

    fn gather(&self, rows: &Rows<'_>, k: usize, scratch: &mut [u8]) {
        vnni::gather::<MR>(rows, k, scratch);
    }

    // SAFETY: the contract is the trait's.
    unsafe fn tile(
        &self,
        scratch: &[u8],
        weights: &[i8],
        k: usize,
        requant: &Requant<'_>,
        place: &Place,
    ) {
        assert!(scratch.len() >= MR * k && weights.len() >= NR * k);
        // SAFETY: AVX-512 VNNI is there and the pointers are valid by the caller's word; the lengths
        // were just checked.
        unsafe {
            if place.far {
                tile::<true>(scratch.as_ptr(), weights.as_ptr(), k, requant, place)
            } else {
                tile::<false>(scratch.as_ptr(), weights.as_ptr(), k, requant, place)
            }
        }
    }

    fn add(&self, addition: &Addition, a: &[i8], b: &[i8], sums: &mut [i8]) {
        Avx2.add(addition, a, b, sums);
    }

    fn quantize(&self, row: [&[f32]; 3], scale: f32, zero_point: i8, to: &mut [i8]) {
        Avx2.quantize(row, scale, zero_point, to);
    }

    fn raise(&self, row: &mut [i8], others: &[&[i8]]) {
        Avx2.raise(row, others);
    }
}

/// # Safety
/// `scratch` holds [k / 16][mr][16] u8 and `weights` [k / 4][nr][4] i8; the rest as for
/// [`Kernel::tile`].
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn tile<const FAR: bool>(
    scratch: *const u8,
    weights: *const i8,
    k: usize,
    requant: &Requant<'_>,
    place: &Place,
) {
    let mut sums = [avx512_store::bias(requant); MR];
    for piece in 0..k / KR {
        for group in 0..KR / GROUP {
            // SAFETY: `piece` is below k / 16 and `group` below 4, so 64 bytes of weights and 4 of each
            // pixel are there.
            unsafe {
                let at = weights.add((piece * KR + group * GROUP) * NR);
                let channels = _mm512_loadu_si512(at.cast());
                if FAR {
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
