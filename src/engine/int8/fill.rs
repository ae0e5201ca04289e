//! A convolution's weights in the order of its kernel, from a filter.

use super::ir::Filter;
use super::kernel::{Shape, pack_interleaved};
use super::pack::{Coefficients, ConvParts, Grid, Tag, Tap};
use super::plan::Method;

impl ConvParts {
    /// `sizes`: bytes of a tap, how many of them mean something, and bytes of all taps.
    pub(super) fn pack(
        &self,
        filter: &Filter,
        taps: &[Tap],
        [channels, inputs, length]: [usize; 3],
        tag: Tag,
        method: &Method,
    ) -> Coefficients {
        let nr = method.block();
        let padded = filter.outputs.next_multiple_of(nr);
        let mut weights = Vec::with_capacity(padded * length);
        let mut bias = vec![0; padded];
        let mut multipliers = vec![0.0; padded];
        let offset = match method {
            Method::Direct { kernel, .. } => kernel.input_offset(),
            Method::Winograd(_) => 0,
        };
        // What every weight of a channel is multiplied with besides the values themselves.
        let shift = i32::from(self.input_quant.zero_point) + offset;
        let mut block = vec![0_i8; nr * length];
        for first in (0..padded).step_by(nr) {
            block.fill(0);
            for (line, o) in block.chunks_exact_mut(length).zip(first..filter.outputs) {
                let mut sum = 0_i32;
                for (part, (_, tap)) in line.chunks_exact_mut(channels).zip(taps) {
                    let source = weights_of(filter, o, *tap, inputs);
                    part[..inputs].copy_from_slice(source);
                    sum += source.iter().map(|&weight| i32::from(weight)).sum::<i32>();
                }
                bias[o] = filter.bias[o].wrapping_sub(shift.wrapping_mul(sum));
                multipliers[o] = self.input_quant.scale * filter.scales[o] / self.own_quant.scale;
            }
            match method {
                Method::Direct { kernel, k } => kernel.pack(&block, *k, &mut weights),
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
        Coefficients {
            tag,
            weights: weights.into(),
            bias,
            multipliers,
        }
    }

    /// The best method for these weights: Winograd's where it applies and is faster.
    pub(super) fn choose(
        &self,
        filter: &Filter,
        taps: &[Tap],
        channels: usize,
        grid: &Grid,
    ) -> Tag {
        if let Some(Method::Winograd(method)) = self.method(Tag::Winograd, taps, channels, grid) {
            let largest_sum = || {
                let sum = |o: usize| {
                    let weights = taps
                        .iter()
                        .flat_map(|(_, tap)| weights_of(filter, o, *tap, filter.inputs));
                    128 * weights.map(|weight| i64::from(*weight).abs()).sum::<i64>()
                };
                (0..filter.outputs).map(sum).max().unwrap_or(0)
            };
            if method.pays(grid.pixels, [channels, filter.outputs])
                && largest_sum() <= method.form.largest_sum()
            {
                return Tag::Winograd;
            }
        }
        match self.kernel.instead_for(&filter.weights) {
            Some(_) => Tag::Careful,
            None => Tag::Direct,
        }
    }
}

/// The `inputs` weights of one output channel from a tap on.
fn weights_of(filter: &Filter, output: usize, [y, x]: [usize; 2], inputs: usize) -> &[i8] {
    let at = ((output * filter.kernel[0] + y) * filter.kernel[1] + x) * filter.inputs;
    &filter.weights[at..at + inputs]
}
