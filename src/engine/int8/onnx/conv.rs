//! Convolutions: Conv, ConvTranspose and QLinearConv.

use super::attributes::Attributes;
use super::import::Importer;
use super::value::{PendingOp, Value};
use super::weights::{self, Bias};
use crate::engine::int8::ir::{ConvWeights, Op};
use tract_core::internal::TypedNode;

impl Importer {
    pub(super) fn conv(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let (input, window) = self.convolved(node, attributes)?;
        let x_scale = self.graph.tensor(input).quant.scale;
        let weights = match self.value(node, 1)? {
            Value::Read(reading) => weights::conv(reading, window)?,
            _ => return Err("its weights are not quantised".into()),
        };
        let weights = self.with_bias(node, weights, x_scale)?;
        self.wait(node, PendingOp::Conv { input, weights })
    }

    pub(super) fn deconv(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let input = self.activation(node, 0)?;
        let x_scale = self.graph.tensor(input).quant.scale;
        let window = attributes.transposed_window()?;
        let weights = match self.value(node, 1)? {
            Value::Read(reading) => weights::deconv(reading, window)?,
            Value::Constant(weights) => {
                log::info!(
                    "{}: float weights of a transposed convolution quantised to 8 bits",
                    node.name
                );
                weights::deconv(&weights.quantised_per_channel(1)?, window)?
            }
            _ => return Err("its weights are not constant".into()),
        };
        let weights = self.with_bias(node, weights, x_scale)?;
        self.wait(node, PendingOp::ConvTranspose { input, weights })
    }

    /// Inputs: x and w, each with scale and zero point, y's scale and zero point, and optionally the bias.
    pub(super) fn qlinear_conv(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let (input, window) = self.convolved(node, attributes)?;
        self.check_scale(node, input, 1)?;
        let x_scale = self.graph.tensor(input).quant.scale;
        let reading = self.constant(node, 3)?.read(
            self.constant(node, 4)?,
            Some(self.constant(node, 5)?),
            0,
        )?;
        let bias = match node.inputs.get(8) {
            None => Bias::None,
            Some(_) => Bias::Integer(self.constant(node, 8)?.integers()?),
        };
        let weights = weights::with_bias(weights::conv(&reading, window)?, bias, x_scale)?;
        let quant = self.quant(node, 6)?;
        let op = Op::Conv {
            input,
            weights,
            floor: i8::MIN,
        };
        self.emit(node, &node.name, op, quant)
    }

    /// The bias of a float convolution node, if it has one.
    fn with_bias(
        &self,
        node: &TypedNode,
        weights: ConvWeights,
        x_scale: f32,
    ) -> Result<ConvWeights, String> {
        let bias = match node.inputs.get(2) {
            None => Bias::None,
            Some(_) => match self.value(node, 2)? {
                Value::Constant(constant) => Bias::Float(constant.floats()?),
                Value::Read(reading) => Bias::Float(reading.floats()?),
                _ => return Err("its bias is not constant".into()),
            },
        };
        weights::with_bias(weights, bias, x_scale)
    }
}
