//! Winograd's minimal filtering: a convolution of stride 1 with a quarter of the multiplications.
//!
//! A tile of 4x4 outputs is made from n x n inputs. Inputs and weights are transformed to n x n
//! positions, at each position the channels are multiplied as in a matrix product, and the sums are
//! transformed back. The transforms are those of Lavin and Gray ("Fast Algorithms for Convolutional
//! Neural Networks", 2016) with every row scaled to integers, so nothing is rounded: transformed
//! values fit i16, sums wrap in i32, and what comes out is the exact sum times a known constant, which
//! is divided out (see [`Form::divide`]). Results are therefore the same bytes as those of the direct
//! kernels.
//!
//! Weights stay 8-bit in memory. They are transformed as they are used, which costs a few percent of
//! what it saves; kept transformed, they would take eight times the memory.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx2_rows;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "aarch64")]
mod neon_rows;
mod portable;
mod transform;
#[cfg(target_arch = "x86_64")]
mod vnni;

#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::{AVX_VNNI, AVX2, AVX512_VNNI};
#[cfg(target_arch = "aarch64")]
pub(super) use neon::Neon;
pub(super) use portable::{AVX_VNNI_TWIN, AVX2_TWIN, AVX512_VNNI_TWIN, NEON_TWIN, PORTABLE};

use super::{Place, Requant, Shape};
use std::ops::{Mul, Shr};

/// Output pixels of a tile, along each side.
pub(in super::super) const SIDE: usize = 4;

/// Positions and taps of the largest form.
pub(in super::super) const MAX_POSITIONS: usize = 36;
pub(in super::super) const MAX_TAPS: usize = 9;

/// Channels that are transformed at once; `k` is a multiple of it.
pub(in super::super) const LANES: usize = 16;

/// Which filters a transform is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Form {
    /// 3x3 taps, from 6x6 inputs.
    Three,
    /// 2x2 taps, from 5x5 inputs: a quarter of a transposed convolution.
    Two,
}

impl Form {
    pub(in super::super) fn of_taps(side: usize) -> Option<Form> {
        match side {
            3 => Some(Form::Three),
            2 => Some(Form::Two),
            _ => None,
        }
    }

    /// Taps along each side.
    pub(in super::super) fn taps(self) -> usize {
        match self {
            Form::Three => 3,
            Form::Two => 2,
        }
    }

    /// Inputs of a tile, along each side.
    pub(in super::super) fn inputs(self) -> usize {
        SIDE + self.taps() - 1
    }

    pub(in super::super) fn positions(self) -> usize {
        self.inputs() * self.inputs()
    }

    /// Sums of inputs times weights are exact up to this size.
    pub(in super::super) fn largest_sum(self) -> i64 {
        match self {
            Form::Three => (1 << 25) - 1,
            Form::Two => (1 << 29) - 1,
        }
    }

    /// From sums times the form's constant, modulo 2^32, to the sums.
    ///
    /// The constants are 24 x 24 = 9 x 64 and 6 x 6 = 9 x 4. Nine has an inverse modulo 2^32; the
    /// power of two is shifted out.
    #[inline(always)]
    fn divide<V: Mul<i32, Output = V> + Shr<u32, Output = V>>(self, values: V) -> V {
        const INVERSE_OF_9: i32 = 954_437_177;
        (values * INVERSE_OF_9)
            >> match self {
                Form::Three => 6,
                Form::Two => 2,
            }
    }
}

/// What the parts cost, in multiply-accumulates of the direct kernel of the same family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Price {
    /// Of one multiply-accumulate of transformed values.
    pub product: f32,
    /// Of transforming a tile of one input channel.
    pub input: f32,
    /// Of transforming one input channel's weights for one output channel.
    pub weight: f32,
    /// Of transforming a tile of one output channel, and storing it.
    pub output: f32,
}

/// Of the kernel for NEON, which its twin must agree with: the price decides how a layer is compiled.
const NEON_PRICE: Price = Price {
    product: 1.3,
    input: 150.0,
    weight: 70.0,
    output: 260.0,
};

/// Likewise for AVX2.
const AVX2_PRICE: Price = Price {
    product: 1.05,
    input: 150.0,
    weight: 80.0,
    output: 300.0,
};

/// Likewise for AVX-VNNI. Not measured: computed by llvm-mca for Alder Lake, where the direct kernel is 2.7
/// times as fast as these products, and 3.5 times as fast as AVX2's, which has the same transforms.
const AVX_VNNI_PRICE: Price = Price {
    product: 2.7,
    input: 520.0,
    weight: 280.0,
    output: 1040.0,
};

/// Likewise for AVX-512 VNNI, computed for Ice Lake and Sapphire Rapids.
const AVX512_VNNI_PRICE: Price = Price {
    product: 2.0,
    input: 650.0,
    weight: 350.0,
    output: 1300.0,
};

/// What was multiplied for one tile and a block of channels.
#[derive(Clone, Copy)]
pub(in super::super) struct TileSums<'a> {
    pub form: Form,
    /// From the tile's first position on.
    pub sums: &'a [i32],
    /// From one position to the next.
    pub stride: usize,
    /// Outputs of a row that exist.
    pub width: usize,
}

/// The four parts of a Winograd convolution.
pub(in super::super) trait Winograd: Send + Sync {
    /// `mr` is in tiles.
    fn shape(&self) -> Shape;

    fn price(&self) -> Price;

    /// Transforms the inputs of a tile: `pixels` are its n x n pixels of k channels each. The value
    /// of a position and channel goes to `to[position * stride + channel]`.
    ///
    /// # Safety
    /// All of these are valid for writes, and nobody else touches them.
    unsafe fn inputs(&self, form: Form, pixels: &[&[i8]], to: *mut i16, stride: usize);

    /// Transforms a block of weights: `taps` are its r x r taps of [k / kr][nr][kr] each. Those of a
    /// position are in the same order, and the next position's are `stride` further on.
    fn weights(&self, form: Form, taps: &[&[i8]], to: &mut [i16], stride: usize);

    /// For one position and up to `mr` tiles, as many as `sums` has lines:
    /// `sums[tile][channel] = dot(inputs[tile], weights[channel])`, or `+=` if there is `more` to sums
    /// that are there. `inputs` is [tile][k] and `weights` [k / kr][nr][kr].
    fn multiply(&self, inputs: &[i16], weights: &[i16], k: usize, sums: &mut [i32], more: bool);

    /// Transforms a tile's sums back, and stores the requantised results: `place` has those of the
    /// tile's pixels that exist, row by row.
    ///
    /// # Safety
    /// The places are valid as for [`Kernel::tile`](super::Kernel::tile).
    unsafe fn outputs(&self, tile: &TileSums<'_>, requant: &Requant<'_>, place: &Place);
}
