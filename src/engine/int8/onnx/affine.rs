//! A gain and an offset for each channel: BatchNormalization, and Add, Sub, Mul and Div with a constant.
//!
//! Behind a convolution they become part of its weights. Behind an 8-bit value they are a convolution of their own, one
//! weight for each channel. Its sums are a few thousand at most, so an offset in whole units of a 127th of a step would be
//! off by enough to turn one level of each channel: the weight is the one whose unit fits the offset.

use super::attributes::Attributes;
use super::import::{Importer, UNBOUNDED};
use super::levels::Mapped;
use super::value::{PendingOp, Value};
use crate::engine::int8::ir::ConvWeights;
use crate::engine::int8::ir::float::{FloatOp, FloatWeights};
use tract_core::internal::TypedNode;

/// The largest weight.
const WEIGHT: i8 = 127;

const OTHER_CHANNELS: &str = "has other channels than the convolution before it";

/// `gain * x + offset`, for each channel.
struct Affine {
    gains: Vec<f64>,
    offsets: Vec<f64>,
}

impl Importer {
    pub(super) fn has_constant(&self, node: &TypedNode) -> Result<bool, String> {
        let is_constant = |value: &Value| matches!(value, Value::Constant(_) | Value::Read(_));
        Ok(is_constant(self.value(node, 0)?) != is_constant(self.value(node, 1)?))
    }

    pub(super) fn add_constant(&mut self, node: &TypedNode) -> Result<Value, String> {
        let (input, constant) = self.with_constant(node)?;
        self.affine(
            node,
            input,
            &Affine {
                gains: vec![1.0; constant.len()],
                offsets: constant,
            },
        )
    }

    pub(super) fn sub(
        &mut self,
        node: &TypedNode,
        _attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let (input, constant) = self.with_constant(node)?;
        // Either may be the constant.
        let sign = if input == 0 { 1.0 } else { -1.0 };
        self.affine(
            node,
            input,
            &Affine {
                gains: vec![sign; constant.len()],
                offsets: constant.iter().map(|number| -sign * number).collect(),
            },
        )
    }

    pub(super) fn mul(
        &mut self,
        node: &TypedNode,
        _attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        if !self.has_constant(node)? {
            return self.product(node);
        }
        let (input, gains) = self.with_constant(node)?;
        self.affine(
            node,
            input,
            &Affine {
                offsets: vec![0.0; gains.len()],
                gains,
            },
        )
    }

    pub(super) fn div(
        &mut self,
        node: &TypedNode,
        _attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let (input, constant) = self.with_constant(node)?;
        if input != 0 {
            return Err("divides a constant".into());
        }
        self.affine(
            node,
            input,
            &Affine {
                offsets: vec![0.0; constant.len()],
                gains: constant.iter().map(|number| 1.0 / number).collect(),
            },
        )
    }

    /// Inputs: the value, then scale, bias, mean and variance.
    pub(super) fn batch_normalization(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let epsilon = f64::from(attributes.float("epsilon").unwrap_or(1e-5));
        let list = |input: usize| -> Result<Vec<f64>, String> {
            let floats = self.floats(node, input)?;
            Ok(floats.into_iter().map(f64::from).collect())
        };
        let [scale, bias, mean, variance] = [list(1)?, list(2)?, list(3)?, list(4)?];
        let channels = self.shape(node)?[1];
        if [&scale, &bias, &mean, &variance]
            .iter()
            .any(|list| list.len() != channels)
        {
            return Err(format!("has no numbers for each of {channels} channels"));
        }
        let gains: Vec<f64> = scale
            .iter()
            .zip(&variance)
            .map(|(scale, variance)| scale / (variance + epsilon).sqrt())
            .collect();
        let offsets = bias.iter().zip(&mean).zip(&gains);
        let offsets = offsets
            .map(|((bias, mean), gain)| bias - mean * gain)
            .collect();
        self.affine(node, 0, &Affine { gains, offsets })
    }

    /// The input that is no constant, and the numbers of the other one for each channel.
    fn with_constant(&self, node: &TypedNode) -> Result<(usize, Vec<f64>), String> {
        let channels = self.shape(node)?[1];
        let per_channel = |value: &Value| match value {
            Value::Constant(constant) => Some(constant.per_channel(channels)),
            Value::Read(reading) => Some(reading.per_channel(channels)),
            _ => None,
        };
        for input in [0, 1] {
            if let Some(numbers) = per_channel(self.value(node, 1 - input)?) {
                return Ok((input, numbers?.into_iter().map(f64::from).collect()));
            }
        }
        Err("has no constant operand".into())
    }

    fn affine(&mut self, node: &TypedNode, input: usize, affine: &Affine) -> Result<Value, String> {
        let numbers = affine.gains.iter().chain(&affine.offsets);
        if let Some(number) = numbers
            .into_iter()
            .find(|number| number.is_nan() || number.abs() >= f64::from(f32::MAX))
        {
            return Err(format!("has the number {number}"));
        }
        match self.value(node, input)?.clone() {
            Value::Pending(mut pending)
                if pending.then.is_empty()
                    && pending.range == UNBOUNDED
                    && pending.op.has_weights() =>
            {
                match &mut pending.op {
                    PendingOp::Conv { weights, bias, .. }
                    | PendingOp::ConvTranspose { weights, bias, .. }
                    | PendingOp::Depthwise { weights, bias, .. } => {
                        affine.fold(weights, bias)?;
                    }
                    PendingOp::Float(
                        FloatOp::Conv { weights, .. } | FloatOp::ConvTranspose { weights, .. },
                    ) => affine.fold_float(weights)?,
                    PendingOp::Float(_)
                    | PendingOp::Grouped(_)
                    | PendingOp::Average { .. }
                    | PendingOp::Multiply(_)
                    | PendingOp::Add(_) => {
                        unreachable!("it has weights");
                    }
                }
                Ok(Value::Pending(pending))
            }
            Value::Input | Value::Float(_) | Value::Pending(_) => {
                let input = self.activation(node, input)?;
                let weights = affine.float_convolution(self.graph.tensor(input).channels)?;
                self.wait(node, PendingOp::Float(FloatOp::Conv { input, weights }))
            }
            Value::Dequantised(operand) if affine.is_uniform() => {
                let reading = Mapped::reading(operand, self.graph.tensor(operand.tensor).quant);
                Ok(Value::Mapped(affine.of_each(reading)))
            }
            Value::Mapped(mapped) if affine.is_uniform() => {
                Ok(Value::Mapped(affine.of_each(mapped)))
            }
            Value::Dequantised(_) | Value::Mapped(_) => {
                let input = self.activation(node, input)?;
                let tensor = self.graph.tensor(input);
                let (weights, bias) = affine.convolution(tensor.channels, tensor.quant.scale)?;
                self.wait(
                    node,
                    PendingOp::Conv {
                        input,
                        weights,
                        bias,
                    },
                )
            }
            _ => Err("scales a value that is not an activation".into()),
        }
    }
}

impl Affine {
    /// The same for all channels.
    fn is_uniform(&self) -> bool {
        let same = |list: &[f64]| list.iter().all(|number| *number == list[0]);
        !self.gains.is_empty() && same(&self.gains) && same(&self.offsets)
    }

    /// A uniform one, applied to a function of each value.
    fn of_each(&self, mapped: Mapped) -> Mapped {
        let (gain, offset) = (self.gains[0], self.offsets[0]);
        mapped.map(|level| (f64::from(level) * gain + offset) as f32)
    }

    /// Into the weights and the bias of the convolution before it.
    fn fold(&self, weights: &mut ConvWeights, bias: &mut [f64]) -> Result<(), String> {
        let channel_len = weights.values.len() / weights.out_channels.max(1);
        if self.gains.len() != weights.out_channels || channel_len == 0 {
            return Err(OTHER_CHANNELS.into());
        }
        let channels = weights.values.chunks_exact_mut(channel_len);
        let numbers = self.gains.iter().zip(&self.offsets);
        let scaled = weights.scales.iter_mut().zip(bias).zip(channels);
        for (((scale, bias), values), (&gain, offset)) in scaled.zip(numbers) {
            *bias = *bias * gain + offset;
            let wider = (f64::from(*scale) * gain.abs()) as f32;
            if wider == 0.0 || !wider.is_finite() {
                if wider != 0.0 {
                    return Err(format!("scales a channel by {gain}"));
                }
                // Of such a channel nothing but the bias is left.
                values.fill(0);
                continue;
            }
            *scale = wider;
            if gain < 0.0 {
                for value in values {
                    *value = value
                        .checked_neg()
                        .ok_or("turns the sign of a weight of -128, which 8 bits do not hold")?;
                }
            }
        }
        Ok(())
    }

    fn fold_float(&self, weights: &mut FloatWeights) -> Result<(), String> {
        let channel_len = weights.values.len() / weights.bias.len().max(1);
        if self.gains.len() != weights.bias.len() || channel_len == 0 {
            return Err(OTHER_CHANNELS.into());
        }
        let channels = weights.values.chunks_exact_mut(channel_len);
        let numbers = self.gains.iter().zip(&self.offsets);
        for ((values, bias), (&gain, offset)) in channels.zip(&mut weights.bias).zip(numbers) {
            let scaled = |value: f32| (f64::from(value) * gain) as f32;
            values.iter_mut().for_each(|value| *value = scaled(*value));
            *bias = (f64::from(*bias) * gain + offset) as f32;
        }
        Ok(())
    }

    /// A convolution of one pixel in float, with a weight for each channel's own.
    fn float_convolution(&self, channels: usize) -> Result<FloatWeights, String> {
        let window = self.window(channels)?;
        let mut values = vec![0.0; channels * channels];
        for (channel, &gain) in self.gains.iter().enumerate() {
            values[channel * (channels + 1)] = gain as f32;
        }
        Ok(FloatWeights {
            window,
            values,
            bias: self.offsets.iter().map(|&offset| offset as f32).collect(),
        })
    }

    /// A convolution of one pixel, with a weight for each channel's own. `x_scale` is the input's.
    fn convolution(
        &self,
        channels: usize,
        x_scale: f32,
    ) -> Result<(ConvWeights, Vec<f64>), String> {
        let mut weights = self.window(channels)?;
        weights.values = vec![0; channels * channels];
        for (channel, (&gain, &offset)) in self.gains.iter().zip(&self.offsets).enumerate() {
            let (weight, scale) = weight(gain, offset / f64::from(x_scale));
            weights.values[channel * (channels + 1)] = weight;
            weights.scales.push(scale);
        }
        Ok((weights, self.offsets.clone()))
    }

    /// A convolution of one pixel from each channel to each, without weights.
    fn window(&self, channels: usize) -> Result<ConvWeights, String> {
        if self.gains.len() != channels {
            return Err("has other channels than its input".into());
        }
        Ok(ConvWeights {
            values: Vec::new(),
            terms: 1,
            bias: Vec::new(),
            scales: Vec::new(),
            in_channels: channels,
            out_channels: channels,
            kernel_size: [1, 1],
            stride: 1,
            pad: [0, 0],
        })
    }
}

/// The weight of one channel, and its scale. `offset` is in the input's steps, and will be rounded to a whole number of
/// scales: of all weights the one whose scale holds the offset best, else the largest.
fn weight(gain: f64, offset: f64) -> (i8, f32) {
    /// The scales in an offset that stands alone, exact in f32.
    const FINE: f64 = (1 << 20) as f64;
    let scale_of = |weight: i8| (gain.abs() / f64::from(weight)) as f32;
    if !scale_of(WEIGHT).is_normal() {
        let scale = (offset.abs() / FINE) as f32;
        return (0, if scale > 0.0 { scale } else { 1.0 });
    }
    let mut best = (WEIGHT, error(offset, scale_of(WEIGHT)));
    for weight in (1..WEIGHT).rev() {
        let error = error(offset, scale_of(weight));
        if error < best.1 {
            best = (weight, error);
        }
    }
    let sign = if gain < 0.0 { -1 } else { 1 };
    (sign * best.0, scale_of(best.0))
}

/// The offset less its whole number of scales.
fn error(offset: f64, scale: f32) -> f64 {
    let scale = f64::from(scale);
    (offset - (offset / scale).round() * scale).abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn a_weight_and_its_scale_are_the_gain_and_hold_the_offset() {
        let mut random = Random(1);
        let mut close = 0;
        for _ in 0..1000 {
            let gain = 3.0 * random.real();
            let offset = 200.0 * random.real();
            let (weight, scale) = weight(gain, offset);
            let product = f64::from(weight) * f64::from(scale);
            assert!((product / gain - 1.0).abs() < 1e-6, "{gain} {offset}");
            let error = error(offset, scale) / gain.abs();
            assert!(error < 1.0 / 253.0, "{gain} {offset}");
            close += u32::from(error < 1.0 / 2530.0);
        }
        assert!(close > 900, "{close}");
    }

    #[test]
    fn a_gain_alone_has_the_largest_weight() {
        assert_eq!(weight(-0.5, 0.0), (-127, 0.5 / 127.0));
    }

    #[test]
    fn an_offset_alone_has_a_fine_scale() {
        for gain in [0.0, 1e-44] {
            let (weight, scale) = weight(gain, 1.234_567);
            assert_eq!(weight, 0);
            assert!(error(1.234_567, scale) < 1e-6);
        }
        assert_eq!(weight(0.0, 0.0), (0, 1.0));
    }

    /// A level of a channel whose offset a 127th of a step does not hold.
    #[test]
    fn a_level_next_to_a_tie_falls_as_in_onnx_runtime() {
        let (x_scale, scale) = (0.026_678_32, 0.013_745_05);
        let offset = -162.774_499_982 / 127.0;
        let (weight, w_scale) = weight(1.0, offset);
        let sum = 51.0 * f64::from(weight) + (offset / f64::from(w_scale)).round();
        let level = sum * f64::from(w_scale) * x_scale / scale;
        assert_eq!(level.round(), 97.0, "{level}");
    }
}
