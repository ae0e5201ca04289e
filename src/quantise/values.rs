//! The values of a float graph that become 8-bit.
//!
//! A value is rounded once, where the int8 engine stores it: behind a convolution and the function of single values
//! that follows it. Operators that only move values keep the scale of their input.

use super::Fault;
use super::fold::{name_of, operator, readers};
use std::collections::{HashMap, HashSet};
use tract_onnx::pb::{GraphProto, NodeProto};

/// Operators that read and write 8-bit values.
const ROUNDED: [&str; 8] = [
    "Conv",
    "ConvTranspose",
    "Add",
    "Concat",
    "MaxPool",
    "Resize",
    "AveragePool",
    "GlobalAveragePool",
];

/// What the int8 engine does together with the operator in front.
const JOINED: [&str; 7] = [
    "BatchNormalization",
    "Clip",
    "HardSigmoid",
    "HardSwish",
    "LeakyRelu",
    "Relu",
    "Sigmoid",
];

/// A value that becomes 8-bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub name: String,
    /// The value whose scale it has: an earlier one.
    pub same_as: Option<usize>,
    /// The heatmaps, whose largest values count.
    pub is_output: bool,
}

/// The values of a graph, in the order in which they are made.
///
/// # Errors
/// A graph without a convolution, or a node that reads a value that is not made yet.
pub(super) fn of(graph: &GraphProto) -> Result<Vec<Value>, Fault> {
    let constants: HashSet<&str> = graph
        .initializer
        .iter()
        .map(|tensor| &*tensor.name)
        .collect();
    let outputs: HashSet<&str> = graph.output.iter().map(|output| &*output.name).collect();
    let readers = readers(graph);
    let mut found: Vec<Value> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut made: HashSet<&str> = graph.input.iter().map(|input| &*input.name).collect();
    made.extend(&constants);
    let mut mark = |name: &'_ str, same_as: Option<usize>| {
        found.push(Value {
            name: name.into(),
            same_as,
            is_output: outputs.contains(name),
        });
        found.len() - 1
    };
    let is_joined = |node: &NodeProto| JOINED.contains(&operator(node));
    for node in &graph.node {
        if let Some(unknown) = node
            .input
            .iter()
            .find(|name| !name.is_empty() && !made.contains(&***name))
        {
            return Err(Fault::new(
                name_of(node),
                format!("reads {unknown:?}, which is not made yet"),
            ));
        }
        made.extend(node.output.iter().map(|name| &**name));
        let is_rounded = ROUNDED.contains(&operator(node));
        if !is_rounded && !is_joined(node) {
            continue;
        }
        if is_rounded {
            for name in data_inputs(node).filter(|name| !constants.contains(name)) {
                places.entry(name).or_insert_with(|| mark(name, None));
            }
        }
        let Some(output) = node.output.first() else {
            continue;
        };
        let next = match readers.get(&**output).map(Vec::as_slice) {
            Some(&[next]) if !outputs.contains(&**output) => Some(&graph.node[next]),
            _ => None,
        };
        if next.is_some_and(is_joined) {
            continue;
        }
        let same_as = match keeps_scale(node) {
            true => places.get(&*node.input[0]).copied(),
            false => None,
        };
        places
            .entry(output)
            .or_insert_with(|| mark(output, same_as));
    }
    let has_convolution = graph.node.iter().any(|node| operator(node) == "Conv");
    match has_convolution {
        true => Ok(found),
        false => Err(Fault::new(
            "graph",
            "has no convolution: give a network of the family that docs/model-card.md names",
        )),
    }
}

/// The inputs of a node that are values, not weights or sizes.
fn data_inputs(node: &NodeProto) -> impl Iterator<Item = &str> {
    let count = match operator(node) {
        "Add" | "Concat" => node.input.len(),
        _ => 1,
    };
    node.input.iter().take(count).map(|name| &**name)
}

fn keeps_scale(node: &NodeProto) -> bool {
    let mode = node
        .attribute
        .iter()
        .find(|attribute| attribute.name == "mode");
    match operator(node) {
        "MaxPool" => true,
        "Resize" => mode.is_none_or(|mode| mode.s == b"nearest"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tensor::of_floats;
    use super::*;
    use tract_onnx::pb::ValueInfoProto;

    fn graph(nodes: &[(&str, &[&str], &str)], output: &str) -> GraphProto {
        let named = |name: &str| ValueInfoProto {
            name: name.into(),
            ..ValueInfoProto::default()
        };
        GraphProto {
            input: vec![named("x")],
            output: vec![named(output)],
            initializer: vec![of_floats("w", &[1, 1, 1, 1], &[1.0])],
            node: nodes
                .iter()
                .map(|(operator, inputs, output)| NodeProto {
                    op_type: (*operator).into(),
                    input: inputs.iter().map(|&name| name.into()).collect(),
                    output: vec![(*output).into()],
                    ..NodeProto::default()
                })
                .collect(),
            ..GraphProto::default()
        }
    }

    fn names(graph: &GraphProto) -> Vec<(String, Option<usize>)> {
        of(graph)
            .unwrap()
            .into_iter()
            .map(|value| (value.name, value.same_as))
            .collect()
    }

    #[test]
    fn a_residual_block_is_rounded_where_the_engine_stores_it() {
        let graph = graph(
            &[
                ("Conv", &["x", "w"], "a"),
                ("Relu", &["a"], "b"),
                ("MaxPool", &["b"], "c"),
                ("Conv", &["c", "w"], "d"),
                ("Add", &["d", "c"], "e"),
                ("Relu", &["e"], "f"),
                ("Conv", &["f", "w"], "heatmaps"),
            ],
            "heatmaps",
        );
        let expected = [
            ("x", None),
            ("b", None),
            ("c", Some(1)),
            ("d", None),
            ("f", None),
            ("heatmaps", None),
        ];
        assert_eq!(
            names(&graph),
            expected.map(|(name, same)| (name.to_string(), same))
        );
    }

    #[test]
    fn a_value_that_two_nodes_read_is_rounded_before_its_relu() {
        let graph = graph(
            &[
                ("Conv", &["x", "w"], "a"),
                ("Relu", &["a"], "b"),
                ("Add", &["a", "b"], "c"),
            ],
            "c",
        );
        let names: Vec<_> = names(&graph).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["x", "a", "b", "c"]);
    }

    #[test]
    fn graphs_out_of_order_and_without_convolutions_are_refused() {
        let late = graph(&[("Conv", &["y", "w"], "a"), ("Relu", &["x"], "y")], "a");
        assert!(of(&late).unwrap_err().what.contains("not made yet"));
        let none = graph(&[("Relu", &["x"], "a")], "a");
        assert!(of(&none).unwrap_err().what.contains("no convolution"));
    }
}
