//! Products of 16-bit pairs with VNNI (`vpdpwssd`), which adds them up in the same instruction. The
//! transforms around them are those of AVX2.

use std::arch::x86_64::*;

const NR: usize = 16;
const KR: usize = 2;

/// Tiles that are multiplied at once: twelve sums, two registers a tile and one.
pub(super) const MR_256: usize = 6;
pub(super) const MR_512: usize = 12;

/// # Safety
/// The processor has AVX-VNNI; `inputs` holds [6][k] values, `weights` [k / 2][16][2], and `sums` has
/// room for [6][16].
#[target_feature(enable = "avx2,avxvnni")]
pub(super) unsafe fn multiply_256(
    inputs: *const i16,
    weights: *const i16,
    k: usize,
    sums: *mut i32,
) {
    let mut totals = [[_mm256_setzero_si256(); 2]; MR_256];
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
/// The processor has AVX-512 VNNI; `inputs` holds [12][k] values, `weights` [k / 2][16][2], and `sums`
/// has room for [12][16].
#[target_feature(enable = "avx512f,avx512vnni")]
pub(super) unsafe fn multiply_512(
    inputs: *const i16,
    weights: *const i16,
    k: usize,
    sums: *mut i32,
) {
    let mut totals = [_mm512_setzero_si512(); MR_512];
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
