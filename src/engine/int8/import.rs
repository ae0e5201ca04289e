//! From the typed graph of carried ONNX nodes to the integer [`Network`].
//!
//! A quantised graph in QDQ form computes in float between a DequantizeLinear and a QuantizeLinear;
//! in QOperator form the integer operators say everything themselves. Both become the same
//! operations: the importer follows each value and knows whether it is 8-bit, the float reading of
//! an 8-bit value, or a float result that is waiting for the QuantizeLinear behind it.

mod pad;
mod resample;

use super::attributes::Attributes;
use super::carry::Carried;
use super::check;
use super::constants::{Constant, Reading};
use super::filter::{self, Bias};
use super::ir::{Action, Filter, Network, Operand, Operation, Quant, Tensor, TensorId};
use pad::{Padded, Sides};
use std::collections::HashMap;
use tract_core::internal::{OutletId, TypedModel, TypedNode};
use tract_core::ops::konst::Const;
use tract_core::ops::source::TypedSource;

/// Why a graph does not fit, and at which node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    pub node: String,
    pub what: String,
}

pub(super) type Fit<T> = Result<T, Misfit>;

/// What an outlet of the graph carries.
#[derive(Debug, Clone)]
enum Value {
    /// The network's float input.
    Input,
    Constant(Constant),
    /// The float reading of a constant of integers.
    Read(Reading),
    /// An 8-bit activation, as it is or through nearest upsampling.
    Quantised(Operand),
    /// The float reading of one.
    Dequantised(Operand),
    /// Either of these with zeros around it.
    Padded(Padded),
    /// The network's input with zeros around it.
    PaddedInput(Sides),
    /// A float result that becomes 8-bit at the next QuantizeLinear.
    Waiting(Waiting),
}

#[derive(Debug, Clone)]
struct Waiting {
    name: String,
    work: Work,
    /// A Relu has been seen behind it.
    relu: bool,
}

#[derive(Debug, Clone)]
enum Work {
    Conv { input: TensorId, filter: Filter },
    Deconv { input: TensorId, filter: Filter },
    Add([Operand; 2]),
}

pub(super) struct Importer<'a> {
    graph: &'a TypedModel,
    values: HashMap<OutletId, Value>,
    network: Network,
}

/// The network of a typed graph.
///
/// # Errors
/// The first node that does not fit.
pub(super) fn import(graph: &TypedModel) -> Fit<Network> {
    let mut importer = Importer {
        graph,
        values: HashMap::new(),
        network: Network {
            tensors: Vec::new(),
            operations: Vec::new(),
            output: TensorId(0),
        },
    };
    let order = graph.eval_order().map_err(|error| Misfit {
        node: "graph".into(),
        what: format!("{error:#}"),
    })?;
    for id in order {
        let node = graph.node(id);
        let value = importer.follow(node).map_err(|what| Misfit {
            node: node.name.clone(),
            what,
        })?;
        importer.values.insert(id.into(), value);
    }
    importer.finish()
}

impl Importer<'_> {
    fn follow(&mut self, node: &TypedNode) -> Result<Value, String> {
        if node.op_is::<TypedSource>() {
            return Ok(Value::Input);
        }
        if let Some(constant) = node.op_as::<Const>() {
            return Ok(Value::Constant(Constant::new(constant.val().clone())));
        }
        let Some(carried) = node.op_as::<Carried>() else {
            return Err(format!("operator {} is not an integer one", node.op.name()));
        };
        let attributes = Attributes::of(&carried.node);
        match carried.node.op_type.as_str() {
            "QuantizeLinear" => self.quantize(node),
            "DequantizeLinear" => self.dequantize(node, &attributes),
            "Conv" => self.conv(node, &attributes),
            "ConvTranspose" => self.deconv(node, &attributes),
            "QLinearConv" => self.qlinear_conv(node, &attributes),
            "QLinearAdd" => self.qlinear_add(node),
            "Add" => self.add(node),
            "Relu" => self.relu(node),
            "Clip" => self.clip(node),
            "Pad" => self.pad(node, &attributes),
            "MaxPool" => self.max_pool(node, &attributes),
            "Resize" => self.resize(node, &attributes),
            other => Err(format!("operator {other} is not an integer one")),
        }
    }

    fn finish(mut self) -> Fit<Network> {
        let outlet = self.graph.outputs.first().copied();
        let output = outlet.and_then(|outlet| self.values.get(&outlet));
        match output {
            Some(Value::Dequantised(Operand {
                tensor,
                upsampled: false,
            })) => {
                self.network.output = *tensor;
                Ok(self.network)
            }
            _ => Err(Misfit {
                node: "output".into(),
                what: "is not the float reading of an 8-bit value".into(),
            }),
        }
    }

    fn value(&self, node: &TypedNode, input: usize) -> Result<&Value, String> {
        let outlet = node
            .inputs
            .get(input)
            .ok_or_else(|| format!("has no input {input}"))?;
        self.values
            .get(outlet)
            .ok_or_else(|| format!("its input {input} is missing"))
    }

    fn constant(&self, node: &TypedNode, input: usize) -> Result<&Constant, String> {
        match self.value(node, input)? {
            Value::Constant(constant) => Ok(constant),
            _ => Err(format!("its input {input} is not a constant")),
        }
    }

    /// The per-tensor quantisation that inputs `scale` and `scale + 1` give.
    fn quant(&self, node: &TypedNode, scale: usize) -> Result<Quant, String> {
        let zero_point = match node.inputs.get(scale + 1) {
            Some(_) => Some(self.constant(node, scale + 1)?),
            None => None,
        };
        self.constant(node, scale)?.quant(zero_point)
    }

    /// An 8-bit activation, not upsampled.
    fn activation(&self, node: &TypedNode, input: usize) -> Result<TensorId, String> {
        match self.operand(node, input)? {
            Operand {
                tensor,
                upsampled: false,
            } => Ok(tensor),
            _ => Err("reads an upsampled activation, which only an addition can".into()),
        }
    }

    fn operand(&self, node: &TypedNode, input: usize) -> Result<Operand, String> {
        match self.value(node, input)? {
            Value::Quantised(operand) | Value::Dequantised(operand) => Ok(*operand),
            Value::Padded(_) => {
                Err("reads a padded activation, which only a convolution can".into())
            }
            _ => Err(format!("its input {input} is not quantised")),
        }
    }

    /// Adds an operation whose output has the node's shape.
    fn emit(
        &mut self,
        node: &TypedNode,
        name: &str,
        action: Action,
        quant: Quant,
    ) -> Result<Value, String> {
        let shape = self.shape(node)?;
        let operand = self.emit_shaped(shape, name, action, quant)?;
        Ok(Value::Quantised(operand))
    }

    fn emit_shaped(
        &mut self,
        shape: [usize; 4],
        name: &str,
        action: Action,
        quant: Quant,
    ) -> Result<Operand, String> {
        let [1, channels, height, width] = shape else {
            return Err(format!(
                "has the output shape {shape:?}, expected is [1, C, H, W]"
            ));
        };
        if let Action::Conv { input, filter, .. } | Action::Deconv { input, filter, .. } = &action {
            let inputs = self.network.tensor(*input).channels;
            if (filter.inputs, filter.outputs) != (inputs, channels) {
                return Err(format!(
                    "has weights from {} to {} channels, between activations of {inputs} and {channels}",
                    filter.inputs, filter.outputs
                ));
            }
        }
        let tensor = Tensor {
            channels,
            height,
            width,
            quant,
        };
        check::tensor(&tensor)?;
        let output = TensorId(self.network.tensors.len());
        self.network.tensors.push(tensor);
        self.network.operations.push(Operation {
            name: name.into(),
            action,
            output,
        });
        Ok(Operand {
            tensor: output,
            upsampled: false,
        })
    }

    fn shape(&self, node: &TypedNode) -> Result<[usize; 4], String> {
        node.outputs[0]
            .fact
            .shape
            .as_concrete()
            .and_then(|shape| shape.try_into().ok())
            .ok_or_else(|| {
                format!(
                    "has the output {:?}, not four known sides",
                    node.outputs[0].fact
                )
            })
    }

    fn quantize(&mut self, node: &TypedNode) -> Result<Value, String> {
        let quant = self.quant(node, 1)?;
        match self.value(node, 0)?.clone() {
            Value::Input => self.emit(node, &node.name, Action::Quantize, quant),
            // Zero is one of the 8-bit values, so that it can as well be put around them.
            Value::PaddedInput(sides) => {
                let inner = sides.inside(self.shape(node)?)?;
                let operand = self.emit_shaped(inner, &node.name, Action::Quantize, quant)?;
                Ok(Value::Padded(Padded {
                    tensor: operand.tensor,
                    sides,
                    dequantised: false,
                }))
            }
            Value::Waiting(waiting) => {
                // Quantised values are at least the type's minimum anyway.
                let floor = if waiting.relu {
                    quant.zero_point
                } else {
                    i8::MIN
                };
                let action = match waiting.work {
                    Work::Conv { input, filter } => Action::Conv {
                        input,
                        filter,
                        floor,
                    },
                    Work::Deconv { input, filter } => Action::Deconv {
                        input,
                        filter,
                        floor,
                    },
                    Work::Add(operands) => Action::Add { operands, floor },
                };
                self.emit(node, &waiting.name, action, quant)
            }
            // Pooling and upsampling keep the values: quantising them again changes nothing.
            Value::Dequantised(operand) if self.network.tensor(operand.tensor).quant == quant => {
                Ok(Value::Quantised(operand))
            }
            Value::Padded(padded)
                if padded.dequantised && self.network.tensor(padded.tensor).quant == quant =>
            {
                Ok(Value::Padded(Padded {
                    dequantised: false,
                    ..padded
                }))
            }
            Value::Dequantised(_) | Value::Padded(_) => {
                Err("changes the scale of a quantised value".into())
            }
            _ => Err("quantises something that is not an activation".into()),
        }
    }

    fn dequantize(&self, node: &TypedNode, attributes: &Attributes<'_>) -> Result<Value, String> {
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
            Value::Quantised(operand) => {
                self.check_scale(node, operand.tensor, 1)?;
                Ok(Value::Dequantised(*operand))
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

    /// That inputs `scale` and `scale + 1` give what an activation was written with.
    fn check_scale(&self, node: &TypedNode, tensor: TensorId, scale: usize) -> Result<(), String> {
        if self.network.tensor(tensor).quant == self.quant(node, scale)? {
            Ok(())
        } else {
            Err("reads an 8-bit value with another scale than it was written".into())
        }
    }

    fn conv(&mut self, node: &TypedNode, attributes: &Attributes<'_>) -> Result<Value, String> {
        let (input, window) = self.convolved(node, attributes)?;
        let x_scale = self.network.tensor(input).quant.scale;
        let filter = match self.value(node, 1)? {
            Value::Read(reading) => filter::conv(reading, window)?,
            _ => return Err("its weights are not quantised".into()),
        };
        let filter = self.with_bias(node, filter, x_scale)?;
        self.wait(node, Work::Conv { input, filter })
    }

    fn deconv(&mut self, node: &TypedNode, attributes: &Attributes<'_>) -> Result<Value, String> {
        let input = self.activation(node, 0)?;
        let x_scale = self.network.tensor(input).quant.scale;
        let window = attributes.transposed_window()?;
        let filter = match self.value(node, 1)? {
            Value::Read(reading) => filter::deconv(reading, window)?,
            Value::Constant(weights) => {
                log::info!(
                    "{}: float weights of a transposed convolution quantised to 8 bits",
                    node.name
                );
                filter::deconv(&weights.quantised_per_channel(1)?, window)?
            }
            _ => return Err("its weights are not constant".into()),
        };
        let filter = self.with_bias(node, filter, x_scale)?;
        self.wait(node, Work::Deconv { input, filter })
    }

    fn input_size(&self, input: TensorId) -> [usize; 2] {
        let tensor = self.network.tensor(input);
        [tensor.height, tensor.width]
    }

    /// The bias of a float convolution node, if it has one.
    fn with_bias(&self, node: &TypedNode, filter: Filter, x_scale: f32) -> Result<Filter, String> {
        let bias = match node.inputs.get(2) {
            None => Bias::None,
            Some(_) => match self.value(node, 2)? {
                Value::Constant(constant) => Bias::Float(constant.floats()?),
                Value::Read(reading) => Bias::Float(reading.floats()?),
                _ => return Err("its bias is not constant".into()),
            },
        };
        filter::with_bias(filter, bias, x_scale)
    }

    fn wait(&self, node: &TypedNode, work: Work) -> Result<Value, String> {
        Ok(Value::Waiting(Waiting {
            name: node.name.clone(),
            work,
            relu: false,
        }))
    }

    /// Inputs: x, its scale and zero point, w, its, y's, and perhaps the bias.
    fn qlinear_conv(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let (input, window) = self.convolved(node, attributes)?;
        self.check_scale(node, input, 1)?;
        let x_scale = self.network.tensor(input).quant.scale;
        let reading = self.constant(node, 3)?.read(
            self.constant(node, 4)?,
            Some(self.constant(node, 5)?),
            0,
        )?;
        let bias = match node.inputs.get(8) {
            None => Bias::None,
            Some(_) => Bias::Integer(self.constant(node, 8)?.integers()?),
        };
        let filter = filter::with_bias(filter::conv(&reading, window)?, bias, x_scale)?;
        let quant = self.quant(node, 6)?;
        let action = Action::Conv {
            input,
            filter,
            floor: i8::MIN,
        };
        self.emit(node, &node.name, action, quant)
    }

    fn qlinear_add(&mut self, node: &TypedNode) -> Result<Value, String> {
        let operands = [self.operand(node, 0)?, self.operand(node, 3)?];
        for (operand, scale) in operands.iter().zip([1, 4]) {
            self.check_scale(node, operand.tensor, scale)?;
        }
        let quant = self.quant(node, 6)?;
        self.check_types(&operands, quant)?;
        let action = Action::Add {
            operands,
            floor: i8::MIN,
        };
        self.emit(node, &node.name, action, quant)
    }

    /// An addition's three types are the same: its arithmetic is done on values as the graph has them.
    fn check_types(&self, operands: &[Operand; 2], result: Quant) -> Result<(), String> {
        let same = |operand: &Operand| {
            self.network.tensor(operand.tensor).quant.unsigned == result.unsigned
        };
        if operands.iter().all(same) {
            Ok(())
        } else {
            Err("adds u8 and s8 values".into())
        }
    }

    fn add(&mut self, node: &TypedNode) -> Result<Value, String> {
        let operands = [self.operand(node, 0)?, self.operand(node, 1)?];
        self.wait(node, Work::Add(operands))
    }

    fn relu(&self, node: &TypedNode) -> Result<Value, String> {
        match self.value(node, 0)? {
            Value::Waiting(waiting) => Ok(Value::Waiting(Waiting {
                relu: true,
                ..waiting.clone()
            })),
            // Nothing is below zero where the zero point is the smallest value.
            Value::Dequantised(operand)
                if self.network.tensor(operand.tensor).quant.zero_point == i8::MIN =>
            {
                Ok(Value::Dequantised(*operand))
            }
            _ => Err("is not behind a convolution or an addition".into()),
        }
    }

    /// Clip from 0 without a maximum is a Relu; another one is not said in 8 bits.
    fn clip(&self, node: &TypedNode) -> Result<Value, String> {
        let minimum = self.constant(node, 1)?.floats()?;
        if minimum.first() != Some(&0.0) || node.inputs.len() > 2 {
            return Err("clips to another range than 0 and up".into());
        }
        self.relu(node)
    }
}
