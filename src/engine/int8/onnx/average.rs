//! Averages: AveragePool, GlobalAveragePool, and ReduceMean over rows and columns.

use super::attributes::Attributes;
use super::import::Importer;
use super::value::{PendingOp, Value};
use crate::engine::int8::ir::AverageWindow;
use crate::engine::int8::ir::float::FloatOp;
use tract_core::internal::TypedNode;

impl Importer {
    pub(super) fn average_pool(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let input = self.activation(node, 0)?;
        let size = self.input_size(input);
        let window = attributes.window(size)?;
        let kernel_size = attributes.average_kernel(size)?;
        let [_, _, height, width] = self.shape(node)?;
        let counts_outside = attributes.int("count_include_pad").unwrap_or(0) != 0;
        let room = attributes.padded(size)?;
        for (axis, outputs) in [height, width].into_iter().enumerate() {
            let end = (outputs - 1) * window.stride + kernel_size[axis];
            if counts_outside && end > room[axis] {
                return Err("averages past its padding".into());
            }
        }
        let window = AverageWindow {
            kernel_size,
            stride: window.stride,
            pad: window.pad,
            counts_outside,
        };
        self.average(node, window)
    }

    pub(super) fn global_average_pool(
        &mut self,
        node: &TypedNode,
        _attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let input = self.activation(node, 0)?;
        let window = AverageWindow {
            kernel_size: self.input_size(input),
            stride: 1,
            pad: [0, 0],
            counts_outside: false,
        };
        self.average(node, window)
    }

    /// The axes are an input from opset 18 on.
    pub(super) fn reduce_mean(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let axes: Vec<i64> = match node.inputs.get(1) {
            Some(_) => {
                let axes = self.constant(node, 1)?.integers()?;
                axes.into_iter().map(i64::from).collect()
            }
            None => attributes.ints("axes").to_vec(),
        };
        let mut positive: Vec<i64> = axes
            .iter()
            .map(|&axis| if axis < 0 { axis + 4 } else { axis })
            .collect();
        positive.sort_unstable();
        if positive != [2, 3] || attributes.int("keepdims").unwrap_or(1) == 0 {
            return Err("averages something else than rows and columns".into());
        }
        self.global_average_pool(node, attributes)
    }

    fn average(&mut self, node: &TypedNode, window: AverageWindow) -> Result<Value, String> {
        let input = self.activation(node, 0)?;
        let op = match self.graph.tensor(input).is_float {
            true => PendingOp::Float(FloatOp::Average { input, window }),
            false => PendingOp::Average { input, window },
        };
        self.wait(node, op)
    }
}
