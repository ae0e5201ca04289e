//! MaxPool, and Resize, which the addition behind it does as it reads.

use super::attributes::Attributes;
use super::import::Importer;
use super::value::Value;
use crate::engine::int8::ir::{Op, Operand, PoolWindow};
use tract_core::internal::TypedNode;

impl Importer {
    pub(super) fn max_pool(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let input = self.activation(node, 0)?;
        let dequantised = matches!(self.value(node, 0)?, Value::Dequantised(_));
        let window = attributes.window(self.input_size(input))?;
        let [kernel, width] = attributes.kernel_shape()?;
        if kernel != width {
            return Err("its window is not square".into());
        }
        let window = PoolWindow {
            kernel_size: kernel,
            stride: window.stride,
            pad: window.pad,
        };
        if window.pad.iter().any(|&pad| pad >= kernel) {
            return Err("is padded by more than its window".into());
        }
        let op = Op::MaxPool { input, window };
        let quant = self.graph.tensor(input).quant;
        let operand = self.emit_shaped(self.shape(node)?, &node.name, op, quant)?;
        Ok(match dequantised {
            true => Value::Dequantised(operand),
            false => Value::Quantised(operand),
        })
    }

    /// Only nearest upsampling by two, which the addition behind it does as it reads.
    pub(super) fn resize(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        attributes.check_nearest()?;
        let [_, _, height, width] = self.shape(node)?;
        let twice = |operand: &Operand| -> Result<Operand, String> {
            let tensor = self.graph.tensor(operand.tensor);
            if operand.upsampled || [2 * tensor.height, 2 * tensor.width] != [height, width] {
                return Err("does not double the size".into());
            }
            Ok(Operand {
                tensor: operand.tensor,
                upsampled: true,
            })
        };
        match self.value(node, 0)? {
            Value::Quantised(operand) => twice(operand).map(Value::Quantised),
            Value::Dequantised(operand) => twice(operand).map(Value::Dequantised),
            _ => Err("its input is not quantised".into()),
        }
    }
}
