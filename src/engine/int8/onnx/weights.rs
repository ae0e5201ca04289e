//! Weights in the one order of the integer graph: [out][term][kh][kw][in] i8, or [out][kh][kw][in] f32.

use super::attributes::Window;
use super::constants::DequantConstant;
use crate::engine::int8::ir::ConvWeights;
use crate::engine::int8::ir::float::FloatWeights;
use crate::engine::int8::ir::size::product;
use crate::limits::{MAX_SUM_PRODUCTS, MAX_TERMS};

/// The kind of a convolution, for the order of its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// ONNX's weights are [out][in][kh][kw].
    Conv,
    /// ONNX's weights are [in][out][kh][kw].
    Transposed,
}

impl Kind {
    fn channel_axis(self) -> usize {
        match self {
            Kind::Conv => 0,
            Kind::Transposed => 1,
        }
    }

    /// Whether each output channel has one scale.
    pub(super) fn has_scales_of(self, constant: &DequantConstant) -> bool {
        constant.scales.len() == 1 || constant.axis == self.channel_axis()
    }

    /// Weights without values, of ONNX's shape.
    fn sized(self, shape: &[usize], window: Window) -> Result<ConvWeights, String> {
        let [first, second, height, width] = <[usize; 4]>::try_from(shape)
            .ok()
            .filter(|sides| sides.iter().all(|&side| side > 0))
            .ok_or_else(|| format!("its weights have the shape {shape:?}"))?;
        let (in_channels, out_channels) = match self {
            Kind::Conv => (second, first),
            Kind::Transposed => (first, second),
        };
        let products = product([in_channels, height, width]);
        if products.at_most(MAX_SUM_PRODUCTS).is_none() {
            return Err(format!(
                "adds up {in_channels} x {height} x {width} products, too many"
            ));
        }
        Ok(ConvWeights {
            values: Vec::new(),
            terms: 1,
            bias: Vec::new(),
            scales: Vec::new(),
            in_channels,
            out_channels,
            kernel_size: [height, width],
            stride: window.stride,
            pad: window.pad,
        })
    }

    /// The output channel of each weight in the integer graph's order, and the weight's place in ONNX's.
    fn places(self, sized: &ConvWeights) -> impl Iterator<Item = (usize, usize)> {
        let (inputs, outputs) = (sized.in_channels, sized.out_channels);
        let [height, width] = sized.kernel_size;
        let count = outputs * height * width * inputs;
        (0..count).map(move |index| {
            let [i, x] = [index % inputs, index / inputs % width];
            let [y, o] = [
                index / inputs / width % height,
                index / inputs / width / height,
            ];
            let filter = match self {
                Kind::Conv => o * inputs + i,
                Kind::Transposed => i * outputs + o,
            };
            (o, (filter * height + y) * width + x)
        })
    }
}

/// 8-bit weights. One less its zero point can be beyond 8 bits: then it is the sum of several.
pub(super) fn quantised(
    kind: Kind,
    constant: &DequantConstant,
    window: Window,
) -> Result<ConvWeights, String> {
    let sized = kind.sized(&constant.shape, window)?;
    if !kind.has_scales_of(constant) {
        return Err(format!(
            "its weights have scales along axis {}, expected is {}",
            constant.axis,
            kind.channel_axis()
        ));
    }
    let of = |channel: usize, length: usize| if length == 1 { 0 } else { channel };
    let weights: Vec<i64> = kind
        .places(&sized)
        .map(|(o, at)| {
            let zero_point = constant.zero_points[of(o, constant.zero_points.len())];
            i64::from(constant.values[at]) - i64::from(zero_point)
        })
        .collect();
    let channel_len = weights.len() / sized.out_channels;
    let holds = |terms: i64| {
        let range = -128 * terms..=127 * terms;
        weights.iter().all(|weight| range.contains(weight))
    };
    let terms = (1..=MAX_TERMS)
        .find(|&terms| holds(terms as i64))
        .ok_or("has weights that are not 8-bit")?;
    let mut values = Vec::with_capacity(terms * weights.len());
    for channel in weights.chunks_exact(channel_len) {
        let mut rest = channel.to_vec();
        for _ in 0..terms {
            values.extend(rest.iter_mut().map(|rest| {
                let term = (*rest).clamp(-128, 127);
                *rest -= term;
                term as i8
            }));
        }
    }
    let outputs = 0..sized.out_channels;
    let sums = product([channel_len, terms]);
    if sums.at_most(MAX_SUM_PRODUCTS).is_none() {
        return Err(format!(
            "adds up {channel_len} products of weights beyond 8 bits, too many"
        ));
    }
    Ok(ConvWeights {
        values,
        terms,
        scales: outputs
            .map(|o| constant.scales[of(o, constant.scales.len())])
            .collect(),
        ..sized
    })
}

/// Float weights of ONNX's shape, and their bias.
pub(super) fn float(
    kind: Kind,
    floats: &[f32],
    shape: &[usize],
    window: Window,
    bias: Vec<f32>,
) -> Result<FloatWeights, String> {
    let window = kind.sized(shape, window)?;
    if bias.len() != window.out_channels {
        return Err(wrong_biases(bias.len(), &window));
    }
    Ok(FloatWeights {
        values: kind.places(&window).map(|(_, at)| floats[at]).collect(),
        window,
        bias,
    })
}

/// The real values of 8-bit weights with a bias.
pub(super) fn real(weights: &ConvWeights, bias: &[f64]) -> Result<FloatWeights, String> {
    if bias.len() != weights.out_channels {
        return Err(wrong_biases(bias.len(), weights));
    }
    let term_len = weights.in_channels * weights.kernel_size[0] * weights.kernel_size[1];
    let channels = weights.values.chunks_exact(term_len * weights.terms);
    let values = channels.zip(&weights.scales).flat_map(|(channel, &scale)| {
        (0..term_len).map(move |at| {
            let terms = channel[at..].iter().step_by(term_len);
            terms.map(|&term| i32::from(term)).sum::<i32>() as f32 * scale
        })
    });
    Ok(FloatWeights {
        values: values.collect(),
        bias: bias.iter().map(|&bias| bias as f32).collect(),
        window: ConvWeights {
            values: Vec::new(),
            terms: 1,
            scales: Vec::new(),
            ..weights.clone()
        },
    })
}

/// Float weights as symmetric 8-bit ones, with a scale for each output channel, and their bias. The weights that one
/// output pixel reads keep their sum: activations behind a Relu have a mean far from zero, which errors of one sign
/// would add up with.
pub(super) fn rounded(kind: Kind, float: &FloatWeights) -> (ConvWeights, Vec<f64>) {
    let window = &float.window;
    let [height, width] = window.kernel_size;
    let inputs = window.in_channels;
    let channels = float.values.chunks_exact(height * width * inputs);
    let (mut values, mut scales) = (Vec::new(), Vec::new());
    for channel in channels {
        let largest = channel
            .iter()
            .fold(0.0_f32, |most, value| most.max(value.abs()));
        // For a channel of zeros any scale is valid.
        let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        let levels: Vec<f32> = channel.iter().map(|value| value / scale).collect();
        let mut rounded: Vec<i32> = levels
            .iter()
            .map(|level| level.round_ties_even() as i32)
            .collect();
        // The taps that one output pixel reads: of a transposed convolution, every stride-th in both directions.
        let step = match kind {
            Kind::Conv => 1,
            Kind::Transposed => window.stride.min(height.max(width)),
        };
        for first in 0..step * step {
            let rows = (first / step..height).step_by(step);
            let taps = rows.flat_map(|y| {
                (first % step..width)
                    .step_by(step)
                    .map(move |x| y * width + x)
            });
            let group = taps.flat_map(|tap| tap * inputs..(tap + 1) * inputs);
            keep_sum(&levels, &mut rounded, group.collect());
        }
        values.extend(rounded.iter().map(|&value| value as i8));
        scales.push(scale);
    }
    let weights = ConvWeights {
        values,
        scales,
        ..window.clone()
    };
    (
        weights,
        float.bias.iter().map(|&bias| bias.into()).collect(),
    )
}

/// Moves the values of a group that were nearly rounded the other way, as many as bring their sum closest to that of
/// the levels.
fn keep_sum(levels: &[f32], values: &mut [i32], mut group: Vec<usize>) {
    let error = |values: &[i32], index: usize| values[index] as f32 - levels[index];
    let sum: f32 = group.iter().map(|&index| error(values, index)).sum();
    let step = if sum > 0.0 { 1 } else { -1 };
    let count = (sum.abs().round() as usize).min(group.len());
    if count == 0 {
        return;
    }
    // The largest errors of the sum's sign come first.
    group.select_nth_unstable_by(count - 1, |&a, &b| {
        let [a, b] = [a, b].map(|index| error(values, index) * step as f32);
        b.total_cmp(&a)
    });
    for &index in &group[..count] {
        values[index] = (values[index] - step).clamp(-127, 127);
    }
}

pub(super) fn wrong_biases(count: usize, weights: &ConvWeights) -> String {
    format!("has {count} biases for {} outputs", weights.out_channels)
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
    let units = bias.iter().zip(&weights.scales);
    let units = units.map(|(&bias, &scale)| units_of(bias, x_scale, scale));
    let units = units.collect();
    with_units(weights, units)
}

/// A bias in whole units of input scale times weight scale.
///
/// ONNX Runtime computes the unit and the quotient in f32. In f64 one bias in a thousand is rounded to the other whole
/// unit, and a deep network carries that on to most of its values. f64 is for numbers that f32 does not hold.
fn units_of(bias: f64, x_scale: f32, scale: f32) -> f64 {
    let unit = x_scale * scale;
    let quotient = f64::from(bias as f32 / unit);
    let units = match unit.is_normal() && quotient.is_finite() {
        true => quotient,
        false => bias / (f64::from(x_scale) * f64::from(scale)),
    };
    units.round_ties_even()
}

/// The weights with their bias in units of input scale times weight scale.
///
/// # Errors
/// As [`with_bias`].
pub(super) fn with_units(mut weights: ConvWeights, bias: Vec<f64>) -> Result<ConvWeights, String> {
    if bias.len() != weights.out_channels {
        return Err(wrong_biases(bias.len(), &weights));
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
    use std::collections::BTreeMap;

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

    proptest! {
        #[test]
        fn a_rounded_bias_is_half_a_unit_from_its_value_at_most(
            bias in -1e4..1e4_f32,
            [x_scale, scale] in [1e-6..10.0_f32, 1e-6..10.0_f32],
        ) {
            let exact = f64::from(bias) / (f64::from(x_scale) * f64::from(scale));
            let units = units_of(bias.into(), x_scale, scale);
            prop_assert!((units - exact).abs() <= 0.5 + exact.abs() / 8e6, "{units}, {exact}");
        }
    }

    const WINDOW: Window = Window {
        stride: 2,
        pad: [0, 0],
    };

    fn any_floats() -> impl Strategy<Value = (Vec<f32>, [usize; 4])> {
        (1_usize..6, 1_usize..4, 1_usize..5).prop_flat_map(|(inputs, outputs, kernel)| {
            let count = inputs * outputs * kernel * kernel;
            let floats = proptest::collection::vec(-1.0_f32..1.0, count);
            (floats, Just([inputs, outputs, kernel, kernel]))
        })
    }

    proptest! {
        #[test]
        fn rounded_weights_keep_the_sum_of_each_output_pixel((floats, shape) in any_floats()) {
            let [inputs, outputs, kernel, _] = shape;
            let float = float(Kind::Transposed, &floats, &shape, WINDOW, vec![0.0; outputs]).unwrap();
            let (weights, _) = rounded(Kind::Transposed, &float);
            let mut sums = BTreeMap::new();
            for (index, (&value, real)) in weights.values.iter().zip(&float.values).enumerate() {
                let channel = index / (kernel * kernel * inputs);
                let error = real / weights.scales[channel] - f32::from(value);
                prop_assert!(error.abs() <= 1.01);
                let pixel = [index / inputs / kernel % kernel % 2, index / inputs % kernel % 2];
                *sums.entry((channel, pixel)).or_insert(0.0) += error;
            }
            // The largest weight of a channel has no room on its other side.
            prop_assert!(sums.values().all(|sum: &f32| sum.abs() <= 1.51));
        }

        #[test]
        fn terms_add_up_to_weights_beyond_8_bits(
            values in proptest::collection::vec(0_i32..256, 12),
            zero_point in 0_i32..256,
            is_transposed: bool,
        ) {
            let kind = if is_transposed { Kind::Transposed } else { Kind::Conv };
            let constant = DequantConstant {
                values,
                shape: vec![2, 3, 2, 1],
                scales: vec![0.5],
                zero_points: vec![zero_point],
                axis: 0,
            };
            let weights = quantised(kind, &constant, WINDOW).unwrap();
            let by_terms = real(&weights, &vec![0.0; weights.out_channels]).unwrap();
            let bias = vec![0.0; weights.out_channels];
            let by_floats = float(kind, &constant.weights(), &constant.shape, WINDOW, bias).unwrap();
            prop_assert_eq!(by_terms, by_floats);
        }
    }

    #[test]
    fn a_bias_is_rounded_as_onnx_runtime_rounds_it() {
        // Biases, scales and ONNX Runtime's units of a body of NNCF. f64 rounds each to the other side.
        for (bias, x_scale, scale, units) in [
            (1.819_979_2, 0.051_223_747, 0.001_250_021_6, 28_424.0),
            (0.110_425_83, 0.037_418_105, 0.000_321_807_28, 9_170.0),
            (-0.195_231_74, 0.044_476_15, 0.000_701_827_87, -6_254.0),
            (-1.243_301_7, 0.033_149_24, 0.001_105_611, -33_924.0),
            (1.981_345_9, 0.078_281_574, 0.000_374_673_46, 67_554.0),
        ] {
            let bias: f32 = bias;
            assert_eq!(units_of(bias.into(), x_scale, scale), units, "{bias}");
        }
    }

    #[test]
    fn a_bias_beyond_f32_has_units() {
        let units = units_of(0.7, 1e-20, 1e-25);
        assert!((units / 0.7e45 - 1.0).abs() < 1e-6, "{units}");
        assert!(units_of(1e30, 1e-5, 1e-5).is_finite());
    }

    #[test]
    fn a_scale_without_an_end_is_refused() {
        assert!(fit(1e300, &mut 1.0, &mut [1]).is_err());
        assert!(fit(f64::INFINITY, &mut 1.0, &mut [1]).is_err());
    }
}
