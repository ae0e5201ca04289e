//! Convolutions and pools: windows that slide over a picture.

use super::inputs::Inputs;
use super::{Shape, sides};
use crate::limits::MAX_NETWORK_SIDE_PX;

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

pub(super) fn conv(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
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

pub(super) fn deconv(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
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

pub(super) fn pool(inputs: &Inputs<'_, '_>) -> Result<Option<Shape>, String> {
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
