//! One form for all ONNX graphs: operators of known domains, shapes that fit, pads that are explicit, one output.

use super::Fault;
use super::half;
use super::qlinear::{self, CONTRIB};
use super::shapes::{Shapes, name_of};
use super::softmax::keep_softmax;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
    attribute_proto::AttributeType, tensor_proto::DataType, tensor_shape_proto::dimension,
    type_proto::Value,
};

/// Scales of one QuantizeLinear that gets zero points here. Weights have one for each channel.
const MAX_SCALES: i64 = 4096;

/// Outputs that a message lists.
const MAX_LISTED: usize = 4;

/// # Errors
/// The first node or output that no engine can run as it is meant.
pub(super) fn tidy(model: &mut ModelProto) -> Result<(), Fault> {
    if let Some(function) = model.functions.first() {
        return refuse(
            format!("function {}", function.name.as_deref().unwrap_or("")),
            "is a function of the model's own: export the network with its functions inlined",
        );
    }
    let Some(graph) = &mut model.graph else {
        return Ok(());
    };
    graph.node.iter().try_for_each(check_domain)?;
    half::widen(graph);
    qlinear::unfold(graph)?;
    // Engines infer shapes themselves, from the input's.
    graph.value_info.retain(is_closed);
    for output in &mut graph.output {
        if !is_closed(output)
            && let Some(Value::TensorType(tensor)) =
                output.r#type.as_mut().and_then(|t| t.value.as_mut())
        {
            tensor.shape = None;
        }
    }
    let shapes = Shapes::infer(graph)?;
    let output = heatmaps(graph, &shapes)?;
    let pads = explicit_pads(graph, &shapes)?;
    for (index, pads) in pads {
        set_pads(&mut graph.node[index], pads);
    }
    explicit_zero_points(graph)?;
    keep_softmax(graph);
    if let Some(output) = output {
        graph.output = vec![graph.output.swap_remove(output)];
    }
    Ok(())
}

fn refuse<T>(part: impl Into<String>, what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Refused {
        part: part.into(),
        what: what.into(),
    })
}

/// Engines look operators up by name alone.
fn check_domain(node: &NodeProto) -> Result<(), Fault> {
    let operator = &node.op_type;
    let what = match node.domain.as_str() {
        "" | "ai.onnx" => match operator.as_str() {
            "Upsample" => {
                "its operator Upsample left ONNX with opset 10: export the model with opset 13"
                    .into()
            }
            _ => return Ok(()),
        },
        CONTRIB
            if operator.ends_with("QuantizeLinear") || operator.ends_with("DequantizeLinear") =>
        {
            return Ok(());
        }
        CONTRIB if qlinear::is_known(operator) => return Ok(()),
        CONTRIB if operator.starts_with("QLinear") => format!(
            "no engine has the operator {operator} of {CONTRIB}: quantise the original model with --form qdq"
        ),
        CONTRIB | "com.microsoft.nchwc" | "com.ms.internal.nhwc" => format!(
            "its operator {operator} of {} is made by ONNX Runtime's optimiser: give the original model",
            node.domain
        ),
        domain => format!(
            "its operator {operator} is of the domain {domain}, which no engine has: export it with ONNX's own operators"
        ),
    };
    refuse(name_of(node), what)
}

/// Whether a value's shape is all numbers.
fn is_closed(info: &ValueInfoProto) -> bool {
    let Some(Value::TensorType(tensor)) = info.r#type.as_ref().and_then(|t| t.value.as_ref())
    else {
        return true;
    };
    let mut dims = tensor.shape.iter().flat_map(|shape| &shape.dim);
    dims.all(|dim| matches!(dim.value, Some(dimension::Value::DimValue(side)) if side > 0))
}

/// The element type that a value says, if any.
fn element(info: &ValueInfoProto) -> Option<i32> {
    match info.r#type.as_ref()?.value.as_ref()? {
        Value::TensorType(tensor) => Some(tensor.elem_type).filter(|&kind| kind != 0),
    }
}

/// The index of the output that counts: the only one, or the last of several of one shape, as hourglass networks
/// give one for each stack.
fn heatmaps(graph: &GraphProto, shapes: &Shapes<'_>) -> Result<Option<usize>, Fault> {
    let outputs = &graph.output;
    let Some(last) = outputs.len().checked_sub(1) else {
        return Ok(None);
    };
    let shape = |output: &ValueInfoProto| shapes.of(&output.name).map(<[u64]>::to_vec);
    let first = shape(&outputs[0]);
    let same = first.as_ref().is_some_and(|shape| shape.len() == 4)
        && outputs
            .iter()
            .all(|output| shape(output) == first && element(output) == element(&outputs[0]));
    if last > 0 && !same {
        let listed: Vec<String> = outputs
            .iter()
            .take(MAX_LISTED)
            .map(|output| match shape(output) {
                Some(shape) => format!("{} {shape:?}", output.name),
                None => output.name.clone(),
            })
            .collect();
        return refuse(
            "outputs",
            format!(
                "there are {}: {}; a pose network has one, its heatmaps, or several of one shape, of which the last counts",
                outputs.len(),
                listed.join(", ")
            ),
        );
    }
    let kind = element(&outputs[last]).and_then(|kind| DataType::try_from(kind).ok());
    if let Some(kind) = kind.filter(|&kind| !matches!(kind, DataType::Float)) {
        return refuse(
            format!("output {}", outputs[last].name),
            format!(
                "is {}, heatmaps are float: export the network without what decodes them",
                format!("{kind:?}").to_lowercase()
            ),
        );
    }
    if last > 0 {
        log::info!(
            "{} outputs of one shape: the last one counts, {}",
            outputs.len(),
            outputs[last].name
        );
    }
    Ok(Some(last))
}

/// Pads that follow from the `output_shape` of transposed convolutions, by their place among the nodes.
fn explicit_pads(graph: &GraphProto, shapes: &Shapes<'_>) -> Result<Vec<(usize, Vec<i64>)>, Fault> {
    let mut all = Vec::new();
    for (index, node) in graph.node.iter().enumerate() {
        let find = |name: &str| {
            node.attribute
                .iter()
                .find(|attribute| attribute.name == name)
        };
        let target = find("output_shape").map_or(&[][..], |attribute| &attribute.ints);
        if node.op_type != "ConvTranspose" || target.is_empty() {
            continue;
        }
        let unclear = || Fault::Refused {
            part: name_of(node).into(),
            what: "has an output shape from which no pads follow: export it with pads".into(),
        };
        let sides = |input: usize| {
            let shape = shapes.of(node.input.get(input)?)?.get(2..)?;
            shape
                .iter()
                .map(|&side| i64::try_from(side).ok())
                .collect::<Option<Vec<_>>>()
        };
        let (input, kernel) = sides(0).zip(sides(1)).ok_or_else(unclear)?;
        let target = target.get(target.len().saturating_sub(input.len())..);
        let target = target
            .filter(|target| target.len() == input.len())
            .ok_or_else(unclear)?;
        let number = |name: &str, axis: usize, default: i64| {
            let list = find(name).and_then(|attribute| attribute.ints.get(axis));
            list.copied().unwrap_or(default)
        };
        let upper = find("auto_pad").is_some_and(|mode| mode.s == b"SAME_UPPER");
        let (mut begins, mut ends) = (Vec::new(), Vec::new());
        for axis in 0..input.len() {
            let full = (|| {
                let reach = number("dilations", axis, 1).checked_mul(kernel[axis] - 1)?;
                let steps = number("strides", axis, 1).checked_mul(input[axis] - 1)?;
                let more = number("output_padding", axis, 0);
                steps.checked_add(reach)?.checked_add(1)?.checked_add(more)
            })();
            let total = full.and_then(|full| full.checked_sub(target[axis]));
            // More than the full size would need rows that no input reaches.
            let total = total.filter(|&total| total >= 0).ok_or_else(unclear)?;
            let small = total / 2;
            let begin = if upper { small } else { total - small };
            begins.push(begin);
            ends.push(total - begin);
        }
        begins.extend(ends);
        all.push((index, begins));
    }
    Ok(all)
}

/// Gives a QuantizeLinear that says its type by `output_dtype` a zero point of that type: engines read no other.
fn explicit_zero_points(graph: &mut GraphProto) -> Result<(), Fault> {
    for node in &mut graph.node {
        let kind = node
            .attribute
            .iter()
            .find(|attribute| attribute.name == "output_dtype")
            .map_or(0, |attribute| attribute.i);
        if node.op_type != "QuantizeLinear" || kind == 0 {
            continue;
        }
        let eight_bits = [DataType::Uint8, DataType::Int8].map(|kind| kind as i64);
        if !eight_bits.contains(&kind) {
            let kind = i32::try_from(kind)
                .ok()
                .and_then(|kind| DataType::try_from(kind).ok());
            let kind = kind.map_or("an unknown type".into(), |kind| {
                format!("{kind:?}").to_lowercase()
            });
            return refuse(
                name_of(node),
                format!(
                    "rounds to {kind}, the engines have int8 and uint8: quantise the model again"
                ),
            );
        }
        let has_zero_point = node.input.get(2).is_some_and(|name| !name.is_empty());
        if has_zero_point || node.input.len() < 2 || node.output.is_empty() {
            continue;
        }
        let scale = graph
            .initializer
            .iter()
            .find(|tensor| tensor.name == node.input[1]);
        let dims = scale.map_or(Vec::new(), |scale| scale.dims.clone());
        let count = dims.iter().product::<i64>();
        if !(0..=MAX_SCALES).contains(&count) {
            continue;
        }
        let zero_point = TensorProto {
            name: format!("{}.zero_point", node.output[0]),
            dims,
            data_type: kind as i32,
            raw_data: vec![0; count as usize],
            ..TensorProto::default()
        };
        node.input.truncate(2);
        node.input.push(zero_point.name.clone());
        graph.initializer.push(zero_point);
    }
    Ok(())
}

fn set_pads(node: &mut NodeProto, pads: Vec<i64>) {
    let replaced = ["output_shape", "auto_pad", "pads"];
    node.attribute
        .retain(|attribute| !replaced.contains(&attribute.name.as_str()));
    node.attribute.push(AttributeProto {
        name: "pads".into(),
        r#type: AttributeType::Ints as i32,
        ints: pads,
        ..AttributeProto::default()
    });
}
