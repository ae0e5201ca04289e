//! Operators that put values elsewhere, or several tensors together.

use super::inputs::Inputs;
use super::{Shape, sides, volume};

pub(super) fn broadcast_two(a: &[u64], b: &[u64]) -> Option<Shape> {
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

pub(super) fn broadcast(
    inputs: &Inputs<'_, '_>,
    operands: &[usize],
) -> Result<Option<Shape>, String> {
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

pub(super) fn concat(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
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
pub(super) fn resize(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
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

pub(super) fn transpose(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
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

pub(super) fn reshape(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
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

pub(super) fn pad(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
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

pub(super) fn blocks(inputs: &Inputs<'_, '_>) -> Option<Shape> {
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
