//! The rule of each operator: from the facts of its inputs to those of its outputs.

use super::inputs::Inputs;
use super::rearrange::{blocks, broadcast, broadcast_two, concat, pad, reshape, resize, transpose};
use super::windows::{conv, deconv, pool};
use super::{Fact, MAX_SHAPE_VALUES, Shape, constant, sides};

/// The facts of a node's outputs, as far as they are known.
pub(super) fn facts(inputs: &Inputs<'_, '_>) -> Result<Vec<Fact>, String> {
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
