//! Mul of two activations: a gate for each channel, and functions as `x * sigmoid(x)`.

use super::import::Importer;
use super::levels::Mapped;
use super::value::{PendingOp, Value};
use crate::engine::int8::ir::float::FloatOp;
use crate::engine::int8::ir::{Op, Operand};
use tract_core::internal::TypedNode;

/// Tables behind each other that are followed back. `x * sigmoid(x)` has one.
const MAX_TABLES: usize = 4;

impl Importer {
    /// Neither operand is constant.
    pub(super) fn product(&mut self, node: &TypedNode) -> Result<Value, String> {
        if let Some(mapped) = self.common_function(node)? {
            return Ok(Value::Mapped(mapped));
        }
        let operands = [self.operand(node, 0)?, self.operand(node, 1)?];
        let has_one_pixel = |operand: Operand| {
            let tensor = self.graph.tensor(operand.tensor);
            (tensor.height, tensor.width, operand.upsampled) == (1, 1, false)
        };
        // The one with a single pixel comes second.
        let [first, second] = match has_one_pixel(operands[0]) {
            true => [operands[1], operands[0]],
            false => operands,
        };
        let is_float = |operand: Operand| self.graph.tensor(operand.tensor).is_float;
        let op = match is_float(first) || is_float(second) {
            true => PendingOp::Float(FloatOp::Product(first, second)),
            false => PendingOp::Multiply([first, second]),
        };
        self.wait(node, op)
    }

    /// The product as one function, if both operands are functions of the same 8-bit values.
    fn common_function(&self, node: &TypedNode) -> Result<Option<Mapped>, String> {
        let [first, second] = [self.functions(node, 0)?, self.functions(node, 1)?];
        let pairs = first
            .into_iter()
            .flat_map(|a| second.iter().map(move |b| (a.clone(), b)));
        let mut same = pairs.filter(|(a, b)| a.operand == b.operand);
        Ok(same.next().map(|(a, b)| a.times(b)))
    }

    /// An operand as a function of the 8-bit values that it was computed from, the nearest ones first.
    fn functions(&self, node: &TypedNode, input: usize) -> Result<Vec<Mapped>, String> {
        let mut mapped = match self.value(node, input)? {
            Value::Dequantised(operand) => {
                Mapped::reading(*operand, self.graph.tensor(operand.tensor).quant)
            }
            Value::Mapped(mapped) => mapped.clone(),
            _ => return Ok(Vec::new()),
        };
        let mut all = Vec::new();
        for _ in 0..MAX_TABLES {
            all.push(mapped.clone());
            let from = self.graph.nodes.iter();
            let mut from = from.filter(|node| node.output == mapped.operand.tensor);
            let Some(Op::Map { input, table }) = from.next().map(|node| &node.op) else {
                break;
            };
            if mapped.operand.upsampled || input.upsampled {
                break;
            }
            mapped = mapped.through(*input, table);
        }
        Ok(all)
    }
}
