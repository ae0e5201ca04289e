//! The int8 graph in ONNX's QDQ form: what tools of other makers read as well.

use super::Fault;
use super::fold::{Kernel, name_of, operator};
use super::range::Params;
use super::tensor::{floats, of_floats, of_int8, of_int32, of_uint8};
use super::values::Value;
use std::collections::{HashMap, HashSet};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, attribute_proto::AttributeType,
};

/// From this opset on DequantizeLinear has a scale for each channel.
const OPSET: i64 = 13;
/// Before this one, operators of the family had other inputs.
const MIN_OPSET: i64 = 11;
/// Steps of int8 on each side of 0.
const WEIGHT_STEPS: f32 = 127.0;
/// Largest bias in steps: an accumulator adds products to it.
const MAX_BIAS_STEPS: f32 = (1 << 30) as f32;
/// Smallest scale of a channel of weights that are 0.
const MIN_WEIGHT_SCALE: f32 = 1e-9;

/// What an 8-bit value means, and its mean in each channel.
pub(super) struct Known {
    pub params: Params,
    pub means: Vec<f32>,
}

/// Rounds weights, and puts QuantizeLinear and DequantizeLinear behind each of `values`.
pub(super) fn rewrite(
    model: &ModelProto,
    values: &[Value],
    known: &[Known],
) -> Result<ModelProto, Fault> {
    let mut model = model.clone();
    set_opset(&mut model)?;
    let graph = model.graph.as_mut().expect("reading checked it");
    let places: HashMap<&str, usize> = values
        .iter()
        .enumerate()
        .map(|(place, value)| (&*value.name, place))
        .collect();
    let mut added = Vec::new();
    let constants: HashMap<String, TensorProto> = graph
        .initializer
        .iter()
        .map(|tensor| (tensor.name.clone(), tensor.clone()))
        .collect();
    let mut nodes = Vec::with_capacity(3 * graph.node.len());
    for input in &graph.input {
        if let Some(&place) = places.get(&*input.name) {
            nodes.extend(pair(
                &input.name,
                &input.name,
                &known[place].params,
                &mut added,
            ));
        }
    }
    let is_output = |name: &str| graph.output.iter().any(|output| output.name == name);
    for mut node in std::mem::take(&mut graph.node) {
        if matches!(operator(&node), "Conv" | "ConvTranspose") {
            let input = places.get(node.input.first().map_or("", |name| name));
            let input = input.map(|&place| &known[place]);
            let input = input.ok_or_else(|| Fault::new(name_of(&node), "reads a constant"))?;
            nodes.extend(round_weights(&mut node, input, &constants, &mut added)?);
        }
        for name in &mut node.input {
            if places.contains_key(&**name) {
                *name = rounded_name(name, is_output(name));
            }
        }
        let output = node.output.first().cloned().unwrap_or_default();
        match places.get(&*output) {
            None => nodes.push(node),
            Some(&place) => {
                if is_output(&output) {
                    node.output[0] = part_name(&output, "float");
                }
                let float = node.output[0].clone();
                nodes.push(node);
                nodes.extend(pair(&float, &output, &known[place].params, &mut added));
            }
        }
    }
    graph.node = nodes;
    // Shapes of values that have other names now.
    graph.value_info.clear();
    graph.initializer.extend(added);
    drop_unread(graph);
    Ok(model)
}

/// A name that no exporter gives: files that have such names are quantised, and refused.
fn part_name(value: &str, part: &str) -> String {
    format!("{value}::{part}")
}

/// The name of a value after it was rounded. That of an output stays.
fn rounded_name(name: &str, is_output: bool) -> String {
    match is_output {
        true => name.into(),
        false => part_name(name, "rounded"),
    }
}

fn set_opset(model: &mut ModelProto) -> Result<(), Fault> {
    let own = model
        .opset_import
        .iter_mut()
        .find(|set| matches!(&*set.domain, "" | "ai.onnx"));
    let own = own.ok_or_else(|| {
        Fault::new(
            "opset_import",
            "names no opset of ONNX: export the network again",
        )
    })?;
    if own.version < MIN_OPSET {
        let what = format!(
            "opset {} is older than {MIN_OPSET}: export the network with opset {OPSET}",
            own.version
        );
        return Err(Fault::new("opset_import", what));
    }
    own.version = own.version.max(OPSET);
    Ok(())
}

/// QuantizeLinear and DequantizeLinear behind the value `float`. `name` is that of the value in the float graph.
fn pair(float: &str, name: &str, params: &Params, added: &mut Vec<TensorProto>) -> [NodeProto; 2] {
    let [scale, zero_point, steps] =
        ["scale", "zero_point", "steps"].map(|part| part_name(name, part));
    added.push(of_floats(&*scale, &[], &[params.scale]));
    added.push(of_uint8(&*zero_point, params.zero_point));
    let rounded = rounded_name(name, float != name);
    [
        node("QuantizeLinear", &[float, &scale, &zero_point], &steps),
        node("DequantizeLinear", &[&steps, &scale, &zero_point], &rounded),
    ]
}

/// Gives a convolution weights of int8 and a bias of int32; returns the nodes that make floats of them.
fn round_weights(
    conv: &mut NodeProto,
    input: &Known,
    constants: &HashMap<String, TensorProto>,
    added: &mut Vec<TensorProto>,
) -> Result<[NodeProto; 2], Fault> {
    let fail = |what: &str| Fault::new(name_of(conv), what);
    let constant = |index: usize| conv.input.get(index).filter(|name| !name.is_empty());
    let weights = constant(1).and_then(|name| constants.get(name));
    let weights = weights.ok_or_else(|| {
        fail("has weights that are computed: export the network with constant weights")
    })?;
    let kernel = Kernel::of(conv, weights)?;
    let values = floats(weights)?;
    let mut bias = match constant(2) {
        None => vec![0.0; kernel.outputs],
        Some(name) => floats(
            constants
                .get(name)
                .ok_or_else(|| fail("has a bias that is computed"))?,
        )?,
    };
    if bias.len() != kernel.outputs {
        return Err(fail("has a bias of another length than its channels"));
    }
    let scales = weight_scales(&values, &bias, &kernel, input.params.scale);
    let steps: Vec<i8> = values
        .iter()
        .enumerate()
        .map(|(index, value)| {
            (value / scales[kernel.output_of(index)])
                .round()
                .clamp(-WEIGHT_STEPS, WEIGHT_STEPS) as i8
        })
        .collect();
    // Rounded weights shift the mean of a channel. The bias takes the shift back (Nagel et al., 2019).
    let repeats = repeats(conv) as f32;
    for (index, (value, &step)) in values.iter().zip(&steps).enumerate() {
        let output = kernel.output_of(index);
        let mean = input
            .means
            .get(kernel.input_of(index))
            .copied()
            .unwrap_or(0.0);
        bias[output] -= (f32::from(step) * scales[output] - value) * mean / repeats;
    }
    let bias_scales: Vec<f32> = scales
        .iter()
        .map(|scale| scale * input.params.scale)
        .collect();
    let bias: Vec<i32> = bias
        .iter()
        .zip(&bias_scales)
        .map(|(bias, scale)| (bias / scale).round() as i32)
        .collect();
    let output = conv.output.first().ok_or_else(|| fail("has no result"))?;
    let name = |part: &str| part_name(output, part);
    let dims: Vec<usize> = weights.dims.iter().map(|&side| side as usize).collect();
    added.extend([
        of_int8(name("weights"), &dims, &steps),
        of_floats(name("weight_scales"), &[scales.len()], &scales),
        of_int8(
            name("weight_zero_points"),
            &[scales.len()],
            &vec![0; scales.len()],
        ),
        of_int32(name("bias"), &bias),
        of_floats(name("bias_scales"), &[bias_scales.len()], &bias_scales),
    ]);
    let mut weight = node(
        "DequantizeLinear",
        &[
            &name("weights"),
            &name("weight_scales"),
            &name("weight_zero_points"),
        ],
        &name("weights.real"),
    );
    weight.attribute.push(axis(kernel.axis));
    let mut shift = node(
        "DequantizeLinear",
        &[&name("bias"), &name("bias_scales")],
        &name("bias.real"),
    );
    shift.attribute.push(axis(0));
    let inputs = [
        conv.input[0].clone(),
        weight.output[0].clone(),
        shift.output[0].clone(),
    ];
    conv.input = inputs.into();
    Ok([weight, shift])
}

/// A scale for each output channel: its largest weight is the last step, and its bias fits an accumulator.
fn weight_scales(values: &[f32], bias: &[f32], kernel: &Kernel, input_scale: f32) -> Vec<f32> {
    let mut largest = vec![0.0_f32; kernel.outputs];
    for (index, value) in values.iter().enumerate() {
        let output = kernel.output_of(index);
        largest[output] = largest[output].max(value.abs());
    }
    let for_bias = |bias: f32| bias.abs() / (input_scale * MAX_BIAS_STEPS);
    largest
        .iter()
        .zip(bias)
        .map(|(largest, &bias)| {
            (largest / WEIGHT_STEPS)
                .max(for_bias(bias))
                .max(MIN_WEIGHT_SCALE)
        })
        .collect()
}

/// Output pixels over which a transposed convolution spreads its weights, on the average: each reads a part of them.
fn repeats(conv: &NodeProto) -> i64 {
    let strides = conv
        .attribute
        .iter()
        .find(|attribute| attribute.name == "strides");
    match operator(conv) {
        "ConvTranspose" => strides.map_or(1, |strides| strides.ints.iter().product::<i64>().max(1)),
        _ => 1,
    }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        name: part_name(output, operator),
        op_type: operator.into(),
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    }
}

fn axis(axis: usize) -> AttributeProto {
    AttributeProto {
        name: "axis".into(),
        r#type: AttributeType::Int as i32,
        i: axis as i64,
        ..AttributeProto::default()
    }
}

/// Removes constants that no node reads, the float weights, and constants among the inputs, as old files have them.
fn drop_unread(graph: &mut GraphProto) {
    let constants: HashSet<&String> = graph
        .initializer
        .iter()
        .map(|tensor| &tensor.name)
        .collect();
    graph.input.retain(|input| !constants.contains(&input.name));
    let read: HashSet<&String> = graph.node.iter().flat_map(|node| &node.input).collect();
    graph
        .initializer
        .retain(|tensor| read.contains(&tensor.name));
}
