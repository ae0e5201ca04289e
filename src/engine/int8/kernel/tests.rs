//! Every kernel of this processor, and every twin, against plain sums, byte for byte, over odd sizes.

use super::epilogue::quantise;
use super::twins::TWINS;
use super::*;
use crate::engine::int8::family::{FAMILIES, TileShape};
use crate::engine::int8::requant::{Addition, Product, Residual, is_narrow};
use proptest::prelude::*;

/// One tile's problem: a few taps over a small input, and more outputs than one block has.
#[derive(Debug, Clone)]
struct Problem {
    channels: usize,
    taps: usize,
    outputs: usize,
    pixels: usize,
    input: Vec<i8>,
    /// Starts of rows, in units of `channels`; `None` is outside.
    starts: Vec<Option<usize>>,
    weights: Vec<i8>,
    bias: Vec<i32>,
    multiplier: f32,
    zero_points: [i8; 3],
    floor: i8,
    residual: Option<Vec<i8>>,
}

const INPUT_PIXELS: usize = 12;

/// The values that inputs and weights are drawn from.
#[derive(Debug, Clone, Copy)]
enum Values {
    All,
    /// The ends of the range more often.
    Extreme,
    /// Those that mean the same signed and unsigned.
    NotNegative,
}

fn bytes(count: usize, values: Values) -> BoxedStrategy<Vec<i8>> {
    let value = match values {
        Values::All => any::<i8>().boxed(),
        Values::Extreme => prop_oneof![Just(i8::MIN), Just(i8::MAX), any::<i8>()].boxed(),
        Values::NotNegative => (0..=i8::MAX).boxed(),
    };
    proptest::collection::vec(value, count).boxed()
}

fn problem(values: impl Strategy<Value = Values>) -> impl Strategy<Value = Problem> {
    let sizes = (
        prop_oneof![Just(8_usize), Just(16), Just(24), Just(32), Just(48)],
        1_usize..10,
        1_usize..20,
        1..=MAX_MR,
        values,
        any::<bool>(),
    );
    sizes.prop_flat_map(|(channels, taps, outputs, pixels, values, residual)| {
        // The first of the zero points is an input too.
        let least = match values {
            Values::NotNegative => 0,
            _ => i8::MIN,
        };
        let values = (
            bytes(INPUT_PIXELS * channels, values),
            proptest::collection::vec(proptest::option::of(0..INPUT_PIXELS), taps * MAX_MR),
            bytes(outputs * taps * channels, values),
            proptest::collection::vec(-100_000..100_000_i32, outputs),
            1e-5_f32..1e-2,
            [least..=i8::MAX, i8::MIN..=i8::MAX, i8::MIN..=i8::MAX],
            any::<i8>(),
            bytes(MAX_MR * 32, values),
        );
        values.prop_map(
            move |(input, starts, weights, bias, multiplier, zero_points, floor, added)| Problem {
                channels,
                taps,
                outputs,
                pixels,
                input,
                starts,
                weights,
                bias,
                multiplier,
                zero_points,
                floor,
                residual: residual.then_some(added),
            },
        )
    })
}

impl Problem {
    fn residual(&self) -> Option<Residual> {
        self.residual.as_ref().map(|_| Residual {
            addition: Addition {
                ratio_a: 0.75,
                ratio_b: 1.25,
                fixed: self.zero_points[2].into(),
                offset: 128.0,
                floor: self.floor,
            },
            conv_is_lhs: self.taps.is_multiple_of(2),
        })
    }

    fn start(&self, tap: usize, pixel: usize) -> Option<usize> {
        self.starts[tap * MAX_MR + pixel].map(|start| start * self.channels)
    }

    /// The results of plain sums, which every kernel must give: [pixel][output].
    fn expected(&self) -> Vec<Vec<i8>> {
        let outside = self.zero_points[0];
        let one = |pixel: usize, o: usize| {
            let mut sum = self.bias[o];
            for tap in 0..self.taps {
                for channel in 0..self.channels {
                    let input = self
                        .start(tap, pixel)
                        .map_or(outside, |at| self.input[at + channel]);
                    let weight = self.weights[(o * self.taps + tap) * self.channels + channel];
                    sum += i32::from(input) * i32::from(weight);
                }
            }
            let zero_point = f32::from(self.zero_points[1]);
            let own = quantise(sum as f32 * self.multiplier, zero_point, self.floor.into());
            match (&self.residual, self.residual()) {
                (Some(added), Some(residual)) => {
                    let other = f32::from(added[pixel * 32 + o]);
                    let (a, b) = if residual.conv_is_lhs {
                        (own, other)
                    } else {
                        (other, own)
                    };
                    residual.addition.apply(a, b) as i8
                }
                _ => own as i8,
            }
        };
        (0..self.pixels)
            .map(|pixel| (0..self.outputs).map(|o| one(pixel, o)).collect())
            .collect()
    }

    fn run(&self, kernel: &'static dyn Kernel) -> Vec<Vec<i8>> {
        let family = kernel.family();
        let kernel = match family.avoids_minus_128 && self.weights.contains(&i8::MIN) {
            true => kernel.exact().expect("an exact variant"),
            false => kernel,
        };
        let TileShape { mr, nr, pad } = family.tile;
        let count = self.pixels.min(mr);
        let k = (self.taps * self.channels).next_multiple_of(pad);
        let offsets: Vec<u32> = (0..self.taps)
            .flat_map(|tap| (0..mr).map(move |lane| (tap, lane.min(count - 1))))
            .map(|(tap, pixel)| self.start(tap, pixel).map_or(OUTSIDE, |at| at as u32))
            .collect();
        let padding_row = vec![self.zero_points[0]; self.channels];
        let rows = Indirection {
            input: &self.input,
            padding_row: &padding_row,
            offsets: &offsets,
            channels: self.channels,
        };
        let mut scratch = vec![0xAA; kernel.scratch_bytes(k)];
        kernel.gather(&rows, k, &mut scratch);
        let mut output = vec![0_i8; MAX_MR * 32];
        kernel.begin();
        for first in (0..self.outputs).step_by(nr) {
            let mut block = vec![0; nr * k];
            let mut bias = vec![0; nr];
            let mut multipliers = vec![0.0; nr];
            for lane in 0..nr.min(self.outputs - first) {
                let length = self.taps * self.channels;
                let from = (first + lane) * length;
                block[lane * k..][..length].copy_from_slice(&self.weights[from..][..length]);
                let sum: i32 = block[lane * k..][..length]
                    .iter()
                    .map(|&w| i32::from(w))
                    .sum();
                bias[lane] = self.bias[first + lane] - family.input_offset * sum;
                multipliers[lane] = self.multiplier;
            }
            let mut packed = Vec::new();
            family.order.pack(&block, k, &mut packed);
            let residual = self.residual();
            let requant = Requant {
                bias: &bias,
                multipliers: &multipliers,
                zero_point: self.zero_points[1],
                floor: self.floor,
                residual: residual.as_ref(),
                is_narrow: is_narrow(
                    family.sums_of_sizes(&packed, k),
                    &bias,
                    &multipliers,
                    residual.as_ref(),
                ),
            };
            let mut place = TileOutput {
                pixels: count,
                channel: first,
                weights_cold: first == 0,
                ..TileOutput::NOWHERE
            };
            for pixel in 0..count {
                place.output[pixel] = output[pixel * 32..].as_mut_ptr();
                if let Some(added) = &self.residual {
                    place.residual[pixel] = added[pixel * 32..].as_ptr();
                }
            }
            // SAFETY: the kernel is one that `available` gave, and has begun; each pixel has 32 bytes, of
            // which blocks of at most 16 begin at 0 or, for outputs up to 19, at 8 or 16.
            unsafe { kernel.tile(&scratch, &packed, k, &requant, &place) };
        }
        kernel.end();
        (0..count)
            .map(|pixel| output[pixel * 32..][..self.outputs].to_vec())
            .collect()
    }
}

fn compare(problem: &Problem) -> Result<(), TestCaseError> {
    let expected = problem.expected();
    for kernel in available().into_iter().chain(TWINS) {
        let found = problem.run(kernel);
        prop_assert_eq!(
            &found[..],
            &expected[..found.len()],
            "{}",
            kernel.family().name
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_kernel_gives_the_plain_sums(
        problem in problem(prop_oneof![Just(Values::All), Just(Values::Extreme)])
    ) {
        compare(&problem)?;
    }

    // For Bochs, which takes the bytes of `tdpbssd` as unsigned: CONTRIBUTING.md.
    #[test]
    fn every_kernel_gives_the_plain_sums_of_what_is_not_negative(
        problem in problem(Just(Values::NotNegative))
    ) {
        compare(&problem)?;
    }
}

/// A filter for each channel at a few pixels, and two rows of values.
#[derive(Debug, Clone)]
struct Filters {
    channels: usize,
    taps: usize,
    pixels: usize,
    /// [tap][pixel][channel].
    inputs: Vec<i8>,
    /// [channel / 16][tap][16].
    weights: Vec<i16>,
    bias: Vec<i32>,
    zero_points: [i8; 3],
    floor: i8,
}

fn filters() -> impl Strategy<Value = Filters> {
    let sizes = (1_usize..5, 1_usize..26, 1..=DEPTHWISE_PIXELS);
    sizes.prop_flat_map(|(blocks, taps, pixels)| {
        let channels = blocks * MAX_NR;
        let count = taps * DEPTHWISE_PIXELS * channels;
        (
            bytes(count, Values::Extreme),
            proptest::collection::vec(-255_i16..256, taps * channels),
            proptest::collection::vec(-30_000..30_000, channels),
            any::<[i8; 3]>(),
            any::<i8>(),
        )
            .prop_map(move |(inputs, weights, bias, zero_points, floor)| Filters {
                channels,
                taps,
                pixels,
                inputs,
                weights,
                bias,
                zero_points,
                floor,
            })
    })
}

impl Filters {
    fn input(&self, tap: usize, pixel: usize) -> &[i8] {
        &self.inputs[(tap * DEPTHWISE_PIXELS + pixel) * self.channels..][..self.channels]
    }

    fn expected(&self) -> Vec<i8> {
        let value = |pixel: usize, channel: usize| {
            let product = |tap: usize| {
                let at = (channel / MAX_NR * self.taps + tap) * MAX_NR + channel % MAX_NR;
                i32::from(self.input(tap, pixel)[channel]) * i32::from(self.weights[at])
            };
            let sum = self.bias[channel] + (0..self.taps).map(product).sum::<i32>();
            let [_, _, zero_point] = self.zero_points.map(f32::from);
            quantise(sum as f32 * 0.003, zero_point, self.floor.into()) as i8
        };
        let pixels = 0..self.pixels;
        pixels
            .flat_map(|pixel| (0..self.channels).map(move |channel| value(pixel, channel)))
            .collect()
    }

    fn run(&self, rows: &dyn RowOps) -> Vec<i8> {
        let inputs: Vec<[&[i8]; DEPTHWISE_PIXELS]> = (0..self.taps)
            .map(|tap| std::array::from_fn(|pixel| self.input(tap, pixel)))
            .collect();
        let weights = self.weights.iter().flat_map(|weight| weight.to_le_bytes());
        let weights: Vec<i8> = weights.map(u8::cast_signed).collect();
        let tile = DepthwiseTile {
            inputs: &inputs,
            weights: &weights,
            requant: Requant {
                bias: &self.bias,
                multipliers: &vec![0.003; self.channels],
                zero_point: self.zero_points[2],
                floor: self.floor,
                residual: None,
                is_narrow: false,
            },
        };
        let mut found = vec![0; self.pixels * self.channels];
        rows.depthwise(&tile, &mut found);
        found
    }

    /// The first inputs times the last ones.
    fn products(&self, rows: Option<&dyn RowOps>) -> Vec<i8> {
        let [a, b] = [self.input(0, 0), self.input(self.taps - 1, self.pixels - 1)];
        let [a_zero, b_zero, zero_point] = self.zero_points;
        let product = Product {
            a_zero,
            b_zero,
            ratio: 0.01,
            zero_point,
            floor: self.floor,
        };
        let Some(rows) = rows else {
            let pairs = a.iter().zip(b);
            let value = |(&a, &b): (&i8, &i8)| {
                let [a, b] = [
                    i32::from(a) - i32::from(a_zero),
                    i32::from(b) - i32::from(b_zero),
                ];
                quantise((a * b) as f32 * 0.01, zero_point.into(), self.floor.into()) as i8
            };
            return pairs.map(value).collect();
        };
        let mut found = vec![0; self.channels];
        rows.multiply(&product, a, b, &mut found);
        found
    }
}

proptest! {
    #[test]
    fn a_filter_for_each_channel_gives_the_plain_sums_on_every_kernel(filters in filters()) {
        let (expected, products) = (filters.expected(), filters.products(None));
        for kernel in available() {
            let name = kernel.family().name;
            prop_assert_eq!(&filters.run(kernel.rows()), &expected, "{}", name);
            prop_assert_eq!(&filters.products(Some(kernel.rows())), &products, "{}", name);
        }
    }
}

#[test]
fn the_largest_products_do_not_overflow() {
    let problem = Problem {
        channels: 48,
        taps: 9,
        outputs: 8,
        pixels: MAX_MR,
        input: vec![i8::MIN; INPUT_PIXELS * 48],
        starts: vec![Some(0); 9 * MAX_MR],
        weights: vec![i8::MIN; 8 * 9 * 48],
        bias: vec![0; 8],
        multiplier: 1e-5,
        zero_points: [0; 3],
        floor: i8::MIN,
        residual: None,
    };
    let expected = problem.expected();
    for kernel in available().into_iter().chain(TWINS) {
        let found = problem.run(kernel);
        assert_eq!(
            found[..],
            expected[..found.len()],
            "{}",
            kernel.family().name
        );
    }
}

#[test]
fn kernels_have_distinct_names_and_portable_is_always_there() {
    let names: Vec<_> = available()
        .iter()
        .map(|kernel| kernel.family().name)
        .collect();
    assert_eq!(names.last(), Some(&"portable"));
    assert!((1..names.len()).all(|index| !names[index..].contains(&names[index - 1])));
}

#[test]
fn every_family_has_a_twin_with_the_same_variants() {
    let names = TWINS.map(|twin| twin.family().name);
    assert_eq!(names, FAMILIES.each_ref().map(|family| family.name));
    for kernel in available().into_iter().chain(TWINS) {
        let family = kernel.family();
        assert!(FAMILIES.iter().any(|row| row.name == family.name));
        assert_eq!(kernel.winograd().is_some(), family.winograd.is_some());
        if family.avoids_minus_128 {
            assert!(kernel.exact().is_some(), "{}", family.name);
        }
    }
}

#[test]
fn sizes_of_all_families_fit_tiles_and_pixels() {
    for family in &FAMILIES {
        let TileShape { mr, nr, pad } = family.tile;
        assert!(mr <= MAX_MR && nr <= MAX_NR && MAX_NR.is_multiple_of(nr));
        assert!(pad.is_multiple_of(family.order.kr) && nr.is_multiple_of(family.order.strip));
    }
}
