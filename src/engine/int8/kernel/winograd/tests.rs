//! Every Winograd kernel of this processor, and every twin, against plain sums, byte for byte.

use super::super::epilogue::quantise;
use super::super::twins::TWINS;
use super::super::{MAX_MR, available};
use super::*;
use crate::engine::int8::family::{WINOGRAD_LANES as LANES, WinogradShape};
use proptest::prelude::*;

/// One tile: n x n pixels of k channels, a block of filters.
#[derive(Debug, Clone)]
struct Problem {
    form: WinogradForm,
    k: usize,
    pixels: Vec<i8>,
    /// [output][tap][k].
    weights: Vec<i8>,
    multiplier: f32,
    /// Tiles in the same group as this one, modulo the size of a group.
    others: usize,
    /// Indirection and columns of the tile's outputs that exist.
    existing: [usize; 2],
}

const OUTPUTS: usize = 16;

fn problem() -> impl Strategy<Value = Problem> {
    let form = prop_oneof![Just(WinogradForm::Three), Just(WinogradForm::Two)];
    (form, prop_oneof![Just(16_usize), Just(32), Just(48)]).prop_flat_map(|(form, k)| {
        let value = || prop_oneof![2 => any::<i8>(), 1 => Just(i8::MIN), 1 => Just(i8::MAX)];
        let taps = form.taps() * form.taps();
        (
            proptest::collection::vec(value(), form.positions() * k),
            proptest::collection::vec(value(), OUTPUTS * taps * k),
            1e-6_f32..1e-3,
            0..MAX_MR,
            [1..=SIDE, 1..=SIDE],
        )
            .prop_map(
                move |(pixels, weights, multiplier, others, existing)| Problem {
                    form,
                    k,
                    pixels,
                    weights,
                    multiplier,
                    others,
                    existing,
                },
            )
    })
}

impl Problem {
    /// [row][column][output], zeros for outputs that do not exist.
    fn expected(&self) -> Vec<i8> {
        let (side, taps, k) = (self.form.inputs(), self.form.taps(), self.k);
        let mut results = Vec::new();
        for (row, column) in (0..SIDE).flat_map(|row| (0..SIDE).map(move |column| (row, column))) {
            if row >= self.existing[0] || column >= self.existing[1] {
                results.extend([0; OUTPUTS]);
                continue;
            }
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

    /// The kernel's result, in the form of [`Problem::expected`]. The problem's tile is the last one of a group, and its
    /// channels come in two chunks.
    fn run(&self, kernel: &dyn Winograd, shape: WinogradShape) -> Vec<i8> {
        let WinogradShape { mr, nr, .. } = shape;
        let (form, k) = (self.form, self.k);
        let (positions, taps) = (form.positions(), form.taps() * form.taps());
        let lines = 1 + self.others % mr;
        let mut results = vec![0_i8; SIDE * SIDE * OUTPUTS];
        for first in (0..OUTPUTS).step_by(nr) {
            // Sums that are there before must be overwritten.
            let mut sums = vec![i32::MAX; positions * lines * nr];
            for chunk in [0..LANES, LANES..k] {
                if chunk.is_empty() {
                    continue;
                }
                let pixels: Vec<&[i8]> = self.pixels.chunks_exact(k).collect();
                let pixels: Vec<&[i8]> = pixels.iter().map(|all| &all[chunk.clone()]).collect();
                let mut inputs = vec![0_i16; positions * lines * chunk.len()];
                let last = (lines - 1) * chunk.len();
                let stride = lines * chunk.len();
                // SAFETY: each position has as many lines of a chunk.
                unsafe { kernel.inputs(form, &pixels, inputs[last..].as_mut_ptr(), stride) };
                let packed: Vec<Vec<i8>> = (0..taps)
                    .map(|tap| {
                        let block: Vec<i8> = (first..first + nr)
                            .flat_map(|output| &self.weights[(output * taps + tap) * k..][..k])
                            .copied()
                            .collect();
                        let mut packed = Vec::new();
                        shape.order().pack(&block, k, &mut packed);
                        packed[chunk.start * nr..chunk.end * nr].to_vec()
                    })
                    .collect();
                let packed: Vec<&[i8]> = packed.iter().map(|tap| &tap[..]).collect();
                let mut weights = vec![0_i16; form.band_positions() * chunk.len() * nr];
                for (band, rows) in form.bands().iter().enumerate() {
                    kernel.weights((form, band), &packed, &mut weights, chunk.len() * nr);
                    let positions = rows
                        .iter()
                        .flat_map(|row| (row * form.inputs()..).take(form.inputs()));
                    for (weights, position) in weights.chunks_exact(chunk.len() * nr).zip(positions)
                    {
                        let sums = &mut sums[position * lines * nr..][..lines * nr];
                        let inputs = &inputs[position * stride..];
                        kernel.multiply(inputs, weights, chunk.len(), sums, chunk.start > 0);
                    }
                }
            }
            let requant = Requant {
                bias: &vec![0; nr],
                multipliers: &vec![self.multiplier; nr],
                zero_point: 3,
                floor: i8::MIN,
                residual: None,
                is_narrow: false,
            };
            let mut place = TileOutput::NOWHERE;
            place.channel = first;
            let [height, width] = self.existing;
            for at in (0..height).flat_map(|row| (0..width).map(move |column| row * SIDE + column))
            {
                place.output[place.pixels] = results[at * OUTPUTS..].as_mut_ptr();
                place.pixels += 1;
            }
            // SAFETY: each pixel has `nr` bytes.
            unsafe {
                let tile = TileSums {
                    form,
                    sums: &sums[(lines - 1) * nr..],
                    stride: lines * nr,
                    width,
                };
                kernel.outputs(&tile, &requant, &place);
            }
        }
        results
    }
}

proptest! {
    #[test]
    fn every_kernel_gives_the_plain_sums(problem in problem()) {
        let expected = problem.expected();
        for kernel in available().into_iter().chain(TWINS) {
            if let Some((winograd, shape)) = kernel.winograd().zip(kernel.family().winograd) {
                prop_assert_eq!(&problem.run(winograd, shape), &expected, "{}", kernel.family().name);
            }
        }
    }
}

#[test]
fn the_largest_values_do_not_overflow() {
    for form in [WinogradForm::Three, WinogradForm::Two] {
        for (pixel, weight) in [(i8::MIN, i8::MIN), (i8::MIN, i8::MAX), (i8::MAX, i8::MAX)] {
            let taps = form.taps() * form.taps();
            let problem = Problem {
                form,
                k: 48,
                pixels: vec![pixel; form.positions() * 48],
                weights: vec![weight; OUTPUTS * taps * 48],
                multiplier: 1e-5,
                others: MAX_MR - 1,
                existing: [SIDE, SIDE],
            };
            let expected = problem.expected();
            for kernel in available().into_iter().chain(TWINS) {
                if let Some((winograd, shape)) = kernel.winograd().zip(kernel.family().winograd) {
                    assert_eq!(
                        problem.run(winograd, shape),
                        expected,
                        "{}",
                        kernel.family().name
                    );
                }
            }
        }
    }
}
