//! Weights in the one layout of the integer graph: [out][kh][kw][in] i8.

use super::attributes::Window;
use super::constants::DequantConstant;
use crate::engine::int8::ir::ConvWeights;
use crate::engine::int8::ir::size::product;
use crate::limits::MAX_SUM_PRODUCTS;

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
        bias: Vec::new(),
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

/// The weights with their bias, which is in the graph's units; `x_scale` is the input's.
///
/// # Errors
/// A channel whose bias no 32-bit number holds.
pub(super) fn with_bias(
    weights: ConvWeights,
    bias: &[f64],
    x_scale: f32,
) -> Result<ConvWeights, String> {
    let units = bias.iter().zip(&weights.scales).map(|(bias, &scale)| {
        let unit = f64::from(x_scale) * f64::from(scale);
        (bias / unit).round_ties_even()
    });
    let units = units.collect();
    with_units(weights, units)
}

/// The weights with their bias in units of input scale times weight scale.
///
/// # Errors
/// As [`with_bias`].
pub(super) fn with_units(mut weights: ConvWeights, bias: Vec<f64>) -> Result<ConvWeights, String> {
    if bias.len() != weights.out_channels {
        return Err(format!(
            "has {} biases for {} outputs",
            bias.len(),
            weights.out_channels
        ));
    }
    let channel_len = (weights.values.len() / weights.out_channels.max(1)).max(1);
    let channels = weights.values.chunks_exact_mut(channel_len);
    weights.bias.clear();
    for ((bias, scale), values) in bias.into_iter().zip(&mut weights.scales).zip(channels) {
        weights.bias.push(fit(bias, scale, values)?);
    }
    Ok(weights)
}

/// A sum of 32 bits has room for at least this, however large the weights are.
const MIN_ROOM: i64 = 1 << 24;

/// The bias of one channel. If no 32-bit sum has room for it, the channel gets a larger scale, a power of two times
/// its own, and smaller weights: dead channels have weights and scales of next to nothing.
fn fit(bias: f64, scale: &mut f32, values: &mut [i8]) -> Result<i32, String> {
    let room = |values: &[i8]| {
        let sum: i64 = values.iter().map(|&value| i64::from(value).abs()).sum();
        (i64::from(i32::MAX) - 255 * sum).max(MIN_ROOM) as f64
    };
    let mut factor = 1.0;
    if bias.abs() > room(values) {
        // Halving the sums' room is more than enough where the weights shrink with it.
        factor = (bias.abs() / f64::from(i32::MAX))
            .log2()
            .ceil()
            .max(0.0)
            .exp2();
        let shrunk = |factor: f64| -> Vec<i8> {
            let values = values.iter().map(|&value| f64::from(value) / factor);
            values.map(|value| value.round_ties_even() as i8).collect()
        };
        let mut smaller = shrunk(factor);
        while bias.abs() / factor > room(&smaller) {
            factor *= 2.0;
            smaller = shrunk(factor);
        }
        values.copy_from_slice(&smaller);
    }
    let wider = (f64::from(*scale) * factor) as f32;
    if !(wider.is_finite() && bias.is_finite()) {
        return Err(format!(
            "has a bias of {bias:e} times the scales of its input and weights, which no 32-bit number holds"
        ));
    }
    *scale = wider;
    Ok((bias / factor).round_ties_even() as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bias_keeps_its_value_and_the_sums_fit(
            bias in prop_oneof![-1e5..1e5_f64, -1e11..1e11_f64, -1e30..1e30_f64],
            values in proptest::collection::vec(any::<i8>(), 1..40),
        ) {
            let (mut scale, mut fitted) = (1e-3, values.clone());
            let bias: f64 = bias;
            let whole = fit(bias.round(), &mut scale, &mut fitted).unwrap();
            let sum: i64 = fitted.iter().map(|&value| i64::from(value).abs()).sum();
            prop_assert!(i64::from(whole).abs() + 255 * sum <= i64::from(i32::MAX));
            let real = f64::from(whole) * f64::from(scale);
            let expected = bias.round() * f64::from(1e-3_f32);
            prop_assert!((real - expected).abs() <= expected.abs() / 1e7 + 1e-9);
            // The weights are not far from theirs, next to the bias.
            let factor = f64::from(scale) / f64::from(1e-3_f32);
            for (&value, &was) in fitted.iter().zip(&values) {
                prop_assert!((f64::from(value) * factor - f64::from(was)).abs() <= factor / 2.0);
            }
            prop_assert!(factor == 1.0 || bias.abs() / factor > 2f64.powi(28));
        }
    }

    #[test]
    fn a_scale_without_an_end_is_refused() {
        assert!(fit(1e300, &mut 1.0, &mut [1]).is_err());
        assert!(fit(f64::INFINITY, &mut 1.0, &mut [1]).is_err());
    }
}
