//! From an outline and packed weights to a plan: lengths are compared, and sizes become addresses.

use super::buffer::Buffer;
use super::conv::{ConvOutline, Method, Tag};
use super::depthwise;
use super::float::{self, FloatStep, FloatStepOp, Reading, Source};
use super::outline::{Outline, StepOutline};
use super::steps::{ConvStep, DepthwiseStep, FusedAdd, PackedConv, Plan, Run, Step};
use super::winograd::WinogradScratch;
use crate::engine::int8::cores::Cache;
use crate::engine::int8::family::Family;
use crate::engine::int8::ir::float::FloatOp;
use crate::engine::int8::ir::size::product;
use crate::engine::int8::ir::{ConvWeights, Misfit, Op, Operand, Pick, QuantParams, ValueId};
use crate::engine::int8::requant::{self, Addition, Average, Product, Residual};

const OTHER_WEIGHTS: &str = "is stored with weights that do not fit it";

impl Plan {
    /// Binds the packed weights of each convolution step, in order, for cores with this cache.
    ///
    /// # Errors
    /// The node whose weights do not fit it, or that memory has no room for.
    pub(crate) fn bind(
        outline: &Outline<'_>,
        packed: Vec<PackedConv>,
        family: &'static Family,
        cache: Cache,
    ) -> Result<Plan, Misfit> {
        let too_large = || Misfit::of_graph("does not fit this processor's memory");
        let arena_bytes = usize::try_from(outline.arena_bytes).map_err(|_| too_large())?;
        let places = outline.places.iter();
        let buffers: Option<Vec<Option<Buffer>>> = places
            .map(|place| place.as_ref().map_or(Some(None), |p| p.bind().map(Some)))
            .collect();
        let binder = Binder {
            outline,
            buffers: buffers.ok_or_else(too_large)?,
            family,
            cache,
        };
        let mut packed = packed.into_iter();
        let mut steps = Vec::with_capacity(outline.steps.len());
        for step in &outline.steps {
            let index = match step {
                StepOutline::Node(index) => {
                    steps.push(binder.node(*index));
                    continue;
                }
                StepOutline::Conv(conv) => conv.node,
                StepOutline::Packed(index) => *index,
            };
            let bound = packed
                .next()
                .ok_or_else(|| "has no stored weights".to_owned())
                .and_then(|packed| match step {
                    StepOutline::Conv(conv) => binder
                        .conv(conv, packed)
                        .map(|step| Step::Conv(Box::new(step))),
                    _ => match &outline.graph.nodes[index].op {
                        Op::Depthwise { .. } => binder.depthwise(index, packed),
                        _ => binder.float_conv(index, packed),
                    },
                });
            let at_node = |what| Misfit::at(&outline.graph.nodes[index].name, what);
            steps.push(bound.map_err(at_node)?);
        }
        if packed.next().is_some() {
            return Err(Misfit::of_graph("has weights that no step wants"));
        }
        let (mut max_k, mut max_tile_offsets, mut winograd) = (0, 0, WinogradScratch::default());
        for step in &steps {
            let Step::Conv(conv) = step else { continue };
            match &conv.method {
                Method::Direct { k, .. } => {
                    max_k = max_k.max(*k);
                    max_tile_offsets = max_tile_offsets.max(conv.taps.len() * family.tile.mr);
                }
                Method::Winograd(method) => {
                    let (k, output_bytes) = (conv.tap_bytes, conv.output.stride);
                    winograd = winograd.max(method.scratch(conv.grid, k, output_bytes));
                }
            }
        }
        let output = outline.graph.output;
        Ok(Plan {
            family,
            input_shape: outline.input_shape,
            output: binder.buffer(output),
            output_reading: Reading::of(outline.graph.tensor(output)),
            arena_bytes,
            max_k,
            max_tile_offsets,
            winograd,
            steps,
        })
    }
}

fn plain(tensor: ValueId) -> Operand {
    Operand {
        tensor,
        upsampled: false,
    }
}

struct Binder<'a> {
    outline: &'a Outline<'a>,
    buffers: Vec<Option<Buffer>>,
    family: &'static Family,
    cache: Cache,
}

impl Binder<'_> {
    fn buffer(&self, id: ValueId) -> Buffer {
        self.buffers[id.0].expect("every activation that a step reads has a place")
    }

    fn quant(&self, id: ValueId) -> QuantParams {
        self.outline.graph.tensor(id).quant
    }

    /// A step that is no convolution.
    fn node(&self, index: usize) -> Step {
        let node = &self.outline.graph.nodes[index];
        let (name, output) = (node.name.clone(), self.buffer(node.output));
        match &node.op {
            Op::Quantize => Step::Quantize {
                output,
                scale: self.quant(node.output).scale,
                zero_point: self.quant(node.output).zero_point,
            },
            Op::MaxPool { input, window } => Step::MaxPool {
                name,
                input: self.buffer(*input),
                output,
                window: *window,
            },
            Op::Average {
                input,
                window,
                floor,
            } => Step::Average {
                name,
                input: self.buffer(*input),
                output,
                window: *window,
                average: Average {
                    from_scale: self.quant(*input).scale,
                    from_zero: self.quant(*input).zero_point,
                    scale: self.quant(node.output).scale,
                    zero_point: self.quant(node.output).zero_point,
                    floor: *floor,
                },
            },
            Op::Multiply { operands, floor } => {
                let [a, b] = operands.map(|operand| self.quant(operand.tensor));
                let result = self.quant(node.output);
                Step::Multiply {
                    name,
                    operands: operands
                        .map(|operand| (self.buffer(operand.tensor), operand.upsampled)),
                    product: Product {
                        a_zero: a.zero_point,
                        b_zero: b.zero_point,
                        ratio: a.scale * b.scale / result.scale,
                        zero_point: result.zero_point,
                        floor: *floor,
                    },
                    output,
                }
            }
            Op::Channels { sources, picks } => Step::Channels {
                name,
                runs: self.runs(sources, picks, node.output),
                output,
            },
            Op::Add { operands, .. } => Step::Add {
                name,
                operands: operands.map(|operand| (self.buffer(operand.tensor), operand.upsampled)),
                addition: self.addition(index),
                output,
            },
            Op::Map { input, table } => Step::Map {
                name,
                input: self.buffer(input.tensor),
                upsampled: input.upsampled,
                table: table.clone(),
                output,
            },
            Op::Float { op, range } => {
                let (source, op) = match op {
                    FloatOp::Input => return Step::Input(output),
                    FloatOp::MaxPool { input, window } => {
                        (self.source(plain(*input)), FloatStepOp::MaxPool(*window))
                    }
                    FloatOp::Average { input, window } => {
                        (self.source(plain(*input)), FloatStepOp::Average(*window))
                    }
                    FloatOp::Product(first, second) => (
                        self.source(*first),
                        FloatStepOp::Product(self.source(*second)),
                    ),
                    FloatOp::Levels(operand, levels) => {
                        (self.source(*operand), FloatStepOp::Levels(levels.clone()))
                    }
                    FloatOp::Sum(first, second) => {
                        let second = second.map(|operand| self.source(operand));
                        (self.source(*first), FloatStepOp::Sum(second))
                    }
                    FloatOp::Conv { .. } | FloatOp::ConvTranspose { .. } => {
                        unreachable!("convolutions have an outline of their own")
                    }
                };
                self.float(index, source, op, *range)
            }
            Op::Conv { .. } | Op::ConvTranspose { .. } | Op::Depthwise { .. } => {
                unreachable!("convolutions have an outline of their own")
            }
        }
    }

    /// Picks as pieces of pixels, neighbours together.
    fn runs(&self, sources: &[ValueId], picks: &[Pick], output: ValueId) -> Vec<Run> {
        let value_bytes = match self.outline.graph.tensor(output).is_float {
            true => size_of::<f32>(),
            false => 1,
        };
        let mut runs: Vec<Run> = Vec::new();
        for (index, pick) in picks.iter().enumerate() {
            let run = Run {
                source: self.buffer(sources[usize::from(pick.source)]),
                from: usize::from(pick.channel) * value_bytes,
                to: index * value_bytes,
                bytes: value_bytes,
            };
            match runs.last_mut() {
                Some(last) if last.source == run.source && last.from + last.bytes == run.from => {
                    last.bytes += value_bytes;
                }
                _ => runs.push(run),
            }
        }
        runs
    }

    fn depthwise(&self, index: usize, packed: PackedConv) -> Result<Step, String> {
        let node = &self.outline.graph.nodes[index];
        let Op::Depthwise {
            input,
            weights,
            floor,
        } = &node.op
        else {
            unreachable!("the outline of a filter for each channel");
        };
        let channels = depthwise::padded_channels(weights);
        if packed.tag != Tag::Depthwise
            || !depthwise::packed_bytes(weights).is(packed.weights.len())
            || [packed.bias.len(), packed.multipliers.len()] != [channels; 2]
        {
            return Err(OTHER_WEIGHTS.into());
        }
        Ok(Step::Depthwise(Box::new(DepthwiseStep {
            name: node.name.clone(),
            input: self.buffer(*input),
            output: self.buffer(node.output),
            taps: depthwise::taps(weights),
            stride: weights.stride,
            packed,
            zero_point: self.quant(node.output).zero_point,
            floor: *floor,
            padding_row: vec![self.quant(*input).zero_point; channels],
        })))
    }

    fn source(&self, operand: Operand) -> Source {
        Source {
            buffer: self.buffer(operand.tensor),
            upsampled: operand.upsampled,
            reading: Reading::of(self.outline.graph.tensor(operand.tensor)),
        }
    }

    fn float(&self, index: usize, source: Source, op: FloatStepOp, range: [f32; 2]) -> Step {
        let node = &self.outline.graph.nodes[index];
        Step::Float(Box::new(FloatStep {
            name: node.name.clone(),
            source,
            op,
            range,
            output: self.buffer(node.output),
            result: Reading::of(self.outline.graph.tensor(node.output)),
        }))
    }

    fn float_conv(&self, index: usize, packed: PackedConv) -> Result<Step, String> {
        let Op::Float { op, range } = &self.outline.graph.nodes[index].op else {
            unreachable!("the outline of a float convolution");
        };
        let (input, weights) = op.weights().expect("the outline of a float convolution");
        let channels = float::padded_channels(&weights.window);
        if packed.tag != Tag::Float
            || !float::packed_bytes(&weights.window).is(packed.weights.len())
            || packed.multipliers.len() != channels
        {
            return Err(OTHER_WEIGHTS.into());
        }
        let op = FloatStepOp::Conv {
            window: ConvWeights {
                values: Vec::new(),
                ..weights.window.clone()
            },
            is_transposed: matches!(op, FloatOp::ConvTranspose { .. }),
            weights: packed.weights,
            bias: packed.multipliers,
        };
        Ok(self.float(index, self.source(plain(input)), op, *range))
    }

    fn conv(&self, conv: &ConvOutline, packed: PackedConv) -> Result<ConvStep, String> {
        let node = &self.outline.graph.nodes[conv.node];
        let (Op::Conv { weights, floor, .. } | Op::ConvTranspose { weights, floor, .. }) = &node.op
        else {
            unreachable!("the outline of a convolution");
        };
        let method = conv
            .method(packed.tag, self.family, self.cache)
            .ok_or("is stored for a method that does not fit it")?;
        let padded = weights
            .out_channels
            .next_multiple_of(method.block(self.family));
        let counts = [
            packed.weights.len(),
            packed.bias.len(),
            packed.multipliers.len(),
        ];
        let weight_bytes = product([padded, conv.line_bytes(&method)]);
        if !weight_bytes.is(counts[0]) || counts[1..] != [padded; 2] {
            return Err(format!(
                "is stored with {counts:?} weights, biases and multipliers"
            ));
        }
        let fused_add = conv.fused_into.map(|fused| FusedAdd {
            residual: Residual {
                addition: self.addition(fused.node),
                conv_is_lhs: fused.conv_is_lhs,
            },
            other: self.buffer(fused.other.tensor),
            upsampled: fused.other.upsampled,
        });
        let is_narrow = match method {
            Method::Direct { k, .. } if self.family.rounds_by_addition => requant::is_narrow(
                self.family.sums_of_sizes(&packed.weights, k),
                &packed.bias,
                &packed.multipliers,
                fused_add.as_ref().map(|added| &added.residual),
            ),
            _ => false,
        };
        let written = conv.fused_into.map_or(conv.node, |fused| fused.node);
        Ok(ConvStep {
            name: node.name.clone(),
            input: self.buffer(conv.input),
            output: self.buffer(self.outline.graph.nodes[written].output),
            method,
            taps: conv.taps.iter().map(|(place, _)| *place).collect(),
            stride: conv.grid.stride,
            grid: conv.grid.pixels,
            output_stride: conv.grid.output_stride,
            origin: conv.grid.origin,
            packed,
            zero_point: self.quant(node.output).zero_point,
            floor: *floor,
            padding_row: vec![self.quant(conv.input).zero_point; conv.tap_bytes],
            fused_add,
            is_narrow,
            tap_bytes: conv.tap_bytes,
            tap_values: conv.tap_values,
        })
    }

    fn addition(&self, index: usize) -> Addition {
        let node = &self.outline.graph.nodes[index];
        let Op::Add { operands, floor } = &node.op else {
            unreachable!("the outline names an addition");
        };
        let operands = operands.map(|operand| self.quant(operand.tensor));
        addition(operands, self.quant(node.output), *floor)
    }
}

/// The arithmetic of an addition of two activations, on values as the ONNX graph has them. If their types differ, it is on
/// all of them as u8: so ONNX Runtime adds them where it adds in integers. The fixed part is fused as it is there: one
/// unit in its last place is enough to move a near-tie, and a deep network with it.
fn addition([a, b]: [QuantParams; 2], result: QuantParams, floor: i8) -> Addition {
    let (ratio_a, ratio_b) = (a.scale / result.scale, b.scale / result.scale);
    let offset = match [a, b, result].iter().any(|quant| quant.unsigned) {
        true => 128.0,
        false => 0.0,
    };
    let zero_point = |quant: QuantParams| f32::from(quant.zero_point) + offset;
    Addition {
        ratio_a,
        ratio_b,
        fixed: zero_point(result) - ratio_a.mul_add(zero_point(a), ratio_b * zero_point(b)),
        offset,
        floor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_quant() -> impl Strategy<Value = QuantParams> {
        (1e-3..1.0_f32, any::<i8>(), any::<bool>()).prop_map(|(scale, zero_point, unsigned)| {
            QuantParams {
                scale,
                zero_point,
                unsigned,
            }
        })
    }

    proptest! {
        #[test]
        fn operands_of_different_types_are_added_as_unsigned(
            quants in [any_quant(), any_quant(), any_quant()],
        ) {
            let [a, b, result] = quants;
            prop_assume!(quants.iter().any(|quant| quant.unsigned));
            let [unsigned_a, unsigned_b, unsigned_result] = quants.map(|quant| QuantParams {
                unsigned: true,
                ..quant
            });
            let expected = addition([unsigned_a, unsigned_b], unsigned_result, -128);
            prop_assert_eq!(addition([a, b], result, -128), expected);
        }
    }
}
