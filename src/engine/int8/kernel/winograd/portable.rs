//! Plain Rust, for any processor, and the twins of the other kernels: see the direct kernels' ones.

use super::super::{TileOutput, epilogue};
use super::transform::{self, Lanes};
use super::{TileSums, Winograd, WinogradForm};
use crate::engine::int8::family::{self, Family, WinogradShape};
use crate::engine::int8::requant::Requant;

type Narrow = Lanes<i16, 8>;
type Wide = Lanes<i32, 4>;

/// Its sizes are those of its family.
pub(in super::super) struct Portable<const NR: usize, const KR: usize>;

const fn shape(family: &Family) -> WinogradShape {
    family.winograd.expect("the family has Winograd's method")
}

macro_rules! of_family {
    ($family:path) => {
        Portable<{ shape(&$family).nr }, { shape(&$family).kr }>
    };
}

pub(in super::super) static PORTABLE: of_family!(family::PORTABLE) = Portable;

#[cfg(test)]
pub(in super::super) static NEON_TWIN: of_family!(family::NEON) = Portable;
#[cfg(test)]
pub(in super::super) static AVX2_TWIN: of_family!(family::AVX2) = Portable;
#[cfg(test)]
pub(in super::super) static AVX_VNNI_TWIN: of_family!(family::AVX_VNNI) = Portable;
#[cfg(test)]
pub(in super::super) static AVX512_VNNI_TWIN: of_family!(family::AVX512_VNNI) = Portable;

impl<const NR: usize, const KR: usize> Winograd for Portable<NR, KR> {
    // SAFETY: the contract is the trait's.
    unsafe fn inputs(&self, form: WinogradForm, pixels: &[&[i8]], to: *mut i16, stride: usize) {
        // SAFETY: passed on from the caller.
        unsafe { transform::inputs::<Narrow>(form, pixels, to, stride) }
    }

    fn weights(&self, band: (WinogradForm, usize), taps: &[&[i8]], to: &mut [i16], stride: usize) {
        transform::weights::<Narrow>(band, taps, to, stride);
    }

    fn multiply(&self, inputs: &[i16], weights: &[i16], k: usize, sums: &mut [i32], more: bool) {
        if !more {
            sums.fill(0);
        }
        for (line, sums) in inputs.chunks_exact(k).zip(sums.chunks_exact_mut(NR)) {
            for (inputs, weights) in line.chunks_exact(KR).zip(weights.chunks_exact(NR * KR)) {
                for (sum, weights) in sums.iter_mut().zip(weights.chunks_exact(KR)) {
                    for (&input, &weight) in inputs.iter().zip(weights) {
                        *sum = sum.wrapping_add(i32::from(input) * i32::from(weight));
                    }
                }
            }
        }
    }

    // SAFETY: the contract is the trait's.
    unsafe fn outputs(&self, tile: &TileSums<'_>, requant: &Requant<'_>, place: &TileOutput) {
        // SAFETY: passed on from the caller.
        unsafe {
            transform::outputs::<Wide, NR>(tile, |sums| {
                epilogue::store(sums, requant, place);
            });
        }
    }
}
