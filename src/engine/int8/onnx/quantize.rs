//! QuantizeLinear and DequantizeLinear, which enclose each integer operation in QDQ form.

use super::attributes::Attributes;
use super::import::{Importer, UNBOUNDED};
use super::levels::Mapped;
use super::value::{Joined, Padded, Pending, PendingOp, Then, Value};
use super::weights;
use crate::engine::int8::ir::float::FloatOp;
use crate::engine::int8::ir::{Op, Operand, QuantParams, ValueId};
use tract_core::internal::TypedNode;

impl Importer {
    pub(super) fn quantize(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        if let Value::Constant(constant) = self.value(node, 0)? {
            let zero_point = match node.inputs.get(2) {
                Some(_) => Some(self.constant(node, 2)?),
                None => None,
            };
            let axis = attributes.int("axis").unwrap_or(1);
            let quantised = constant.quantised(self.constant(node, 1)?, zero_point, axis)?;
            return Ok(Value::Constant(quantised));
        }
        let quant = self.quant(node, 1)?;
        match self.value(node, 0)?.clone() {
            Value::Input if self.is_loaded() => {
                let operand = self.operand(node, 0)?;
                self.round_float(node, operand, quant)
            }
            Value::Float(operand) => self.round_float(node, operand, quant),
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
            Value::Pending(pending) => self.settle(pending, Some(quant)).map(Value::Quantised),
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
            Value::Dequantised(operand) => {
                let reading = Mapped::reading(operand, self.graph.tensor(operand.tensor).quant);
                self.emit_mapped(&node.name, &reading, quant)
                    .map(Value::Quantised)
            }
            Value::Mapped(mapped) => self
                .emit_mapped(&node.name, &mapped, quant)
                .map(Value::Quantised),
            Value::Joined(joined) => self
                .round_joined(&node.name, joined, quant)
                .map(Value::Joined),
            // Zero stays zero, so the activation can be rounded before it is padded.
            Value::Padded(padded) if padded.dequantised => {
                let operand = Operand {
                    tensor: padded.tensor,
                    upsampled: false,
                };
                let reading = Mapped::reading(operand, self.graph.tensor(padded.tensor).quant);
                let rounded = self.emit_mapped(&node.name, &reading, quant)?;
                Ok(Value::Padded(Padded {
                    tensor: rounded.tensor,
                    dequantised: false,
                    ..padded
                }))
            }
            _ => Err("quantises something that is not an activation".into()),
        }
    }

    /// A float activation, rounded.
    fn round_float(
        &mut self,
        node: &TypedNode,
        operand: Operand,
        quant: QuantParams,
    ) -> Result<Value, String> {
        let op = Op::Float {
            op: FloatOp::Sum(operand, None),
            range: UNBOUNDED,
        };
        self.emit(node, &node.name, op, quant)
    }

    /// A result, rounded before the operators behind it, or float.
    pub(super) fn settle(
        &mut self,
        pending: Pending,
        quant: Option<QuantParams>,
    ) -> Result<Operand, String> {
        let mut operand = match quant {
            Some(quant) => self.round(&pending, quant)?,
            None => self.keep_float(&pending)?,
        };
        let name = pending.name;
        for then in pending.then {
            operand = self.plain(&name, operand)?;
            match then {
                Then::MaxPool {
                    name,
                    window,
                    shape,
                } => {
                    let input = operand.tensor;
                    let op = match quant {
                        Some(_) => Op::MaxPool { input, window },
                        None => Op::Float {
                            op: FloatOp::MaxPool { input, window },
                            range: UNBOUNDED,
                        },
                    };
                    operand = self.emit_tensor(shape, &name, op, quant)?;
                }
                Then::Upsample => operand.upsampled = true,
            }
        }
        Ok(operand)
    }

    fn keep_float(&mut self, pending: &Pending) -> Result<Operand, String> {
        let op = match pending.op.clone() {
            PendingOp::Conv {
                input,
                weights,
                bias,
            } => FloatOp::Conv {
                input,
                weights: weights::real(&weights, &bias)?,
            },
            PendingOp::ConvTranspose {
                input,
                weights,
                bias,
            } => FloatOp::ConvTranspose {
                input,
                weights: weights::real(&weights, &bias)?,
            },
            PendingOp::Add([first, second]) => FloatOp::Sum(first, Some(second)),
            PendingOp::Multiply([first, second]) => FloatOp::Product(first, second),
            PendingOp::Average { input, window } => FloatOp::Average { input, window },
            PendingOp::Float(op) => op,
            PendingOp::Depthwise { .. } | PendingOp::Grouped(_) => {
                return Err(format!(
                    "reads the float result of {}, a convolution in groups: quantise what is behind that",
                    pending.name
                ));
            }
        };
        let range = pending.range;
        self.emit_tensor(pending.shape, &pending.name, Op::Float { op, range }, None)
    }

    fn round(&mut self, pending: &Pending, quant: QuantParams) -> Result<Operand, String> {
        let [low, high] = pending.range;
        // Quantised values are at least the type's minimum anyway.
        let floor = quant.level(low);
        let (name, shape) = (&pending.name, pending.shape);
        let op = match self.affordable(name, pending.op.clone(), shape) {
            PendingOp::Conv {
                input,
                weights,
                bias,
            } => Op::Conv {
                input,
                weights: self.with_bias(input, weights, &bias)?,
                floor,
            },
            PendingOp::ConvTranspose {
                input,
                weights,
                bias,
            } => Op::ConvTranspose {
                input,
                weights: self.with_bias(input, weights, &bias)?,
                floor,
            },
            PendingOp::Depthwise {
                input,
                weights,
                bias,
            } => Op::Depthwise {
                input,
                weights: self.with_bias(input, weights, &bias)?,
                floor,
            },
            PendingOp::Grouped(parts) => {
                let operand = self.round_parts(name, parts, shape, (quant, floor))?;
                return self.at_most(name, operand, quant.level(high));
            }
            PendingOp::Average { input, window } => Op::Average {
                input,
                window,
                floor,
            },
            PendingOp::Multiply(operands) => Op::Multiply { operands, floor },
            PendingOp::Add(operands) => Op::Add { operands, floor },
            PendingOp::Float(op) => {
                let range = pending.range;
                return self.emit_shaped(shape, name, Op::Float { op, range }, quant);
            }
        };
        let operand = self.emit_shaped(shape, name, op, quant)?;
        self.at_most(name, operand, quant.level(high))
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
            Value::Joined(joined) if !joined.dequantised => {
                let joined = joined.clone();
                let source = joined.channels.first().map(|&(source, _)| source);
                let source = source.ok_or("has no channels")?;
                self.check_scale(node, source, 1)?;
                Ok(Value::Joined(Joined {
                    dequantised: true,
                    ..joined
                }))
            }
            &Value::Quantised(operand) => {
                let written = self.graph.tensor(operand.tensor).quant;
                let read = self.quant_of(node, 1, written)?;
                if read == written {
                    return Ok(Value::Dequantised(operand));
                }
                if read.unsigned != written.unsigned {
                    return Err("reads an 8-bit value as one of another type".into());
                }
                Ok(Value::Mapped(Mapped::reading(operand, read)))
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
        if self.graph.tensor(tensor).is_float {
            return Err("reads a float value as an 8-bit one".into());
        }
        let written = self.graph.tensor(tensor).quant;
        if written == self.quant_of(node, scale, written)? {
            Ok(())
        } else {
            Err("reads an 8-bit value with another scale than it was written".into())
        }
    }

    /// The quantisation that inputs `scale` and `scale + 1` give a value of a known type: without a zero point it
    /// is 0 in that type.
    fn quant_of(
        &self,
        node: &TypedNode,
        scale: usize,
        written: QuantParams,
    ) -> Result<QuantParams, String> {
        let quant = self.quant(node, scale)?;
        Ok(match node.inputs.get(scale + 1) {
            Some(_) => quant,
            None => QuantParams {
                zero_point: if written.unsigned { i8::MIN } else { 0 },
                unsigned: written.unsigned,
                ..quant
            },
        })
    }
}
