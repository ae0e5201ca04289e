//! DequantizeLinear in front of a Softmax, as the arithmetic that it stands for.
//!
//! tract takes a Softmax between two roundings for a function of each value by itself, and makes a table of it. It
//! looks for the DequantizeLinear, so there the Softmax stays what it is.

use std::collections::HashMap;
use tract_onnx::pb::{
    AttributeProto, GraphProto, NodeProto, attribute_proto::AttributeType, tensor_proto::DataType,
};

/// Nodes between the two that are followed. Networks have none.
const MAX_BETWEEN: usize = 8;

/// The readers of each value, by their place among the nodes.
type Readers<'a> = HashMap<&'a str, Vec<usize>>;

pub(super) fn keep_softmax(graph: &mut GraphProto) {
    if !graph.node.iter().any(is_softmax) {
        return;
    }
    let found = in_front(&graph.node);
    let nodes = std::mem::take(&mut graph.node).into_iter().zip(found);
    graph.node = nodes
        .flat_map(|(node, found)| if found { arithmetic(&node) } else { vec![node] })
        .collect();
}

fn is_softmax(node: &NodeProto) -> bool {
    matches!(node.op_type.as_str(), "Softmax" | "LogSoftmax")
}

/// For each node, whether it is a DequantizeLinear in front of a Softmax.
fn in_front(nodes: &[NodeProto]) -> Vec<bool> {
    let mut readers = Readers::new();
    for (index, node) in nodes.iter().enumerate() {
        for input in &node.input {
            readers.entry(input).or_default().push(index);
        }
    }
    let leads_to_softmax = |from: usize| {
        let mut node = &nodes[from];
        for _ in 0..MAX_BETWEEN {
            let next = node
                .output
                .first()
                .and_then(|output| readers.get(output.as_str()));
            // With several readers tract makes no table.
            let Some(&[next]) = next.map(Vec::as_slice) else {
                return false;
            };
            node = &nodes[next];
            if is_softmax(node) || node.op_type == "QuantizeLinear" {
                return is_softmax(node);
            }
        }
        false
    };
    let starts = nodes.iter().enumerate();
    starts
        .map(|(index, node)| {
            node.op_type == "DequantizeLinear" && node.output.len() == 1 && leads_to_softmax(index)
        })
        .collect()
}

/// `(x - zero point) * scale` in float.
fn arithmetic(dequantize: &NodeProto) -> Vec<NodeProto> {
    let [Some(x), Some(scale), zero_point] = [0, 1, 2].map(|input| dequantize.input.get(input))
    else {
        return vec![dequantize.clone()];
    };
    let output = &dequantize.output[0];
    let node = |operator: &str, inputs: &[&String], output: &str| NodeProto {
        name: output.into(),
        op_type: operator.into(),
        input: inputs.iter().map(|&input| input.clone()).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    };
    let cast = |input: &String, output: &str| {
        let mut cast = node("Cast", &[input], output);
        cast.attribute.push(AttributeProto {
            name: "to".into(),
            r#type: AttributeType::Int as i32,
            i: DataType::Float as i64,
            ..AttributeProto::default()
        });
        cast
    };
    let [float, zero, difference] =
        ["float", "zero", "difference"].map(|part| format!("{output}.{part}"));
    let mut nodes = vec![cast(x, &float)];
    let shifted = match zero_point.filter(|name| !name.is_empty()) {
        None => &float,
        Some(zero_point) => {
            nodes.push(cast(zero_point, &zero));
            nodes.push(node("Sub", &[&float, &zero], &difference));
            &difference
        }
    };
    nodes.push(node("Mul", &[shifted, scale], output));
    nodes
}
