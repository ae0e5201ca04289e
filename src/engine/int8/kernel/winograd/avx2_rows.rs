//! Rows of lanes for the transforms, an AVX2 register each: for plain arrays the compiler makes code that
//! works lane by lane.

use super::transform::Row;
use std::arch::x86_64::*;
use std::ops::{Add, Mul, Shr, Sub};

macro_rules! avx2 {
    ($intrinsic:expr) => {
        // SAFETY: rows are only made by functions that need AVX2 themselves, and the caller guarantees the
        // memory that this reads or writes.
        unsafe { $intrinsic }
    };
}

#[derive(Clone, Copy)]
pub(super) struct Narrow(__m256i);

#[derive(Clone, Copy)]
pub(super) struct Wide(__m256i);

impl Row<i16> for Narrow {
    type Stored = i8;
    const LANES: usize = 16;

    #[inline(always)]
    fn zero() -> Self {
        Narrow(avx2!(_mm256_setzero_si256()))
    }

    #[inline(always)]
    unsafe fn load(from: *const i8) -> Self {
        Narrow(avx2!(_mm256_cvtepi8_epi16(_mm_loadu_si128(from.cast()))))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut i16) {
        avx2!(_mm256_storeu_si256(to.cast(), self.0))
    }
}

impl Row<i32> for Wide {
    type Stored = i32;
    const LANES: usize = 8;

    #[inline(always)]
    fn zero() -> Self {
        Wide(avx2!(_mm256_setzero_si256()))
    }

    #[inline(always)]
    unsafe fn load(from: *const i32) -> Self {
        Wide(avx2!(_mm256_loadu_si256(from.cast())))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut i32) {
        avx2!(_mm256_storeu_si256(to.cast(), self.0))
    }
}

impl Shr<u32> for Wide {
    type Output = Self;

    #[inline(always)]
    fn shr(self, bits: u32) -> Self {
        let bits = avx2!(_mm_cvtsi32_si128(bits.cast_signed()));
        Wide(avx2!(_mm256_sra_epi32(self.0, bits)))
    }
}

impl Add for Narrow {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Narrow(avx2!(_mm256_add_epi16(self.0, other.0)))
    }
}

impl Sub for Narrow {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Narrow(avx2!(_mm256_sub_epi16(self.0, other.0)))
    }
}

impl Mul<i16> for Narrow {
    type Output = Self;

    #[inline(always)]
    fn mul(self, factor: i16) -> Self {
        let factor = avx2!(_mm256_set1_epi16(factor));
        Narrow(avx2!(_mm256_mullo_epi16(self.0, factor)))
    }
}

impl Add for Wide {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Wide(avx2!(_mm256_add_epi32(self.0, other.0)))
    }
}

impl Sub for Wide {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Wide(avx2!(_mm256_sub_epi32(self.0, other.0)))
    }
}

impl Mul<i32> for Wide {
    type Output = Self;

    #[inline(always)]
    fn mul(self, factor: i32) -> Self {
        let factor = avx2!(_mm256_set1_epi32(factor));
        Wide(avx2!(_mm256_mullo_epi32(self.0, factor)))
    }
}
