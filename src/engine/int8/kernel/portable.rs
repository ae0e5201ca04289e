//! Plain Rust, for any processor: the reference of every other kernel.

use super::epilogue;
use super::winograd::{self, Winograd};
use super::{Indirection, Kernel, TileOutput};
use crate::engine::int8::family::{self, Family};
use crate::engine::int8::requant::Requant;

/// Its sizes are those of its family: MR and NR of the tile, KR and STRIP of the order.
pub(super) struct Portable<
    const MR: usize,
    const NR: usize,
    const KR: usize,
    const STRIP: usize = NR,
> {
    pub(super) family: &'static Family,
    /// The variant for weights of -128.
    pub(super) exact: Option<&'static Self>,
    pub(super) winograd: Option<&'static dyn Winograd>,
}

pub(super) static PORTABLE: Portable<
    { family::PORTABLE.tile.mr },
    { family::PORTABLE.tile.nr },
    { family::PORTABLE.order.kr },
> = Portable {
    family: &family::PORTABLE,
    exact: None,
    winograd: Some(&winograd::PORTABLE),
};

impl<const MR: usize, const NR: usize, const KR: usize, const STRIP: usize> Kernel
    for Portable<MR, NR, KR, STRIP>
{
    fn family(&self) -> &'static Family {
        self.family
    }

    fn winograd(&self) -> Option<&'static dyn Winograd> {
        self.winograd
    }

    fn scratch_bytes(&self, k: usize) -> usize {
        MR * k
    }

    fn exact(&self) -> Option<&'static dyn Kernel> {
        self.exact.map(|exact| exact as &dyn Kernel)
    }

    /// The scratch is [mr][k].
    fn gather(&self, rows: &Indirection<'_>, k: usize, scratch: &mut [u8]) {
        rows.copy_lines(MR, k, k, scratch);
    }

    // SAFETY: the contract is the trait's.
    unsafe fn tile(
        &self,
        scratch: &[u8],
        weights: &[i8],
        k: usize,
        requant: &Requant<'_>,
        place: &TileOutput,
    ) {
        let mut sums = [[0_i32; NR]; MR];
        let strips = weights.chunks_exact(STRIP * k).take(NR / STRIP);
        for (strip, weights) in strips.enumerate() {
            for (group, weights) in weights.chunks_exact(STRIP * KR).enumerate() {
                for (pixel, sums) in sums.iter_mut().enumerate() {
                    let inputs = &scratch[pixel * k + group * KR..][..KR];
                    let sums = &mut sums[strip * STRIP..][..STRIP];
                    for (sum, weights) in sums.iter_mut().zip(weights.chunks_exact(KR)) {
                        for (&input, &weight) in inputs.iter().zip(weights) {
                            let input = i32::from(input.cast_signed()) + self.family.input_offset;
                            *sum += input * i32::from(weight);
                        }
                    }
                }
            }
        }
        // SAFETY: passed on from the caller.
        unsafe { epilogue::store(&sums, requant, place) };
    }
}
