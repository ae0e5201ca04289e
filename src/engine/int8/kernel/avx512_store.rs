//! The epilogue in AVX-512: the same results as [`epilogue`](super::epilogue), one register a pixel.
//!
//! Conversion rounds half to even, and the saturating narrowing does most of the clamping.

use super::Place;
use super::avx2_store::FAR;
use super::epilogue::{Addition, Requant, Residual};
use std::arch::x86_64::*;

const NR: usize = 16;

/// A block's requantisation, in registers.
pub(super) struct Epilogue<'a> {
    bias: __m512i,
    multipliers: __m512,
    zero_point: __m512i,
    floor: __m128i,
    residual: Option<&'a Residual>,
}

impl<'a> Epilogue<'a> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn new(requant: &Requant<'a>) -> Self {
        assert!(requant.bias.len() >= NR && requant.multipliers.len() >= NR);
        // SAFETY: loads are of 16 biases and multipliers, whose number was just checked.
        unsafe {
            Epilogue {
                bias: _mm512_loadu_si512(requant.bias.as_ptr().cast()),
                multipliers: _mm512_loadu_ps(requant.multipliers.as_ptr()),
                zero_point: _mm512_set1_epi32(requant.zero_point.into()),
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
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn store(&self, sums: __m512i, place: &Place, pixel: usize) {
        let sums = _mm512_cvtepi32_ps(_mm512_add_epi32(sums, self.bias));
        let values = round(_mm512_mul_ps(sums, self.multipliers));
        let mut result = narrow(values, self.zero_point, self.floor);
        // SAFETY: the places are valid by the caller's word.
        unsafe {
            if let Some(residual) = self.residual {
                let other = _mm_loadu_si128(place.residual(pixel).cast());
                let (a, b) = if residual.own_is_first {
                    (result, other)
                } else {
                    (other, result)
                };
                result = add(&residual.addition, a, b);
            }
            _mm_storeu_si128(place.output(pixel).cast(), result);
        }
    }
}

/// To the nearest integer, half to even; a NaN is far below.
#[inline]
#[target_feature(enable = "avx512f")]
fn round(values: __m512) -> __m512i {
    // `vmaxps` gives its second operand if the first is not a number.
    let above = _mm512_max_ps(values, _mm512_set1_ps(-FAR));
    _mm512_cvtps_epi32(_mm512_min_ps(above, _mm512_set1_ps(FAR)))
}

/// Adds 16 values, as [`Addition::apply`] does.
#[inline]
#[target_feature(enable = "avx512f")]
fn add(addition: &Addition, a: __m128i, b: __m128i) -> __m128i {
    let offset = _mm512_set1_epi32(addition.offset as i32);
    let (a, b) = (widen(a, offset), widen(b, offset));
    let (ratio_a, ratio_b) = (
        _mm512_set1_ps(addition.ratio_a),
        _mm512_set1_ps(addition.ratio_b),
    );
    let b = _mm512_fmadd_ps(b, ratio_b, _mm512_set1_ps(addition.fixed));
    let sums = round(_mm512_fmadd_ps(a, ratio_a, b));
    let negative = _mm512_sub_epi32(_mm512_setzero_si512(), offset);
    narrow(sums, negative, _mm_set1_epi8(addition.floor))
}

/// `value + offset` as floats.
#[inline]
#[target_feature(enable = "avx512f")]
fn widen(values: __m128i, offset: __m512i) -> __m512 {
    _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_cvtepi8_epi32(values), offset))
}

/// `value + offset` as bytes, clamped.
#[inline]
#[target_feature(enable = "avx512f")]
fn narrow(values: __m512i, offset: __m512i, floor: __m128i) -> __m128i {
    let bytes = _mm512_cvtsepi32_epi8(_mm512_add_epi32(values, offset));
    _mm_max_epi8(bytes, floor)
}
