//! Float convolutions: sums of several pixels at a time, for a block of channels.
//!
//! A sum adds its products in the order of taps and inputs, each with one rounding (`mul_add`). So every processor gives
//! the same bits; one without fused multiply-add takes many times as long.

use super::float::{FLOAT_BYTES, Lanes, View, read_float, real, store};
use super::share::{SharedSlice, ThreadShare};
use crate::engine::int8::ir::ConvWeights;
use crate::engine::int8::plan::float::{LANE_BYTES, LANES};
use crate::engine::int8::plan::{FloatStep, FloatStepOp, Reading};
use std::ops::Range;

/// Pixels of a tile: their sums, a block of weights and an input fit the registers of AVX2 and NEON.
const TILE: usize = 6;

/// Inputs of a pixel that are read at a time. Their weights stay in the first cache for all tiles.
const DEPTH: usize = 128;

/// Tiles whose sums are kept. The weights of a block come from memory once for all of them.
const TILES: usize = 11;

/// Inputs of a tile: those outside of the picture and behind the last channel are zero.
type Inputs = [[f32; DEPTH]; TILE];

/// A convolution as its step has it.
struct FloatConv<'a> {
    source: View<'a>,
    window: &'a ConvWeights,
    is_transposed: bool,
    /// Blocks of [`LANES`] channels.
    weights: &'a [i8],
    bias: &'a [f32],
}

/// Any float step.
///
/// # Safety
/// No thread writes to the sources, and no other one touches this share's rows of the output.
pub(super) unsafe fn float(arena: SharedSlice<i8>, step: &FloatStep, share: ThreadShare) {
    let FloatStepOp::Conv {
        window,
        is_transposed,
        weights,
        bias,
    } = &step.op
    else {
        // SAFETY: guaranteed by the caller.
        return unsafe { super::float::float(arena, step, share) };
    };
    let conv = FloatConv {
        // SAFETY: guaranteed by the caller.
        source: unsafe { View::new(arena, &step.source) },
        window,
        is_transposed: *is_transposed,
        weights,
        bias,
    };
    // SAFETY: guaranteed by the caller; the output shares no memory with the source, which is needed until the step is
    // done.
    unsafe { convolve(arena, step, &conv, share) }
}

/// # Safety
/// No other thread touches this share's rows of the output, which shares no memory with the source.
unsafe fn convolve(
    arena: SharedSlice<i8>,
    step: &FloatStep,
    conv: &FloatConv<'_>,
    share: ThreadShare,
) {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both; the rest is guaranteed by the caller.
        unsafe { convolve_with_fma(arena, step, conv, share) };
        return;
    }
    // SAFETY: guaranteed by the caller.
    unsafe { convolve_rows(arena, step, conv, share) }
}

/// # Safety
/// As [`convolve`], on a processor with AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn convolve_with_fma(
    arena: SharedSlice<i8>,
    step: &FloatStep,
    conv: &FloatConv<'_>,
    share: ThreadShare,
) {
    // SAFETY: guaranteed by the caller.
    unsafe { convolve_rows(arena, step, conv, share) }
}

/// # Safety
/// As [`convolve`].
#[inline(always)]
unsafe fn convolve_rows(
    arena: SharedSlice<i8>,
    step: &FloatStep,
    conv: &FloatConv<'_>,
    share: ThreadShare,
) {
    let output = step.output;
    let period = match conv.is_transposed {
        true => conv.window.stride,
        false => 1,
    };
    for phase in 0..period * period {
        let axes = [
            Phase::new(phase / period, period, share.range(output.height)),
            Phase::new(phase % period, period, 0..output.width),
        ];
        let [rows, columns] = [axes[0].places.len(), axes[1].places.len()];
        let mut pixels = [[0; 2]; TILES * TILE];
        for start in (0..rows * columns).step_by(pixels.len()) {
            let count = pixels.len().min(rows * columns - start);
            for (pixel, index) in pixels.iter_mut().zip(start..start + count) {
                *pixel = [
                    axes[0].places.start + index / columns,
                    axes[1].places.start + index % columns,
                ];
            }
            let pixels = &pixels[..count];
            for first in (0..output.channels).step_by(LANES) {
                let sums = conv.sums(&axes, pixels, first);
                let lanes = LANES.min(output.channels - first);
                for (sums, &[y, x]) in sums.as_flattened().iter().zip(pixels) {
                    let at = output.at(axes[0].position(y), axes[1].position(x));
                    // SAFETY: a pixel of this share's rows; the rest is guaranteed by the caller.
                    let pixel = unsafe { arena.write(at, output.stride) };
                    let [low, high] = step.range;
                    let sums = sums.map(|sum| sum.max(low).min(high));
                    store(&sums[..lanes], step.result, first, pixel);
                }
            }
        }
    }
}

/// Rows or columns of the output that read the same taps: every `period`-th, from `first` on.
struct Phase {
    first: usize,
    period: usize,
    /// Those of this thread, counted from `first`.
    places: Range<usize>,
}

impl Phase {
    fn new(first: usize, period: usize, positions: Range<usize>) -> Phase {
        let place = |position: usize| position.saturating_sub(first).div_ceil(period);
        Phase {
            first,
            period,
            places: place(positions.start)..place(positions.end),
        }
    }

    fn position(&self, place: usize) -> usize {
        self.first + place * self.period
    }
}

impl FloatConv<'_> {
    /// The sums of these places, for the block of channels from `first` on.
    #[inline(always)]
    fn sums(
        &self,
        axes: &[Phase; 2],
        pixels: &[[usize; 2]],
        first: usize,
    ) -> [[Lanes; TILE]; TILES] {
        let [height, width] = self.window.kernel_size;
        let depth = self.window.in_channels;
        let tap_bytes = depth * LANE_BYTES;
        let block_bytes = height * width * tap_bytes;
        let block = &self.weights[first / LANES * block_bytes..][..block_bytes];
        let mut bias = [0.0; LANES];
        bias.copy_from_slice(&self.bias[first..][..LANES]);
        let mut sums = [[bias; TILE]; TILES];
        let mut inputs: Inputs = [[0.0; DEPTH]; TILE];
        for (index, weights) in block.chunks_exact(tap_bytes).enumerate() {
            let tap = [index / width, index % width];
            let [Some(rows), Some(columns)] = [0, 1].map(|axis| self.tap(axis, &axes[axis], tap))
            else {
                continue;
            };
            for (part, weights) in weights.chunks(DEPTH * LANE_BYTES).enumerate() {
                let channels = part * DEPTH..depth.min((part + 1) * DEPTH);
                for (sums, pixels) in sums.iter_mut().zip(pixels.chunks(TILE)) {
                    for (inputs, &[y, x]) in inputs.iter_mut().zip(pixels) {
                        match (rows.from(y), columns.from(x)) {
                            (Some(y), Some(x)) => self.read(y, x, channels.clone(), inputs),
                            _ => inputs.fill(0.0),
                        }
                    }
                    multiply(sums, weights, &inputs);
                }
            }
        }
        sums
    }

    /// A tap of a phase's outputs; `None` if they do not read it.
    fn tap(&self, axis: usize, phase: &Phase, tap: [usize; 2]) -> Option<Tap> {
        let [stride, pad, tap, first] = [
            self.window.stride,
            self.window.pad[axis],
            tap[axis],
            phase.first,
        ]
        .map(usize::cast_signed);
        let (step, offset) = match self.is_transposed {
            false => (stride, tap - pad),
            true => {
                let offset = first + pad - tap;
                (offset % stride == 0).then_some((1, offset / stride))?
            }
        };
        let buffer = &self.source.source.buffer;
        Some(Tap {
            step,
            offset,
            side: [buffer.height, buffer.width][axis],
        })
    }

    /// Input channels of a pixel.
    #[inline(always)]
    fn read(&self, y: usize, x: usize, channels: Range<usize>, to: &mut [f32; DEPTH]) {
        let pixel = self.source.pixel(y, x);
        match self.source.source.reading {
            Reading::Float => {
                let bytes = &pixel[FLOAT_BYTES * channels.start..FLOAT_BYTES * channels.end];
                let values = bytes.chunks_exact(FLOAT_BYTES).map(read_float);
                to.iter_mut()
                    .zip(values)
                    .for_each(|(to, value)| *to = value);
            }
            Reading::Quantised { scale, zero_point } => {
                let values = pixel[channels].iter();
                to.iter_mut()
                    .zip(values)
                    .for_each(|(to, &level)| *to = real(level, scale, zero_point));
            }
        }
    }
}

/// Rows or columns of the input that a tap reads: `step` further for each place of a phase.
struct Tap {
    step: isize,
    offset: isize,
    side: usize,
}

impl Tap {
    /// `None` outside of the input.
    #[inline(always)]
    fn from(&self, place: usize) -> Option<usize> {
        let from = (place.cast_signed() * self.step + self.offset).cast_unsigned();
        (from < self.side).then_some(from)
    }
}

/// Adds the products of a tile's inputs. Separate values stay in registers, which those of an array do not.
#[inline(always)]
fn multiply(sums: &mut [Lanes; TILE], weights: &[i8], inputs: &Inputs) {
    let [mut a, mut b, mut c, mut d, mut e, mut f] = *sums;
    let [x, y, z, u, v, w] = inputs;
    let inputs = x.iter().zip(y).zip(z).zip(u).zip(v).zip(w);
    for (weights, (((((x, y), z), u), v), w)) in weights.chunks_exact(LANE_BYTES).zip(inputs) {
        let weights = lanes(weights);
        add(&mut a, *x, &weights);
        add(&mut b, *y, &weights);
        add(&mut c, *z, &weights);
        add(&mut d, *u, &weights);
        add(&mut e, *v, &weights);
        add(&mut f, *w, &weights);
    }
    *sums = [a, b, c, d, e, f];
}

#[inline(always)]
fn add(sums: &mut Lanes, input: f32, weights: &Lanes) {
    for (sum, weight) in sums.iter_mut().zip(weights) {
        *sum = input.mul_add(*weight, *sum);
    }
}

#[inline(always)]
fn lanes(bytes: &[i8]) -> Lanes {
    let mut lanes = [0.0; LANES];
    let values = bytes.chunks_exact(FLOAT_BYTES).map(read_float);
    lanes
        .iter_mut()
        .zip(values)
        .for_each(|(lane, value)| *lane = value);
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::int8::plan::{Buffer, Source};
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    struct Case {
        is_transposed: bool,
        is_quantised: bool,
        channels: [usize; 2],
        input: [usize; 2],
        output: [usize; 2],
        kernel: [usize; 2],
        pad: [usize; 2],
        stride: usize,
        values: Vec<i8>,
    }

    fn any_case() -> impl Strategy<Value = Case> {
        let sides = || [1_usize..12, 1_usize..20];
        let window = (
            [1_usize..5, 1_usize..5],
            [0_usize..3, 0_usize..3],
            1_usize..4,
        );
        let channels = [1_usize..150, 1_usize..36];
        (any::<[bool; 2]>(), channels, sides(), sides(), window).prop_flat_map(
            |(flags, channels, input, output, (kernel, pad, stride))| {
                let count =
                    channels[0] * (input[0] * input[1] + channels[1] * kernel[0] * kernel[1]);
                let values = proptest::collection::vec(any::<i8>(), count);
                values.prop_map(move |values| Case {
                    is_transposed: flags[0],
                    is_quantised: flags[1],
                    channels,
                    input,
                    output,
                    kernel,
                    pad,
                    stride,
                    values,
                })
            },
        )
    }

    impl Case {
        fn inputs(&self) -> &[i8] {
            &self.values[..self.channels[0] * self.input[0] * self.input[1]]
        }

        /// [out][kh][kw][in].
        fn weights(&self) -> &[i8] {
            &self.values[self.inputs().len()..]
        }

        fn buffer(
            &self,
            offset: usize,
            [height, width]: [usize; 2],
            channels: usize,
            bytes: usize,
        ) -> Buffer {
            Buffer {
                offset,
                height,
                width,
                channels,
                stride: bytes * channels,
                border: [1, 2],
            }
        }

        fn packed(&self) -> Vec<i8> {
            let [inputs, outputs] = self.channels;
            let line = self.kernel[0] * self.kernel[1] * inputs;
            let mut packed = Vec::new();
            for first in (0..outputs).step_by(LANES) {
                for index in 0..line {
                    for lane in first..first + LANES {
                        let value = self
                            .weights()
                            .get(lane * line + index)
                            .copied()
                            .unwrap_or(0);
                        packed.extend(f32::from(value).to_le_bytes().map(u8::cast_signed));
                    }
                }
            }
            packed
        }

        /// The float results, as bytes of an arena, with so many threads.
        fn run(&self, threads: usize) -> Vec<i8> {
            let [inputs, outputs] = self.channels;
            let (bytes, reading) = match self.is_quantised {
                true => (
                    1,
                    Reading::Quantised {
                        scale: 0.5,
                        zero_point: 3,
                    },
                ),
                false => (FLOAT_BYTES, Reading::Float),
            };
            let source = self.buffer(0, self.input, inputs, bytes);
            let output = self.buffer(source.bytes(), self.output, outputs, FLOAT_BYTES);
            let mut memory = vec![0; source.bytes() + output.bytes()];
            for (index, values) in self.inputs().chunks_exact(inputs).enumerate() {
                let at = source.at(index / self.input[1], index % self.input[1]);
                for (channel, &value) in values.iter().enumerate() {
                    match self.is_quantised {
                        true => memory[at + channel] = value,
                        false => memory[at + 4 * channel..][..4]
                            .copy_from_slice(&f32::from(value).to_le_bytes().map(u8::cast_signed)),
                    }
                }
            }
            let window = ConvWeights {
                values: Vec::new(),
                terms: 1,
                bias: Vec::new(),
                scales: Vec::new(),
                in_channels: inputs,
                out_channels: outputs,
                kernel_size: self.kernel,
                stride: self.stride,
                pad: self.pad,
            };
            let bias = vec![7.0; outputs.next_multiple_of(LANES)];
            let step = FloatStep {
                name: String::new(),
                source: Source {
                    buffer: source,
                    upsampled: false,
                    reading,
                },
                op: FloatStepOp::Conv {
                    window,
                    is_transposed: self.is_transposed,
                    weights: self.packed().into(),
                    bias,
                },
                range: [f32::NEG_INFINITY, f32::INFINITY],
                output,
                result: Reading::Float,
            };
            let arena = SharedSlice::of(&mut memory);
            for index in 0..threads {
                let share = ThreadShare { index, of: threads };
                // SAFETY: no other thread runs.
                unsafe { float(arena, &step, share) };
            }
            memory
        }

        fn sum(&self, [y, x]: [usize; 2], channel: usize) -> f32 {
            let from = |axis: usize, position: usize, tap: usize| -> Option<usize> {
                let from = match self.is_transposed {
                    false => (position * self.stride + tap).checked_sub(self.pad[axis])?,
                    true => {
                        let from = (position + self.pad[axis]).checked_sub(tap)?;
                        from.is_multiple_of(self.stride)
                            .then(|| from / self.stride)?
                    }
                };
                (from < self.input[axis]).then_some(from)
            };
            let inputs = self.channels[0];
            let mut sum = 7.0_f32;
            for row in 0..self.kernel[0] {
                for column in 0..self.kernel[1] {
                    let (Some(y), Some(x)) = (from(0, y, row), from(1, x, column)) else {
                        continue;
                    };
                    let line = (channel * self.kernel[0] + row) * self.kernel[1] + column;
                    for input in 0..inputs {
                        let level = self.inputs()[(y * self.input[1] + x) * inputs + input];
                        let value = match self.is_quantised {
                            true => real(level, 0.5, 3),
                            false => f32::from(level),
                        };
                        sum = value.mul_add(f32::from(self.weights()[line * inputs + input]), sum);
                    }
                }
            }
            sum
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn tiles_give_the_plain_sums_on_any_number_of_threads(case in any_case(), threads in 1_usize..4) {
            let memory = case.run(threads);
            let [inputs, outputs] = case.channels;
            let bytes = if case.is_quantised { 1 } else { FLOAT_BYTES };
            let offset = case.buffer(0, case.input, inputs, bytes).bytes();
            let output = case.buffer(offset, case.output, outputs, FLOAT_BYTES);
            for y in 0..case.output[0] {
                for x in 0..case.output[1] {
                    let pixel = &memory[output.at(y, x)..][..output.stride];
                    for (channel, bytes) in pixel.chunks_exact(FLOAT_BYTES).enumerate() {
                        prop_assert_eq!(read_float(bytes), case.sum([y, x], channel));
                    }
                }
            }
        }
    }
}
