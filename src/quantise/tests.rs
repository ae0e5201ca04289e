//! A small float network, quantised: heatmaps stay those of the float one.

use super::FloatNetwork;
use super::tensor::of_floats;
use crate::engine::{self, EngineChoice, Outputs, Workspace};
use crate::model::{ModelFile, test_card, with_card};
use crate::random::Random;
use prost::Message;
use std::path::Path;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto,
    attribute_proto::AttributeType,
    tensor_proto,
    tensor_shape_proto::{Dimension, dimension},
    type_proto,
};

const SIDE: usize = 32;
const JOINTS: usize = 4;

fn list(random: &mut Random, count: usize) -> Vec<f32> {
    (0..count).map(|_| random.real() as f32).collect()
}

struct Builder {
    random: Random,
    graph: GraphProto,
}

impl Builder {
    fn node(&mut self, operator: &str, inputs: &[&str], output: &str, lists: &[(&str, &[i64])]) {
        let attribute = lists.iter().map(|&(name, ints)| AttributeProto {
            name: name.into(),
            r#type: AttributeType::Ints as i32,
            ints: ints.into(),
            ..AttributeProto::default()
        });
        self.graph.node.push(NodeProto {
            op_type: operator.into(),
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: vec![output.into()],
            attribute: attribute.collect(),
            ..NodeProto::default()
        });
    }

    fn constant(&mut self, name: &str, dims: &[usize], scale: f32, shift: f32) {
        let count = dims.iter().product();
        let values: Vec<f32> = list(&mut self.random, count)
            .iter()
            .map(|value| value * scale + shift)
            .collect();
        self.graph.initializer.push(of_floats(name, dims, &values));
    }

    /// A convolution with a BatchNormalization behind it.
    fn normalised(
        &mut self,
        operator: &str,
        from: &str,
        to: &str,
        [inputs, outputs]: [usize; 2],
        [side, pads, stride]: [usize; 3],
    ) {
        let dims = match operator {
            "Conv" => [outputs, inputs, side, side],
            _ => [inputs, outputs, side, side],
        };
        let name = |part: &str| format!("{to}.{part}");
        self.constant(
            &name("w"),
            &dims,
            1.7 / ((inputs * side * side) as f32).sqrt(),
            0.0,
        );
        for (part, scale, shift) in [
            ("gain", 0.4, 1.0),
            ("shift", 0.3, 0.1),
            ("mean", 0.2, 0.0),
            ("variance", 0.5, 1.0),
        ] {
            self.constant(&name(part), &[outputs], scale, shift);
        }
        let raw = name("raw");
        let lists: [(&str, &[i64]); 3] = [
            ("pads", &[pads as i64; 4]),
            ("strides", &[stride as i64; 2]),
            ("kernel_shape", &[side as i64; 2]),
        ];
        self.node(operator, &[from, &name("w")], &raw, &lists);
        let parts = ["gain", "shift", "mean", "variance"].map(name);
        let inputs = [&raw, &parts[0], &parts[1], &parts[2], &parts[3]].map(String::as_str);
        self.node("BatchNormalization", &inputs, to, &[]);
    }
}

fn value(name: &str, sides: [usize; 4]) -> ValueInfoProto {
    let dim = sides.map(|side| Dimension {
        value: Some(dimension::Value::DimValue(side as i64)),
        ..Dimension::default()
    });
    let tensor = type_proto::Tensor {
        elem_type: tensor_proto::DataType::Float as i32,
        shape: Some(TensorShapeProto { dim: dim.into() }),
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

/// A residual block and a transposed convolution, as in SimpleBaseline.
fn float_network() -> ModelFile {
    let mut builder = Builder {
        random: Random(3),
        graph: GraphProto::default(),
    };
    builder.normalised("Conv", "x", "a", [3, 8], [3, 1, 2]);
    builder.node("Relu", &["a"], "b", &[]);
    builder.node(
        "MaxPool",
        &["b"],
        "c",
        &[("kernel_shape", &[2, 2]), ("strides", &[2, 2])],
    );
    builder.normalised("Conv", "c", "d", [8, 8], [3, 1, 1]);
    builder.node("Add", &["d", "c"], "e", &[]);
    builder.node("Relu", &["e"], "f", &[]);
    builder.normalised("Conv", "f", "g", [8, 8], [3, 1, 2]);
    builder.node("Relu", &["g"], "h", &[]);
    builder.normalised("ConvTranspose", "h", "i", [8, 8], [4, 1, 2]);
    builder.node("Relu", &["i"], "j", &[]);
    builder.constant("last.w", &[JOINTS, 8, 1, 1], 0.6, 0.0);
    builder.constant("last.b", &[JOINTS], 0.1, 0.0);
    builder.node("Conv", &["j", "last.w", "last.b"], "heatmaps", &[]);
    let mut graph = builder.graph;
    graph.input = vec![value("x", [1, 3, SIDE, SIDE])];
    graph.output = vec![value("heatmaps", [1, JOINTS, SIDE / 4, SIDE / 4])];
    file(&ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto {
            version: 13,
            ..OperatorSetIdProto::default()
        }],
        graph: Some(graph),
        ..ModelProto::default()
    })
}

fn file(model: &ModelProto) -> ModelFile {
    ModelFile::from_onnx(Path::new("test.onnx"), &model.encode_to_vec()).unwrap()
}

fn heatmaps(file: &ModelFile, engine: EngineChoice, input: &[f32]) -> (String, Vec<f32>) {
    let mut network = engine::load(file, engine, 1).unwrap();
    let mut work = Workspace::new(network.workspace(), 1).unwrap();
    let mut outputs = Outputs::new(network.describe());
    network.run(&mut work, input, &mut outputs).unwrap();
    (network.describe().name.clone(), outputs.get(0).to_vec())
}

#[test]
fn the_int8_network_gives_the_heatmaps_of_the_float_one() {
    let float = float_network();
    let network = FloatNetwork::new(&float).unwrap();
    let mut calibration = network.calibrate(&float, 1).unwrap();
    assert_eq!(calibration.input_shape(), [1, 3, SIDE, SIDE]);
    let mut random = Random(9);
    for _ in 0..8 {
        calibration
            .see(&list(&mut random, 3 * SIDE * SIDE))
            .unwrap();
    }
    let int8 = file(&calibration.finish(&float).unwrap());
    let input = list(&mut random, 3 * SIDE * SIDE);
    let (_, wanted) = heatmaps(&float, EngineChoice::Tract, &input);
    let (engine, found) = heatmaps(&int8, EngineChoice::Auto, &input);
    assert!(engine.starts_with("int8"), "{engine}");
    let error: f32 = wanted
        .iter()
        .zip(&found)
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    let power: f32 = wanted.iter().map(|a| a.powi(2)).sum();
    // 1.2 % was measured.
    assert!((error / power).sqrt() < 0.03, "{}", (error / power).sqrt());
}

#[test]
fn a_value_that_is_no_number_is_named() {
    let float = float_network();
    let network = FloatNetwork::new(&float).unwrap();
    let mut calibration = network.calibrate(&float, 1).unwrap();
    let error = calibration
        .see(&vec![f32::NAN; 3 * SIDE * SIDE])
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("x has a value that is no number"),
        "{error}"
    );
}

#[test]
fn weights_that_are_computed_are_refused_by_the_node() {
    let mut model = float_network().onnx().unwrap().clone();
    let graph = model.graph.as_mut().unwrap();
    graph.initializer.retain(|tensor| tensor.name != "last.w");
    let mut relu = graph.node[1].clone();
    (relu.input[0], relu.output[0]) = ("unknown".into(), "last.w".into());
    graph.initializer.push(TensorProto {
        name: "unknown".into(),
        ..of_floats("", &[JOINTS, 8, 1, 1], &[1.0; JOINTS * 8])
    });
    graph.node.insert(0, relu);
    let float = file(&model);
    let network = FloatNetwork::new(&float).unwrap();
    let calibration = network.calibrate(&float, 1).unwrap();
    let error = calibration.finish(&float).unwrap_err().to_string();
    assert!(
        error.contains("heatmaps: has weights that are computed"),
        "{error}"
    );
}

#[test]
fn the_card_goes_along() {
    let card = test_card();
    let model = with_card(float_network().onnx().unwrap().clone(), &card).unwrap();
    assert_eq!(file(&model).card(), Some(&card));
}
