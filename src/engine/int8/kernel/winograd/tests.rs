//! Every Winograd kernel of this processor, and every twin, against plain sums, byte for byte.

use super::super::portable::FAMILIES;
use super::super::{MAX_MR, Place, Requant, available, quantise};
use super::*;
use proptest::prelude::*;

/// One tile: n x n pixels of k channels, a block of filters.
#[derive(Debug, Clone)]
struct Problem {
    form: Form,
    k: usize,
    pixels: Vec<i8>,
    /// [output][tap][k].
    weights: Vec<i8>,
    multiplier: f32,
}

const OUTPUTS: usize = 16;

fn problem() -> impl Strategy<Value = Problem> {
    let form = prop_oneof![Just(Form::Three), Just(Form::Two)];
    (form, prop_oneof![Just(16_usize), Just(32), Just(48)]).prop_flat_map(|(form, k)| {
        let value = || prop_oneof![2 => any::<i8>(), 1 => Just(i8::MIN), 1 => Just(i8::MAX)];
        let taps = form.taps() * form.taps();
        (
            proptest::collection::vec(value(), form.positions() * k),
            proptest::collection::vec(value(), OUTPUTS * taps * k),
            1e-6_f32..1e-3,
        )
            .prop_map(move |(pixels, weights, multiplier)| Problem {
                form,
                k,
                pixels,
                weights,
                multiplier,
            })
    })
}

impl Problem {
    /// [row][column][output].
    fn expected(&self) -> Vec<i8> {
        let (side, taps, k) = (self.form.inputs(), self.form.taps(), self.k);
        let mut results = Vec::new();
        for (row, column) in (0..SIDE).flat_map(|row| (0..SIDE).map(move |column| (row, column))) {
            for output in 0..OUTPUTS {
                let mut sum = 0;
                for (y, x) in (0..taps).flat_map(|y| (0..taps).map(move |x| (y, x))) {
                    for channel in 0..k {
                        let pixel = ((row + y) * side + column + x) * k + channel;
                        let weight = ((output * taps + y) * taps + x) * k + channel;
                        sum += i32::from(self.pixels[pixel]) * i32::from(self.weights[weight]);
                    }
                }
                results.push(quantise(sum as f32 * self.multiplier, 3.0, -128.0) as i8);
            }
        }
        results
    }

    /// As [`Problem::expected`]; the problem's tile is the last of those multiplied together.
    fn run(&self, kernel: &dyn Winograd) -> Vec<i8> {
        let Shape { mr, nr, kr } = kernel.shape();
        let (form, k) = (self.form, self.k);
        let (positions, taps) = (form.positions(), form.taps() * form.taps());
        let pixels: Vec<&[i8]> = self.pixels.chunks_exact(k).collect();
        let mut transformed = vec![0_i16; positions * mr * k];
        let last = (mr - 1) * k;
        // SAFETY: each position has a line of `mr` tiles of k channels.
        unsafe { kernel.inputs(form, &pixels, transformed[last..].as_mut_ptr(), mr * k) };
        let mut results = vec![0_i8; SIDE * SIDE * OUTPUTS];
        for first in (0..OUTPUTS).step_by(nr) {
            let mut packed = Vec::new();
            for tap in 0..taps {
                let block: Vec<i8> = (first..first + nr)
                    .flat_map(|output| &self.weights[(output * taps + tap) * k..][..k])
                    .copied()
                    .collect();
                super::super::pack_interleaved(&block, k, kr, &mut packed);
            }
            let mut weights = vec![0_i16; positions * k * nr];
            kernel.weights(form, &packed, &mut weights, k * nr);
            let mut sums = vec![0_i32; positions * mr * nr];
            for position in 0..positions {
                kernel.multiply(
                    &transformed[position * mr * k..],
                    &weights[position * k * nr..],
                    k,
                    &mut sums[position * mr * nr..],
                );
            }
            let requant = Requant {
                bias: &vec![0; nr],
                multipliers: &vec![self.multiplier; nr],
                zero_point: 3,
                floor: i8::MIN,
                residual: None,
            };
            let places: Vec<Place> = (0..SIDE)
                .map(|row| {
                    let mut place = Place {
                        output: [std::ptr::null_mut(); MAX_MR],
                        residual: [std::ptr::null(); MAX_MR],
                        pixels: SIDE,
                        channel: first,
                    };
                    for column in 0..SIDE {
                        let at = (row * SIDE + column) * OUTPUTS;
                        place.output[column] = results[at..].as_mut_ptr();
                    }
                    place
                })
                .collect();
            // SAFETY: each place has `nr` bytes.
            unsafe {
                kernel.outputs(form, &sums[(mr - 1) * nr..], mr * nr, &requant, &places);
            }
        }
        results
    }
}

proptest! {
    #[test]
    fn every_kernel_gives_the_plain_sums(problem in problem()) {
        let expected = problem.expected();
        for kernel in available().into_iter().chain(FAMILIES) {
            if let Some(winograd) = kernel.winograd() {
                prop_assert_eq!(&problem.run(winograd), &expected, "{}", kernel.name());
            }
        }
    }
}

#[test]
fn the_largest_values_do_not_overflow() {
    for form in [Form::Three, Form::Two] {
        for (pixel, weight) in [(i8::MIN, i8::MIN), (i8::MIN, i8::MAX), (i8::MAX, i8::MAX)] {
            let taps = form.taps() * form.taps();
            let problem = Problem {
                form,
                k: 48,
                pixels: vec![pixel; form.positions() * 48],
                weights: vec![weight; OUTPUTS * taps * 48],
                multiplier: 1e-5,
            };
            let expected = problem.expected();
            for kernel in available().into_iter().chain(FAMILIES) {
                if let Some(winograd) = kernel.winograd() {
                    assert_eq!(problem.run(winograd), expected, "{}", kernel.name());
                }
            }
        }
    }
}
