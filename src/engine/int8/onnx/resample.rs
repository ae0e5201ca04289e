//! MaxPool, and Resize, which the addition behind it does as it reads.

use super::attributes::Attributes;
use super::import::Importer;
use super::levels::Mapped;
use super::value::{PendingOp, Then, Value};
use crate::engine::int8::ir::float::FloatOp;
use crate::engine::int8::ir::{Op, Operand, PoolWindow};
use tract_core::internal::TypedNode;

impl Importer {
    pub(super) fn max_pool(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let value = self.value(node, 0)?.clone();
        let (input, size) = match &value {
            Value::Pending(pending) => (None, pending.size()),
            // A function that keeps the order of values can come behind the pool.
            Value::Mapped(mapped) if mapped.keeps_order() => {
                let operand = self.plain(&node.name, mapped.operand)?;
                (Some(operand.tensor), self.input_size(operand.tensor))
            }
            _ => {
                let input = self.activation(node, 0)?;
                (Some(input), self.input_size(input))
            }
        };
        let window = attributes.window(size)?;
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
        let shape = self.shape(node)?;
        let Some(input) = input else {
            return self.behind(
                node,
                Then::MaxPool {
                    name: node.name.clone(),
                    window,
                    shape,
                },
            );
        };
        if self.graph.tensor(input).is_float {
            return self.wait(node, PendingOp::Float(FloatOp::MaxPool { input, window }));
        }
        let op = Op::MaxPool { input, window };
        let quant = self.graph.tensor(input).quant;
        let operand = self.emit_shaped(shape, &node.name, op, quant)?;
        Ok(match value {
            Value::Dequantised(_) => Value::Dequantised(operand),
            Value::Mapped(mapped) => Value::Mapped(Mapped { operand, ..mapped }),
            _ => Value::Quantised(operand),
        })
    }

    /// A float result with one more operator behind it.
    fn behind(&self, node: &TypedNode, then: Then) -> Result<Value, String> {
        match self.value(node, 0)? {
            Value::Pending(pending) => {
                let mut pending = pending.clone();
                pending.then.push(then);
                Ok(Value::Pending(pending))
            }
            _ => Err("its input is not quantised".into()),
        }
    }

    /// Only nearest upsampling by powers of two, or to the size that is there. The addition behind it does the last one
    /// as it reads.
    pub(super) fn resize(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        attributes.check_nearest()?;
        let [_, _, height, width] = self.shape(node)?;
        let value = self.value(node, 0)?.clone();
        let size = match &value {
            Value::Pending(pending) => pending.size(),
            Value::Quantised(operand) | Value::Dequantised(operand) | Value::Float(operand) => {
                self.operand_size(*operand)
            }
            Value::Mapped(mapped) => self.operand_size(mapped.operand),
            _ => return Err("its input is not quantised".into()),
        };
        let times =
            (0..=MAX_DOUBLINGS).find(|times| size.map(|side| side << times) == [height, width]);
        let times = times.ok_or("upsamples by no power of two")?;
        if let Value::Pending(mut pending) = value {
            pending.then.extend((0..times).map(|_| Then::Upsample));
            return Ok(Value::Pending(pending));
        }
        let mut upsampled = |mut operand: Operand| -> Result<Operand, String> {
            for _ in 0..times {
                operand = self.plain(&node.name, operand)?;
                operand.upsampled = true;
            }
            Ok(operand)
        };
        match value {
            Value::Quantised(operand) => upsampled(operand).map(Value::Quantised),
            Value::Dequantised(operand) => upsampled(operand).map(Value::Dequantised),
            Value::Float(operand) => upsampled(operand).map(Value::Float),
            Value::Mapped(mapped) => {
                let operand = upsampled(mapped.operand)?;
                Ok(Value::Mapped(Mapped { operand, ..mapped }))
            }
            _ => Err("its input is not quantised".into()),
        }
    }

    fn operand_size(&self, operand: Operand) -> [usize; 2] {
        self.input_size(operand.tensor)
            .map(|side| side << usize::from(operand.upsampled))
    }
}

/// HRNet upsamples by up to 8.
const MAX_DOUBLINGS: usize = 4;
