//! float16 as float32: engines compute in float32 alone, which holds each float16 number.

use tract_core::prelude::f16;
use tract_onnx::pb::{
    GraphProto, NodeProto, TensorProto, ValueInfoProto, tensor_proto::DataType, type_proto::Value,
};

const HALF: i32 = DataType::Float16 as i32;
const SINGLE: i32 = DataType::Float as i32;

/// Makes all float16 constants, values and casts of a graph float32.
pub(super) fn widen(graph: &mut GraphProto) {
    let is_cast = |node: &NodeProto| {
        node.op_type == "Cast"
            && node
                .attribute
                .iter()
                .any(|a| a.name == "to" && a.i == i64::from(HALF))
    };
    let has_half = graph
        .initializer
        .iter()
        .any(|tensor| tensor.data_type == HALF)
        || graph.input.iter().any(|input| element(input) == Some(HALF))
        || graph.node.iter().any(is_cast);
    if !has_half {
        return;
    }
    log::info!("float16 numbers are computed in float32");
    graph.initializer.iter_mut().for_each(widen_tensor);
    let infos = graph.input.iter_mut().chain(&mut graph.output);
    infos.chain(&mut graph.value_info).for_each(widen_info);
    for node in &mut graph.node {
        for attribute in &mut node.attribute {
            if let Some(tensor) = &mut attribute.t {
                widen_tensor(tensor);
            }
            let names_type = (node.op_type == "Cast" && attribute.name == "to")
                || attribute.name == "dtype"
                || attribute.name == "output_dtype";
            if names_type && attribute.i == i64::from(HALF) {
                attribute.i = SINGLE.into();
            }
        }
    }
}

fn element(info: &ValueInfoProto) -> Option<i32> {
    match info.r#type.as_ref()?.value.as_ref()? {
        Value::TensorType(tensor) => Some(tensor.elem_type),
    }
}

fn widen_info(info: &mut ValueInfoProto) {
    if let Some(Value::TensorType(tensor)) = info.r#type.as_mut().and_then(|t| t.value.as_mut())
        && tensor.elem_type == HALF
    {
        tensor.elem_type = SINGLE;
    }
}

/// The numbers are in `raw_data`, or in the low halves of `int32_data`.
fn widen_tensor(tensor: &mut TensorProto) {
    if tensor.data_type != HALF {
        return;
    }
    let raw = tensor.raw_data.chunks_exact(2);
    let raw = raw.map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let listed = tensor.int32_data.iter().map(|&bits| bits as u16);
    let singles = raw.chain(listed).map(|bits| f16::from_bits(bits).to_f32());
    tensor.raw_data = singles.flat_map(f32::to_le_bytes).collect();
    tensor.int32_data = Vec::new();
    tensor.data_type = SINGLE;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(bits: u16) -> f32 {
        let mut tensor = TensorProto {
            data_type: HALF,
            raw_data: bits.to_le_bytes().into(),
            ..TensorProto::default()
        };
        widen_tensor(&mut tensor);
        f32::from_le_bytes(tensor.raw_data.try_into().unwrap())
    }

    #[test]
    fn each_kind_of_half_has_its_value() {
        let known = [
            (0x0000, 0.0),
            (0x0001, 5.960_464_5e-8),
            (0x03FF, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x7BFF, 65504.0),
            (0x7C00, f32::INFINITY),
            (0xFC00, f32::NEG_INFINITY),
        ];
        for (bits, value) in known {
            assert_eq!(single(bits), value, "{bits:#x}");
        }
        assert!(single(0x7E00).is_nan());
        assert_eq!(single(0x8000).to_bits(), (-0.0_f32).to_bits());
    }
}
