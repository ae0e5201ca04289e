//! x86-64 with AVX-VNNI (Alder Lake, N100, Zen 5 and newer): 32 products an instruction (`vpdpbusd`).

use super::avx2::{self, Avx2};
use super::avx2_store::Epilogue;
use super::vnni::{self, GROUP, KR};
use super::winograd::{self, Winograd};
use super::{Addition, Kernel, Place, Requant, Rows, Shape, pack_interleaved};
use std::arch::x86_64::*;

/// Twelve sums: two such instructions a cycle, whose results take five.
const MR: usize = 6;
const NR: usize = 16;

pub(super) fn is_available() -> bool {
    avx2::is_available() && std::is_x86_feature_detected!("avxvnni")
}

pub(super) struct AvxVnni;

impl Kernel for AvxVnni {
    fn name(&self) -> &'static str {
        "avx-vnni"
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
        Some(&winograd::AVX_VNNI)
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
        // SAFETY: AVX-VNNI is there and the pointers are valid by the caller's word; the lengths were
        // just checked.
        unsafe { tile(scratch.as_ptr(), weights.as_ptr(), k, requant, place) }
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
#[target_feature(enable = "avx2,fma,avxvnni")]
unsafe fn tile(
    scratch: *const u8,
    weights: *const i8,
    k: usize,
    requant: &Requant<'_>,
    place: &Place,
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
