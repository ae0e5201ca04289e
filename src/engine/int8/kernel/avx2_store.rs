//! The epilogue in AVX2: the same results as [`epilogue`](super::epilogue), in fewer instructions.
//!
//! Conversion rounds half to even, and the saturating packs do most of the clamping.

use super::TileOutput;
use crate::engine::int8::requant::{Addition, Requant, Residual};
use std::arch::x86_64::*;

const NR: usize = 16;

/// Values beyond this give the same results as this, which converts without overflow.
pub(super) const FAR: f32 = 32768.0;

/// A block's requantisation, in registers.
pub(super) struct Epilogue<'a> {
    bias: [__m256i; 2],
    multipliers: [__m256; 2],
    zero_point: __m256i,
    floor: __m128i,
    residual: Option<&'a Residual>,
}

impl<'a> Epilogue<'a> {
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn new(requant: &Requant<'a>) -> Self {
        assert!(requant.bias.len() >= NR && requant.multipliers.len() >= NR);
        let (bias, multipliers) = (requant.bias.as_ptr(), requant.multipliers.as_ptr());
        // SAFETY: loads are of 16 biases and multipliers, whose number is checked above.
        unsafe {
            Epilogue {
                bias: [
                    _mm256_loadu_si256(bias.cast()),
                    _mm256_loadu_si256(bias.add(8).cast()),
                ],
                multipliers: [
                    _mm256_loadu_ps(multipliers),
                    _mm256_loadu_ps(multipliers.add(8)),
                ],
                zero_point: _mm256_set1_epi16(requant.zero_point.into()),
                floor: _mm_set1_epi8(requant.floor),
                residual: requant.residual,
            }
        }
    }

    /// Stores 16 results of a pixel.
    ///
    /// # Safety
    /// As for [`Kernel::tile`](super::Kernel::tile); the pixel exists.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn store(&self, sums: [__m256i; 2], place: &TileOutput, pixel: usize) {
        let low = self.scale(sums[0], 0);
        let high = self.scale(sums[1], 1);
        let mut result = _mm_max_epi8(narrow([low, high], self.zero_point), self.floor);
        // SAFETY: the caller guarantees the places.
        unsafe {
            if let Some(residual) = self.residual {
                let other = _mm_loadu_si128(place.residual(pixel).cast());
                let (a, b) = if residual.conv_is_lhs {
                    (result, other)
                } else {
                    (other, result)
                };
                result = add(&residual.addition, a, b);
            }
            _mm_storeu_si128(place.output(pixel).cast(), result);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn scale(&self, sums: __m256i, half: usize) -> __m256i {
        let sums = _mm256_cvtepi32_ps(_mm256_add_epi32(sums, self.bias[half]));
        round(_mm256_mul_ps(sums, self.multipliers[half]))
    }
}

/// To the nearest integer, half to even; a NaN is far below.
#[inline]
#[target_feature(enable = "avx2")]
fn round(values: __m256) -> __m256i {
    // `maxps` gives its second operand if the first is not a number.
    let above = _mm256_max_ps(values, _mm256_set1_ps(-FAR));
    _mm256_cvtps_epi32(_mm256_min_ps(above, _mm256_set1_ps(FAR)))
}

/// Adds 16 values, as [`Addition::apply`] does.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add(addition: &Addition, a: __m128i, b: __m128i) -> __m128i {
    let offset = _mm256_set1_epi16(addition.offset as i16);
    let (a, b) = (widen(a, offset), widen(b, offset));
    let (ratio_a, ratio_b) = (
        _mm256_set1_ps(addition.ratio_a),
        _mm256_set1_ps(addition.ratio_b),
    );
    let fixed = _mm256_set1_ps(addition.fixed);
    let low = _mm256_fmadd_ps(b[0], ratio_b, fixed);
    let high = _mm256_fmadd_ps(b[1], ratio_b, fixed);
    let sums = [
        round(_mm256_fmadd_ps(a[0], ratio_a, low)),
        round(_mm256_fmadd_ps(a[1], ratio_a, high)),
    ];
    let negative = _mm256_sub_epi16(_mm256_setzero_si256(), offset);
    _mm_max_epi8(narrow(sums, negative), _mm_set1_epi8(addition.floor))
}

/// `value + offset` as floats.
#[inline]
#[target_feature(enable = "avx2")]
fn widen(values: __m128i, offset: __m256i) -> [__m256; 2] {
    let wide = _mm256_add_epi16(_mm256_cvtepi8_epi16(values), offset);
    let low = _mm256_castsi256_si128(wide);
    let high = _mm256_extracti128_si256::<1>(wide);
    [
        _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(low)),
        _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(high)),
    ]
}

/// `value + offset` as bytes, clamped.
#[inline]
#[target_feature(enable = "avx2")]
fn narrow(values: [__m256i; 2], offset: __m256i) -> __m128i {
    let wide = _mm256_packs_epi32(values[0], values[1]);
    // The pack works in halves of a register: put the four parts in order.
    let wide = _mm256_permute4x64_epi64::<0b11_01_10_00>(wide);
    let wide = _mm256_adds_epi16(wide, offset);
    _mm_packs_epi16(
        _mm256_castsi256_si128(wide),
        _mm256_extracti128_si256::<1>(wide),
    )
}

/// Adds two rows of values.
#[target_feature(enable = "avx2,fma")]
pub(super) fn add_rows(addition: &Addition, a: &[i8], b: &[i8], sums: &mut [i8]) {
    for ((sums, a), b) in sums
        .chunks_exact_mut(NR)
        .zip(a.chunks_exact(NR))
        .zip(b.chunks_exact(NR))
    {
        // SAFETY: each chunk has 16 values.
        unsafe {
            let (a, b) = (
                _mm_loadu_si128(a.as_ptr().cast()),
                _mm_loadu_si128(b.as_ptr().cast()),
            );
            _mm_storeu_si128(sums.as_mut_ptr().cast(), add(addition, a, b));
        }
    }
    let done = sums.len() / NR * NR;
    super::rows::add(addition, &a[done..], &b[done..], &mut sums[done..]);
}
