//! Graphs that contradict themselves, grow, or have several outputs.

use super::Fault;
use super::shapes::Shapes;
use super::tidy::tidy;
use proptest::prelude::*;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto,
    tensor_proto::DataType,
    tensor_shape_proto::{Dimension, dimension},
    type_proto::{self, Value},
};

fn value(name: &str, sides: &[i64]) -> ValueInfoProto {
    let dim = |&side: &i64| Dimension {
        value: Some(dimension::Value::DimValue(side)),
        ..Dimension::default()
    };
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(TensorShapeProto {
            dim: sides.iter().map(dim).collect(),
        }),
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            value: Some(Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: operator.into(),
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    }
}

fn with(mut node: NodeProto, name: &str, ints: &[i64]) -> NodeProto {
    node.attribute.push(AttributeProto {
        name: name.into(),
        i: ints[0],
        ints: ints.into(),
        ..AttributeProto::default()
    });
    node
}

fn floats(name: &str, sides: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: sides.into(),
        data_type: DataType::Float as i32,
        ..TensorProto::default()
    }
}

fn longs(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: DataType::Int64 as i32,
        int64_data: values.into(),
        ..TensorProto::default()
    }
}

/// From the input `x` of 8 channels of 16 x 12 on.
fn graph(node: Vec<NodeProto>, initializer: Vec<TensorProto>, outputs: &[&str]) -> GraphProto {
    GraphProto {
        node,
        initializer,
        input: vec![value("x", &[1, 8, 16, 12])],
        output: outputs
            .iter()
            .map(|name| ValueInfoProto {
                name: (*name).into(),
                ..ValueInfoProto::default()
            })
            .collect(),
        ..GraphProto::default()
    }
}

fn shape(node: NodeProto, initializer: Vec<TensorProto>) -> Option<Vec<u64>> {
    let graph = graph(vec![node], initializer, &["y"]);
    let shapes = Shapes::infer(&graph).unwrap();
    shapes.of("y").map(<[u64]>::to_vec)
}

#[test]
fn shapes_follow_from_the_operators() {
    let pads = |node| with(with(node, "pads", &[1, 1, 1, 1]), "strides", &[2, 2]);
    let cases = [
        (
            pads(node("Conv", &["x", "w"], "y")),
            vec![floats("w", &[5, 8, 3, 3])],
            vec![1, 5, 8, 6],
        ),
        (
            pads(node("ConvTranspose", &["x", "w"], "y")),
            vec![floats("w", &[8, 5, 4, 4])],
            vec![1, 5, 32, 24],
        ),
        (
            pads(with(node("MaxPool", &["x"], "y"), "kernel_shape", &[3, 3])),
            vec![],
            vec![1, 8, 8, 6],
        ),
        (
            with(node("Concat", &["x", "x"], "y"), "axis", &[1]),
            vec![],
            vec![1, 16, 16, 12],
        ),
        (
            node("Add", &["x", "b"], "y"),
            vec![floats("b", &[8, 1, 1])],
            vec![1, 8, 16, 12],
        ),
        (
            node("Resize", &["x", "", "", "s"], "y"),
            vec![longs("s", &[1, 8, 32, 24])],
            vec![1, 8, 32, 24],
        ),
        (
            node("Reshape", &["x", "s"], "y"),
            vec![longs("s", &[0, 2, -1])],
            vec![1, 2, 768],
        ),
        (
            with(node("Transpose", &["x"], "y"), "perm", &[0, 2, 3, 1]),
            vec![],
            vec![1, 16, 12, 8],
        ),
        (
            node("Pad", &["x", "p"], "y"),
            vec![longs("p", &[0, 0, 1, 2, 0, 0, 3, 4])],
            vec![1, 8, 20, 18],
        ),
    ];
    for (node, constants, expected) in cases {
        let name = node.op_type.clone();
        assert_eq!(shape(node, constants), Some(expected), "{name}");
    }
    assert_eq!(shape(node("Unheard", &["x"], "y"), vec![]), None);
}

fn refusal(node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> (String, String) {
    match Shapes::infer(&graph(node, initializer, &["y"])) {
        Err(Fault::Refused { part, what }) => (part, what),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_node_that_does_not_fit_is_named() {
    let half = with(
        with(node("MaxPool", &["x"], "half"), "kernel_shape", &[2, 2]),
        "strides",
        &[2, 2],
    );
    let mut chain = vec![half, node("Add", &["x", "half"], "sum0")];
    // Behind it, each addition would double an expression that does not fit.
    for index in 0..1000 {
        let (before, after) = (format!("sum{index}"), format!("sum{}", index + 1));
        chain.push(node("Add", &[&before, &before], &after));
    }
    let (part, what) = refusal(chain, vec![]);
    assert_eq!(part, "sum0");
    assert!(what.contains("[1, 8, 16, 12] and [1, 8, 8, 6]"), "{what}");
    let (part, _) = refusal(
        vec![node("Conv", &["x", "w"], "y")],
        vec![floats("w", &[5, 7, 3, 3])],
    );
    assert_eq!(part, "y");
}

/// As torch writes them: rounded and clipped in the graph.
#[test]
fn weights_of_any_size_can_be_rounded_in_the_graph() {
    let (rounded, clipped) = (
        node("QuantizeLinear", &["w", "s"], "q"),
        node("Clip", &["q"], "c"),
    );
    let nodes = vec![rounded, clipped, node("DequantizeLinear", &["c", "s"], "y")];
    let constants = vec![floats("w", &[512, 512, 3, 3]), floats("s", &[])];
    let graph = graph(nodes, constants, &["y"]);
    let shapes = Shapes::infer(&graph).unwrap();
    assert_eq!(shapes.of("y"), Some(&[512, 512, 3, 3][..]));
}

#[test]
fn what_grows_is_refused() {
    let doubling = |first: &str| -> Vec<NodeProto> {
        let names: Vec<String> = (0..40).map(|index| format!("c{index}")).collect();
        let mut nodes = vec![with(node("Concat", &[first, first], "c0"), "axis", &[0])];
        for pair in names.windows(2) {
            nodes.push(with(
                node("Concat", &[&pair[0], &pair[0]], &pair[1]),
                "axis",
                &[0],
            ));
        }
        nodes
    };
    let target = || vec![longs("s", &[1 << 14, 1 << 14]), floats("k", &[1])];
    for (nodes, constants) in [
        (doubling("x"), vec![]),
        (doubling("k"), vec![floats("k", &[1024])]),
        (vec![node("Expand", &["k", "s"], "y")], target()),
        (vec![node("ConstantOfShape", &["s"], "y")], target()),
        (
            vec![node("Tile", &["k", "s"], "y")],
            vec![longs("s", &[1 << 28]), floats("k", &[1])],
        ),
    ] {
        let (_, what) = refusal(nodes, constants);
        assert!(what.contains("more than any pose network"), "{what}");
    }
    let wide = [floats("w", &[1 << 16, 8, 63, 63])];
    let conv = with(node("Conv", &["x", "w"], "y"), "pads", &[31, 31, 31, 31]);
    let (_, what) = refusal(vec![conv], wide.into());
    assert!(what.contains("more work"), "{what}");
}

fn tidied(graph: GraphProto) -> Result<GraphProto, String> {
    let mut model = ModelProto {
        graph: Some(graph),
        ..ModelProto::default()
    };
    match tidy(&mut model) {
        Ok(()) => Ok(model.graph.unwrap()),
        Err(Fault::Refused { part, what }) => Err(format!("{part}: {what}")),
        Err(Fault::Garbled) => Err("garbled".into()),
    }
}

#[test]
fn of_outputs_of_one_shape_the_last_one_counts() {
    let half = || {
        with(
            with(node("MaxPool", &["x"], "half"), "kernel_shape", &[2, 2]),
            "strides",
            &[2, 2],
        )
    };
    let nodes = || vec![node("Relu", &["x"], "a"), node("Relu", &["a"], "b"), half()];
    let tidy = tidied(graph(nodes(), vec![], &["a", "b"])).unwrap();
    assert_eq!(tidy.output.len(), 1);
    assert_eq!(tidy.output[0].name, "b");
    let said = tidied(graph(nodes(), vec![], &["a", "half"])).unwrap_err();
    assert!(
        said.starts_with("outputs: there are 2: a [1, 8, 16, 12], half"),
        "{said}"
    );
    let said = tidied(graph(nodes(), vec![], &["a", "unknown"])).unwrap_err();
    assert!(said.starts_with("outputs: "), "{said}");
}

#[test]
fn operators_of_other_domains_are_refused() {
    let of = |domain: &str, operator: &str| NodeProto {
        domain: domain.into(),
        ..node(operator, &["x"], "y")
    };
    for (domain, operator, word) in [
        ("my.tools", "Relu", "my.tools"),
        ("com.microsoft", "FusedConv", "optimiser"),
        ("com.microsoft.nchwc", "Conv", "optimiser"),
        ("com.microsoft", "QLinearSoftmax", "--form qdq"),
        ("", "Upsample", "opset 13"),
    ] {
        let said = tidied(graph(vec![of(domain, operator)], vec![], &["y"])).unwrap_err();
        assert!(said.starts_with("y: ") && said.contains(word), "{said}");
    }
    for domain in ["", "ai.onnx"] {
        assert!(tidied(graph(vec![of(domain, "Relu")], vec![], &["y"])).is_ok());
    }
}

#[test]
fn pads_follow_from_an_output_shape() {
    let conv = |target: &[i64]| {
        let conv = with(node("ConvTranspose", &["x", "w"], "y"), "strides", &[2, 2]);
        with(conv, "output_shape", target)
    };
    let weights = || vec![floats("w", &[8, 5, 4, 3])];
    let tidy = tidied(graph(vec![conv(&[32, 24])], weights(), &["y"])).unwrap();
    let pads = &tidy.node[0].attribute.last().unwrap();
    assert_eq!(
        (pads.name.as_str(), &pads.ints[..]),
        ("pads", &[1, 1, 1, 0][..])
    );
    let same = Shapes::infer(&tidy).unwrap();
    assert_eq!(same.of("y"), Some(&[1, 5, 32, 24][..]));
    assert!(tidied(graph(vec![conv(&[40, 24])], weights(), &["y"])).is_err());
}

#[test]
fn a_type_without_a_zero_point_gets_one() {
    let quantize = |kind: i64| {
        with(
            node("QuantizeLinear", &["x", "s"], "y"),
            "output_dtype",
            &[kind],
        )
    };
    let tidy = tidied(graph(vec![quantize(3)], vec![floats("s", &[])], &["y"])).unwrap();
    let zero_point = tidy.initializer.last().unwrap();
    assert_eq!(tidy.node[0].input[2], zero_point.name);
    assert_eq!(
        (zero_point.data_type, &zero_point.raw_data[..]),
        (DataType::Int8 as i32, &[0][..])
    );
    let said = tidied(graph(vec![quantize(4)], vec![floats("s", &[])], &["y"])).unwrap_err();
    assert!(said.contains("uint16"), "{said}");
}

#[test]
fn a_softmax_between_roundings_has_no_dequantize_linear_in_front() {
    let operators = |nodes| -> Vec<String> {
        let tidy = tidied(graph(nodes, vec![floats("s", &[])], &["y"])).unwrap();
        tidy.node.iter().map(|node| node.op_type.clone()).collect()
    };
    let quantised = |operator: &str| {
        let read = node("DequantizeLinear", &["x", "s", "z"], "a");
        vec![
            read,
            node(operator, &["a"], "b"),
            node("QuantizeLinear", &["b", "s", "z"], "y"),
        ]
    };
    assert_eq!(
        operators(quantised("Softmax"))[..4],
        ["Cast", "Cast", "Sub", "Mul"]
    );
    assert_eq!(operators(quantised("Sigmoid"))[0], "DequantizeLinear");
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -2_i64..9, 1 => any::<i64>(), 2 => (0_u32..63).prop_map(|power| 1_i64 << power)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_numbers_are_refused_or_bounded(
        nodes in proptest::collection::vec((0_usize..16, 0_usize..6, 0_usize..6, proptest::collection::vec(number(), 0..9)), 1..8),
        sides in proptest::collection::vec(number(), 0..5),
        list in proptest::collection::vec(number(), 0..5),
    ) {
        const OPERATORS: [&str; 16] = [
            "Add", "Conv", "ConvTranspose", "MaxPool", "AveragePool", "Concat", "Resize", "Reshape",
            "Expand", "Tile", "ConstantOfShape", "Pad", "Transpose", "DepthToSpace", "Shape", "MatMul",
        ];
        const NAMES: [&str; 5] = ["kernel_shape", "strides", "pads", "dilations", "output_shape"];
        let names = ["x", "w", "s", "n0", "n1", "n2"];
        let nodes = nodes.iter().enumerate().map(|(index, (operator, a, b, ints))| {
            let output = format!("n{index}");
            let mut made = node(OPERATORS[*operator], &[names[*a], names[*b], "s", "s"], &output);
            for (name, ints) in NAMES.iter().zip(ints.chunks(2)) {
                made = with(made, name, ints);
            }
            with(made, "axis", &[ints.first().copied().unwrap_or(0)])
        });
        let graph = graph(nodes.collect(), vec![floats("w", &sides), longs("s", &list)], &["n0"]);
        if let Ok(shapes) = Shapes::infer(&graph)
            && let Some(shape) = shapes.of("n0")
        {
            let values = shape.iter().try_fold(1_u64, |all, &side| all.checked_mul(side));
            prop_assert!(values.is_some_and(|values| values <= 1 << 25));
        }
        let _ = tidied(graph);
    }
}
