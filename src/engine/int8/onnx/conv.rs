//! Convolutions: Conv, ConvTranspose and QLinearConv.

use super::attributes::{Attributes, Window};
use super::import::Importer;
use super::value::{PendingOp, Value};
use super::weights::{self, Kind};
use crate::engine::int8::ir::float::FloatOp;
use crate::engine::int8::ir::size::product;
use crate::engine::int8::ir::{ConvWeights, Op, ValueId};
use tract_core::internal::TypedNode;

/// Products of a layer whose float weights stay float: a frame of a large network has a hundred times as many. A
/// larger layer that reads and makes 8-bit values gets 8-bit weights.
const MAX_FLOAT_PRODUCTS: u64 = 1 << 27;

impl Importer {
    pub(super) fn conv(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let (input, window) = self.convolved(node, attributes)?;
        self.convolution(node, Kind::Conv, input, window)
    }

    pub(super) fn deconv(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let input = self.activation(node, 0)?;
        let window = attributes.transposed_window()?;
        self.convolution(node, Kind::Transposed, input, window)
    }

    /// In integers if its input and its weights are 8-bit.
    fn convolution(
        &mut self,
        node: &TypedNode,
        kind: Kind,
        input: ValueId,
        window: Window,
    ) -> Result<Value, String> {
        let bias = |outputs: usize| match node.inputs.get(2) {
            None => Ok(vec![0.0; outputs]),
            Some(_) => self.floats(node, 2),
        };
        let outputs = self.shape(node)?[1];
        let weights = match self.value(node, 1)? {
            Value::Read(reading) if !self.graph.tensor(input).is_float => {
                let weights = weights::quantised(kind, reading, window)?;
                let bias = bias(outputs)?.into_iter().map(f64::from).collect();
                return self.wait(node, in_integers(kind, input, weights, bias));
            }
            Value::Read(reading) => {
                let floats = reading.weights();
                weights::float(kind, &floats, &reading.shape, window, bias(outputs)?)?
            }
            Value::Constant(constant) => {
                let floats = constant.floats()?;
                weights::float(kind, &floats, constant.shape(), window, bias(outputs)?)?
            }
            _ => return Err("its weights are not constant".into()),
        };
        let op = match kind {
            Kind::Conv => FloatOp::Conv { input, weights },
            Kind::Transposed => FloatOp::ConvTranspose { input, weights },
        };
        self.wait(node, PendingOp::Float(op))
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
        let weights = weights::quantised(Kind::Conv, &reading, window)?;
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

    /// A float convolution of an 8-bit value, with 8-bit weights where float ones would take long.
    pub(super) fn affordable(&self, name: &str, op: PendingOp, shape: [usize; 4]) -> PendingOp {
        let PendingOp::Float(float) = &op else {
            return op;
        };
        let Some((input, weights)) = float.weights() else {
            return op;
        };
        let window = &weights.window;
        let [_, channels, height, width] = shape;
        let each = product([window.in_channels, channels]) * product(window.kernel_size);
        let (kind, pixels) = match float {
            FloatOp::ConvTranspose { .. } => {
                let tensor = self.graph.tensor(input);
                (Kind::Transposed, product([tensor.height, tensor.width]))
            }
            _ => (Kind::Conv, product([height, width])),
        };
        let is_small = (each * pixels).at_most(MAX_FLOAT_PRODUCTS).is_some();
        if is_small || self.graph.tensor(input).is_float {
            return op;
        }
        log::info!(
            "{name}: float weights quantised to 8 bits, each channel with a scale of its own"
        );
        let (weights, bias) = weights::rounded(kind, weights);
        in_integers(kind, input, weights, bias)
    }
}

fn in_integers(kind: Kind, input: ValueId, weights: ConvWeights, bias: Vec<f64>) -> PendingOp {
    match kind {
        Kind::Conv => PendingOp::Conv {
            input,
            weights,
            bias,
        },
        Kind::Transposed => PendingOp::ConvTranspose {
            input,
            weights,
            bias,
        },
    }
}
