//! The importer: follows each value of a typed graph of opaque ONNX nodes, in order.
//!
//! A quantised graph in QDQ form computes in float between a DequantizeLinear and a QuantizeLinear;
//! in QOperator form the integer operators have all scales themselves. Both become the same nodes: the
//! importer knows of each value whether it is 8-bit, the float reading of an 8-bit value, or a float
//! result that is pending until the QuantizeLinear behind it.

use super::attributes::Attributes;
use super::carry::OpaqueNode;
use super::constants::Constant;
use super::value::{Pending, PendingOp, Value};
use crate::engine::int8::ir::check;
use crate::engine::int8::ir::float::FloatOp;
use crate::engine::int8::ir::size::Size;
use crate::engine::int8::ir::{Graph, Misfit, Node, Op, Operand, QuantParams, Tensor, ValueId};
use crate::limits::MAX_IMPORT_BYTES;
use std::collections::HashMap;
use tract_core::internal::{OutletId, TypedModel, TypedNode};
use tract_core::ops::konst::Const;
use tract_core::ops::source::TypedSource;
use tract_onnx::pb::tensor_proto::DataType;

/// Turns one node into operations and a value.
type Form = fn(&mut Importer, &TypedNode, &Attributes<'_>) -> Result<Value, String>;

/// The operators that run in integers.
const FORMS: &[(&str, Form)] = &[
    ("Add", Importer::add),
    ("AveragePool", Importer::average_pool),
    ("BatchNormalization", Importer::batch_normalization),
    ("Cast", Importer::cast),
    ("Clip", Importer::clip),
    ("Concat", Importer::concat),
    ("Conv", Importer::conv),
    ("ConvTranspose", Importer::deconv),
    ("DequantizeLinear", Importer::dequantize),
    ("Div", Importer::div),
    ("Dropout", Importer::identity),
    ("GlobalAveragePool", Importer::global_average_pool),
    ("HardSigmoid", Importer::hard_sigmoid),
    ("HardSwish", Importer::hard_swish),
    ("Identity", Importer::identity),
    ("LeakyRelu", Importer::leaky_relu),
    ("MaxPool", Importer::max_pool),
    ("Mul", Importer::mul),
    ("Pad", Importer::pad),
    ("QLinearConv", Importer::qlinear_conv),
    ("QuantizeLinear", Importer::quantize),
    ("ReduceMean", Importer::reduce_mean),
    ("Relu", Importer::relu),
    ("Reshape", Importer::reshape),
    ("Resize", Importer::resize),
    ("Sigmoid", Importer::sigmoid),
    ("Slice", Importer::slice),
    ("Sub", Importer::sub),
    ("Tanh", Importer::tanh),
    ("Transpose", Importer::transpose),
];

/// The one with several results.
const SPLIT: &str = "Split";

/// Operators that move values. Other operators read channels from several activations as one.
const MOVING: [&str; 9] = [
    "Cast",
    "Concat",
    "DequantizeLinear",
    "Identity",
    "QuantizeLinear",
    "Reshape",
    "Slice",
    SPLIT,
    "Transpose",
];

/// The names of the operators that run in integers.
pub(super) fn operators() -> impl Iterator<Item = &'static str> {
    FORMS.iter().map(|(name, _)| *name).chain([SPLIT])
}

pub(super) struct Importer {
    /// The network's input in float, if an operation reads it so.
    loaded: Option<ValueId>,
    input_shape: Option<[usize; 4]>,
    values: HashMap<OutletId, Value>,
    /// Of all constants that nodes have read.
    read_bytes: Size,
    max_read_bytes: u64,
    pub(super) graph: Graph,
}

/// The integer graph of a typed one.
///
/// # Errors
/// The first node that does not fit.
pub(in crate::engine::int8) fn import(source: &TypedModel) -> Result<Graph, Misfit> {
    import_within(source, MAX_IMPORT_BYTES)
}

fn import_within(source: &TypedModel, max_read_bytes: u64) -> Result<Graph, Misfit> {
    check_quantised(source)?;
    let mut importer = Importer {
        loaded: None,
        input_shape: None,
        values: HashMap::new(),
        read_bytes: Size::ZERO,
        max_read_bytes,
        graph: Graph {
            tensors: Vec::new(),
            nodes: Vec::new(),
            output: ValueId(0),
        },
    };
    let order = source
        .eval_order()
        .map_err(|error| Misfit::at("graph", format!("{error:#}")))?;
    for id in order {
        let node = source.node(id);
        let values = importer
            .follow(node)
            .map_err(|what| Misfit::at(&node.name, what))?;
        let outlets = values.into_iter().enumerate();
        let outlets = outlets.map(|(slot, value)| (OutletId::new(id, slot), value));
        importer.values.extend(outlets);
    }
    importer.finish(source)
}

/// The range of a value that nothing clips.
pub(super) const UNBOUNDED: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

fn known_shape(node: &TypedNode) -> Option<[usize; 4]> {
    let shape = node.outputs[0].fact.shape.as_concrete()?;
    shape.try_into().ok()
}

/// Refuses a float network before its weights are copied.
fn check_quantised(source: &TypedModel) -> Result<(), Misfit> {
    let opaque = |node: &TypedNode| node.op_as::<OpaqueNode>().map(|op| op.node.op_type.clone());
    let is_quantised = source.nodes.iter().filter_map(opaque).any(|operator| {
        ["QuantizeLinear", "DequantizeLinear", "QLinearConv"].contains(&operator.as_str())
    });
    match is_quantised {
        true => Ok(()),
        false => Err(Misfit::of_graph("is not quantised")),
    }
}

impl Importer {
    /// A value for each result of the node.
    fn follow(&mut self, node: &TypedNode) -> Result<Vec<Value>, String> {
        if node.op_is::<TypedSource>() {
            self.input_shape = known_shape(node);
            return Ok(vec![Value::Input]);
        }
        if let Some(constant) = node.op_as::<Const>() {
            let constant = Constant::new(constant.val().clone());
            return Ok(vec![Value::Constant(constant)]);
        }
        let Some(opaque) = node.op_as::<OpaqueNode>() else {
            return Err(format!("operator {} is not an integer one", node.op.name()));
        };
        self.count_constants(node)?;
        let attributes = Attributes::of(&opaque.node);
        let operator = opaque.node.op_type.as_str();
        if operator == SPLIT {
            return self.split(node, &attributes);
        }
        if !MOVING.contains(&operator) {
            self.gather_inputs(node)?;
        }
        match FORMS.iter().find(|(name, _)| *name == operator) {
            Some((_, form)) => form(self, node, &attributes).map(|value| vec![value]),
            None => Err(format!("operator {operator} is not an integer one")),
        }
    }

    /// Makes one activation of each input that is a list of channels.
    fn gather_inputs(&mut self, node: &TypedNode) -> Result<(), String> {
        for outlet in &node.inputs {
            if let Some(Value::Joined(joined)) = self.values.get(outlet).cloned() {
                let operand = self.gather(&node.name, &joined)?;
                let value = match self.graph.tensor(operand.tensor).is_float {
                    true => Value::Float(operand),
                    false if joined.dequantised => Value::Dequantised(operand),
                    false => Value::Quantised(operand),
                };
                // Others read the same.
                self.values.insert(*outlet, value);
            }
        }
        Ok(())
    }

    /// Counts the constants that a node reads: a form copies them, and many nodes can read the same one.
    fn count_constants(&mut self, node: &TypedNode) -> Result<(), String> {
        for outlet in &node.inputs {
            let values = match self.values.get(outlet) {
                Some(Value::Constant(constant)) => constant.len(),
                Some(Value::Read(constant)) => constant.values.len(),
                _ => 0,
            };
            self.read_bytes += Size::from(values) * size_of::<i32>();
        }
        match self.read_bytes.at_most(self.max_read_bytes) {
            Some(_) => Ok(()),
            None => Err("reads more constants, with the nodes before it, than any network".into()),
        }
    }

    fn finish(mut self, source: &TypedModel) -> Result<Graph, Misfit> {
        let outlet = source.outputs.first().copied();
        let output = outlet.and_then(|outlet| self.values.get(&outlet)).cloned();
        let at_output = |what: String| Misfit::at("output", what);
        let operand = match output {
            Some(Value::Joined(joined)) if joined.dequantised => {
                self.gather("output", &joined).map_err(at_output)?
            }
            Some(Value::Dequantised(operand) | Value::Float(operand)) => operand,
            Some(Value::Mapped(mapped)) => self.emit_exact("output", &mapped).map_err(at_output)?,
            Some(Value::Pending(pending)) => self.settle(pending, None).map_err(at_output)?,
            _ => {
                let what = "is neither float nor the float reading of an 8-bit value";
                return Err(at_output(what.into()));
            }
        };
        self.graph.output = self.plain("output", operand).map_err(at_output)?.tensor;
        self.graph.drop_unread();
        self.log_large_float_layers();
        let is_integer = |node: &Node| {
            matches!(
                node.op,
                Op::Conv { .. } | Op::ConvTranspose { .. } | Op::Depthwise { .. }
            )
        };
        match self.graph.nodes.iter().any(is_integer) {
            true => Ok(self.graph),
            false => Err(Misfit::of_graph(
                "has no convolution of 8-bit values by 8-bit weights",
            )),
        }
    }

    pub(super) fn value(&self, node: &TypedNode, input: usize) -> Result<&Value, String> {
        let outlet = node
            .inputs
            .get(input)
            .ok_or_else(|| format!("has no input {input}"))?;
        self.values
            .get(outlet)
            .ok_or_else(|| format!("its input {input} is missing"))
    }

    pub(super) fn constant(&self, node: &TypedNode, input: usize) -> Result<&Constant, String> {
        match self.value(node, input)? {
            Value::Constant(constant) => Ok(constant),
            _ => Err(format!("its input {input} is not a constant")),
        }
    }

    /// The per-tensor quantisation that inputs `scale` and `scale + 1` give.
    pub(super) fn quant(&self, node: &TypedNode, scale: usize) -> Result<QuantParams, String> {
        let zero_point = match node.inputs.get(scale + 1) {
            Some(_) => Some(self.constant(node, scale + 1)?),
            None => None,
        };
        self.constant(node, scale)?.quant(zero_point)
    }

    /// An activation, 8-bit or float, not upsampled as it is read.
    pub(super) fn activation(&mut self, node: &TypedNode, input: usize) -> Result<ValueId, String> {
        let operand = self.operand(node, input)?;
        Ok(self.plain(&node.name, operand)?.tensor)
    }

    /// An activation, 8-bit or float.
    pub(super) fn operand(&mut self, node: &TypedNode, input: usize) -> Result<Operand, String> {
        match self.value(node, input)?.clone() {
            Value::Quantised(operand) | Value::Dequantised(operand) | Value::Float(operand) => {
                Ok(operand)
            }
            Value::Mapped(mapped) => self.emit_exact(&node.name, &mapped),
            Value::Joined(joined) => self.gather(&node.name, &joined),
            Value::Input => self.load(node, input),
            Value::Pending(pending) => {
                let operand = self.settle(pending, None)?;
                // Others read the same.
                self.values
                    .insert(node.inputs[input], Value::Float(operand));
                Ok(operand)
            }
            Value::Padded(_) => {
                Err("reads a padded activation, which only a convolution can".into())
            }
            _ => Err(format!("its input {input} is not quantised")),
        }
    }

    /// Adds a node whose output has the node's shape.
    pub(super) fn emit(
        &mut self,
        node: &TypedNode,
        name: &str,
        op: Op,
        quant: QuantParams,
    ) -> Result<Value, String> {
        let shape = self.shape(node)?;
        let operand = self.emit_shaped(shape, name, op, quant)?;
        Ok(Value::Quantised(operand))
    }

    pub(super) fn emit_shaped(
        &mut self,
        shape: [usize; 4],
        name: &str,
        op: Op,
        quant: QuantParams,
    ) -> Result<Operand, String> {
        self.emit_tensor(shape, name, op, Some(quant))
    }

    /// A result with this scale, or a float one.
    pub(super) fn emit_tensor(
        &mut self,
        shape: [usize; 4],
        name: &str,
        op: Op,
        quant: Option<QuantParams>,
    ) -> Result<Operand, String> {
        let [1, channels, height, width] = shape else {
            return Err(format!(
                "has the output shape {shape:?}, expected is [1, C, H, W]"
            ));
        };
        let convolved = match &op {
            Op::Conv { input, weights, .. } | Op::ConvTranspose { input, weights, .. } => {
                Some((*input, weights))
            }
            Op::Depthwise { input, weights, .. } => {
                let inputs = self.graph.tensor(*input).channels;
                if [inputs, weights.out_channels] != [channels; 2] {
                    return Err(format!(
                        "has {} filters between activations of {inputs} and {channels} channels",
                        weights.out_channels
                    ));
                }
                None
            }
            Op::Float { op, .. } => {
                let weights = op.weights();
                weights.map(|(input, weights)| (input, &weights.window))
            }
            _ => None,
        };
        if let Some((input, weights)) = convolved {
            let inputs = self.graph.tensor(input).channels;
            if (weights.in_channels, weights.out_channels) != (inputs, channels) {
                return Err(format!(
                    "has weights from {} to {} channels, between activations of {inputs} and {channels}",
                    weights.in_channels, weights.out_channels
                ));
            }
        }
        let tensor = Tensor {
            channels,
            height,
            width,
            quant: quant.unwrap_or(QuantParams::NONE),
            is_float: quant.is_none(),
        };
        check::tensor(&tensor)?;
        let output = ValueId(self.graph.tensors.len());
        self.graph.tensors.push(tensor);
        self.graph.nodes.push(Node {
            name: name.into(),
            op,
            output,
        });
        Ok(Operand {
            tensor: output,
            upsampled: false,
        })
    }

    /// The network's input in float.
    pub(super) fn load(&mut self, node: &TypedNode, input: usize) -> Result<Operand, String> {
        let tensor = match self.loaded {
            Some(tensor) => tensor,
            None => {
                let shape = self.input_shape.ok_or_else(|| {
                    format!("its input {input} of {} has no known shape", node.name)
                })?;
                let op = Op::Float {
                    op: FloatOp::Input,
                    range: UNBOUNDED,
                };
                self.emit_tensor(shape, "input", op, None)?.tensor
            }
        };
        self.loaded = Some(tensor);
        Ok(Operand {
            tensor,
            upsampled: false,
        })
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.loaded.is_some()
    }

    pub(super) fn shape(&self, node: &TypedNode) -> Result<[usize; 4], String> {
        known_shape(node).ok_or_else(|| {
            format!(
                "has the output {:?}, not four known sides",
                node.outputs[0].fact
            )
        })
    }

    pub(super) fn input_size(&self, input: ValueId) -> [usize; 2] {
        let tensor = self.graph.tensor(input);
        [tensor.height, tensor.width]
    }

    pub(super) fn wait(&self, node: &TypedNode, op: PendingOp) -> Result<Value, String> {
        Ok(Value::Pending(Pending {
            name: node.name.clone(),
            op,
            shape: self.shape(node)?,
            range: UNBOUNDED,
            then: Vec::new(),
        }))
    }

    /// A node that passes its input on.
    fn identity(&mut self, node: &TypedNode, _: &Attributes<'_>) -> Result<Value, String> {
        self.value(node, 0).cloned()
    }

    /// To the type that a value has; constants to any.
    fn cast(&mut self, node: &TypedNode, attributes: &Attributes<'_>) -> Result<Value, String> {
        let to = DataType::try_from(
            attributes
                .int("to")
                .and_then(|to| to.try_into().ok())
                .unwrap_or(0),
        );
        let value = self.value(node, 0)?;
        let same = match (value, to) {
            (Value::Constant(constant), Ok(to)) => return constant.cast(to).map(Value::Constant),
            (Value::Quantised(operand), Ok(to @ (DataType::Uint8 | DataType::Int8))) => {
                self.graph.tensor(operand.tensor).quant.unsigned == (to == DataType::Uint8)
            }
            (
                Value::Input
                | Value::Dequantised(_)
                | Value::Mapped(_)
                | Value::Float(_)
                | Value::Pending(_),
                Ok(to),
            ) => to == DataType::Float,
            _ => false,
        };
        match same {
            true => Ok(value.clone()),
            false => Err("casts a value to another type".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader;
    use super::*;
    use tract_core::prelude::Framework;
    use tract_onnx::pb::{
        GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
        tensor_proto::DataType,
    };
    use tract_onnx::prelude::InferenceModelExt;

    fn initializer(name: &str, dims: Vec<i64>, r#type: DataType, bytes: Vec<u8>) -> TensorProto {
        TensorProto {
            name: name.into(),
            dims,
            data_type: r#type as i32,
            raw_data: bytes,
            ..TensorProto::default()
        }
    }

    /// `count` nodes that read the same constant of 100 values.
    fn readers(count: usize) -> TypedModel {
        let node = |index: usize| NodeProto {
            name: format!("read {index}"),
            op_type: "DequantizeLinear".into(),
            input: vec!["values".into(), "scale".into()],
            output: vec![format!("out {index}")],
            ..NodeProto::default()
        };
        let output = |index: usize| ValueInfoProto {
            name: format!("out {index}"),
            ..ValueInfoProto::default()
        };
        let graph = GraphProto {
            node: (0..count).map(node).collect(),
            output: (0..count).map(output).collect(),
            initializer: vec![
                initializer("values", vec![100], DataType::Int8, vec![7; 100]),
                initializer(
                    "scale",
                    vec![],
                    DataType::Float,
                    0.5_f32.to_le_bytes().into(),
                ),
            ],
            ..GraphProto::default()
        };
        let proto = ModelProto {
            ir_version: 8,
            opset_import: vec![OperatorSetIdProto {
                version: 13,
                ..OperatorSetIdProto::default()
            }],
            graph: Some(graph),
            ..ModelProto::default()
        };
        let model = reader().model_for_proto_model(&proto).unwrap();
        model.into_typed().unwrap()
    }

    #[test]
    fn a_constant_counts_each_time_it_is_read() {
        let each = 4 * 101;
        let refused = import_within(&readers(10), 10 * each - 1).unwrap_err();
        assert!(refused.what.contains("more constants"), "{refused}");
        let read = import_within(&readers(10), 10 * each).unwrap_err();
        assert_eq!(read.node.as_deref(), Some("output"), "{read}");
    }
}
