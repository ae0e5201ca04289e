//! The epilogue in AVX-512: the same results as [`epilogue`](super::epilogue), four pixels at once, whose
//! results share the registers in which they are narrowed.
//!
//! Conversion rounds half to even, and the saturating narrowing does most of the clamping.

use super::TileOutput;
use super::avx2_store::FAR;
use crate::engine::int8::requant::{Requant, Residual};
use std::arch::x86_64::*;

const NR: usize = 16;

/// Pixels whose results are narrowed together; tiles are multiples of it.
const PIXELS: usize = 4;

/// The first value of a block's sums: its bias.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn bias(requant: &Requant<'_>) -> __m512i {
    assert!(requant.bias.len() >= NR);
    // SAFETY: a load of 16 biases, whose number is checked above.
    unsafe { _mm512_loadu_si512(requant.bias.as_ptr().cast()) }
}

/// Stores 16 results of each pixel that exists; `sum` gives a pixel's sums with the bias, and is asked for
/// whole fours of pixels.
///
/// # Safety
/// As for [`Kernel::tile`](super::Kernel::tile).
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn store(
    sum: impl Fn(usize) -> __m512i,
    requant: &Requant<'_>,
    place: &TileOutput,
) {
    assert!(requant.multipliers.len() >= NR);
    // SAFETY: a load of 16 multipliers, whose number is checked above.
    let multipliers = unsafe { _mm512_loadu_ps(requant.multipliers.as_ptr()) };
    let scale = |sum| _mm512_mul_ps(_mm512_cvtepi32_ps(sum), multipliers);
    let limits = Limits::new(requant.zero_point.into(), requant.floor);
    let addition = requant.residual.map(|residual| Sum::new(requant, residual));
    let outputs = place.output[..place.pixels].chunks(PIXELS);
    let residuals = place.residual[..place.pixels].chunks(PIXELS);
    for (index, (outputs, residuals)) in outputs.zip(residuals).enumerate() {
        let own = |pixel: usize| scale(sum(index * PIXELS + pixel));
        let bytes = match &addition {
            None => {
                let result = |pixel: usize| round(own(pixel));
                limits.narrow([result(0), result(1), result(2), result(3)])
            }
            Some(addition) => {
                let result = |pixel: usize| {
                    // Results behind the last pixel are not stored.
                    let from = residuals.get(pixel).unwrap_or(&residuals[0]);
                    // SAFETY: the caller guarantees the places.
                    let other = unsafe { _mm_loadu_si128(from.wrapping_add(place.channel).cast()) };
                    addition.of(own(pixel), other)
                };
                let results = [result(0), result(1), result(2), result(3)];
                addition.limits.narrow(results)
            }
        };
        // SAFETY: as above.
        unsafe {
            let to = |pixel: &*mut i8| pixel.wrapping_add(place.channel).cast::<__m128i>();
            let parts = [
                _mm512_castsi512_si128(bytes),
                _mm512_extracti32x4_epi32::<1>(bytes),
                _mm512_extracti32x4_epi32::<2>(bytes),
                _mm512_extracti32x4_epi32::<3>(bytes),
            ];
            if let [a, b, c, d] = outputs {
                _mm_storeu_si128(to(a), parts[0]);
                _mm_storeu_si128(to(b), parts[1]);
                _mm_storeu_si128(to(c), parts[2]);
                _mm_storeu_si128(to(d), parts[3]);
            } else {
                for (pixel, part) in outputs.iter().zip(parts) {
                    _mm_storeu_si128(to(pixel), part);
                }
            }
        }
    }
}

/// To the nearest integer, half to even; values that are too low and NaN become the lowest.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn round(values: __m512) -> __m512i {
    // `vminps` gives its second operand if either is not a number.
    _mm512_cvtps_epi32(_mm512_min_ps(_mm512_set1_ps(FAR), values))
}

/// The conversion of integers to bytes.
struct Limits {
    offset: __m512i,
    floor: __m512i,
}

impl Limits {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn new(offset: i16, floor: i8) -> Self {
        Limits {
            offset: _mm512_set1_epi16(offset),
            floor: _mm512_set1_epi8(floor),
        }
    }

    /// `value + offset` as bytes, clamped: a quarter of the register for each pixel.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn narrow(&self, [a, b, c, d]: [__m512i; PIXELS]) -> __m512i {
        let low = _mm512_adds_epi16(_mm512_packs_epi32(a, b), self.offset);
        let high = _mm512_adds_epi16(_mm512_packs_epi32(c, d), self.offset);
        let bytes = _mm512_max_epi8(_mm512_packs_epi16(low, high), self.floor);
        // The packs work in quarters of a register: each has four channels of all pixels by now.
        let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        _mm512_permutexvar_epi32(order, bytes)
    }
}

/// An addition behind a convolution, on values as the ONNX graph has them.
struct Sum {
    conv_is_lhs: bool,
    /// Added to the convolution's own results, which are rounded and clamped before.
    zero_point: __m512,
    floor: __m512,
    top: __m512,
    /// Added to the other operand, which comes as bytes.
    offset: __m512,
    ratio_a: __m512,
    ratio_b: __m512,
    fixed: __m512,
    limits: Limits,
}

impl Sum {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn new(requant: &Requant<'_>, residual: &Residual) -> Self {
        let addition = &residual.addition;
        let at = |value: i8| _mm512_set1_ps(f32::from(value) + addition.offset);
        Sum {
            conv_is_lhs: residual.conv_is_lhs,
            zero_point: at(requant.zero_point),
            floor: at(requant.floor),
            top: at(i8::MAX),
            offset: _mm512_set1_ps(addition.offset),
            ratio_a: _mm512_set1_ps(addition.ratio_a),
            ratio_b: _mm512_set1_ps(addition.ratio_b),
            fixed: _mm512_set1_ps(addition.fixed),
            limits: Limits::new(-(addition.offset as i16), addition.floor),
        }
    }

    /// As [`Addition::apply`], without its limits.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn of(&self, own: __m512, other: __m128i) -> __m512i {
        // Half to even.
        let moved = _mm512_add_ps(_mm512_roundscale_ps::<0>(own), self.zero_point);
        // `vmaxps` gives its second operand if the first is not a number.
        let own = _mm512_min_ps(_mm512_max_ps(moved, self.floor), self.top);
        let other = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(other));
        let other = _mm512_add_ps(other, self.offset);
        let (a, b) = if self.conv_is_lhs {
            (own, other)
        } else {
            (other, own)
        };
        let b = _mm512_fmadd_ps(b, self.ratio_b, self.fixed);
        round(_mm512_fmadd_ps(a, self.ratio_a, b))
    }
}
