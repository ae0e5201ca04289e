//! Quantised operators of ONNX Runtime, as what they stand for: DequantizeLinear, ONNX's operator, QuantizeLinear.
//!
//! tract has none of them; the integer engine makes one operation of the three nodes again.

use super::Fault;
use super::shapes::name_of;
use tract_onnx::pb::{GraphProto, NodeProto};

/// ONNX Runtime's domain.
pub(super) const CONTRIB: &str = "com.microsoft";

/// The operators: their name, ONNX's, the number of values that they read (each with scale and zero point) or 0 for any,
/// and whether the scale and zero point of the result are in front.
const OPERATORS: [(&str, &str, usize, bool); 7] = [
    ("QLinearAdd", "Add", 2, false),
    ("QLinearMul", "Mul", 2, false),
    ("QLinearSigmoid", "Sigmoid", 1, false),
    ("QLinearLeakyRelu", "LeakyRelu", 1, false),
    ("QLinearAveragePool", "AveragePool", 1, false),
    ("QLinearGlobalAveragePool", "GlobalAveragePool", 1, false),
    ("QLinearConcat", "Concat", 0, true),
];

/// Inputs of one value: itself, its scale, its zero point.
const EACH: usize = 3;

pub(super) fn is_known(operator: &str) -> bool {
    OPERATORS.iter().any(|(name, ..)| *name == operator)
}

/// # Errors
/// The first node that does not have the inputs of its operator.
pub(super) fn unfold(graph: &mut GraphProto) -> Result<(), Fault> {
    if !graph.node.iter().any(is_ours) {
        return Ok(());
    }
    let mut nodes = Vec::with_capacity(graph.node.len());
    for node in std::mem::take(&mut graph.node) {
        match is_ours(&node) {
            true => nodes.extend(parts(node)?),
            false => nodes.push(node),
        }
    }
    graph.node = nodes;
    Ok(())
}

fn is_ours(node: &NodeProto) -> bool {
    node.domain == CONTRIB && is_known(&node.op_type)
}

fn parts(node: NodeProto) -> Result<Vec<NodeProto>, Fault> {
    let operator = OPERATORS.iter().find(|(name, ..)| *name == node.op_type);
    let &(_, operator, count, result_first) = operator.expect("a known operator");
    let channels_last = node
        .attribute
        .iter()
        .any(|attribute| attribute.name == "channels_last" && attribute.i != 0);
    let (result, values) = match result_first {
        true => node.input.split_at_checked(2).unwrap_or_default(),
        false => {
            let (values, result) = node
                .input
                .split_at_checked(EACH * count)
                .unwrap_or_default();
            (result, values)
        }
    };
    let fits = result.len() == 2
        && !values.is_empty()
        && values.len().is_multiple_of(EACH)
        && node.output.len() == 1
        && node.input.iter().all(|name| !name.is_empty())
        && !channels_last;
    if !fits {
        return Err(Fault::Refused {
            part: name_of(&node).into(),
            what: format!(
                "its operator {} has inputs that no engine reads: quantise the original model with --form qdq",
                node.op_type
            ),
        });
    }
    let output = &node.output[0];
    let part = |operator: &str, inputs: &[&String], output: &str| NodeProto {
        name: output.into(),
        op_type: operator.into(),
        input: inputs.iter().map(|&input| input.clone()).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    };
    let mut nodes = Vec::new();
    let mut real = Vec::new();
    for (index, value) in values.chunks_exact(EACH).enumerate() {
        let name = format!("{output}.input{index}");
        nodes.push(part(
            "DequantizeLinear",
            &[&value[0], &value[1], &value[2]],
            &name,
        ));
        real.push(name);
    }
    let float = format!("{output}.float");
    let rounded = part("QuantizeLinear", &[&float, &result[0], &result[1]], output);
    nodes.push(NodeProto {
        op_type: operator.into(),
        domain: String::new(),
        input: real,
        output: vec![float],
        attribute: node
            .attribute
            .into_iter()
            .filter(|attribute| attribute.name != "channels_last")
            .collect(),
        name: node.name,
        ..NodeProto::default()
    });
    nodes.push(rounded);
    Ok(nodes)
}
