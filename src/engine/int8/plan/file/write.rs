//! Writing the sections.

use crate::engine::int8::ir::float::FloatOp;
use crate::engine::int8::ir::{AverageWindow, ConvWeights, Graph, Op, Operand, PoolWindow};
use crate::engine::int8::plan::PackedConv;
use crate::limits::MAX_NODE_NAME_BYTES;

/// The network section and the weights section of a plan.
pub(crate) fn write(
    graph: &Graph,
    input_shape: [usize; 4],
    packed: &[PackedConv],
) -> (Vec<u8>, Vec<u8>) {
    let mut out = Writer(Vec::new());
    input_shape.iter().for_each(|&side| out.number(side));
    out.number(graph.tensors.len());
    for tensor in &graph.tensors {
        [tensor.channels, tensor.height, tensor.width]
            .iter()
            .for_each(|&side| out.number(side));
        out.0.extend(tensor.quant.scale.to_le_bytes());
        out.0.push(tensor.quant.zero_point.cast_unsigned());
        out.0.push(match tensor.is_float {
            true => 2,
            false => tensor.quant.unsigned.into(),
        });
    }
    out.number(graph.nodes.len());
    for node in &graph.nodes {
        let mut end = node.name.len().min(MAX_NODE_NAME_BYTES);
        while !node.name.is_char_boundary(end) {
            end -= 1;
        }
        out.number(end);
        out.0.extend(&node.name.as_bytes()[..end]);
        write_op(&mut out, &node.op);
        out.number(node.output.0);
    }
    out.number(graph.output.0);
    out.number(packed.len());
    let mut weights = Vec::new();
    for step in packed {
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

fn write_op(out: &mut Writer, op: &Op) {
    match op {
        Op::Quantize => out.0.push(0),
        Op::Conv {
            input,
            weights,
            floor,
        }
        | Op::ConvTranspose {
            input,
            weights,
            floor,
        } => {
            let terms = u8::try_from(weights.terms).expect("a checked graph has few terms");
            out.0.push(match (op, terms) {
                (Op::Conv { .. }, 1) => 1,
                (_, 1) => 2,
                (Op::Conv { .. }, _) => 6,
                _ => 7,
            });
            out.number(input.0);
            out.0.push(floor.cast_unsigned());
            out.conv_window(weights);
            if terms > 1 {
                out.0.push(terms);
            }
        }
        Op::Depthwise {
            input,
            weights,
            floor,
        } => {
            out.0.push(13);
            out.number(input.0);
            out.0.push(floor.cast_unsigned());
            out.conv_window(weights);
            out.0
                .push(u8::try_from(weights.terms).expect("a checked graph has few terms"));
        }
        Op::Average {
            input,
            window,
            floor,
        } => {
            out.0.push(14);
            out.number(input.0);
            out.average_window(window);
            out.0.push(floor.cast_unsigned());
        }
        Op::Multiply { operands, floor } => {
            out.0.push(15);
            operands.iter().for_each(|operand| out.operand(operand));
            out.0.push(floor.cast_unsigned());
        }
        Op::Channels { sources, picks } => {
            out.0.push(16);
            out.number(sources.len());
            sources.iter().for_each(|source| out.number(source.0));
            out.number(picks.len());
            for pick in picks {
                out.0.extend(pick.source.to_le_bytes());
                out.0.extend(pick.channel.to_le_bytes());
            }
        }
        Op::MaxPool { input, window } => {
            out.0.push(3);
            out.number(input.0);
            out.pool_window(window);
        }
        Op::Add { operands, floor } => {
            out.0.push(4);
            operands.iter().for_each(|operand| out.operand(operand));
            out.0.push(floor.cast_unsigned());
        }
        Op::Map { input, table } => {
            out.0.push(5);
            out.operand(input);
            out.0.extend(table.map(i8::cast_unsigned));
        }
        Op::Float { op, range } => {
            write_float(out, op);
            range.iter().for_each(|end| out.0.extend(end.to_le_bytes()));
        }
    }
}

fn write_float(out: &mut Writer, op: &FloatOp) {
    out.0.push(match op {
        FloatOp::Input => 8,
        FloatOp::Conv { .. } => 9,
        FloatOp::ConvTranspose { .. } => 10,
        FloatOp::MaxPool { .. } => 11,
        FloatOp::Sum(..) => 12,
        FloatOp::Average { .. } => 17,
        FloatOp::Product(..) => 18,
        FloatOp::Levels(..) => 19,
    });
    match op {
        FloatOp::Input => {}
        FloatOp::Conv { input, weights } | FloatOp::ConvTranspose { input, weights } => {
            out.number(input.0);
            out.conv_window(&weights.window);
        }
        FloatOp::MaxPool { input, window } => {
            out.number(input.0);
            out.pool_window(window);
        }
        FloatOp::Average { input, window } => {
            out.number(input.0);
            out.average_window(window);
        }
        FloatOp::Product(first, second) => {
            out.operand(first);
            out.operand(second);
        }
        FloatOp::Levels(operand, levels) => {
            out.operand(operand);
            out.0
                .extend(levels.iter().flat_map(|level| level.to_le_bytes()));
        }
        FloatOp::Sum(first, second) => {
            out.0.push(1 + u8::from(second.is_some()));
            out.operand(first);
            second.iter().for_each(|operand| out.operand(operand));
        }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    /// Sizes of a checked graph fit.
    fn number(&mut self, value: usize) {
        let value = u32::try_from(value).expect("a size of a checked graph fits 32 bits");
        self.0.extend(value.to_le_bytes());
    }

    fn conv_window(&mut self, weights: &ConvWeights) {
        let [height, width] = weights.kernel_size;
        let sizes = [
            weights.in_channels,
            weights.out_channels,
            height,
            width,
            weights.stride,
        ];
        let sizes = sizes.iter().chain(&weights.pad);
        sizes.for_each(|&size| self.number(size));
    }

    fn pool_window(&mut self, window: &PoolWindow) {
        let [top, left] = window.pad;
        let sizes = [window.kernel_size, window.stride, top, left];
        sizes.iter().for_each(|&size| self.number(size));
    }

    fn average_window(&mut self, window: &AverageWindow) {
        let [height, width] = window.kernel_size;
        let [top, left] = window.pad;
        let sizes = [height, width, window.stride, top, left];
        sizes.iter().for_each(|&size| self.number(size));
        self.0.push(window.counts_outside.into());
    }

    fn operand(&mut self, operand: &Operand) {
        self.number(operand.tensor.0);
        self.0.push(operand.upsampled.into());
    }
}
