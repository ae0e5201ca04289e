//! Additions, and the Relu or Clip behind them or behind a convolution.

use super::attributes::Attributes;
use super::import::Importer;
use super::levels::Mapped;
use super::value::{Pending, PendingOp, Value};
use crate::engine::int8::ir::Operand;
use crate::engine::int8::ir::float::FloatOp;
use tract_core::internal::TypedNode;

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
        // From opset 11 on they are inputs. One that is left out in front of another has an empty name.
        let mut next = 1;
        let mut end = |input: usize, name: &str, default: f32| -> Result<f32, String> {
            if attributes.has_input(input) {
                next += 1;
                return match self.floats(node, next - 1)?[..] {
                    [end] => Ok(end),
                    _ => Err("clips to several ranges".into()),
                };
            }
            Ok(attributes.float(name).unwrap_or(default))
        };
        let low = end(1, "min", f32::NEG_INFINITY)?;
        let high = end(2, "max", f32::INFINITY)?;
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
