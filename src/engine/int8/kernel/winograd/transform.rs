//! The transforms, written once for any instruction set: each value is a row of lanes, and the
//! compiler makes vectors of them where it is called from. That needs everything inlined, so there
//! are loops here in place of iterators' and arrays' methods, which are not always.

use super::super::Place;
use super::{Form, LANES, SIDE};
use std::ops::{Add, Mul, Sub};

/// Numbers that are added, subtracted and multiplied side by side, wrapping.
#[derive(Clone, Copy)]
pub(super) struct Lanes<T, const L: usize>([T; L]);

macro_rules! lanes {
    ($number:ty, $narrow:ty) => {
        impl<const L: usize> Lanes<$number, L> {
            const ZERO: Self = Lanes([0; L]);

            #[inline(always)]
            fn load(from: &[$narrow]) -> Self {
                let from: &[$narrow; L] = from[..L].try_into().expect("as many as there are lanes");
                let mut lanes = Self::ZERO;
                for (lane, &value) in lanes.0.iter_mut().zip(from) {
                    *lane = value.into();
                }
                lanes
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

type Narrow = Lanes<i16, LANES>;
type Wide<const L: usize> = Lanes<i32, L>;

/// Six inputs at the points 0, 1, -1, 2, -2 and infinity.
#[inline(always)]
fn inputs_three(d: [Narrow; 6]) -> [Narrow; 6] {
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
fn weights_three(g: [Narrow; 3]) -> [Narrow; 6] {
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
fn outputs_three<const L: usize>(m: [Wide<L>; 6]) -> [Wide<L>; SIDE] {
    let (a, b) = ((m[1] + m[2]) * 4, (m[1] - m[2]) * 4);
    let (c, d) = (m[3] + m[4], (m[3] - m[4]) * 2);
    [m[0] * 6 - a + c, d - b, c * 4 - a, d * 4 - b + m[5] * 24]
}

/// Five inputs at the points 0, 1, -1, 2 and infinity.
#[inline(always)]
fn inputs_two(d: [Narrow; 5]) -> [Narrow; 5] {
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
fn weights_two(g: [Narrow; 2]) -> [Narrow; 5] {
    [g[0], g[0] + g[1], g[0] - g[1], g[0] + g[1] * 2, g[1]]
}

/// Four outputs, times 6.
#[inline(always)]
fn outputs_two<const L: usize>(m: [Wide<L>; 5]) -> [Wide<L>; SIDE] {
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
fn both_ways<V: Copy, const A: usize, const B: usize>(
    zero: V,
    load: impl Fn(usize, usize) -> V,
    transform: impl Fn([V; A]) -> [V; B] + Copy,
    mut store: impl FnMut(usize, usize, V),
) {
    let mut rows = [[zero; A]; B];
    for column in 0..A {
        let mut line = [zero; A];
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
pub(super) unsafe fn inputs(form: Form, pixels: &[&[i8]], to: *mut i16, stride: usize) {
    // SAFETY: passed on from the caller.
    unsafe {
        match form {
            Form::Three => inputs_of(pixels, to, stride, inputs_three),
            Form::Two => inputs_of(pixels, to, stride, inputs_two),
        }
    }
}

/// # Safety
/// As for [`inputs`].
#[inline(always)]
unsafe fn inputs_of<const N: usize>(
    pixels: &[&[i8]],
    to: *mut i16,
    stride: usize,
    transform: impl Fn([Narrow; N]) -> [Narrow; N] + Copy,
) {
    let k = pixels[0].len();
    assert!(pixels.len() == N * N && pixels.iter().all(|pixel| pixel.len() == k));
    for channel in (0..k / LANES * LANES).step_by(LANES) {
        both_ways(
            Narrow::ZERO,
            |row, column| Narrow::load(&pixels[row * N + column][channel..]),
            transform,
            |row, column, values| {
                let at = (row * N + column) * stride + channel;
                // SAFETY: a position's place of these channels, valid by the caller's word.
                unsafe { to.add(at).cast::<[i16; LANES]>().write_unaligned(values.0) };
            },
        );
    }
}

/// See [`Winograd::weights`](super::Winograd::weights).
#[inline(always)]
pub(super) fn weights(form: Form, taps: &[i8], to: &mut [i16], stride: usize) {
    match form {
        Form::Three => weights_of(taps, to, stride, weights_three),
        Form::Two => weights_of(taps, to, stride, weights_two),
    }
}

#[inline(always)]
fn weights_of<const R: usize, const N: usize>(
    taps: &[i8],
    to: &mut [i16],
    stride: usize,
    transform: impl Fn([Narrow; R]) -> [Narrow; N] + Copy,
) {
    let length = taps.len() / (R * R);
    assert!(length.is_multiple_of(LANES) && to.len() >= (N * N - 1) * stride + length);
    let to = to.as_mut_ptr();
    for at in (0..length).step_by(LANES) {
        both_ways(
            Narrow::ZERO,
            |row, column| Narrow::load(&taps[(row * R + column) * length + at..]),
            transform,
            |row, column, values: Narrow| {
                // SAFETY: a position's place of these channels, within the length checked above.
                unsafe {
                    let to = to.add((row * N + column) * stride + at);
                    to.cast::<[i16; LANES]>().write_unaligned(values.0);
                }
            },
        );
    }
}

/// See [`Winograd::outputs`](super::Winograd::outputs); `store` requantises a row of pixels.
#[inline(always)]
pub(super) fn outputs<const NR: usize>(
    form: Form,
    sums: &[i32],
    stride: usize,
    rows: &[Place],
    store: impl Fn(&[[i32; NR]; SIDE], &Place),
) {
    let mut square = [[[0_i32; NR]; SIDE]; SIDE];
    match form {
        Form::Three => outputs_of(form, sums, stride, &mut square, outputs_three::<8>),
        Form::Two => outputs_of(form, sums, stride, &mut square, outputs_two::<8>),
    }
    for (line, place) in square.iter().zip(rows) {
        store(line, place);
    }
}

#[inline(always)]
fn outputs_of<const N: usize, const NR: usize>(
    form: Form,
    sums: &[i32],
    stride: usize,
    square: &mut [[[i32; NR]; SIDE]; SIDE],
    transform: impl Fn([Wide<8>; N]) -> [Wide<8>; SIDE] + Copy,
) {
    assert!(sums.len() >= (N * N - 1) * stride + NR);
    for lane in (0..NR).step_by(8) {
        both_ways(
            Wide::<8>::ZERO,
            |row, column| Wide::<8>::load(&sums[(row * N + column) * stride + lane..]),
            transform,
            |row, column, values: Wide<8>| {
                let to = &mut square[row][column][lane..lane + 8];
                for (to, value) in to.iter_mut().zip(&values.0) {
                    *to = form.divide(*value);
                }
            },
        );
    }
}
