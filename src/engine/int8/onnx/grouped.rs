//! Convolutions in groups of channels. With a filter for each channel they are one operation; others are cut into
//! convolutions of some groups each, with zeros between the groups.

use super::conv::Filters;
use super::import::Importer;
use super::value::{GroupedPart, Joined, PendingOp, Value};
use crate::engine::int8::ir::{ConvWeights, Op, Operand, QuantParams, ValueId};
use crate::limits::MAX_SOURCES;
use tract_core::internal::TypedNode;

/// Output channels of a part: kernels make so many at once.
const PART_CHANNELS: usize = 16;

impl Importer {
    /// `filters` have as many input channels as a group has.
    pub(super) fn grouped(
        &mut self,
        node: &TypedNode,
        input: ValueId,
        groups: usize,
        filters: Filters,
    ) -> Result<Value, String> {
        let channels = self.graph.tensor(input).channels;
        let Filters { weights, bias } = filters;
        let (inputs, outputs) = (weights.in_channels, weights.out_channels);
        if inputs * groups != channels || !outputs.is_multiple_of(groups) {
            return Err(format!(
                "has filters from {inputs} to {outputs} channels in {groups} groups, for an activation of {channels}"
            ));
        }
        let each = outputs / groups;
        if inputs == 1 {
            let input = match each {
                1 => input,
                _ => {
                    let channels = (0..outputs).map(|output| output / each);
                    self.picked(&node.name, input, channels)?
                }
            };
            return self.wait(
                node,
                PendingOp::Depthwise {
                    input,
                    weights,
                    bias,
                },
            );
        }
        let together = PART_CHANNELS
            .div_ceil(each)
            .max(groups.div_ceil(MAX_SOURCES))
            .min(groups);
        let mut parts = Vec::new();
        for first in (0..groups).step_by(together) {
            let last = (first + together).min(groups);
            let range = first * inputs..last * inputs;
            parts.push(GroupedPart {
                input: self.picked(&node.name, input, range)?,
                weights: part(&weights, first..last, each),
                bias: bias[first * each..last * each].to_vec(),
            });
        }
        self.wait(node, PendingOp::Grouped(parts))
    }

    /// The parts with this scale, side by side.
    pub(super) fn round_parts(
        &mut self,
        name: &str,
        parts: Vec<GroupedPart>,
        [_, _, height, width]: [usize; 4],
        (quant, floor): (QuantParams, i8),
    ) -> Result<Operand, String> {
        let mut channels = Vec::new();
        for GroupedPart {
            input,
            weights,
            bias,
        } in parts
        {
            let outputs = weights.out_channels;
            let weights = self.with_bias(input, weights, &bias)?;
            let op = Op::Conv {
                input,
                weights,
                floor,
            };
            let part = self.emit_shaped([1, outputs, height, width], name, op, quant)?;
            channels.extend((0..outputs).map(|channel| (part.tensor, channel as u16)));
        }
        let joined = Joined {
            axes: vec![channels.len()],
            channels,
            size: [height, width],
            dequantised: false,
        };
        self.gather(name, &joined)
    }

    /// An activation of some channels of another one.
    fn picked(
        &mut self,
        name: &str,
        input: ValueId,
        channels: impl Iterator<Item = usize>,
    ) -> Result<ValueId, String> {
        let channels: Vec<_> = channels.map(|channel| (input, channel as u16)).collect();
        let joined = Joined {
            axes: vec![channels.len()],
            channels,
            size: self.input_size(input),
            dequantised: false,
        };
        Ok(self.gather(name, &joined)?.tensor)
    }
}

/// The filters of some groups as one convolution, with zeros from a group to the others.
fn part(weights: &ConvWeights, groups: std::ops::Range<usize>, each: usize) -> ConvWeights {
    let inputs = weights.in_channels;
    let taps = weights.kernel_size[0] * weights.kernel_size[1] * weights.terms;
    let wide = groups.len() * inputs;
    let outputs = groups.start * each..groups.end * each;
    let mut values = vec![0; outputs.len() * taps * wide];
    let lines = values.chunks_exact_mut(wide);
    for (index, line) in lines.enumerate() {
        let (output, tap) = (outputs.start + index / taps, index % taps);
        let own = (output / each - groups.start) * inputs;
        let from = (output * taps + tap) * inputs;
        line[own..own + inputs].copy_from_slice(&weights.values[from..from + inputs]);
    }
    ConvWeights {
        values,
        scales: weights.scales[outputs.clone()].to_vec(),
        in_channels: wide,
        out_channels: outputs.len(),
        bias: Vec::new(),
        ..weights.clone()
    }
}
