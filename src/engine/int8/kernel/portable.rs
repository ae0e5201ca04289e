//! Plain Rust, for any processor: what every other kernel is compared with, and the twins of the other
//! kernels.
//!
//! A twin reads the weights that its family packs, so that a model can be compiled on one kind of
//! processor for another.

use super::epilogue;
use super::winograd::{self, Winograd};
use super::{Kernel, Place, Requant, Rows, Shape, pack_interleaved};

/// `STRIP` channels of a block are packed together, each with `KR` weights at a time; K is padded to
/// `PAD`.
pub(super) struct Portable<
    const MR: usize,
    const NR: usize,
    const KR: usize,
    const STRIP: usize = NR,
    const PAD: usize = KR,
> {
    name: &'static str,
    /// What its family adds to the inputs.
    input_offset: i32,
    /// What takes its place where weights are -128.
    careful: Option<&'static Self>,
    winograd: Option<&'static dyn Winograd>,
}

pub(super) static PORTABLE: Portable<4, 8, 4> = Portable {
    name: "portable",
    input_offset: 0,
    careful: None,
    winograd: Some(&winograd::PORTABLE),
};

/// The families whose plans can be compiled anywhere.
pub(super) static FAMILIES: [&dyn Kernel; 8] = [
    &PORTABLE,
    &Portable::<4, 8, 16, 4> {
        name: "neon",
        input_offset: 0,
        careful: Some(&Portable {
            name: "neon",
            input_offset: 0,
            careful: None,
            winograd: Some(&winograd::NEON_TWIN),
        }),
        winograd: Some(&winograd::NEON_TWIN),
    },
    &Portable::<8, 8, 4> {
        name: "neon-dot",
        input_offset: 0,
        careful: None,
        winograd: None,
    },
    &Portable::<8, 8, 8> {
        name: "neon-i8mm",
        input_offset: 0,
        careful: None,
        winograd: None,
    },
    &Portable::<6, 16, 2> {
        name: "avx2",
        input_offset: 0,
        careful: None,
        winograd: Some(&winograd::AVX2_TWIN),
    },
    &Portable::<6, 16, 4, 16, 16> {
        name: "avx-vnni",
        input_offset: 128,
        careful: None,
        winograd: Some(&winograd::AVX_VNNI_TWIN),
    },
    &Portable::<16, 16, 4, 16, 16> {
        name: "avx512-vnni",
        input_offset: 128,
        careful: None,
        winograd: Some(&winograd::AVX512_VNNI_TWIN),
    },
    &Portable::<32, 16, 4, 16, 64> {
        name: "amx",
        input_offset: 0,
        careful: None,
        winograd: None,
    },
];

impl<const MR: usize, const NR: usize, const KR: usize, const STRIP: usize, const PAD: usize> Kernel
    for Portable<MR, NR, KR, STRIP, PAD>
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn shape(&self) -> Shape {
        Shape {
            mr: MR,
            nr: NR,
            kr: PAD,
        }
    }

    fn input_offset(&self) -> i32 {
        self.input_offset
    }

    fn winograd(&self) -> Option<&'static dyn Winograd> {
        self.winograd
    }

    fn scratch_bytes(&self, k: usize) -> usize {
        MR * k
    }

    fn instead_for(&self, weights: &[i8]) -> Option<&'static dyn Kernel> {
        let careful = self.careful?;
        weights.contains(&i8::MIN).then_some(careful)
    }

    /// [nr / strip][k / kr][strip][kr].
    fn pack(&self, block: &[i8], k: usize, packed: &mut Vec<i8>) {
        for strip in block.chunks_exact(STRIP * k) {
            pack_interleaved(strip, k, KR, packed);
        }
    }

    /// The scratch is [mr][k].
    fn gather(&self, rows: &Rows<'_>, k: usize, scratch: &mut [u8]) {
        rows.copy_lines(MR, k, k, scratch);
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
        let strips = weights.chunks_exact(STRIP * k).take(NR / STRIP);
        for (strip, weights) in strips.enumerate() {
            for (group, weights) in weights.chunks_exact(STRIP * KR).enumerate() {
                for (pixel, sums) in sums.iter_mut().enumerate() {
                    let inputs = &scratch[pixel * k + group * KR..][..KR];
                    let sums = &mut sums[strip * STRIP..][..STRIP];
                    for (sum, weights) in sums.iter_mut().zip(weights.chunks_exact(KR)) {
                        for (&input, &weight) in inputs.iter().zip(weights) {
                            let input = i32::from(input.cast_signed()) + self.input_offset;
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
