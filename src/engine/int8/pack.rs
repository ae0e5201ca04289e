//! A convolution's weights in its kernel's order, and a transposed convolution as several plain ones.

use super::ir::{Filter, Quant};
use super::kernel::{Kernel, Shape};
use super::plan::{Added, Buffer, ConvStep};

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

impl ConvParts {
    pub(super) fn conv(&self, filter: &Filter) -> ConvStep {
        let [height, width] = filter.kernel;
        let taps: Vec<_> = (0..height)
            .flat_map(|y| (0..width).map(move |x| [y, x]))
            .collect();
        let places = taps
            .iter()
            .map(|&[y, x]| {
                [
                    y as isize - filter.pad[0] as isize,
                    x as isize - filter.pad[1] as isize,
                ]
            })
            .collect();
        let mut step = self.step(filter, &taps, places);
        step.stride = filter.stride;
        step.grid = [self.output.height, self.output.width];
        step
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
                let (taps, places) = along(0, row)
                    .flat_map(|(y, from_y)| {
                        along(1, column).map(move |(x, from_x)| ([y, x], [from_y, from_x]))
                    })
                    .unzip::<_, _, Vec<_>, Vec<_>>();
                let mut step = self.step(filter, &taps, places);
                step.spread = spread;
                step.origin = [row, column];
                step.grid = [
                    (self.output.height - row).div_ceil(spread),
                    (self.output.width - column).div_ceil(spread),
                ];
                steps.push(step);
            }
        }
        steps
    }

    /// Packs the weights of some taps, [y, x] in the filter.
    fn step(&self, filter: &Filter, taps: &[[usize; 2]], places: Vec<[isize; 2]>) -> ConvStep {
        let kernel = self
            .kernel
            .instead_for(&filter.weights)
            .unwrap_or(self.kernel);
        let Shape { nr, kr, .. } = kernel.shape();
        let channels = self.input.stride;
        let k = (taps.len() * channels).next_multiple_of(kr);
        let padded = filter.outputs.next_multiple_of(nr);
        let mut weights = Vec::with_capacity(padded * k);
        let mut bias = vec![0; padded];
        let mut multipliers = vec![0.0; padded];
        let mut block = vec![0_i8; nr * k];
        for first in (0..padded).step_by(nr) {
            block.fill(0);
            for (line, o) in block.chunks_exact_mut(k).zip(first..filter.outputs) {
                let mut sum = 0_i32;
                for (part, &[y, x]) in line.chunks_exact_mut(channels).zip(taps) {
                    let at = ((o * filter.kernel[0] + y) * filter.kernel[1] + x) * filter.inputs;
                    let source = &filter.weights[at..at + filter.inputs];
                    part[..filter.inputs].copy_from_slice(source);
                    sum += source.iter().map(|&weight| i32::from(weight)).sum::<i32>();
                }
                let zero_points = i32::from(self.input_quant.zero_point).wrapping_mul(sum);
                bias[o] = filter.bias[o].wrapping_sub(zero_points);
                multipliers[o] = self.input_quant.scale * filter.scales[o] / self.own_quant.scale;
            }
            kernel.pack(&block, k, &mut weights);
        }
        ConvStep {
            name: self.name.clone(),
            input: self.input,
            output: self.output,
            taps: places,
            stride: 1,
            grid: [0, 0],
            spread: 1,
            origin: [0, 0],
            kernel,
            k,
            weights,
            bias,
            multipliers,
            zero_point: self.own_quant.zero_point,
            floor: self.floor,
            outside: vec![self.input_quant.zero_point; self.input.stride],
            added: self.added,
            inputs: filter.inputs,
        }
    }
}
