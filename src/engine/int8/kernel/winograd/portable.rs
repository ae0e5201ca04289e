//! Plain Rust, for any processor.

use super::super::{Place, Requant, Shape, epilogue};
use super::{Form, Price, Winograd, transform};

const MR: usize = 4;
const NR: usize = 8;

pub(in super::super) struct Portable;

impl Winograd for Portable {
    fn shape(&self) -> Shape {
        Shape {
            mr: MR,
            nr: NR,
            kr: 1,
        }
    }

    fn price(&self) -> Price {
        Price {
            product: 1.0,
            input: 200.0,
            weight: 100.0,
            output: 300.0,
        }
    }

    // SAFETY: the contract is the trait's.
    unsafe fn inputs(&self, form: Form, pixels: &[&[i8]], to: *mut i16, stride: usize) {
        // SAFETY: passed on from the caller.
        unsafe { transform::inputs(form, pixels, to, stride) }
    }

    fn weights(&self, form: Form, taps: &[i8], to: &mut [i16], stride: usize) {
        transform::weights(form, taps, to, stride);
    }

    fn multiply(&self, inputs: &[i16], weights: &[i16], k: usize, sums: &mut [i32]) {
        for (line, sums) in inputs
            .chunks_exact(k)
            .zip(sums.chunks_exact_mut(NR))
            .take(MR)
        {
            sums.fill(0);
            for (&input, weights) in line.iter().zip(weights.chunks_exact(NR)) {
                for (sum, &weight) in sums.iter_mut().zip(weights) {
                    *sum = sum.wrapping_add(i32::from(input) * i32::from(weight));
                }
            }
        }
    }

    // SAFETY: the contract is the trait's.
    unsafe fn outputs(
        &self,
        form: Form,
        sums: &[i32],
        stride: usize,
        requant: &Requant<'_>,
        rows: &[Place],
    ) {
        // SAFETY: passed on from the caller.
        unsafe {
            transform::outputs::<NR>(form, sums, stride, rows, |sums, place| {
                epilogue::store(sums, requant, place);
            });
        }
    }
}
