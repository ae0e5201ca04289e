//! Writing the sections.

use super::LONGEST_NAME;
use crate::engine::int8::ir::{Action, Network};
use crate::engine::int8::plan::{Plan, Step};

/// The network section and the weights section of a plan.
pub(in super::super) fn write(network: &Network, plan: &Plan) -> (Vec<u8>, Vec<u8>) {
    let mut out = Writer(Vec::new());
    plan.input_shape.iter().for_each(|&side| out.number(side));
    out.number(network.tensors.len());
    for tensor in &network.tensors {
        [tensor.channels, tensor.height, tensor.width]
            .iter()
            .for_each(|&side| out.number(side));
        out.0.extend(tensor.quant.scale.to_le_bytes());
        out.0.push(tensor.quant.zero_point.cast_unsigned());
        out.0.push(tensor.quant.unsigned.into());
    }
    out.number(network.operations.len());
    for operation in &network.operations {
        let mut end = operation.name.len().min(LONGEST_NAME);
        while !operation.name.is_char_boundary(end) {
            end -= 1;
        }
        out.number(end);
        out.0.extend(&operation.name.as_bytes()[..end]);
        write_action(&mut out, &operation.action);
        out.number(operation.output.0);
    }
    out.number(network.output.0);
    let convolutions: Vec<_> = plan
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Conv(conv) => Some(&conv.coefficients),
            _ => None,
        })
        .collect();
    out.number(convolutions.len());
    let mut weights = Vec::new();
    for step in convolutions {
        out.0.push(step.tag as u8);
        out.0.extend((weights.len() as u64).to_le_bytes());
        out.0.extend((step.weights.len() as u64).to_le_bytes());
        out.number(step.bias.len());
        step.bias
            .iter()
            .for_each(|bias| out.0.extend(bias.to_le_bytes()));
        step.multipliers
            .iter()
            .for_each(|multiplier| out.0.extend(multiplier.to_le_bytes()));
        weights.extend(step.weights.iter().map(|weight| weight.cast_unsigned()));
        weights.resize(weights.len().next_multiple_of(64), 0);
    }
    (out.0, weights)
}

fn write_action(out: &mut Writer, action: &Action) {
    match action {
        Action::Quantize => out.0.push(0),
        Action::Conv {
            input,
            filter,
            floor,
        }
        | Action::Deconv {
            input,
            filter,
            floor,
        } => {
            out.0.push(match action {
                Action::Conv { .. } => 1,
                _ => 2,
            });
            out.number(input.0);
            out.0.push(floor.cast_unsigned());
            let [height, width] = filter.kernel;
            let sizes = [filter.inputs, filter.outputs, height, width, filter.stride];
            sizes
                .iter()
                .chain(&filter.pad)
                .for_each(|&size| out.number(size));
        }
        Action::MaxPool { input, window } => {
            out.0.push(3);
            out.number(input.0);
            let sizes = [window.kernel, window.stride, window.pad[0], window.pad[1]];
            sizes.iter().for_each(|&size| out.number(size));
        }
        Action::Add { operands, floor } => {
            out.0.push(4);
            for operand in operands {
                out.number(operand.tensor.0);
                out.0.push(operand.upsampled.into());
            }
            out.0.push(floor.cast_unsigned());
        }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    /// Sizes fit: the network was checked.
    fn number(&mut self, value: usize) {
        self.0.extend((value as u32).to_le_bytes());
    }
}
