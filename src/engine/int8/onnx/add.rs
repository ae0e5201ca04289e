//! Additions, and the Relu or Clip behind them or behind a convolution.

use super::attributes::Attributes;
use super::import::Importer;
use super::value::{Pending, PendingOp, Value};
use crate::engine::int8::ir::{Op, Operand, QuantParams};
use tract_core::internal::TypedNode;

impl Importer {
    pub(super) fn add(
        &mut self,
        node: &TypedNode,
        _attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let operands = [self.operand(node, 0)?, self.operand(node, 1)?];
        self.wait(node, PendingOp::Add(operands))
    }

    pub(super) fn qlinear_add(
        &mut self,
        node: &TypedNode,
        _attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let operands = [self.operand(node, 0)?, self.operand(node, 3)?];
        for (operand, scale) in operands.iter().zip([1, 4]) {
            self.check_scale(node, operand.tensor, scale)?;
        }
        let quant = self.quant(node, 6)?;
        self.check_types(&operands, quant)?;
        let op = Op::Add {
            operands,
            floor: i8::MIN,
        };
        self.emit(node, &node.name, op, quant)
    }

    /// Checks that an addition's three types are the same: its arithmetic is that of the ONNX graph's values.
    fn check_types(&self, operands: &[Operand; 2], result: QuantParams) -> Result<(), String> {
        let same =
            |operand: &Operand| self.graph.tensor(operand.tensor).quant.unsigned == result.unsigned;
        if operands.iter().all(same) {
            Ok(())
        } else {
            Err("adds u8 and s8 values".into())
        }
    }

    pub(super) fn relu(
        &mut self,
        node: &TypedNode,
        _attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        match self.value(node, 0)? {
            Value::Pending(pending) => Ok(Value::Pending(Pending {
                relu: true,
                ..pending.clone()
            })),
            // If the zero point is the smallest value, no value is below zero.
            Value::Dequantised(operand)
                if self.graph.tensor(operand.tensor).quant.zero_point == i8::MIN =>
            {
                Ok(Value::Dequantised(*operand))
            }
            _ => Err("is not behind a convolution or an addition".into()),
        }
    }

    /// Clip from 0 without a maximum is a Relu; other ranges do not fit the integer operations.
    pub(super) fn clip(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let minimum = self.constant(node, 1)?.floats()?;
        if minimum.first() != Some(&0.0) || node.inputs.len() > 2 {
            return Err("clips to another range than 0 and up".into());
        }
        self.relu(node, attributes)
    }
}
