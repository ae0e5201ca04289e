//! What every engine checks of an ONNX graph before tract is given it.

use crate::error::{Error, Result};
use crate::model::ModelFile;
use tract_onnx::pb::{
    ValueInfoProto, tensor_proto::DataType, tensor_shape_proto::dimension, type_proto::Value,
};

/// The largest side of an input.
const MAX_DIM: i64 = 4096;

/// The shape of the graph's only input, which must be a float picture.
pub(super) fn declared_input(model: &ModelFile) -> Result<[usize; 4]> {
    let graph = model.graph();
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
    match dims[..] {
        [batch @ -1..=1, 3, height @ 1..=MAX_DIM, width @ 1..=MAX_DIM] => {
            if batch != 1 {
                log::info!("{}: batch dimension set to 1", model.path().display());
            }
            Ok([1, 3, height as usize, width as usize])
        }
        _ => Err(fail(
            &node,
            format!("has the shape {dims:?}, expected is [1, 3, height, width]"),
        )),
    }
}
