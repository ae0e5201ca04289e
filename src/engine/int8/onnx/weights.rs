//! Weights in the one layout of the integer graph: [out][kh][kw][in] i8.

use super::attributes::Window;
use super::constants::DequantConstant;
use crate::engine::int8::ir::ConvWeights;
use crate::engine::int8::ir::size::product;
use crate::limits::MAX_SUM_PRODUCTS;

pub(super) enum Bias {
    None,
    Float(Vec<f32>),
    /// Already in units of input scale times weight scale.
    Integer(Vec<i32>),
}

/// Of a convolution: ONNX's weights are [out][in][kh][kw].
pub(super) fn conv(constant: &DequantConstant, window: Window) -> Result<ConvWeights, String> {
    let [outputs, inputs, height, width] = sides(constant)?;
    arrange(
        constant,
        window,
        [inputs, outputs, height, width],
        0,
        |o, y, x, i| ((o * inputs + i) * height + y) * width + x,
    )
}

/// Of a transposed convolution: ONNX's weights are [in][out][kh][kw].
pub(super) fn deconv(constant: &DequantConstant, window: Window) -> Result<ConvWeights, String> {
    let [inputs, outputs, height, width] = sides(constant)?;
    arrange(
        constant,
        window,
        [inputs, outputs, height, width],
        1,
        |o, y, x, i| ((i * outputs + o) * height + y) * width + x,
    )
}

fn sides(constant: &DequantConstant) -> Result<[usize; 4], String> {
    <[usize; 4]>::try_from(&constant.shape[..])
        .ok()
        .filter(|sides| sides.iter().all(|&side| side > 0))
        .ok_or_else(|| format!("its weights have the shape {:?}", constant.shape))
}

fn arrange(
    constant: &DequantConstant,
    window: Window,
    [inputs, outputs, height, width]: [usize; 4],
    channel_axis: usize,
    at: impl Fn(usize, usize, usize, usize) -> usize,
) -> Result<ConvWeights, String> {
    let products = product([inputs, height, width]);
    if products.at_most(MAX_SUM_PRODUCTS).is_none() {
        return Err(format!(
            "adds up {inputs} x {height} x {width} products, too many"
        ));
    }
    if constant.scales.len() > 1 && constant.axis != channel_axis {
        return Err(format!(
            "its weights have scales along axis {}, expected is {channel_axis}",
            constant.axis
        ));
    }
    let of = |channel: usize, length: usize| if length == 1 { 0 } else { channel };
    let mut values = Vec::with_capacity(constant.values.len());
    for o in 0..outputs {
        let zero_point = constant.zero_points[of(o, constant.zero_points.len())];
        for y in 0..height {
            for x in 0..width {
                for i in 0..inputs {
                    let weight = i64::from(constant.values[at(o, y, x, i)]) - i64::from(zero_point);
                    values.push(i8::try_from(weight).map_err(|_| {
                        format!("a weight less its zero point is {weight}, which is not 8-bit")
                    })?);
                }
            }
        }
    }
    Ok(ConvWeights {
        values,
        bias: vec![0; outputs],
        scales: (0..outputs)
            .map(|o| constant.scales[of(o, constant.scales.len())])
            .collect(),
        in_channels: inputs,
        out_channels: outputs,
        kernel_size: [height, width],
        stride: window.stride,
        pad: window.pad,
    })
}

/// The weights with its bias in integer units; `x_scale` is the input's.
pub(super) fn with_bias(
    mut weights: ConvWeights,
    bias: Bias,
    x_scale: f32,
) -> Result<ConvWeights, String> {
    weights.bias = match bias {
        Bias::None => vec![0; weights.out_channels],
        Bias::Integer(bias) => bias,
        Bias::Float(bias) => bias
            .iter()
            .zip(&weights.scales)
            .map(|(&bias, &scale)| {
                let unit = f64::from(x_scale) * f64::from(scale);
                (f64::from(bias) / unit).round_ties_even() as i32
            })
            .collect(),
    };
    if weights.bias.len() == weights.out_channels {
        Ok(weights)
    } else {
        Err(format!(
            "has {} biases for {} outputs",
            weights.bias.len(),
            weights.out_channels
        ))
    }
}
