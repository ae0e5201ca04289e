//! Rows of lanes for the transforms, a NEON register each: for plain arrays the compiler makes code that
//! works lane by lane.

use super::transform::Row;
use std::arch::aarch64::*;
use std::ops::{Add, Mul, Shr, Sub};

macro_rules! neon {
    ($intrinsic:expr) => {
        // SAFETY: NEON is part of AArch64, and the caller guarantees the memory that this reads or writes.
        unsafe { $intrinsic }
    };
}

#[derive(Clone, Copy)]
pub(super) struct Narrow(int16x8_t);

/// Two registers: a core that works in order does one while it waits for the other.
#[derive(Clone, Copy)]
pub(super) struct Twice([Narrow; 2]);

#[derive(Clone, Copy)]
pub(super) struct Wide(int32x4_t);

impl Row<i16> for Narrow {
    type Stored = i8;
    const LANES: usize = 8;

    #[inline(always)]
    fn zero() -> Self {
        Narrow(neon!(vdupq_n_s16(0)))
    }

    #[inline(always)]
    unsafe fn load(from: *const i8) -> Self {
        Narrow(neon!(vmovl_s8(vld1_s8(from))))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut i16) {
        neon!(vst1q_s16(to, self.0))
    }
}

impl Row<i32> for Wide {
    type Stored = i32;
    const LANES: usize = 4;

    #[inline(always)]
    fn zero() -> Self {
        Wide(neon!(vdupq_n_s32(0)))
    }

    #[inline(always)]
    unsafe fn load(from: *const i32) -> Self {
        Wide(neon!(vld1q_s32(from)))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut i32) {
        neon!(vst1q_s32(to, self.0))
    }
}

impl Shr<u32> for Wide {
    type Output = Self;

    #[inline(always)]
    fn shr(self, bits: u32) -> Self {
        Wide(neon!(vshlq_s32(self.0, vdupq_n_s32(-bits.cast_signed()))))
    }
}

impl Add for Narrow {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Narrow(neon!(vaddq_s16(self.0, other.0)))
    }
}

impl Sub for Narrow {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Narrow(neon!(vsubq_s16(self.0, other.0)))
    }
}

impl Mul<i16> for Narrow {
    type Output = Self;

    #[inline(always)]
    fn mul(self, factor: i16) -> Self {
        Narrow(neon!(vmulq_n_s16(self.0, factor)))
    }
}

impl Add for Wide {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Wide(neon!(vaddq_s32(self.0, other.0)))
    }
}

impl Sub for Wide {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Wide(neon!(vsubq_s32(self.0, other.0)))
    }
}

impl Mul<i32> for Wide {
    type Output = Self;

    #[inline(always)]
    fn mul(self, factor: i32) -> Self {
        Wide(neon!(vmulq_n_s32(self.0, factor)))
    }
}

impl Row<i16> for Twice {
    type Stored = i8;
    const LANES: usize = 2 * Narrow::LANES;

    #[inline(always)]
    fn zero() -> Self {
        Twice([Narrow::zero(); 2])
    }

    #[inline(always)]
    unsafe fn load(from: *const i8) -> Self {
        let values = neon!(vld1q_s8(from));
        Twice([
            Narrow(neon!(vmovl_s8(vget_low_s8(values)))),
            Narrow(neon!(vmovl_high_s8(values))),
        ])
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut i16) {
        neon!(vst1q_s16(to, self.0[0].0));
        neon!(vst1q_s16(to.add(Narrow::LANES), self.0[1].0));
    }
}

impl Add for Twice {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Twice([self.0[0] + other.0[0], self.0[1] + other.0[1]])
    }
}

impl Sub for Twice {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Twice([self.0[0] - other.0[0], self.0[1] - other.0[1]])
    }
}

impl Mul<i16> for Twice {
    type Output = Self;

    #[inline(always)]
    fn mul(self, factor: i16) -> Self {
        Twice([self.0[0] * factor, self.0[1] * factor])
    }
}
