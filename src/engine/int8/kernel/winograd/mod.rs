//! Winograd's minimal filtering: a convolution of stride 1 with a quarter of the multiplications.
//!
//! A tile of 4x4 outputs is made from n x n inputs. Inputs and weights are transformed to n x n
//! positions, at each position the channels are multiplied as in a matrix product, and the sums are
//! transformed back. The transforms are those of Lavin and Gray ("Fast Algorithms for Convolutional
//! Neural Networks", 2016) with every row scaled to integers, so that no value is rounded: transformed
//! values fit i16, sums wrap in i32, and the result is the exact sum times a known constant, which is
//! divided out (see [`divide`]). Results are therefore the same bytes as those of the direct
//! kernels.
//!
//! Weights stay 8-bit in memory. They are transformed as they are used, which costs a few percent of
//! the time that the method saves; transformed weights would take eight times the memory.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx2_rows;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
#[cfg(target_arch = "aarch64")]
mod neon_rows;
pub(super) mod portable;
mod transform;
#[cfg(target_arch = "x86_64")]
pub(super) mod vnni;

#[cfg(test)]
mod tests;

pub(super) use portable::PORTABLE;

use super::TileOutput;
use crate::engine::int8::family::{WINOGRAD_SIDE as SIDE, WinogradForm};
use crate::engine::int8::requant::Requant;
use std::ops::{Mul, Shr};

/// Positions and taps of the largest form.
pub(crate) const MAX_POSITIONS: usize = 36;
pub(crate) const MAX_TAPS: usize = 9;

/// From sums times a form's constant, modulo 2^32, to the sums.
///
/// The constants are 24 x 24 = 9 x 64 and 6 x 6 = 9 x 4. Nine has an inverse modulo 2^32; the power of
/// two is shifted out.
#[inline(always)]
fn divide<V: Mul<i32, Output = V> + Shr<u32, Output = V>>(form: WinogradForm, values: V) -> V {
    const INVERSE_OF_9: i32 = 954_437_177;
    (values * INVERSE_OF_9)
        >> match form {
            WinogradForm::Three => 6,
            WinogradForm::Two => 2,
        }
}

/// From [lines][k] inputs and k x nr weights in the family's order to [lines][nr] sums, which it adds to if there is
/// `more`. Calling it is sound where the processor has its instructions and the pointers are valid for
/// as much.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
type Multiply =
    unsafe fn(inputs: *const i16, weights: *const i16, k: usize, sums: *mut i32, more: bool);

/// The sums of one tile and a block of channels.
#[derive(Clone, Copy)]
pub(crate) struct TileSums<'a> {
    pub form: WinogradForm,
    /// From the tile's first position on.
    pub sums: &'a [i32],
    /// From one position to the next.
    pub stride: usize,
    /// Outputs of a row that exist.
    pub width: usize,
}

/// The four parts of a Winograd convolution, for one family of processors.
pub(crate) trait Winograd: Send + Sync {
    /// Transforms the inputs of a tile: `pixels` are its n x n pixels of k channels each. The value
    /// of a position and channel goes to `to[position * stride + channel]`.
    ///
    /// # Safety
    /// All of these are valid for writes, and no other thread touches them.
    unsafe fn inputs(&self, form: WinogradForm, pixels: &[&[i8]], to: *mut i16, stride: usize);

    /// Transforms a block of weights to the positions of a [band](WinogradForm::bands): `taps` are its r x r taps of
    /// [k / kr][nr][kr] each. Those of a position are in the same order, and the next position's are `stride`
    /// further on.
    fn weights(&self, band: (WinogradForm, usize), taps: &[&[i8]], to: &mut [i16], stride: usize);

    /// For one position and up to `mr` tiles, as many as `sums` has lines:
    /// `sums[tile][channel] = dot(inputs[tile], weights[channel])`, or `+=` if there is `more` to sums
    /// that are there. `inputs` is [tile][k] and `weights` [k / kr][nr][kr].
    fn multiply(&self, inputs: &[i16], weights: &[i16], k: usize, sums: &mut [i32], more: bool);

    /// Transforms a tile's sums back, and stores the requantised results: `place` has those of the
    /// tile's pixels that exist, row by row.
    ///
    /// # Safety
    /// The places are valid as for [`Kernel::tile`](super::Kernel::tile).
    unsafe fn outputs(&self, tile: &TileSums<'_>, requant: &Requant<'_>, place: &TileOutput);
}
