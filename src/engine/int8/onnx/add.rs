//! Additions, and the Relu or Clip behind them or behind a convolution.

use super::attributes::Attributes;
use super::import::Importer;
use super::levels::Mapped;
use super::value::{Pending, PendingOp, Value};
use crate::engine::int8::ir::Operand;
use crate::engine::int8::ir::float::FloatOp;
use tract_core::internal::TypedNode;

const SEVERAL_RANGES: &str = "clips to several ranges";

/// The node's inputs with the ends of a Clip's range, from opset 11 on. One that is left out in front of another has an
/// empty name, and is no input of the node.
fn end_inputs(attributes: &Attributes<'_>) -> [Option<usize>; 2] {
    let low = attributes.has_input(1).then_some(1);
    let high = attributes
        .has_input(2)
        .then_some(1 + usize::from(low.is_some()));
    [low, high]
}

impl Importer {
    pub(super) fn add(
        &mut self,
        node: &TypedNode,
        _attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        if self.has_constant(node)? {
            return self.add_constant(node);
        }
        let operands = [self.operand(node, 0)?, self.operand(node, 1)?];
        let [first, second] = operands;
        let is_float = |operand: &Operand| self.graph.tensor(operand.tensor).is_float;
        let op = match operands.iter().any(is_float) {
            true => PendingOp::Float(FloatOp::Sum(first, Some(second))),
            false => PendingOp::Add(operands),
        };
        self.wait(node, op)
    }

    pub(super) fn relu(
        &mut self,
        node: &TypedNode,
        _attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        self.clip_to(node, [0.0, f32::INFINITY])
    }

    pub(super) fn clip(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let ends = end_inputs(attributes);
        match self.value(node, 0)?.clone() {
            Value::Constant(constant) => {
                let range = self.integer_range(node, ends)?;
                return constant.clipped(range).map(Value::Constant);
            }
            Value::Quantised(operand) => {
                let range = self.integer_range(node, ends)?;
                let clipped = self.clip_levels(&node.name, operand, range)?;
                return Ok(Value::Quantised(clipped));
            }
            _ => {}
        }
        let end = |input: Option<usize>, name: &str, default: f32| match input {
            Some(input) => match self.floats(node, input)?[..] {
                [end] => Ok(end),
                _ => Err(SEVERAL_RANGES.to_string()),
            },
            None => Ok(attributes.float(name).unwrap_or(default)),
        };
        let low = end(ends[0], "min", f32::NEG_INFINITY)?;
        let high = end(ends[1], "max", f32::INFINITY)?;
        // The largest numbers stand for none.
        let low = if low == f32::MIN {
            f32::NEG_INFINITY
        } else {
            low
        };
        let high = if high == f32::MAX {
            f32::INFINITY
        } else {
            high
        };
        self.clip_to(node, [low, high])
    }

    /// The range of a Clip of integers; an end that is left out is the type's.
    fn integer_range(
        &self,
        node: &TypedNode,
        [low, high]: [Option<usize>; 2],
    ) -> Result<[i32; 2], String> {
        let end = |input: Option<usize>, default: i32| match input {
            Some(input) => match self.constant(node, input)?.integers()?[..] {
                [end] => Ok(end),
                _ => Err(SEVERAL_RANGES.to_string()),
            },
            None => Ok(default),
        };
        Ok([end(low, i32::MIN)?, end(high, i32::MAX)?])
    }

    fn clip_to(&mut self, node: &TypedNode, range: [f32; 2]) -> Result<Value, String> {
        let clip = |value: f32| value.max(range[0]).min(range[1]);
        match self.value(node, 0)?.clone() {
            Value::Pending(pending) => Ok(Value::Pending(Pending {
                range: pending.range.map(clip),
                ..pending
            })),
            Value::Dequantised(operand) => {
                let reading = Mapped::reading(operand, self.graph.tensor(operand.tensor).quant);
                let clipped = reading.clone().clip(range);
                Ok(match clipped.has_levels_of(&reading) {
                    true => Value::Dequantised(operand),
                    false => Value::Mapped(clipped),
                })
            }
            Value::Mapped(mapped) => Ok(Value::Mapped(mapped.clip(range))),
            Value::Float(operand) => {
                let op = PendingOp::Float(FloatOp::Sum(operand, None));
                match self.wait(node, op)? {
                    Value::Pending(pending) => Ok(Value::Pending(Pending { range, ..pending })),
                    other => Ok(other),
                }
            }
            _ => Err("is not behind a quantised value, a convolution or an addition".into()),
        }
    }
}
