//! Convolutions: Conv, ConvTranspose and QLinearConv.

use super::attributes::Attributes;
use super::import::Importer;
use super::value::{PendingOp, Value};
use super::weights;
use crate::engine::int8::ir::{ConvWeights, Op, ValueId};
use tract_core::internal::TypedNode;

impl Importer {
    pub(super) fn conv(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let (input, window) = self.convolved(node, attributes)?;
        let weights = match self.value(node, 1)? {
            Value::Read(reading) => weights::conv(reading, window)?,
            _ => return Err("its weights are not quantised".into()),
        };
        let bias = self.bias(node, &weights)?;
        self.wait(
            node,
            PendingOp::Conv {
                input,
                weights,
                bias,
            },
        )
    }

    pub(super) fn deconv(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let input = self.activation(node, 0)?;
        let window = attributes.transposed_window()?;
        let weights = match self.value(node, 1)? {
            Value::Read(reading) => weights::deconv(reading, window)?,
            Value::Constant(weights) => {
                log::info!(
                    "{}: float weights of a transposed convolution quantised to 8 bits",
                    node.name
                );
                weights::deconv(&weights.quantised_per_channel(window.stride)?, window)?
            }
            _ => return Err("its weights are not constant".into()),
        };
        let bias = self.bias(node, &weights)?;
        self.wait(
            node,
            PendingOp::ConvTranspose {
                input,
                weights,
                bias,
            },
        )
    }

    /// Inputs: x and w, each with scale and zero point, y's scale and zero point, and optionally the bias.
    pub(super) fn qlinear_conv(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let (input, window) = self.convolved(node, attributes)?;
        self.check_scale(node, input, 1)?;
        let reading = self.constant(node, 3)?.read(
            self.constant(node, 4)?,
            Some(self.constant(node, 5)?),
            0,
        )?;
        let weights = weights::conv(&reading, window)?;
        let bias = match node.inputs.get(8) {
            None => vec![0.0; weights.out_channels],
            Some(_) => {
                let units = self.constant(node, 8)?.integers()?;
                units.into_iter().map(f64::from).collect()
            }
        };
        let weights = weights::with_units(weights, bias)?;
        let quant = self.quant(node, 6)?;
        let op = Op::Conv {
            input,
            weights,
            floor: i8::MIN,
        };
        self.emit(node, &node.name, op, quant)
    }

    /// The bias of a float convolution node; zeros if it has none.
    fn bias(&self, node: &TypedNode, weights: &ConvWeights) -> Result<Vec<f64>, String> {
        let bias = match node.inputs.get(2) {
            None => vec![0.0; weights.out_channels],
            Some(_) => self.floats(node, 2)?,
        };
        Ok(bias.into_iter().map(f64::from).collect())
    }

    /// A vector of float constants, quantised or not.
    pub(super) fn floats(&self, node: &TypedNode, input: usize) -> Result<Vec<f32>, String> {
        match self.value(node, input)? {
            Value::Constant(constant) => constant.floats(),
            Value::Read(reading) => reading.floats(),
            _ => Err(format!("its input {input} is not constant")),
        }
    }

    pub(super) fn with_bias(
        &self,
        input: ValueId,
        weights: ConvWeights,
        bias: &[f64],
    ) -> Result<ConvWeights, String> {
        weights::with_bias(weights, bias, self.graph.tensor(input).quant.scale)
    }
}
