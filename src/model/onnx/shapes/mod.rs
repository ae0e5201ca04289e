//! The shapes of an ONNX graph, inferred forward, node by node.
//!
//! In: a decoded graph. Out: the shape of each value that is known, or the first node that contradicts its inputs or
//! makes more than a network does. An engine's own inference goes back and forth, and multiplies expressions that
//! do not fit each other; this visits each node once. An operator without a rule makes a value of unknown shape.

mod inputs;
mod rearrange;
mod rule;
mod windows;

use super::Fault;
use crate::limits::{
    MAX_CONSTANT_VALUES, MAX_FRAME_MACS, MAX_ONNX_ACTIVATION_VALUES, MAX_ONNX_COMPUTED_VALUES,
};
use inputs::Inputs;
use std::collections::HashMap;
use tract_onnx::pb::{
    GraphProto, NodeProto, TensorProto, ValueInfoProto, tensor_proto::DataType,
    tensor_shape_proto::dimension, type_proto::Value,
};

/// Sides of a tensor.
type Shape = Vec<u64>;

/// Sides of a tensor, at most. Five are in use.
const MAX_RANK: usize = 8;

/// Values of a constant that can be a shape.
const MAX_SHAPE_VALUES: usize = 16;

/// A value of the graph.
#[derive(Debug, Clone, Default)]
struct Fact {
    shape: Option<Shape>,
    /// It does not depend on the input.
    constant: bool,
    /// The numbers of a small constant of integers.
    numbers: Option<Vec<i64>>,
}

/// The shapes of all values that are known.
#[derive(Debug)]
pub(super) struct Shapes<'a> {
    facts: HashMap<&'a str, Fact>,
    computed_values: u64,
    macs: u64,
}

impl<'a> Shapes<'a> {
    /// # Errors
    /// The first node whose inputs do not fit each other, or whose output is too large.
    pub(super) fn infer(graph: &'a GraphProto) -> Result<Self, Fault> {
        let mut shapes = Shapes {
            facts: HashMap::new(),
            computed_values: 0,
            macs: 0,
        };
        for input in &graph.input {
            let fact = Fact {
                shape: declared(input),
                ..Fact::default()
            };
            shapes.facts.insert(&input.name, fact);
        }
        for tensor in &graph.initializer {
            shapes.facts.insert(&tensor.name, constant(tensor));
        }
        for node in &graph.node {
            shapes.node(node).map_err(|what| Fault::Refused {
                part: name_of(node).into(),
                what,
            })?;
        }
        Ok(shapes)
    }

    /// The shape of a value, if it is known.
    pub(super) fn of(&self, value: &str) -> Option<&[u64]> {
        self.facts.get(value)?.shape.as_deref()
    }

    fn node(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let inputs = Inputs { shapes: self, node };
        let outputs = rule::facts(&inputs)?;
        let macs = inputs.macs(outputs.first().and_then(|fact| fact.shape.as_ref()));
        let constant = inputs.all_constant();
        self.macs = self.macs.saturating_add(macs);
        if self.macs > MAX_FRAME_MACS {
            return Err("makes a frame more work than any pose network is".into());
        }
        let outputs = outputs
            .into_iter()
            .chain(std::iter::repeat_with(Fact::default));
        for (name, mut fact) in node.output.iter().zip(outputs) {
            fact.constant = constant;
            if let Some(shape) = &fact.shape {
                self.check_size(shape, constant, &node.op_type)?;
            }
            if !name.is_empty() {
                self.facts.insert(name, fact);
            }
        }
        Ok(())
    }

    fn check_size(&mut self, shape: &[u64], constant: bool, operator: &str) -> Result<(), String> {
        let too_large = |what: &str| {
            Err(format!(
                "makes {what} of the shape {shape:?}, more than any pose network does"
            ))
        };
        let values = volume(shape)
            .filter(|&values| is_bounded(shape) && values <= MAX_ONNX_ACTIVATION_VALUES);
        let Some(values) = values else {
            return too_large("a value");
        };
        // Weights pass through these at their size.
        let passes = matches!(
            operator,
            "Constant"
                | "Identity"
                | "Cast"
                | "Clip"
                | "DequantizeLinear"
                | "QuantizeLinear"
                | "Reshape"
                | "Transpose"
                | "Squeeze"
                | "Unsqueeze"
                | "Flatten"
        );
        if constant && !passes {
            self.computed_values = self.computed_values.saturating_add(values);
            if self.computed_values > MAX_ONNX_COMPUTED_VALUES {
                return too_large("a constant");
            }
        }
        Ok(())
    }
}

/// The name of a node, or of its first output if it has none.
pub(super) fn name_of(node: &NodeProto) -> &str {
    match node.name.as_str() {
        "" => node.output.first().map_or("", String::as_str),
        name => name,
    }
}

fn volume(shape: &[u64]) -> Option<u64> {
    shape
        .iter()
        .try_fold(1_u64, |volume, &side| volume.checked_mul(side))
}

/// The shape that an input of the graph says; an open batch is 1.
fn declared(input: &ValueInfoProto) -> Option<Shape> {
    let Some(Value::TensorType(tensor)) = input.r#type.as_ref()?.value.as_ref() else {
        return None;
    };
    let dims = &tensor.shape.as_ref()?.dim;
    let sides = dims.iter().enumerate().map(|(axis, dim)| match dim.value {
        Some(dimension::Value::DimValue(side)) if side > 0 || axis > 0 => u64::try_from(side).ok(),
        _ if axis == 0 => Some(1),
        _ => None,
    });
    sides
        .collect::<Option<Shape>>()
        .filter(|shape| is_bounded(shape))
}

/// Sides by which numbers can be multiplied; a shape of no values can have any.
fn is_bounded(shape: &[u64]) -> bool {
    shape.len() <= MAX_RANK && shape.iter().all(|&side| side <= MAX_CONSTANT_VALUES as u64)
}

fn constant(tensor: &TensorProto) -> Fact {
    Fact {
        shape: tensor
            .dims
            .iter()
            .map(|&side| u64::try_from(side).ok())
            .collect::<Option<Shape>>()
            .filter(|shape| is_bounded(shape)),
        constant: true,
        numbers: numbers(tensor),
    }
}

fn numbers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let eights = || tensor.raw_data.chunks_exact(8);
    let fours = || tensor.raw_data.chunks_exact(4);
    let count = volume(
        &tensor
            .dims
            .iter()
            .map(|&side| side as u64)
            .collect::<Vec<_>>(),
    )?;
    if count > MAX_SHAPE_VALUES as u64 {
        return None;
    }
    if tensor.data_type == DataType::Int64 as i32 {
        let raw = eights().map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap_or_default()));
        Some(raw.chain(tensor.int64_data.iter().copied()).collect())
    } else if tensor.data_type == DataType::Int32 as i32 {
        let raw = fours().map(|bytes| i32::from_le_bytes(bytes.try_into().unwrap_or_default()));
        let all = raw.chain(tensor.int32_data.iter().copied());
        Some(all.map(i64::from).collect())
    } else if tensor.data_type == DataType::Float as i32 {
        // Scales of a Resize, which are whole numbers in a network.
        let raw = fours().map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap_or_default()));
        let all = raw.chain(tensor.float_data.iter().copied());
        let whole = all.map(|scale| (scale.fract() == 0.0).then_some(scale as i64));
        whole.collect()
    } else {
        None
    }
}

/// Sides of a shape that a constant gives.
fn sides(numbers: &[i64]) -> Result<Shape, String> {
    numbers
        .iter()
        .map(|&side| u64::try_from(side).map_err(|_| format!("has a side of {side}")))
        .collect()
}
