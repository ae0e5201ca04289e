//! Convolutions: Conv, ConvTranspose and QLinearConv.

use super::attributes::{Attributes, Window};
use super::import::Importer;
use super::value::{PendingOp, Value};
use super::weights::{self, Kind};
use crate::engine::int8::ir::float::FloatOp;
use crate::engine::int8::ir::size::{Size, product};
use crate::engine::int8::ir::{ConvWeights, Graph, Op, ValueId};
use tract_core::internal::TypedNode;

/// Products of a layer whose float weights stay float: a frame of a large network has a hundred times as many. A
/// larger layer that reads and makes 8-bit values gets 8-bit weights.
const MAX_FLOAT_PRODUCTS: u64 = 1 << 27;

const NOT_CONSTANT: &str = "its weights are not constant";

/// 8-bit weights and their bias in the graph's units.
pub(super) struct Filters {
    pub weights: ConvWeights,
    pub bias: Vec<f64>,
}

impl Importer {
    pub(super) fn conv(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let (input, window) = self.convolved(node, attributes)?;
        match attributes.groups()? {
            1 => self.convolution(node, Kind::Conv, input, window),
            groups => {
                let filters = self.filters(node, window, groups)?;
                if self.graph.tensor(input).is_float {
                    return Err("is a convolution in groups of a float value".into());
                }
                self.grouped(node, input, groups, filters)
            }
        }
    }

    /// 8-bit weights of a convolution in groups.
    fn filters(&self, node: &TypedNode, window: Window, groups: usize) -> Result<Filters, String> {
        let weights = match self.value(node, 1)? {
            Value::Read(reading) => weights::quantised(Kind::Conv, reading, window)?,
            Value::Constant(constant) => {
                let floats = constant.floats()?;
                let bias = vec![0.0; constant.shape().first().copied().unwrap_or(0)];
                let real = weights::float(Kind::Conv, &floats, constant.shape(), window, bias)?;
                log::info!(
                    "{}: float weights in {groups} groups quantised to 8 bits, each channel with a scale of its own",
                    node.name
                );
                weights::rounded(Kind::Conv, &real).0
            }
            _ => return Err(NOT_CONSTANT.into()),
        };
        let bias = match node.inputs.get(2) {
            None => vec![0.0; weights.out_channels],
            Some(_) => {
                let floats = self.floats(node, 2)?;
                floats.into_iter().map(f64::from).collect()
            }
        };
        if bias.len() != weights.out_channels {
            return Err(weights::wrong_biases(bias.len(), &weights));
        }
        Ok(Filters { weights, bias })
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

    /// In integers if its input and its weights are 8-bit. Weights with a scale for each input channel, as XNNPACK's
    /// quantiser gives them to transposed convolutions, add up to no integer: they count as float.
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
            Value::Read(reading)
                if !self.graph.tensor(input).is_float && kind.has_scales_of(reading) =>
            {
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
            _ => return Err(NOT_CONSTANT.into()),
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
        let quant = self.quant(node, 6)?;
        let groups = attributes.groups()?;
        if groups > 1 {
            let x_scale = f64::from(self.graph.tensor(input).quant.scale);
            let units = weights
                .scales
                .iter()
                .map(|&scale| x_scale * f64::from(scale));
            let bias: Vec<f64> = bias
                .iter()
                .zip(units)
                .map(|(bias, unit)| bias * unit)
                .collect();
            if bias.len() != weights.out_channels {
                return Err(weights::wrong_biases(bias.len(), &weights));
            }
            let pending = self.grouped(node, input, groups, Filters { weights, bias })?;
            let Value::Pending(pending) = pending else {
                unreachable!("a convolution in groups waits for its scale");
            };
            return self.settle(pending, Some(quant)).map(Value::Quantised);
        }
        let weights = weights::with_units(weights, bias)?;
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
        let (Some((input, weights)), Some((kind, products))) =
            (float.weights(), products(&self.graph, float, shape))
        else {
            return op;
        };
        let is_small = products.at_most(MAX_FLOAT_PRODUCTS).is_some();
        if is_small || self.graph.tensor(input).is_float {
            return op;
        }
        log::info!(
            "{name}: float weights quantised to 8 bits, each channel with a scale of its own"
        );
        let (weights, bias) = weights::rounded(kind, weights);
        in_integers(kind, input, weights, bias)
    }

    /// Names the layers that stay float and take most of a frame's time.
    pub(super) fn log_large_float_layers(&self) {
        let graph = &self.graph;
        let large = graph.nodes.iter().filter(|node| {
            let Op::Float { op, .. } = &node.op else {
                return false;
            };
            let tensor = graph.tensor(node.output);
            let shape = [1, tensor.channels, tensor.height, tensor.width];
            products(graph, op, shape)
                .is_some_and(|(_, products)| products.at_most(MAX_FLOAT_PRODUCTS).is_none())
        });
        let names: Vec<&str> = large.map(|node| node.name.as_str()).collect();
        if !names.is_empty() {
            log::warn!(
                "{}: large layers in float, many times as slow as in integers: quantise what they read and make",
                names.join(", ")
            );
        }
    }
}

/// Products of a float convolution whose result has this shape.
fn products(
    graph: &Graph,
    float: &FloatOp,
    [_, channels, height, width]: [usize; 4],
) -> Option<(Kind, Size)> {
    let (input, weights) = float.weights()?;
    let window = &weights.window;
    let each = product([window.in_channels, channels]) * product(window.kernel_size);
    let (kind, pixels) = match float {
        FloatOp::ConvTranspose { .. } => {
            let tensor = graph.tensor(input);
            (Kind::Transposed, product([tensor.height, tensor.width]))
        }
        _ => (Kind::Conv, product([height, width])),
    };
    Some((kind, each * pixels))
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
