//! The transforms, written once for any instruction set: a value is a row of lanes, of a type that the
//! kernel brings. [`Lanes`] are plain arrays, which the compiler makes vectors of where the processor's
//! registers are as long as they are. That needs everything inlined, so there are loops here in place
//! of iterators' and arrays' methods, which are not always.

use super::super::Place;
use super::{Form, SIDE};
use std::ops::{Add, Mul, Shr, Sub};

/// Numbers that are added, subtracted and multiplied side by side, wrapping.
pub(super) trait Row<Number>:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Number, Output = Self>
{
    /// What they are loaded from.
    type Stored;
    const LANES: usize;

    fn zero() -> Self;

    /// # Safety
    /// `from` is valid for reads of as many values as there are lanes.
    unsafe fn load(from: *const Self::Stored) -> Self;

    /// # Safety
    /// `to` is valid for writes of as many numbers as there are lanes.
    unsafe fn store(self, to: *mut Number);
}

#[derive(Clone, Copy)]
pub(super) struct Lanes<T, const L: usize>([T; L]);

macro_rules! lanes {
    ($number:ty, $stored:ty) => {
        impl<const L: usize> Row<$number> for Lanes<$number, L> {
            type Stored = $stored;
            const LANES: usize = L;

            #[inline(always)]
            fn zero() -> Self {
                Lanes([0; L])
            }

            #[inline(always)]
            unsafe fn load(from: *const $stored) -> Self {
                // SAFETY: by the caller's word.
                let from = unsafe { from.cast::<[$stored; L]>().read_unaligned() };
                let mut lanes = Self::zero();
                for lane in 0..L {
                    lanes.0[lane] = from[lane].into();
                }
                lanes
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $number) {
                // SAFETY: by the caller's word.
                unsafe { to.cast::<[$number; L]>().write_unaligned(self.0) };
            }
        }
        impl<const L: usize> Add for Lanes<$number, L> {
            type Output = Self;
            #[inline(always)]
            fn add(mut self, other: Self) -> Self {
                for lane in 0..L {
                    self.0[lane] = self.0[lane].wrapping_add(other.0[lane]);
                }
                self
            }
        }
        impl<const L: usize> Sub for Lanes<$number, L> {
            type Output = Self;
            #[inline(always)]
            fn sub(mut self, other: Self) -> Self {
                for lane in 0..L {
                    self.0[lane] = self.0[lane].wrapping_sub(other.0[lane]);
                }
                self
            }
        }
        impl<const L: usize> Mul<$number> for Lanes<$number, L> {
            type Output = Self;
            #[inline(always)]
            fn mul(mut self, factor: $number) -> Self {
                for lane in 0..L {
                    self.0[lane] = self.0[lane].wrapping_mul(factor);
                }
                self
            }
        }
    };
}

lanes!(i16, i8);
lanes!(i32, i32);

impl<const L: usize> Shr<u32> for Lanes<i32, L> {
    type Output = Self;
    #[inline(always)]
    fn shr(mut self, bits: u32) -> Self {
        for lane in 0..L {
            self.0[lane] >>= bits;
        }
        self
    }
}

/// Six inputs at the points 0, 1, -1, 2, -2 and infinity.
#[inline(always)]
fn inputs_three<V: Row<i16>>(d: [V; 6]) -> [V; 6] {
    let (even, odd) = (d[4] - d[2] * 4, d[3] - d[1] * 4);
    let (even2, odd2) = (d[4] - d[2], (d[3] - d[1]) * 2);
    [
        d[0] * 4 - d[2] * 5 + d[4],
        even + odd,
        even - odd,
        even2 + odd2,
        even2 - odd2,
        d[1] * 4 - d[3] * 5 + d[5],
    ]
}

/// Three taps at the same points.
#[inline(always)]
fn weights_three<V: Row<i16>>(g: [V; 3]) -> [V; 6] {
    let (sum, sum2) = (g[0] + g[2], g[0] + g[2] * 4);
    let twice = g[1] * 2;
    [
        g[0],
        sum + g[1],
        sum - g[1],
        sum2 + twice,
        sum2 - twice,
        g[2],
    ]
}

/// Four outputs, times 24.
#[inline(always)]
fn outputs_three<V: Row<i32>>(m: [V; 6]) -> [V; SIDE] {
    let (a, b) = ((m[1] + m[2]) * 4, (m[1] - m[2]) * 4);
    let (c, d) = (m[3] + m[4], (m[3] - m[4]) * 2);
    [m[0] * 6 - a + c, d - b, c * 4 - a, d * 4 - b + m[5] * 24]
}

/// Five inputs at the points 0, 1, -1, 2 and infinity.
#[inline(always)]
fn inputs_two<V: Row<i16>>(d: [V; 5]) -> [V; 5] {
    let twice = d[1] * 2;
    [
        d[0] * 2 - d[1] - d[2] * 2 + d[3],
        d[3] - d[2] - twice,
        d[3] - d[2] * 3 + twice,
        d[3] - d[1],
        d[4] - d[3] * 2 - d[2] + twice,
    ]
}

/// Two taps at the same points.
#[inline(always)]
fn weights_two<V: Row<i16>>(g: [V; 2]) -> [V; 5] {
    [g[0], g[0] + g[1], g[0] - g[1], g[0] + g[1] * 2, g[1]]
}

/// Four outputs, times 6.
#[inline(always)]
fn outputs_two<V: Row<i32>>(m: [V; 5]) -> [V; SIDE] {
    let a = m[1] * 3;
    let (b, c) = (m[3] - a - m[2], m[2] - a);
    [
        m[0] * 3 + b,
        c + m[3] * 2,
        b + m[3] * 3,
        c + m[3] * 8 + m[4] * 6,
    ]
}

/// A transform of the columns, and then of the rows.
#[inline(always)]
fn both_ways<V: Row<N>, N, const A: usize, const B: usize>(
    load: impl Fn(usize, usize) -> V,
    transform: impl Fn([V; A]) -> [V; B] + Copy,
    mut store: impl FnMut(usize, usize, V),
) {
    let mut rows = [[V::zero(); A]; B];
    for column in 0..A {
        let mut line = [V::zero(); A];
        for (row, value) in line.iter_mut().enumerate() {
            *value = load(row, column);
        }
        let line = transform(line);
        for (row, value) in rows.iter_mut().zip(&line) {
            row[column] = *value;
        }
    }
    for (row, &line) in rows.iter().enumerate() {
        let line = transform(line);
        for (column, &value) in line.iter().enumerate() {
            store(row, column, value);
        }
    }
}

/// See [`Winograd::inputs`](super::Winograd::inputs).
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn inputs<V: Row<i16, Stored = i8>>(
    form: Form,
    pixels: &[&[i8]],
    to: *mut i16,
    stride: usize,
) {
    // SAFETY: passed on from the caller.
    unsafe {
        match form {
            Form::Three => all_of(pixels, to, stride, inputs_three::<V>),
            Form::Two => all_of(pixels, to, stride, inputs_two::<V>),
        }
    }
}

/// See [`Winograd::weights`](super::Winograd::weights).
#[inline(always)]
pub(super) fn weights<V: Row<i16, Stored = i8>>(
    form: Form,
    taps: &[&[i8]],
    to: &mut [i16],
    stride: usize,
) {
    assert!(to.len() >= (form.positions() - 1) * stride + taps[0].len());
    // SAFETY: each position has as many values as a tap.
    unsafe {
        match form {
            Form::Three => all_of(taps, to.as_mut_ptr(), stride, weights_three::<V>),
            Form::Two => all_of(taps, to.as_mut_ptr(), stride, weights_two::<V>),
        }
    }
}

/// From A x A values of as many lanes as you like to B x B.
///
/// # Safety
/// `to` is valid for writes of as many numbers, at each position, as a value has.
#[inline(always)]
unsafe fn all_of<V: Row<i16, Stored = i8>, const A: usize, const B: usize>(
    values: &[&[i8]],
    to: *mut i16,
    stride: usize,
    transform: impl Fn([V; A]) -> [V; B] + Copy,
) {
    let length = values[0].len();
    assert!(values.len() == A * A && values.iter().all(|value| value.len() == length));
    assert!(length.is_multiple_of(V::LANES));
    for at in (0..length).step_by(V::LANES) {
        // SAFETY: there are as many values from `at` on as there are lanes, here and at each position.
        unsafe {
            both_ways(
                |row, column| V::load(values[row * A + column].as_ptr().add(at)),
                transform,
                |row, column, values: V| values.store(to.add((row * B + column) * stride + at)),
            );
        }
    }
}

/// See [`Winograd::outputs`](super::Winograd::outputs); `store` requantises a row of pixels.
#[inline(always)]
pub(super) fn outputs<V: Row<i32, Stored = i32> + Shr<u32, Output = V>, const NR: usize>(
    form: Form,
    sums: &[i32],
    stride: usize,
    rows: &[Place],
    store: impl Fn(&[[i32; NR]; SIDE], &Place),
) {
    let mut square = [[[0_i32; NR]; SIDE]; SIDE];
    match form {
        Form::Three => outputs_of(form, sums, stride, &mut square, outputs_three::<V>),
        Form::Two => outputs_of(form, sums, stride, &mut square, outputs_two::<V>),
    }
    for (line, place) in square.iter().zip(rows) {
        store(line, place);
    }
}

#[inline(always)]
fn outputs_of<V: Row<i32, Stored = i32> + Shr<u32, Output = V>, const N: usize, const NR: usize>(
    form: Form,
    sums: &[i32],
    stride: usize,
    square: &mut [[[i32; NR]; SIDE]; SIDE],
    transform: impl Fn([V; N]) -> [V; SIDE] + Copy,
) {
    const { assert!(NR.is_multiple_of(V::LANES)) };
    assert!(sums.len() >= (N * N - 1) * stride + NR);
    for lane in (0..NR).step_by(V::LANES) {
        both_ways(
            // SAFETY: each position has NR sums, as was just checked.
            |row, column| unsafe { V::load(sums.as_ptr().add((row * N + column) * stride + lane)) },
            transform,
            |row, column, values: V| {
                let to = &mut square[row][column][lane..lane + V::LANES];
                // SAFETY: as many numbers as there are lanes.
                unsafe { form.divide(values).store(to.as_mut_ptr()) };
            },
        );
    }
}
