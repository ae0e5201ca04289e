//! Plain Rust, for any processor: what every other kernel is compared with.

use super::epilogue;
use super::winograd::{self, Winograd};
use super::{Kernel, Place, Requant, Rows, Shape, pack_interleaved};

const MR: usize = 4;
const NR: usize = 8;
const KR: usize = 4;

pub(super) struct Portable;

impl Kernel for Portable {
    fn name(&self) -> &'static str {
        "portable"
    }

    fn shape(&self) -> Shape {
        Shape {
            mr: MR,
            nr: NR,
            kr: KR,
        }
    }

    fn winograd(&self) -> Option<&'static dyn Winograd> {
        Some(&winograd::Portable)
    }

    fn scratch_bytes(&self, k: usize) -> usize {
        MR * k
    }

    fn pack(&self, block: &[i8], k: usize, packed: &mut Vec<i8>) {
        pack_interleaved(block, k, KR, packed);
    }

    /// The scratch is [mr][k].
    fn gather(&self, rows: &Rows<'_>, k: usize, scratch: &mut [u8]) {
        rows.copy_lines(MR, k, scratch);
    }

    // SAFETY: the contract is the trait's.
    unsafe fn tile(
        &self,
        scratch: &[u8],
        weights: &[i8],
        k: usize,
        requant: &Requant<'_>,
        place: &Place,
    ) {
        let mut sums = [[0_i32; NR]; MR];
        for (group, weights) in weights.chunks_exact(NR * KR).take(k / KR).enumerate() {
            for (pixel, sums) in sums.iter_mut().enumerate() {
                let inputs = &scratch[pixel * k + group * KR..][..KR];
                for (sum, weights) in sums.iter_mut().zip(weights.chunks_exact(KR)) {
                    for (&input, &weight) in inputs.iter().zip(weights) {
                        *sum += i32::from(input.cast_signed()) * i32::from(weight);
                    }
                }
            }
        }
        // SAFETY: passed on from the caller.
        unsafe { epilogue::store(&sums, requant, place) };
    }
}
