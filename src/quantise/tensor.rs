//! Constants of a graph as numbers, and numbers as constants.

use super::Fault;
use tract_onnx::pb::{TensorProto, tensor_proto::DataType};

/// The values of a float32 constant.
pub(super) fn floats(tensor: &TensorProto) -> Result<Vec<f32>, Fault> {
    let fail = |what: &str| Fault::new(&*tensor.name, what);
    if tensor.data_type != DataType::Float as i32 {
        return Err(fail("is not float32: export the network in float32"));
    }
    let values: Vec<f32> = match &tensor.raw_data[..] {
        [] => tensor.float_data.clone(),
        raw => raw
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect(),
    };
    let count = tensor.dims.iter().try_fold(1_u64, |count, &side| {
        count.checked_mul(u64::try_from(side).ok()?)
    });
    if count != Some(values.len() as u64) {
        return Err(fail("does not have as many values as its shape says"));
    }
    if values.iter().any(|value| !value.is_finite()) {
        return Err(fail(
            "holds a value that is no number: train or export the network again",
        ));
    }
    Ok(values)
}

/// A float32 constant. No dims: a single number.
pub(super) fn of_floats(name: impl Into<String>, dims: &[usize], values: &[f32]) -> TensorProto {
    let raw = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    constant(name.into(), dims, DataType::Float, raw)
}

/// An int8 constant.
pub(super) fn of_int8(name: impl Into<String>, dims: &[usize], values: &[i8]) -> TensorProto {
    let raw = values.iter().map(|value| value.cast_unsigned()).collect();
    constant(name.into(), dims, DataType::Int8, raw)
}

/// A uint8 constant, a single number.
pub(super) fn of_uint8(name: impl Into<String>, value: u8) -> TensorProto {
    constant(name.into(), &[], DataType::Uint8, vec![value])
}

/// An int32 constant, a list.
pub(super) fn of_int32(name: impl Into<String>, values: &[i32]) -> TensorProto {
    let raw = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    constant(name.into(), &[values.len()], DataType::Int32, raw)
}

fn constant(name: String, dims: &[usize], kind: DataType, raw: Vec<u8>) -> TensorProto {
    TensorProto {
        name,
        dims: dims.iter().map(|&side| side as i64).collect(),
        data_type: kind as i32,
        raw_data: raw,
        ..TensorProto::default()
    }
}
