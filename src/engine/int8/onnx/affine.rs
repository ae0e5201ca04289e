//! A gain and an offset for each channel: BatchNormalization, and Add, Sub, Mul and Div with a constant.
//!
//! Behind a convolution they become part of its weights. Behind an 8-bit value they are a convolution of their own, one
//! weight for each channel.

use super::attributes::Attributes;
use super::import::{Importer, UNBOUNDED};
use super::levels::Mapped;
use super::value::{PendingOp, Value};
use crate::engine::int8::ir::ConvWeights;
use crate::engine::int8::ir::float::{FloatOp, FloatWeights};
use tract_core::internal::TypedNode;

/// The largest weight, whose scale is then the gain's share.
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
                let (weights, bias) = affine.convolution(self.graph.tensor(input).channels)?;
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
        let (mut window, _) = self.convolution(channels)?;
        window.values.clear();
        window.scales.clear();
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

    /// A convolution of one pixel, with a weight for each channel's own.
    fn convolution(&self, channels: usize) -> Result<(ConvWeights, Vec<f64>), String> {
        if self.gains.len() != channels {
            return Err("has other channels than its input".into());
        }
        let mut values = vec![0; channels * channels];
        for (channel, &gain) in self.gains.iter().enumerate() {
            values[channel * (channels + 1)] = match gain {
                0.0 => 0,
                _ if gain < 0.0 => -WEIGHT,
                _ => WEIGHT,
            };
        }
        let scale = |&gain: &f64| match (gain.abs() / f64::from(WEIGHT)) as f32 {
            0.0 => 1.0,
            scale => scale,
        };
        let weights = ConvWeights {
            values,
            terms: 1,
            bias: Vec::new(),
            scales: self.gains.iter().map(scale).collect(),
            in_channels: channels,
            out_channels: channels,
            kernel_size: [1, 1],
            stride: 1,
            pad: [0, 0],
        };
        Ok((weights, self.offsets.clone()))
    }
}
