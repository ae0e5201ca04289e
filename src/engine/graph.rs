//! Checks of an ONNX graph that every engine needs before tract reads it.

use crate::error::{Error, Result};
use crate::limits::MAX_NETWORK_SIDE_PX;
use crate::model::ModelFile;
use crate::text::Shown;
use std::collections::HashMap;
use tract_onnx::pb::{
    ModelProto, NodeProto, TensorProto, ValueInfoProto, tensor_proto::DataType,
    tensor_shape_proto::dimension, type_proto::Value,
};

/// The same bound as in a plan.
const MAX_SIDE: i64 = MAX_NETWORK_SIDE_PX as i64;

/// Inputs of operators that are scales.
const SCALES: [(&str, &[usize]); 4] = [
    ("QuantizeLinear", &[1]),
    ("DequantizeLinear", &[1]),
    ("QLinearConv", &[1, 4, 6]),
    ("QLinearMatMul", &[1, 4, 6]),
];

/// Attributes that are sides and places of a window, in pixels.
const WINDOWS: [&str; 4] = ["pads", "strides", "dilations", "kernel_shape"];

/// Whether a node reads or makes quantised values.
pub(crate) fn is_quantised(node: &NodeProto) -> bool {
    let operator = &node.op_type;
    operator.contains("QuantizeLinear")
        || operator.starts_with("QLinear")
        || operator.ends_with("Integer")
}

/// Refuses numbers that tract does not check itself: it would compute with them, or panic.
///
/// # Errors
/// [`ErrorKind::Model`](crate::ErrorKind::Model), naming the node: a scale that is no number above 0, or a window of thousands of
/// pixels.
pub(super) fn check_nodes(model: &ModelFile, proto: &ModelProto) -> Result<()> {
    let graph = proto.graph.as_ref().expect("reading checked it");
    let constants: HashMap<&str, &TensorProto> = graph
        .initializer
        .iter()
        .map(|tensor| (tensor.name.as_str(), tensor))
        .collect();
    for node in &graph.node {
        let fail = |what: String| Err(Error::model_node(model.path(), &node.name, what));
        for attribute in &node.attribute {
            if !WINDOWS.contains(&attribute.name.as_str()) {
                continue;
            }
            let too_large = |value: &&i64| value.unsigned_abs() > MAX_SIDE.unsigned_abs();
            if let Some(value) = attribute.ints.iter().find(too_large) {
                return fail(format!("has {value} in its {}", attribute.name));
            }
            if attribute.name != "pads" && attribute.ints.contains(&0) {
                return fail(format!("has 0 in its {}", attribute.name));
            }
        }
        let inputs = SCALES
            .iter()
            .filter(|(operator, _)| *operator == node.op_type)
            .flat_map(|(_, inputs)| inputs.iter());
        for tensor in inputs
            .filter_map(|&input| constants.get(node.input.get(input)?.as_str()))
            .filter(|tensor| tensor.data_type == DataType::Float as i32)
        {
            let raw = tensor.raw_data.chunks_exact(4);
            let raw = raw.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
            let scales = tensor.float_data.iter().copied().chain(raw);
            for scale in scales {
                if !(scale.is_finite() && scale > 0.0) {
                    return fail(format!(
                        "its scale {} is {scale}, must be a number above 0: quantise the model again",
                        tensor.name
                    ));
                }
            }
        }
    }
    Ok(())
}

/// The shape of the graph's only input, which must be a float picture. Sides that the graph leaves open are those of the
/// card, or of the tensor that will be read.
pub(super) fn declared_input(model: &ModelFile, proto: &ModelProto) -> Result<[usize; 4]> {
    let graph = proto.graph.as_ref().expect("reading checked it");
    let fail = |node: &str, what: String| Error::model_node(model.path(), node, what);
    let is_weight = |input: &&ValueInfoProto| {
        graph
            .initializer
            .iter()
            .any(|tensor| tensor.name == input.name)
    };
    let inputs: Vec<_> = graph
        .input
        .iter()
        .filter(|input| !is_weight(input))
        .collect();
    let [input] = inputs[..] else {
        return Err(Error::model(
            model.path(),
            format!("has {} inputs, a pose network has one", inputs.len()),
        ));
    };
    let node = format!("input {}", input.name);
    let Some(Value::TensorType(tensor)) = input.r#type.as_ref().and_then(|t| t.value.as_ref())
    else {
        return Err(fail(&node, "is not a tensor".into()));
    };
    if tensor.elem_type != DataType::Float as i32 {
        return Err(fail(&node, "is not a float32 tensor".into()));
    }
    let dims: Vec<i64> = tensor
        .shape
        .iter()
        .flat_map(|shape| &shape.dim)
        .map(|dim| match dim.value {
            Some(dimension::Value::DimValue(value)) => value,
            _ => -1,
        })
        .collect();
    let is_open = |side: i64| side < 1;
    let dims = match (&dims[..], model.assumed_input()) {
        (&[batch, channels, height, width], Some([_, _, rows, columns]))
            if is_open(height) || is_open(width) || is_open(channels) =>
        {
            let known = |side: i64, assumed: usize| match is_open(side) {
                true => i64::try_from(assumed).unwrap_or(i64::MAX),
                false => side,
            };
            let sides = [
                known(channels, 3),
                known(height, rows),
                known(width, columns),
            ];
            log::info!(
                "{}: the sizes that its input leaves open set to {sides:?}",
                Shown::path(model.path())
            );
            vec![batch, sides[0], sides[1], sides[2]]
        }
        (&[_, _, height, width], None) if is_open(height) || is_open(width) => {
            let what = "leaves the size of its pictures open: export it with one, or put a card with input_size beside it";
            return Err(fail(&node, what.into()));
        }
        _ => dims,
    };
    match dims[..] {
        [
            batch @ -1..=1,
            3,
            height @ 1..=MAX_SIDE,
            width @ 1..=MAX_SIDE,
        ] => {
            if batch != 1 {
                log::info!("{}: batch dimension set to 1", Shown::path(model.path()));
            }
            Ok([1, 3, height as usize, width as usize])
        }
        _ => Err(fail(
            &node,
            format!("has the shape {dims:?}, expected is [1, 3, height, width]"),
        )),
    }
}
