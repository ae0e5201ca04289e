//! Plain Rust, for any processor, and the twins of the other kernels: see the direct kernels' ones.

use super::super::{Place, Requant, Shape, epilogue};
use super::transform::{self, Lanes};
use super::{
    AVX_VNNI_PRICE, AVX2_PRICE, AVX512_VNNI_PRICE, Form, NEON_PRICE, Price, TileSums, Winograd,
};

type Narrow = Lanes<i16, 8>;
type Wide = Lanes<i32, 4>;

pub(in super::super) struct Portable<const MR: usize, const NR: usize, const KR: usize> {
    price: Price,
}

pub(in super::super) static PORTABLE: Portable<4, 8, 1> = Portable {
    price: Price {
        product: 1.0,
        input: 200.0,
        weight: 100.0,
        output: 300.0,
    },
};

pub(in super::super) static NEON_TWIN: Portable<8, 8, 1> = Portable { price: NEON_PRICE };

pub(in super::super) static AVX2_TWIN: Portable<6, 16, 2> = Portable { price: AVX2_PRICE };

pub(in super::super) static AVX_VNNI_TWIN: Portable<6, 16, 2> = Portable {
    price: AVX_VNNI_PRICE,
};

pub(in super::super) static AVX512_VNNI_TWIN: Portable<12, 16, 2> = Portable {
    price: AVX512_VNNI_PRICE,
};

impl<const MR: usize, const NR: usize, const KR: usize> Winograd for Portable<MR, NR, KR> {
    fn shape(&self) -> Shape {
        Shape {
            mr: MR,
            nr: NR,
            kr: KR,
        }
    }

    fn price(&self) -> Price {
        self.price
    }

    // SAFETY: the contract is the trait's.
    unsafe fn inputs(&self, form: Form, pixels: &[&[i8]], to: *mut i16, stride: usize) {
        // SAFETY: passed on from the caller.
        unsafe { transform::inputs::<Narrow>(form, pixels, to, stride) }
    }

    fn weights(&self, form: Form, taps: &[&[i8]], to: &mut [i16], stride: usize) {
        transform::weights::<Narrow>(form, taps, to, stride);
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
    unsafe fn outputs(&self, tile: &TileSums<'_>, requant: &Requant<'_>, place: &Place) {
        // SAFETY: passed on from the caller.
        unsafe {
            transform::outputs::<Wide, NR>(tile, |sums| {
                epilogue::store(sums, requant, place);
            });
        }
    }
}
