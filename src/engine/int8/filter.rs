//! Weights in the one layout that everything behind the importer uses: [out][kh][kw][in] i8.

use super::attributes::Window;
use super::check::MAX_PRODUCTS;
use super::constants::Reading;
use super::ir::Filter;
use super::size::product;

pub(super) enum Bias {
    None,
    Float(Vec<f32>),
    /// Already in units of input scale times weight scale.
    Integer(Vec<i32>),
}

/// Of a convolution: ONNX's weights are [out][in][kh][kw].
pub(super) fn conv(reading: &Reading, window: Window) -> Result<Filter, String> {
    let [outputs, inputs, height, width] = sides(reading)?;
    arrange(
        reading,
        window,
        [inputs, outputs, height, width],
        0,
        |o, y, x, i| ((o * inputs + i) * height + y) * width + x,
    )
}

/// Of a transposed convolution: ONNX's weights are [in][out][kh][kw].
pub(super) fn deconv(reading: &Reading, window: Window) -> Result<Filter, String> {
    let [inputs, outputs, height, width] = sides(reading)?;
    arrange(
        reading,
        window,
        [inputs, outputs, height, width],
        1,
        |o, y, x, i| ((i * outputs + o) * height + y) * width + x,
    )
}

fn sides(reading: &Reading) -> Result<[usize; 4], String> {
    <[usize; 4]>::try_from(&reading.shape[..])
        .ok()
        .filter(|sides| sides.iter().all(|&side| side > 0))
        .ok_or_else(|| format!("its weights have the shape {:?}", reading.shape))
}

fn arrange(
    reading: &Reading,
    window: Window,
    [inputs, outputs, height, width]: [usize; 4],
    channel_axis: usize,
    at: impl Fn(usize, usize, usize, usize) -> usize,
) -> Result<Filter, String> {
    let products = product([inputs, height, width]);
    if products.at_most(MAX_PRODUCTS).is_none() {
        return Err(format!(
            "adds up {inputs} x {height} x {width} products, too many"
        ));
    }
    if reading.scales.len() > 1 && reading.axis != channel_axis {
        return Err(format!(
            "its weights have scales along axis {}, expected is {channel_axis}",
            reading.axis
        ));
    }
    let of = |channel: usize, length: usize| if length == 1 { 0 } else { channel };
    let mut weights = Vec::with_capacity(reading.values.len());
    for o in 0..outputs {
        let zero_point = reading.zero_points[of(o, reading.zero_points.len())];
        for y in 0..height {
            for x in 0..width {
                for i in 0..inputs {
                    let weight = i64::from(reading.values[at(o, y, x, i)]) - i64::from(zero_point);
                    weights.push(i8::try_from(weight).map_err(|_| {
                        format!("a weight less its zero point is {weight}, which is not 8-bit")
                    })?);
                }
            }
        }
    }
    Ok(Filter {
        weights,
        bias: vec![0; outputs],
        scales: (0..outputs)
            .map(|o| reading.scales[of(o, reading.scales.len())])
            .collect(),
        inputs,
        outputs,
        kernel: [height, width],
        stride: window.stride,
        pad: window.pad,
    })
}

/// The filter with its bias in integer units; `x_scale` is the input's.
pub(super) fn with_bias(mut filter: Filter, bias: Bias, x_scale: f32) -> Result<Filter, String> {
    filter.bias = match bias {
        Bias::None => vec![0; filter.outputs],
        Bias::Integer(bias) => bias,
        Bias::Float(bias) => bias
            .iter()
            .zip(&filter.scales)
            .map(|(&bias, &scale)| {
                let unit = f64::from(x_scale) * f64::from(scale);
                (f64::from(bias) / unit).round_ties_even() as i32
            })
            .collect(),
    };
    if filter.bias.len() == filter.outputs {
        Ok(filter)
    } else {
        Err(format!(
            "has {} biases for {} outputs",
            filter.bias.len(),
            filter.outputs
        ))
    }
}
