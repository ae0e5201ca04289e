//! The shapes of an ONNX graph, inferred forward, node by node.
//!
//! In: a decoded graph. Out: the shape of each value that is known, or the first node that contradicts its inputs or
//! makes more than a network does. An engine's own inference goes back and forth, and multiplies expressions that
//! do not fit each other; this visits each node once. An operator without a rule makes a value of unknown shape.

use super::Fault;
use crate::limits::{
    MAX_CONSTANT_VALUES, MAX_FRAME_MACS, MAX_NETWORK_SIDE_PX, MAX_ONNX_ACTIVATION_VALUES,
    MAX_ONNX_COMPUTED_VALUES,
};
use std::collections::HashMap;
use tract_onnx::pb::{
    AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto, tensor_proto::DataType,
    tensor_shape_proto::dimension, type_proto::Value,
};

/// Sides of a tensor.
type Shape = Vec<u64>;

/// Sides of a tensor, at most. Five are in use.
const MAX_RANK: usize = 8;

/// Values of a constant that can be a shape.
const MAX_SHAPE_VALUES: usize = 16;

/// A value of the graph.
#[derive(Debug, Clone, Default)]
struct Fact {
    shape: Option<Shape>,
    /// It does not depend on the input.
    constant: bool,
    /// The numbers of a small constant of integers.
    numbers: Option<Vec<i64>>,
}

/// The shapes of all values that are known.
#[derive(Debug)]
pub(super) struct Shapes<'a> {
    facts: HashMap<&'a str, Fact>,
    computed_values: u64,
    macs: u64,
}

impl<'a> Shapes<'a> {
    /// # Errors
    /// The first node whose inputs do not fit each other, or whose output is too large.
    pub(super) fn infer(graph: &'a GraphProto) -> Result<Self, Fault> {
        let mut shapes = Shapes {
            facts: HashMap::new(),
            computed_values: 0,
            macs: 0,
        };
        for input in &graph.input {
            let fact = Fact {
                shape: declared(input),
                ..Fact::default()
            };
            shapes.facts.insert(&input.name, fact);
        }
        for tensor in &graph.initializer {
            shapes.facts.insert(&tensor.name, constant(tensor));
        }
        for node in &graph.node {
            shapes.node(node).map_err(|what| Fault::Refused {
                part: name_of(node).into(),
                what,
            })?;
        }
        Ok(shapes)
    }

    /// The shape of a value, if it is known.
    pub(super) fn of(&self, value: &str) -> Option<&[u64]> {
        self.facts.get(value)?.shape.as_deref()
    }

    fn node(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let inputs = Inputs { shapes: self, node };
        let outputs = infer(&inputs)?;
        let macs = inputs.macs(outputs.first().and_then(|fact| fact.shape.as_ref()));
        let constant = inputs.all_constant();
        self.macs = self.macs.saturating_add(macs);
        if self.macs > MAX_FRAME_MACS {
            return Err("makes a frame more work than any pose network is".into());
        }
        let outputs = outputs
            .into_iter()
            .chain(std::iter::repeat_with(Fact::default));
        for (name, mut fact) in node.output.iter().zip(outputs) {
            fact.constant = constant;
            if let Some(shape) = &fact.shape {
                self.check_size(shape, constant, &node.op_type)?;
            }
            if !name.is_empty() {
                self.facts.insert(name, fact);
            }
        }
        Ok(())
    }

    fn check_size(&mut self, shape: &[u64], constant: bool, operator: &str) -> Result<(), String> {
        let too_large = |what: &str| {
            Err(format!(
                "makes {what} of the shape {shape:?}, more than any pose network does"
            ))
        };
        let values = volume(shape)
            .filter(|&values| is_bounded(shape) && values <= MAX_ONNX_ACTIVATION_VALUES);
        let Some(values) = values else {
            return too_large("a value");
        };
        // Weights pass through these as they are.
        let passes = matches!(
            operator,
            "Constant"
                | "Identity"
                | "Cast"
                | "DequantizeLinear"
                | "QuantizeLinear"
                | "Reshape"
                | "Transpose"
                | "Squeeze"
                | "Unsqueeze"
                | "Flatten"
        );
        if constant && !passes {
            self.computed_values = self.computed_values.saturating_add(values);
            if self.computed_values > MAX_ONNX_COMPUTED_VALUES {
                return too_large("a constant");
            }
        }
        Ok(())
    }
}

/// The name of a node, or of its first output if it has none.
pub(super) fn name_of(node: &NodeProto) -> &str {
    match node.name.as_str() {
        "" => node.output.first().map_or("", String::as_str),
        name => name,
    }
}

fn volume(shape: &[u64]) -> Option<u64> {
    shape
        .iter()
        .try_fold(1_u64, |volume, &side| volume.checked_mul(side))
}

/// The shape that an input of the graph says; an open batch is 1.
fn declared(input: &ValueInfoProto) -> Option<Shape> {
    let Some(Value::TensorType(tensor)) = input.r#type.as_ref()?.value.as_ref() else {
        return None;
    };
    let dims = &tensor.shape.as_ref()?.dim;
    let sides = dims.iter().enumerate().map(|(axis, dim)| match dim.value {
        Some(dimension::Value::DimValue(side)) if side > 0 || axis > 0 => u64::try_from(side).ok(),
        _ if axis == 0 => Some(1),
        _ => None,
    });
    sides
        .collect::<Option<Shape>>()
        .filter(|shape| is_bounded(shape))
}

/// Sides by which numbers can be multiplied; a shape of no values can have any.
fn is_bounded(shape: &[u64]) -> bool {
    shape.len() <= MAX_RANK && shape.iter().all(|&side| side <= MAX_CONSTANT_VALUES as u64)
}

fn constant(tensor: &TensorProto) -> Fact {
    Fact {
        shape: tensor
            .dims
            .iter()
            .map(|&side| u64::try_from(side).ok())
            .collect::<Option<Shape>>()
            .filter(|shape| is_bounded(shape)),
        constant: true,
        numbers: numbers(tensor),
    }
}

fn numbers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let eights = || tensor.raw_data.chunks_exact(8);
    let fours = || tensor.raw_data.chunks_exact(4);
    let count = volume(
        &tensor
            .dims
            .iter()
            .map(|&side| side as u64)
            .collect::<Vec<_>>(),
    )?;
    if count > MAX_SHAPE_VALUES as u64 {
        return None;
    }
    if tensor.data_type == DataType::Int64 as i32 {
        let raw = eights().map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap_or_default()));
        Some(raw.chain(tensor.int64_data.iter().copied()).collect())
    } else if tensor.data_type == DataType::Int32 as i32 {
        let raw = fours().map(|bytes| i32::from_le_bytes(bytes.try_into().unwrap_or_default()));
        let all = raw.chain(tensor.int32_data.iter().copied());
        Some(all.map(i64::from).collect())
    } else if tensor.data_type == DataType::Float as i32 {
        // Scales of a Resize, which are whole numbers in a network.
        let raw = fours().map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap_or_default()));
        let all = raw.chain(tensor.float_data.iter().copied());
        let whole = all.map(|scale| (scale.fract() == 0.0).then_some(scale as i64));
        whole.collect()
    } else {
        None
    }
}

/// A node and the facts of its inputs.
struct Inputs<'a, 'b> {
    shapes: &'b Shapes<'a>,
    node: &'a NodeProto,
}

impl Inputs<'_, '_> {
    fn fact(&self, input: usize) -> Option<&Fact> {
        self.shapes.facts.get(self.node.input.get(input)?.as_str())
    }

    fn has(&self, input: usize) -> bool {
        self.node
            .input
            .get(input)
            .is_some_and(|name| !name.is_empty())
    }

    fn shape(&self, input: usize) -> Option<&Shape> {
        self.fact(input)?.shape.as_ref()
    }

    fn numbers(&self, input: usize) -> Option<&[i64]> {
        self.fact(input)?.numbers.as_deref()
    }

    fn all_constant(&self) -> bool {
        let mut named = self.node.input.iter().filter(|name| !name.is_empty());
        named.all(|name| {
            self.shapes
                .facts
                .get(name.as_str())
                .is_some_and(|fact| fact.constant)
        })
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        let mut attributes = self.node.attribute.iter();
        attributes.find(|attribute| attribute.name == name)
    }

    fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name)
            .map_or(default, |attribute| attribute.i)
    }

    fn ints(&self, name: &str) -> Option<&[i64]> {
        Some(&self.attribute(name)?.ints)
    }

    fn text(&self, name: &str) -> &[u8] {
        self.attribute(name).map_or(b"", |attribute| &attribute.s)
    }

    /// An axis of a shape of this rank.
    fn axis(&self, axis: i64, rank: usize) -> Result<usize, String> {
        let positive = if axis < 0 { axis + rank as i64 } else { axis };
        usize::try_from(positive)
            .ok()
            .filter(|&axis| axis < rank)
            .ok_or_else(|| format!("has the axis {axis} of {rank}"))
    }

    /// Multiply-accumulates of the node.
    fn macs(&self, output: Option<&Shape>) -> u64 {
        let weights = match self.node.op_type.as_str() {
            "Conv" | "ConvTranspose" | "Gemm" => 1,
            "QLinearConv" => 3,
            "MatMul" => {
                let depth = self.shape(0).and_then(|shape| shape.last());
                let values = output.and_then(|shape| volume(shape));
                return values
                    .unwrap_or(0)
                    .saturating_mul(depth.copied().unwrap_or(1));
            }
            _ => return 0,
        };
        let (Some(weights), Some(output)) = (self.shape(weights), output) else {
            return 0;
        };
        // One product for each weight and each place it is used at.
        let transposed = self.node.op_type == "ConvTranspose";
        let places = match (transposed, self.shape(0)) {
            (true, Some(input)) => input.get(2..).and_then(volume),
            _ => output.get(2..).and_then(volume),
        };
        let weights = volume(weights).unwrap_or(u64::MAX);
        weights.saturating_mul(places.unwrap_or(u64::MAX).max(1))
    }
}

/// The facts of a node's outputs, as far as they are known.
fn infer(inputs: &Inputs<'_, '_>) -> Result<Vec<Fact>, String> {
    let of = |shape: Option<Shape>| {
        vec![Fact {
            shape,
            ..Fact::default()
        }]
    };
    let numbers = |numbers: Vec<i64>, shape: Shape| {
        vec![Fact {
            shape: Some(shape),
            numbers: (numbers.len() <= MAX_SHAPE_VALUES).then_some(numbers),
            ..Fact::default()
        }]
    };
    Ok(match inputs.node.op_type.as_str() {
        "Constant" => match inputs.attribute("value").and_then(|value| value.t.as_ref()) {
            Some(tensor) => vec![constant(tensor)],
            None => match (inputs.ints("value_ints"), inputs.attribute("value_int")) {
                (Some(ints), _) => numbers(ints.to_vec(), vec![ints.len() as u64]),
                (_, Some(int)) => numbers(vec![int.i], vec![]),
                _ => vec![],
            },
        },
        "Identity" | "Cast" => inputs.fact(0).cloned().into_iter().collect(),
        "Relu"
        | "Clip"
        | "Sigmoid"
        | "HardSigmoid"
        | "HardSwish"
        | "Elu"
        | "Selu"
        | "LeakyRelu"
        | "Tanh"
        | "Exp"
        | "Log"
        | "Sqrt"
        | "Abs"
        | "Neg"
        | "Erf"
        | "Floor"
        | "Ceil"
        | "Round"
        | "Softplus"
        | "Softsign"
        | "Reciprocal"
        | "Mish"
        | "Gelu"
        | "Not"
        | "Sin"
        | "Cos"
        | "QuantizeLinear"
        | "DequantizeLinear"
        | "BatchNormalization"
        | "Dropout"
        | "InstanceNormalization"
        | "LayerNormalization"
        | "GroupNormalization"
        | "LRN"
        | "Softmax"
        | "LogSoftmax"
        | "Hardmax"
        | "CumSum"
        | "LpNormalization"
        | "PRelu" => of(inputs.shape(0).cloned()),
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Max" | "Min" | "Sum" | "Mean" | "And" | "Or"
        | "Xor" | "Equal" | "Greater" | "Less" | "GreaterOrEqual" | "LessOrEqual" | "Mod"
        | "Where" => {
            let count = inputs.node.input.len();
            of(broadcast(inputs, &(0..count).collect::<Vec<_>>())?)
        }
        "Conv" | "QLinearConv" => of(conv(inputs)?),
        "ConvTranspose" => of(deconv(inputs)?),
        "MaxPool" | "AveragePool" => of(pool(inputs)?),
        "GlobalAveragePool" | "GlobalMaxPool" => of(inputs.shape(0).map(|shape| {
            let sides = shape.iter().enumerate();
            sides
                .map(|(axis, &side)| if axis < 2 { side } else { 1 })
                .collect()
        })),
        "Concat" => {
            let shape = concat(inputs)?;
            let lists = (0..inputs.node.input.len()).map(|input| inputs.numbers(input));
            let joined: Option<Vec<_>> = lists.collect();
            match (joined, shape) {
                (Some(lists), Some(shape)) if shape.len() == 1 => numbers(lists.concat(), shape),
                (_, shape) => of(shape),
            }
        }
        "Resize" => of(resize(inputs)?),
        "Transpose" => of(transpose(inputs)?),
        "Reshape" => of(reshape(inputs)?),
        "Expand" => {
            of(match (inputs.shape(0), inputs.numbers(1)) {
                (Some(shape), Some(target)) => {
                    let target = sides(target)?;
                    Some(broadcast_two(shape, &target).ok_or_else(|| {
                        format!("expands {shape:?} to {target:?}, which do not fit")
                    })?)
                }
                _ => None,
            })
        }
        "Tile" => of(match (inputs.shape(0), inputs.numbers(1)) {
            (Some(shape), Some(repeats)) if repeats.len() == shape.len() => {
                let sides = shape.iter().zip(sides(repeats)?);
                Some(
                    sides
                        .map(|(side, times)| side.saturating_mul(times))
                        .collect(),
                )
            }
            _ => None,
        }),
        "ConstantOfShape" => of(match inputs.numbers(0) {
            Some(target) => Some(sides(target)?),
            None => None,
        }),
        "Pad" => of(pad(inputs)?),
        "Shape" => match inputs.shape(0) {
            Some(shape) => {
                let sides: Vec<i64> = shape.iter().map(|&side| side as i64).collect();
                let rank = sides.len() as u64;
                numbers(sides, vec![rank])
            }
            None => vec![],
        },
        "DepthToSpace" | "SpaceToDepth" => of(blocks(inputs)),
        _ => vec![],
    })
}

/// Sides of a shape that a constant gives.
fn sides(numbers: &[i64]) -> Result<Shape, String> {
    numbers
        .iter()
        .map(|&side| u64::try_from(side).map_err(|_| format!("has a side of {side}")))
        .collect()
}

fn broadcast_two(a: &[u64], b: &[u64]) -> Option<Shape> {
    let rank = a.len().max(b.len());
    let side = |shape: &[u64], axis: usize| {
        let missing = rank - shape.len();
        axis.checked_sub(missing).map_or(1, |axis| shape[axis])
    };
    (0..rank)
        .map(|axis| match (side(a, axis), side(b, axis)) {
            (a, b) if a == b || b == 1 => Some(a),
            (1, b) => Some(b),
            _ => None,
        })
        .collect()
}

fn broadcast(inputs: &Inputs<'_, '_>, operands: &[usize]) -> Result<Option<Shape>, String> {
    let mut all: Option<Shape> = None;
    for &operand in operands {
        let Some(shape) = inputs.shape(operand) else {
            return Ok(None);
        };
        all = Some(match all {
            None => shape.clone(),
            Some(before) => broadcast_two(&before, shape).ok_or_else(|| {
                format!(
                    "reads {before:?} and {shape:?}, which do not fit each other: export the model at one size"
                )
            })?,
        });
    }
    Ok(all)
}

/// One side of a window's output.
struct Window {
    kernel: u64,
    stride: u64,
    dilation: u64,
    pads: u64,
}

/// The windows of a node, one for each side of its picture.
fn windows(inputs: &Inputs<'_, '_>, kernel: &[u64], input: &[u64]) -> Result<Vec<Window>, String> {
    let number = |name: &str, index: usize, default: i64| -> Result<u64, String> {
        let value = inputs.ints(name).and_then(|list| list.get(index));
        let value = value.copied().unwrap_or(default);
        u64::try_from(value)
            .ok()
            .filter(|&value| value <= MAX_NETWORK_SIDE_PX as u64)
            .ok_or_else(|| format!("has {value} in its {name}"))
    };
    let rank = kernel.len();
    let mut all = Vec::with_capacity(rank);
    for (index, &kernel) in kernel.iter().enumerate() {
        let mut window = Window {
            kernel,
            stride: number("strides", index, 1)?.max(1),
            dilation: number("dilations", index, 1)?.max(1),
            pads: 0,
        };
        window.pads = match inputs.text("auto_pad") {
            b"SAME_UPPER" | b"SAME_LOWER" => {
                let outputs = input[index].div_ceil(window.stride);
                let steps = outputs.saturating_sub(1) * window.stride;
                let needed = steps.saturating_add(window.reach());
                needed.saturating_sub(input[index])
            }
            b"VALID" => 0,
            _ => number("pads", index, 0)? + number("pads", index + rank, 0)?,
        };
        all.push(window);
    }
    Ok(all)
}

impl Window {
    fn reach(&self) -> u64 {
        self.kernel
            .saturating_sub(1)
            .saturating_mul(self.dilation)
            .saturating_add(1)
    }

    fn outputs(&self, input: u64, round_up: bool) -> Result<u64, String> {
        let room = (input + self.pads)
            .checked_sub(self.reach())
            .ok_or_else(|| {
                format!(
                    "has a window of {}, larger than its input of {input}",
                    self.reach()
                )
            })?;
        let steps = match round_up {
            true => room.div_ceil(self.stride),
            false => room / self.stride,
        };
        Ok(steps + 1)
    }
}

/// Input, weights and the sides of both, of a convolution.
fn convolved<'b>(inputs: &'b Inputs<'_, '_>, weights: usize) -> Option<(&'b Shape, &'b Shape)> {
    let (input, weights) = (inputs.shape(0)?, inputs.shape(weights)?);
    (input.len() == weights.len() && input.len() > 2).then_some((input, weights))
}

fn conv(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
    let weights = if inputs.node.op_type == "QLinearConv" {
        3
    } else {
        1
    };
    let Some((input, weights)) = convolved(inputs, weights) else {
        return Ok(None);
    };
    let group = u64::try_from(inputs.int("group", 1)).unwrap_or(0);
    if weights[1].checked_mul(group) != Some(input[1]) {
        return Err(format!(
            "has weights {weights:?} in {group} groups for an input {input:?}, which do not fit"
        ));
    }
    let windows = windows(inputs, &weights[2..], &input[2..])?;
    let mut shape = vec![input[0], weights[0]];
    for (window, &side) in windows.iter().zip(&input[2..]) {
        shape.push(window.outputs(side, false)?);
    }
    Ok(Some(shape))
}

fn deconv(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
    let Some((input, weights)) = convolved(inputs, 1) else {
        return Ok(None);
    };
    let group = u64::try_from(inputs.int("group", 1)).unwrap_or(0);
    if weights[0] != input[1] {
        return Err(format!(
            "has weights {weights:?} for an input {input:?}, which do not fit"
        ));
    }
    let mut shape = vec![input[0], weights[1].saturating_mul(group)];
    let rank = input.len() - 2;
    if let Some(target) = inputs
        .ints("output_shape")
        .filter(|target| !target.is_empty())
    {
        let target = target.get(target.len().saturating_sub(rank)..);
        shape.extend(sides(target.unwrap_or_default())?);
        return Ok((shape.len() == input.len()).then_some(shape));
    }
    if !matches!(inputs.text("auto_pad"), b"" | b"NOTSET") {
        return Ok(None);
    }
    let windows = windows(inputs, &weights[2..], &input[2..])?;
    for (index, (window, &side)) in windows.iter().zip(&input[2..]).enumerate() {
        let more = inputs
            .ints("output_padding")
            .and_then(|list| list.get(index));
        let more = u64::try_from(more.copied().unwrap_or(0)).unwrap_or(0);
        let full = side.saturating_sub(1).saturating_mul(window.stride);
        let full = full.saturating_add(window.reach()).saturating_add(more);
        let side = full
            .checked_sub(window.pads)
            .filter(|&side| side > 0)
            .ok_or("is all padding")?;
        shape.push(side);
    }
    Ok(Some(shape))
}

fn pool(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
    let (Some(input), Some(kernel)) = (inputs.shape(0), inputs.ints("kernel_shape")) else {
        return Ok(None);
    };
    if input.len() != kernel.len() + 2 {
        return Ok(None);
    }
    let windows = windows(inputs, &sides(kernel)?, &input[2..])?;
    let round_up = inputs.int("ceil_mode", 0) != 0;
    let mut shape = input[..2].to_vec();
    for (window, &side) in windows.iter().zip(&input[2..]) {
        let mut outputs = window.outputs(side, round_up)?;
        // The last window starts within the input or the padding before it.
        let begin = inputs
            .ints("pads")
            .and_then(|pads| pads.get(shape.len() - 2));
        let begin = u64::try_from(begin.copied().unwrap_or(0)).unwrap_or(0);
        if round_up && (outputs - 1).saturating_mul(window.stride) >= side + begin {
            outputs -= 1;
        }
        shape.push(outputs);
    }
    Ok(Some(shape))
}

fn concat(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
    let mut joined: Option<Shape> = None;
    for input in 0..inputs.node.input.len() {
        let Some(shape) = inputs.shape(input) else {
            return Ok(None);
        };
        joined = Some(match joined {
            None => shape.clone(),
            Some(mut before) => {
                let axis = inputs.axis(inputs.int("axis", 1), before.len())?;
                let others = |shape: &[u64]| [&shape[..axis], &shape[axis + 1..]].concat();
                if shape.len() != before.len() || others(shape) != others(&before) {
                    return Err(format!(
                        "joins {before:?} and {shape:?} along axis {axis}, which do not fit each other"
                    ));
                }
                before[axis] = before[axis].saturating_add(shape[axis]);
                before
            }
        });
    }
    Ok(joined)
}

/// Scales that are whole numbers, or sizes.
fn resize(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
    let Some(input) = inputs.shape(0) else {
        return Ok(None);
    };
    // Before opset 11, scales are the second input and the last one.
    let old = inputs.node.input.len() == 2;
    let scales = inputs.numbers(if old { 1 } else { 2 });
    let list = |list: Option<&[i64]>| list.filter(|list| list.len() == input.len()).map(sides);
    if inputs.attribute("axes").is_some() || inputs.attribute("keep_aspect_ratio_policy").is_some()
    {
        return Ok(None);
    }
    if inputs.has(3) {
        return list(inputs.numbers(3)).transpose();
    }
    let Some(scales) = list(scales).transpose()? else {
        return Ok(None);
    };
    let sides = input.iter().zip(scales);
    Ok(Some(
        sides
            .map(|(side, scale)| side.saturating_mul(scale))
            .collect(),
    ))
}

fn transpose(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
    let Some(shape) = inputs.shape(0) else {
        return Ok(None);
    };
    let Some(order) = inputs.ints("perm") else {
        return Ok(Some(shape.iter().rev().copied().collect()));
    };
    let sides = order
        .iter()
        .map(|&axis| inputs.axis(axis, shape.len()).map(|axis| shape[axis]));
    let sides: Shape = sides.collect::<Result<_, _>>()?;
    if volume(&sides) != volume(shape) {
        return Err(format!("has the order {order:?} for {shape:?}"));
    }
    Ok(Some(sides))
}

fn reshape(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
    let (Some(shape), Some(target)) = (inputs.shape(0), inputs.numbers(1)) else {
        return Ok(None);
    };
    if inputs.int("allowzero", 0) != 0 {
        return Ok(None);
    }
    let values = volume(shape).ok_or("reads too many values")?;
    let mut sides = Vec::with_capacity(target.len());
    let mut open = None;
    for (index, &side) in target.iter().enumerate() {
        sides.push(match side {
            0 => *shape
                .get(index)
                .ok_or("keeps a side that its input has not")?,
            -1 if open.is_none() => {
                open = Some(index);
                1
            }
            side => u64::try_from(side).map_err(|_| format!("has a side of {side}"))?,
        });
    }
    let known = volume(&sides).ok_or("makes too many values")?;
    if let Some(index) = open {
        sides[index] = values.checked_div(known).unwrap_or(0);
    }
    if volume(&sides) != Some(values) {
        return Err(format!(
            "makes {target:?} of {shape:?}, which has {values} values"
        ));
    }
    Ok(Some(sides))
}

fn pad(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
    let pads = inputs.numbers(1).or(inputs.ints("pads"));
    let (Some(shape), Some(pads)) = (inputs.shape(0), pads) else {
        return Ok(None);
    };
    let rank = shape.len();
    if pads.len() != 2 * rank || inputs.has(3) {
        return Ok(None);
    }
    let sides = shape.iter().enumerate().map(|(axis, &side)| {
        let side = i64::try_from(side).ok()?;
        let padded = side
            .checked_add(pads[axis])?
            .checked_add(pads[axis + rank])?;
        u64::try_from(padded).ok()
    });
    let sides: Option<Shape> = sides.collect();
    sides
        .map(Some)
        .ok_or_else(|| format!("has the pads {pads:?} around {shape:?}"))
}

fn blocks(inputs: &Inputs<'_, '_>) -> Option<Shape> {
    let block = u64::try_from(inputs.int("blocksize", 0))
        .ok()
        .filter(|&block| block > 0)?;
    let area = block.checked_mul(block)?;
    let &[batch, channels, height, width] = inputs.shape(0)?.as_slice() else {
        return None;
    };
    Some(match inputs.node.op_type.as_str() {
        "DepthToSpace" => {
            let sides = [height.checked_mul(block)?, width.checked_mul(block)?];
            vec![batch, channels / area, sides[0], sides[1]]
        }
        _ => vec![
            batch,
            channels.checked_mul(area)?,
            height / block,
            width / block,
        ],
    })
}
