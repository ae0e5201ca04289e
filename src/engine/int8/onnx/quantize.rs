//! QuantizeLinear and DequantizeLinear, which enclose each integer operation in QDQ form.

use super::attributes::Attributes;
use super::import::Importer;
use super::value::{Padded, PendingOp, Value};
use crate::engine::int8::ir::{Op, ValueId};
use tract_core::internal::TypedNode;

impl Importer {
    pub(super) fn quantize(
        &mut self,
        node: &TypedNode,
        _attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let quant = self.quant(node, 1)?;
        match self.value(node, 0)?.clone() {
            Value::Input => self.emit(node, &node.name, Op::Quantize, quant),
            // Zero is one of the 8-bit values, so the 8-bit activation can be padded instead.
            Value::PaddedInput(sides) => {
                let inner = sides.inside(self.shape(node)?)?;
                let operand = self.emit_shaped(inner, &node.name, Op::Quantize, quant)?;
                Ok(Value::Padded(Padded {
                    tensor: operand.tensor,
                    sides,
                    dequantised: false,
                }))
            }
            Value::Pending(pending) => {
                // Quantised values are at least the type's minimum anyway.
                let floor = if pending.relu {
                    quant.zero_point
                } else {
                    i8::MIN
                };
                let op = match pending.op {
                    PendingOp::Conv { input, weights } => Op::Conv {
                        input,
                        weights,
                        floor,
                    },
                    PendingOp::ConvTranspose { input, weights } => Op::ConvTranspose {
                        input,
                        weights,
                        floor,
                    },
                    PendingOp::Add(operands) => Op::Add { operands, floor },
                };
                self.emit(node, &pending.name, op, quant)
            }
            // Pooling and upsampling keep the values: quantising them again does not change them.
            Value::Dequantised(operand) if self.graph.tensor(operand.tensor).quant == quant => {
                Ok(Value::Quantised(operand))
            }
            Value::Padded(padded)
                if padded.dequantised && self.graph.tensor(padded.tensor).quant == quant =>
            {
                Ok(Value::Padded(Padded {
                    dequantised: false,
                    ..padded
                }))
            }
            Value::Dequantised(_) | Value::Padded(_) => {
                Err("changes the scale of a quantised value".into())
            }
            _ => Err("quantises something that is not an activation".into()),
        }
    }

    pub(super) fn dequantize(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        match self.value(node, 0)? {
            Value::Constant(constant) => {
                let zero_point = match node.inputs.get(2) {
                    Some(_) => Some(self.constant(node, 2)?),
                    None => None,
                };
                let axis = attributes.int("axis").unwrap_or(1);
                constant
                    .read(self.constant(node, 1)?, zero_point, axis)
                    .map(Value::Read)
            }
            Value::Quantised(operand) => {
                self.check_scale(node, operand.tensor, 1)?;
                Ok(Value::Dequantised(*operand))
            }
            Value::Padded(padded) if !padded.dequantised => {
                self.check_scale(node, padded.tensor, 1)?;
                Ok(Value::Padded(Padded {
                    dequantised: true,
                    ..*padded
                }))
            }
            _ => Err("reads something that is not 8-bit".into()),
        }
    }

    /// Checks that inputs `scale` and `scale + 1` are those that an activation was written with.
    pub(super) fn check_scale(
        &self,
        node: &TypedNode,
        tensor: ValueId,
        scale: usize,
    ) -> Result<(), String> {
        if self.graph.tensor(tensor).quant == self.quant(node, scale)? {
            Ok(())
        } else {
            Err("reads an 8-bit value with another scale than it was written".into())
        }
    }
}
