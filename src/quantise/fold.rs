//! A float graph without what only training needs: constants are initializers, names lead straight to values, batch
//! normalisations are part of the convolutions in front of them.

use super::Fault;
use super::tensor::{floats, of_floats};
use crate::engine::is_quantised;
use std::collections::{HashMap, HashSet};
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto, attribute_proto::AttributeType};

/// ONNX's default epsilon of BatchNormalization.
const EPSILON: f32 = 1e-5;

/// Brings a graph to the form that the other steps read.
///
/// # Errors
/// The first node that is quantised already.
pub(super) fn fold(graph: &mut GraphProto) -> Result<(), Fault> {
    if let Some(node) = graph.node.iter().find(|node| is_quantised(node)) {
        let what = "is quantised already: give the float network";
        return Err(Fault::new(name_of(node), what));
    }
    lift_constants(graph);
    remove_copies(graph);
    fold_normalisations(graph)
}

/// A node's name, or that of its output.
pub(super) fn name_of(node: &NodeProto) -> &str {
    match node.output.first() {
        Some(output) if node.name.is_empty() => output,
        _ => &node.name,
    }
}

/// A node's operator among ONNX's own. Others have none.
pub(super) fn operator(node: &NodeProto) -> &str {
    match &*node.domain {
        "" | "ai.onnx" => &node.op_type,
        _ => "",
    }
}

/// The values that each name is read by: places of nodes.
pub(super) fn readers(graph: &GraphProto) -> HashMap<&str, Vec<usize>> {
    let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        for input in node.input.iter().filter(|name| !name.is_empty()) {
            readers.entry(input).or_default().push(index);
        }
    }
    readers
}

fn lift_constants(graph: &mut GraphProto) {
    let (constants, nodes) = std::mem::take(&mut graph.node)
        .into_iter()
        .partition(|node| operator(node) == "Constant" && tensor_of(node).is_some());
    graph.node = nodes;
    let constants: Vec<NodeProto> = constants;
    for mut node in constants {
        let Some(mut tensor) = tensor_of(&node).cloned() else {
            continue;
        };
        tensor.name = std::mem::take(&mut node.output[0]);
        graph.initializer.push(tensor);
    }
}

fn tensor_of(node: &NodeProto) -> Option<&TensorProto> {
    let value = node
        .attribute
        .iter()
        .find(|attribute| attribute.name == "value")?;
    let is_tensor = value.r#type == AttributeType::Tensor as i32 && node.output.len() == 1;
    value.t.as_ref().filter(|_| is_tensor)
}

/// Removes Identity, and Dropout, which passes its input on when it is not trained.
fn remove_copies(graph: &mut GraphProto) {
    let mut same: HashMap<String, String> = HashMap::new();
    let kept = |name: &str| graph.output.iter().any(|output| output.name == name);
    graph.node.retain_mut(|node| {
        for input in &mut node.input {
            if let Some(original) = same.get(input) {
                input.clone_from(original);
            }
        }
        let is_copy = matches!(operator(node), "Identity" | "Dropout") && !node.input.is_empty();
        match node.output.first() {
            Some(output) if is_copy && !kept(output) => {
                same.insert(output.clone(), node.input[0].clone());
                false
            }
            _ => true,
        }
    });
}

/// `scale * (x - mean) / sqrt(variance + epsilon) + shift` behind a convolution that no other node reads.
fn fold_normalisations(graph: &mut GraphProto) -> Result<(), Fault> {
    let mut constants: HashMap<String, TensorProto> = graph
        .initializer
        .iter()
        .map(|tensor| (tensor.name.clone(), tensor.clone()))
        .collect();
    let made_by: HashMap<String, usize> = graph
        .node
        .iter()
        .enumerate()
        .flat_map(|(index, node)| node.output.iter().map(move |name| (name.clone(), index)))
        .collect();
    let alone: Vec<bool> = {
        let readers = readers(graph);
        let is_output = |name: &String| graph.output.iter().any(|output| output.name == *name);
        let lone = |name: &String| {
            !is_output(name) && readers.get(&**name).is_some_and(|by| by.len() == 1)
        };
        graph
            .node
            .iter()
            .map(|node| node.output.first().is_some_and(lone))
            .collect()
    };
    let mut gone = HashSet::new();
    for index in 0..graph.node.len() {
        if operator(&graph.node[index]) != "BatchNormalization" {
            continue;
        }
        let Some(&conv) = graph.node[index]
            .input
            .first()
            .and_then(|name| made_by.get(name))
        else {
            continue;
        };
        if !alone[conv] || !matches!(operator(&graph.node[conv]), "Conv" | "ConvTranspose") {
            continue;
        }
        let normalisation = graph.node[index].clone();
        let Some(affine) = affine(&normalisation, &constants)? else {
            continue;
        };
        let node = &mut graph.node[conv];
        let Some((weights, bias)) = scaled(node, &constants, &affine)? else {
            continue;
        };
        node.input.truncate(1);
        node.input.extend([weights.name.clone(), bias.name.clone()]);
        node.output[0].clone_from(&normalisation.output[0]);
        constants.insert(weights.name.clone(), weights.clone());
        constants.insert(bias.name.clone(), bias.clone());
        graph.initializer.extend([weights, bias]);
        gone.insert(index);
    }
    let mut place = 0..;
    graph
        .node
        .retain(|_| place.next().is_none_or(|place| !gone.contains(&place)));
    Ok(())
}

/// `gain * x + shift` for each channel.
struct Affine {
    gain: Vec<f32>,
    shift: Vec<f32>,
}

/// The normalisation as a gain and a shift, if its numbers are constant.
fn affine(
    node: &NodeProto,
    constants: &HashMap<String, TensorProto>,
) -> Result<Option<Affine>, Fault> {
    let mut lists = Vec::new();
    for index in 1..5 {
        match node.input.get(index).and_then(|name| constants.get(name)) {
            Some(tensor) => lists.push(floats(tensor)?),
            None => return Ok(None),
        }
    }
    let epsilon = node
        .attribute
        .iter()
        .find(|attribute| attribute.name == "epsilon");
    let epsilon = epsilon.map_or(EPSILON, |attribute| attribute.f);
    let [scale, shift, mean, variance] = &lists[..] else {
        return Ok(None);
    };
    if lists.iter().any(|list| list.len() != scale.len()) {
        return Err(Fault::new(name_of(node), "has lists of different lengths"));
    }
    let gain: Vec<f32> = scale
        .iter()
        .zip(variance)
        .map(|(scale, variance)| scale / (variance + epsilon).sqrt())
        .collect();
    let shift = shift
        .iter()
        .zip(mean)
        .zip(&gain)
        .map(|((shift, mean), gain)| shift - mean * gain)
        .collect();
    Ok(Some(Affine { gain, shift }))
}

/// A convolution's weights and bias, times a gain and plus a shift for each output channel.
fn scaled(
    node: &NodeProto,
    constants: &HashMap<String, TensorProto>,
    Affine { gain, shift }: &Affine,
) -> Result<Option<(TensorProto, TensorProto)>, Fault> {
    let Some(weights) = node.input.get(1).and_then(|name| constants.get(name)) else {
        return Ok(None);
    };
    let shape = Kernel::of(node, weights)?;
    if shape.outputs != gain.len() {
        return Err(Fault::new(
            name_of(node),
            "has other channels than its BatchNormalization",
        ));
    }
    let bias = match node.input.get(2).filter(|name| !name.is_empty()) {
        None => vec![0.0; gain.len()],
        Some(name) => match constants.get(name) {
            Some(tensor) => floats(tensor)?,
            None => return Ok(None),
        },
    };
    if bias.len() != gain.len() {
        return Err(Fault::new(name_of(node), "has a bias of another length"));
    }
    let mut values = floats(weights)?;
    for (index, value) in values.iter_mut().enumerate() {
        *value *= gain[shape.output_of(index)];
    }
    let bias: Vec<f32> = bias
        .iter()
        .zip(gain)
        .zip(shift)
        .map(|((bias, gain), shift)| bias * gain + shift)
        .collect();
    let output = &node.output[0];
    let dims: Vec<usize> = weights.dims.iter().map(|&side| side as usize).collect();
    Ok(Some((
        of_floats(format!("{output}::folded_weights"), &dims, &values),
        of_floats(format!("{output}::folded_bias"), &[bias.len()], &bias),
    )))
}

/// Where a weight stands in a convolution's constant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    /// Channels of the result.
    pub outputs: usize,
    /// The axis of the constant that the scales run along.
    pub axis: usize,
    groups: usize,
    /// Sides of the constant's first and second axis, and the product of the others.
    sides: [usize; 3],
}

impl Kernel {
    /// # Errors
    /// Weights that are no kernel of this convolution.
    pub(super) fn of(node: &NodeProto, weights: &TensorProto) -> Result<Self, Fault> {
        let fail = |what: &str| Fault::new(name_of(node), what);
        let dims: Option<Vec<usize>> = weights
            .dims
            .iter()
            .map(|&side| usize::try_from(side).ok())
            .collect();
        let dims = dims.filter(|dims| dims.len() >= 2 && !dims.contains(&0));
        let dims = dims.ok_or_else(|| fail("has weights without channels"))?;
        let groups = node
            .attribute
            .iter()
            .find(|attribute| attribute.name == "group");
        let groups = usize::try_from(groups.map_or(1, |attribute| attribute.i)).unwrap_or(0);
        let is_transposed = operator(node) == "ConvTranspose";
        let (axis, outputs) = match is_transposed {
            true => (1, dims[1]),
            false => (0, dims[0]),
        };
        let fits = groups >= 1 && outputs.is_multiple_of(groups) && !(is_transposed && groups > 1);
        if !fits {
            return Err(fail("has groups that do not fit its weights"));
        }
        Ok(Kernel {
            outputs,
            axis,
            groups,
            sides: [dims[0], dims[1], dims[2..].iter().product()],
        })
    }

    /// The output channel of a weight.
    pub(super) fn output_of(&self, index: usize) -> usize {
        let [_, second, taps] = self.sides;
        match self.axis {
            0 => index / (second * taps),
            _ => index / taps % second,
        }
    }

    /// The input channel of a weight.
    pub(super) fn input_of(&self, index: usize) -> usize {
        let [_, second, taps] = self.sides;
        match self.axis {
            0 => {
                let group = self.output_of(index) / (self.outputs / self.groups);
                group * second + index / taps % second
            }
            _ => index / (second * taps),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
        NodeProto {
            op_type: operator.into(),
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: vec![output.into()],
            ..NodeProto::default()
        }
    }

    fn normalised(operator: &str) -> GraphProto {
        GraphProto {
            node: vec![
                node("Identity", &["x"], "same"),
                node(operator, &["same", "w"], "y"),
                node(
                    "BatchNormalization",
                    &["y", "scale", "shift", "mean", "variance"],
                    "z",
                ),
            ],
            initializer: vec![
                of_floats("w", &[2, 2, 1, 1], &[1.0, 2.0, 3.0, 4.0]),
                of_floats("scale", &[2], &[2.0, 3.0]),
                of_floats("shift", &[2], &[0.5, -0.5]),
                of_floats("mean", &[2], &[1.0, 2.0]),
                of_floats("variance", &[2], &[1.0 - EPSILON, 4.0 - EPSILON]),
            ],
            ..GraphProto::default()
        }
    }

    fn constant<'a>(graph: &'a GraphProto, name: &str) -> &'a TensorProto {
        graph
            .initializer
            .iter()
            .find(|tensor| tensor.name == name)
            .unwrap()
    }

    #[test]
    fn normalisations_become_part_of_convolutions() {
        // One row for each output channel, and one column.
        for (operator, weights) in [
            ("Conv", [2.0, 4.0, 4.5, 6.0]),
            ("ConvTranspose", [2.0, 3.0, 6.0, 6.0]),
        ] {
            let mut graph = normalised(operator);
            fold(&mut graph).unwrap();
            let [conv] = &graph.node[..] else {
                panic!("{:?}", graph.node);
            };
            assert_eq!(conv.input[0], "x");
            assert_eq!(conv.output, ["z"]);
            let close = |name: &String, expected: &[f32]| {
                let found = floats(constant(&graph, name)).unwrap();
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(expected) {
                    assert!(
                        (found - expected).abs() < 1e-4,
                        "{operator}: {found} {expected}"
                    );
                }
            };
            close(&conv.input[1], &weights);
            close(&conv.input[2], &[-1.5, -3.5]);
        }
    }

    #[test]
    fn a_convolution_that_others_read_keeps_its_values() {
        let mut graph = normalised("Conv");
        graph.node.push(node("Relu", &["y"], "other"));
        fold(&mut graph).unwrap();
        let operators: Vec<_> = graph.node.iter().map(|node| &*node.op_type).collect();
        assert_eq!(operators, ["Conv", "BatchNormalization", "Relu"]);
    }

    #[test]
    fn a_quantised_network_is_refused_by_the_node() {
        let mut graph = normalised("QLinearConv");
        assert_eq!(fold(&mut graph).unwrap_err().part, "y");
    }
}
