//! Packed weights of convolutions with one filter for each channel.

use crate::engine::int8::family::DEPTHWISE_LANES as LANES;
use crate::engine::int8::ir::{Graph, Node, Op};
use crate::engine::int8::plan::PackedConv;
use crate::engine::int8::plan::conv::Tag;
use crate::engine::int8::plan::depthwise::padded_channels;

/// Weights in blocks, in the order of [`LANES`]; `None` for another operation.
pub(super) fn pack(graph: &Graph, node: &Node) -> Option<PackedConv> {
    let Op::Depthwise { input, weights, .. } = &node.op else {
        return None;
    };
    let (input, output) = (graph.tensor(*input).quant, graph.tensor(node.output).quant);
    let taps = weights.kernel_size[0] * weights.kernel_size[1];
    // Terms of a weight are added up: they fit 16 bits.
    let weight = |channel: usize, tap: usize| -> i16 {
        let terms = 0..weights.terms;
        let at = |term: usize| weights.values[(channel * weights.terms + term) * taps + tap];
        terms.map(|term| i16::from(at(term))).sum()
    };
    let padded = padded_channels(weights);
    let mut packed = Vec::with_capacity(padded * taps * size_of::<i16>());
    for first in (0..padded).step_by(LANES) {
        for tap in 0..taps {
            for lane in first..first + LANES {
                let value = match lane < weights.out_channels {
                    true => weight(lane, tap),
                    false => 0,
                };
                packed.extend(value.to_le_bytes().map(u8::cast_signed));
            }
        }
    }
    let (mut bias, mut multipliers) = (vec![0; padded], vec![0.0; padded]);
    for channel in 0..weights.out_channels {
        let sum: i32 = (0..taps).map(|tap| i32::from(weight(channel, tap))).sum();
        let offset = i32::from(input.zero_point).wrapping_mul(sum);
        bias[channel] = weights.bias[channel].wrapping_sub(offset);
        multipliers[channel] = input.scale * weights.scales[channel] / output.scale;
    }
    Some(PackedConv {
        tag: Tag::Depthwise,
        weights: packed.into(),
        bias,
        multipliers,
    })
}
