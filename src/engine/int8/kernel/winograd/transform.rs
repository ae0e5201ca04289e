//! The transforms, written once for any instruction set. A value is a row of lanes, of a type that the
//! kernel gives: a register, or [`Lanes`], which are plain arrays.
//!
//! A register's instructions are functions that are inlined only where the processor's features are known.
//! All code here is therefore always inlined into such a function: transforms are types, not closures, and
//! loops replace the methods of arrays.

use super::{SIDE, TileSums, WinogradForm};
use std::ops::{Add, Mul, Shr, Sub};

/// Numbers that are added, subtracted and multiplied side by side, wrapping.
pub(super) trait Row<Number>:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Number, Output = Self>
{
    /// The type that they are loaded from.
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
                // SAFETY: guaranteed by the caller.
                let from = unsafe { from.cast::<[$stored; L]>().read_unaligned() };
                let mut lanes = Self::zero();
                for lane in 0..L {
                    lanes.0[lane] = from[lane].into();
                }
                lanes
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $number) {
                // SAFETY: guaranteed by the caller.
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

/// One way of the transforms, of `A` values to `B`.
trait Transform<V, const A: usize, const B: usize> {
    fn of(line: [V; A]) -> [V; B];
}

/// Six inputs at the points 0, 1, -1, 2, -2 and infinity.
struct InputsThree;

impl<V: Row<i16>> Transform<V, 6, 6> for InputsThree {
    #[inline(always)]
    fn of(d: [V; 6]) -> [V; 6] {
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
}

/// Three taps at the same points.
struct WeightsThree;

impl<V: Row<i16>> Transform<V, 3, 6> for WeightsThree {
    #[inline(always)]
    fn of(g: [V; 3]) -> [V; 6] {
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
}

/// Four outputs, times 24.
struct OutputsThree;

impl<V: Row<i32>> Transform<V, 6, SIDE> for OutputsThree {
    #[inline(always)]
    fn of(m: [V; 6]) -> [V; SIDE] {
        let (a, b) = ((m[1] + m[2]) * 4, (m[1] - m[2]) * 4);
        let (c, d) = (m[3] + m[4], (m[3] - m[4]) * 2);
        [m[0] * 6 - a + c, d - b, c * 4 - a, d * 4 - b + m[5] * 24]
    }
}

/// Five inputs at the points 0, 1, -1, 2 and infinity.
struct InputsTwo;

impl<V: Row<i16>> Transform<V, 5, 5> for InputsTwo {
    #[inline(always)]
    fn of(d: [V; 5]) -> [V; 5] {
        let twice = d[1] * 2;
        [
            d[0] * 2 - d[1] - d[2] * 2 + d[3],
            d[3] - d[2] - twice,
            d[3] - d[2] * 3 + twice,
            d[3] - d[1],
            d[4] - d[3] * 2 - d[2] + twice,
        ]
    }
}

/// Two taps at the same points.
struct WeightsTwo;

impl<V: Row<i16>> Transform<V, 2, 5> for WeightsTwo {
    #[inline(always)]
    fn of(g: [V; 2]) -> [V; 5] {
        [g[0], g[0] + g[1], g[0] - g[1], g[0] + g[1] * 2, g[1]]
    }
}

/// Four outputs, times 6.
struct OutputsTwo;

impl<V: Row<i32>> Transform<V, 5, SIDE> for OutputsTwo {
    #[inline(always)]
    fn of(m: [V; 5]) -> [V; SIDE] {
        let a = m[1] * 3;
        let (b, c) = (m[3] - a - m[2], m[2] - a);
        [
            m[0] * 3 + b,
            c + m[3] * 2,
            b + m[3] * 3,
            c + m[3] * 8 + m[4] * 6,
        ]
    }
}

/// The columns of A lines transformed: B lines of A values, whose rows are still to be.
#[inline(always)]
fn columns<V: Copy, T: Transform<V, A, B>, const A: usize, const B: usize>(
    lines: [[V; A]; A],
) -> [[V; A]; B] {
    let mut rows = [lines[0]; B];
    for column in 0..A {
        let mut line = lines[0];
        for row in 0..A {
            line[row] = lines[row][column];
        }
        let line = T::of(line);
        for row in 0..B {
            rows[row][column] = line[row];
        }
    }
    rows
}

/// See [`Winograd::inputs`](super::Winograd::inputs).
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn inputs<V: Row<i16, Stored = i8>>(
    form: WinogradForm,
    pixels: &[&[i8]],
    to: *mut i16,
    stride: usize,
) {
    // SAFETY: passed on from the caller.
    unsafe {
        match form {
            WinogradForm::Three => {
                rows_of::<V, InputsThree, _, _>(&[0, 1, 2, 3, 4, 5], pixels, to, stride);
            }
            WinogradForm::Two => {
                rows_of::<V, InputsTwo, _, _>(&[0, 1, 2, 3, 4], pixels, to, stride);
            }
        }
    }
}

/// See [`Winograd::weights`](super::Winograd::weights).
#[inline(always)]
pub(super) fn weights<V: Row<i16, Stored = i8>>(
    (form, band): (WinogradForm, usize),
    taps: &[&[i8]],
    to: &mut [i16],
    stride: usize,
) {
    let positions = form.bands()[band].len() * form.inputs();
    assert!(to.len() >= (positions - 1) * stride + taps[0].len());
    let to = to.as_mut_ptr();
    // SAFETY: each position has as many values as a tap.
    unsafe {
        match (form, band) {
            (WinogradForm::Three, 0) => three::<V, 0>(taps, to, stride),
            (WinogradForm::Three, 1) => three::<V, 1>(taps, to, stride),
            (WinogradForm::Three, _) => three::<V, 2>(taps, to, stride),
            (WinogradForm::Two, 0) => two::<V, 0>(taps, to, stride),
            (WinogradForm::Two, 1) => two::<V, 1>(taps, to, stride),
            (WinogradForm::Two, _) => two::<V, 2>(taps, to, stride),
        }
    }
}

/// One band of 3x3 taps.
///
/// # Safety
/// As for [`rows_of`].
#[inline(always)]
unsafe fn three<V: Row<i16, Stored = i8>, const BAND: usize>(
    taps: &[&[i8]],
    to: *mut i16,
    stride: usize,
) {
    let rows = const { WinogradForm::Three.bands()[BAND] };
    // SAFETY: passed on from the caller.
    unsafe { rows_of::<V, WeightsThree, _, _>(rows, taps, to, stride) }
}

/// One band of 2x2 taps.
///
/// # Safety
/// As for [`rows_of`].
#[inline(always)]
unsafe fn two<V: Row<i16, Stored = i8>, const BAND: usize>(
    taps: &[&[i8]],
    to: *mut i16,
    stride: usize,
) {
    let rows = const { WinogradForm::Two.bands()[BAND] };
    // SAFETY: passed on from the caller.
    unsafe { rows_of::<V, WeightsTwo, _, _>(rows, taps, to, stride) }
}

/// Transforms an A x A tile to these rows of B x B, for any number of lanes. Where the rows are constant, the compiler
/// leaves out what they do not need.
///
/// # Safety
/// `to` is valid for writes of as many numbers, at each position of the rows, as a value has.
#[inline(always)]
unsafe fn rows_of<V, T, const A: usize, const B: usize>(
    wanted: &'static [usize],
    values: &[&[i8]],
    to: *mut i16,
    stride: usize,
) where
    V: Row<i16, Stored = i8>,
    T: Transform<V, A, B>,
{
    let length = values[0].len();
    assert!(values.len() == A * A && values.iter().all(|value| value.len() == length));
    assert!(length.is_multiple_of(V::LANES));
    for at in (0..length).step_by(V::LANES) {
        let mut lines = [[V::zero(); A]; A];
        for (row, line) in lines.iter_mut().enumerate() {
            for (column, value) in line.iter_mut().enumerate() {
                let from = values[row * A + column].as_ptr();
                // SAFETY: there are as many values from `at` on as there are lanes.
                *value = unsafe { V::load(from.add(at)) };
            }
        }
        let rows = columns::<V, T, A, B>(lines);
        for (row, &line) in wanted.iter().enumerate() {
            for (column, value) in T::of(rows[line]).into_iter().enumerate() {
                // SAFETY: as above, at each position.
                unsafe { value.store(to.add((row * B + column) * stride + at)) };
            }
        }
    }
}

/// See [`Winograd::outputs`](super::Winograd::outputs); `store` requantises the pixels that exist, which
/// come first.
#[inline(always)]
pub(super) fn outputs<V: Row<i32, Stored = i32> + Shr<u32, Output = V>, const NR: usize>(
    tile: &TileSums<'_>,
    store: impl FnOnce(&[[i32; NR]; SIDE * SIDE]),
) {
    let mut square = [[0_i32; NR]; SIDE * SIDE];
    match tile.form {
        WinogradForm::Three => outputs_of::<V, OutputsThree, _, _>(tile, &mut square),
        WinogradForm::Two => outputs_of::<V, OutputsTwo, _, _>(tile, &mut square),
    }
    let width = tile.width;
    if width < SIDE {
        for row in 1..SIDE {
            for column in 0..width {
                square[row * width + column] = square[row * SIDE + column];
            }
        }
    }
    store(&square);
}

#[inline(always)]
fn outputs_of<V, T, const N: usize, const NR: usize>(
    tile: &TileSums<'_>,
    square: &mut [[i32; NR]; SIDE * SIDE],
) where
    V: Row<i32, Stored = i32> + Shr<u32, Output = V>,
    T: Transform<V, N, SIDE>,
{
    const { assert!(NR.is_multiple_of(V::LANES)) };
    let &TileSums {
        form, sums, stride, ..
    } = tile;
    assert!(sums.len() >= (N * N - 1) * stride + NR);
    for lane in (0..NR).step_by(V::LANES) {
        let mut lines = [[V::zero(); N]; N];
        for (row, line) in lines.iter_mut().enumerate() {
            for (column, value) in line.iter_mut().enumerate() {
                let at = (row * N + column) * stride + lane;
                // SAFETY: each position has NR sums, as is checked above.
                *value = unsafe { V::load(sums.as_ptr().add(at)) };
            }
        }
        let rows = columns::<V, T, N, SIDE>(lines);
        for (row, &line) in rows.iter().enumerate() {
            for (column, value) in T::of(line).into_iter().enumerate() {
                let to = &mut square[row * SIDE + column][lane..lane + V::LANES];
                // SAFETY: as many numbers as there are lanes.
                unsafe { super::divide(form, value).store(to.as_mut_ptr()) };
            }
        }
    }
}
