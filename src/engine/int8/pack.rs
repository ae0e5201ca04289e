//! A convolution's weights in its kernel's order, and a transposed convolution as several plain ones.

use super::ir::{Filter, Quant};
use super::kernel::{Kernel, Shape, pack_interleaved};
use super::layout::{self, row_of_taps};
use super::plan::{Added, Buffer, ConvStep, Method};
use super::winograd;

/// What a convolution's steps share.
pub(super) struct ConvParts {
    pub name: String,
    pub input: Buffer,
    pub input_quant: Quant,
    pub own_quant: Quant,
    pub floor: i8,
    pub output: Buffer,
    pub added: Option<Added>,
    pub kernel: &'static dyn Kernel,
}

/// Which pixels of the output a step makes, and from where.
struct Grid {
    /// Input pixels between neighbours.
    stride: usize,
    /// Output pixels between neighbours, and the first one.
    spread: usize,
    origin: [usize; 2],
    /// Rows and columns.
    pixels: [usize; 2],
}

/// One tap of a filter: [y, x] in the input, for the grid's first pixel, and in the filter. Where the
/// input's pixels are packed, it stands for its whole row of the filter.
type Tap = ([isize; 2], [usize; 2]);

impl ConvParts {
    pub(super) fn conv(&self, filter: &Filter) -> ConvStep {
        let [height, mut width] = filter.kernel;
        if self.packed() {
            width = 1;
        }
        let from = |tap: usize, axis: usize| tap as isize - filter.pad[axis] as isize;
        let taps = (0..height)
            .flat_map(|y| (0..width).map(move |x| ([from(y, 0), from(x, 1)], [y, x])))
            .collect();
        let grid = Grid {
            stride: filter.stride,
            spread: 1,
            origin: [0, 0],
            pixels: [self.output.height, self.output.width],
        };
        self.step(filter, taps, grid)
    }

    /// Output row `stride * q + r` takes the taps `y` with `(r + pad - y)` divisible by the stride,
    /// from input row `q + (r + pad - y) / stride`; columns likewise.
    pub(super) fn deconv(&self, filter: &Filter) -> Vec<ConvStep> {
        let spread = filter.stride;
        let mut steps = Vec::new();
        for row in 0..spread.min(self.output.height) {
            for column in 0..spread.min(self.output.width) {
                let along = |axis: usize, origin: usize| {
                    (0..filter.kernel[axis]).filter_map(move |tap| {
                        let distance = (origin + filter.pad[axis]) as isize - tap as isize;
                        let divisible = distance.rem_euclid(spread as isize) == 0;
                        divisible.then(|| (tap, distance.div_euclid(spread as isize)))
                    })
                };
                let mut taps: Vec<Tap> = along(0, row)
                    .flat_map(|(y, from_y)| {
                        along(1, column).map(move |(x, from_x)| ([from_y, from_x], [y, x]))
                    })
                    .collect();
                taps.sort_unstable();
                let grid = Grid {
                    stride: 1,
                    spread,
                    origin: [row, column],
                    pixels: [
                        (self.output.height - row).div_ceil(spread),
                        (self.output.width - column).div_ceil(spread),
                    ],
                };
                steps.push(self.step(filter, taps, grid));
            }
        }
        steps
    }

    /// Whether the input's pixels are, so that a tap is a row of them.
    fn packed(&self) -> bool {
        self.input.stride == self.input.channels && self.input.stride < layout::PIXEL_BYTES
    }

    /// One step: a method is chosen, and the weights of these taps are packed for it.
    fn step(&self, filter: &Filter, taps: Vec<Tap>, grid: Grid) -> ConvStep {
        let (channels, inputs) = if self.packed() {
            let inputs = filter.kernel[1] * filter.inputs;
            (row_of_taps(filter.kernel[1], filter.inputs), inputs)
        } else {
            (self.input.stride, filter.inputs)
        };
        let method = self.method(filter, &taps, channels, &grid);
        let nr = method.block();
        let length = match method {
            Method::Direct { k, .. } => k,
            Method::Winograd(_) => taps.len() * channels,
        };
        let padded = filter.outputs.next_multiple_of(nr);
        let mut weights = Vec::with_capacity(padded * length);
        let mut bias = vec![0; padded];
        let mut multipliers = vec![0.0; padded];
        let mut block = vec![0_i8; nr * length];
        for first in (0..padded).step_by(nr) {
            block.fill(0);
            for (line, o) in block.chunks_exact_mut(length).zip(first..filter.outputs) {
                let mut sum = 0_i32;
                for (part, (_, tap)) in line.chunks_exact_mut(channels).zip(&taps) {
                    let source = weights_of(filter, o, *tap, inputs);
                    part[..inputs].copy_from_slice(source);
                    sum += source.iter().map(|&weight| i32::from(weight)).sum::<i32>();
                }
                let zero_points = i32::from(self.input_quant.zero_point).wrapping_mul(sum);
                bias[o] = filter.bias[o].wrapping_sub(zero_points);
                multipliers[o] = self.input_quant.scale * filter.scales[o] / self.own_quant.scale;
            }
            match method {
                Method::Direct { kernel, k } => kernel.pack(&block, k, &mut weights),
                Method::Winograd(method) => {
                    let Shape { kr, .. } = method.kernel.shape();
                    for tap in 0..taps.len() {
                        let one: Vec<i8> = block
                            .chunks_exact(length)
                            .flat_map(|line| &line[tap * channels..][..channels])
                            .copied()
                            .collect();
                        pack_interleaved(&one, channels, kr, &mut weights);
                    }
                }
            }
        }
        ConvStep {
            name: self.name.clone(),
            input: self.input,
            output: self.output,
            method,
            taps: taps.into_iter().map(|(place, _)| place).collect(),
            stride: grid.stride,
            grid: grid.pixels,
            spread: grid.spread,
            origin: grid.origin,
            weights,
            bias,
            multipliers,
            zero_point: self.own_quant.zero_point,
            floor: self.floor,
            outside: vec![self.input_quant.zero_point; channels],
            added: self.added,
            tap_bytes: channels,
            inputs,
        }
    }

    /// Winograd's where it applies and is faster, else the direct one.
    fn method(&self, filter: &Filter, taps: &[Tap], channels: usize, grid: &Grid) -> Method {
        let winograd = self.kernel.winograd().filter(|_| {
            grid.stride == 1 && !self.packed() && channels.is_multiple_of(winograd::CHANNELS)
        });
        if let Some(kernel) = winograd {
            let places: Vec<_> = taps.iter().map(|(place, _)| *place).collect();
            let sizes = [channels, filter.outputs];
            let chosen = winograd::Method::choose(kernel, &places, grid.pixels, sizes, || {
                (0..filter.outputs)
                    .map(|o| {
                        let weights = taps
                            .iter()
                            .flat_map(|(_, tap)| weights_of(filter, o, *tap, filter.inputs));
                        128 * weights.map(|weight| i64::from(*weight).abs()).sum::<i64>()
                    })
                    .max()
                    .unwrap_or(0)
            });
            if let Some(method) = chosen {
                return Method::Winograd(method);
            }
        }
        let kernel = self
            .kernel
            .instead_for(&filter.weights)
            .unwrap_or(self.kernel);
        let k = (taps.len() * channels).next_multiple_of(kernel.shape().kr);
        Method::Direct { kernel, k }
    }
}

/// The `inputs` weights of one output channel from a tap on.
fn weights_of(filter: &Filter, output: usize, [y, x]: [usize; 2], inputs: usize) -> &[i8] {
    let at = ((output * filter.kernel[0] + y) * filter.kernel[1] + x) * filter.inputs;
    &filter.weights[at..at + inputs]
}
