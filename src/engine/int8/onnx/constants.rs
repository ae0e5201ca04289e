//! Constants of the ONNX graph; their values are checked before they are used.

use crate::engine::int8::ir::QuantParams;
use crate::limits::MAX_CONSTANT_VALUES;
use std::sync::Arc;
use tract_core::prelude::{DatumType, Tensor};
use tract_onnx::pb::tensor_proto::DataType;

/// A constant as the graph has it.
#[derive(Debug, Clone)]
pub(super) struct Constant {
    tensor: Arc<Tensor>,
}

/// A constant of integers and their meaning: `real = scale * (value - zero_point)`, along `axis`.
#[derive(Debug, Clone)]
pub(super) struct DequantConstant {
    pub values: Vec<i32>,
    pub shape: Vec<usize>,
    pub scales: Vec<f32>,
    pub zero_points: Vec<i32>,
    pub axis: usize,
}

impl Constant {
    /// Shapes that tract computed are in a type of its own; here they are integers.
    pub(super) fn new(tensor: Arc<Tensor>) -> Self {
        let integers = match tensor.datum_type() {
            DatumType::TDim => tensor.cast_to_dt(DatumType::I64).ok(),
            _ => None,
        };
        let integers = integers.map(|integers| Arc::new(integers.into_owned()));
        Constant {
            tensor: integers.unwrap_or(tensor),
        }
    }

    pub(super) fn shape(&self) -> &[usize] {
        self.tensor.shape()
    }

    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.tensor.len()
    }

    pub(super) fn floats(&self) -> Result<Vec<f32>, String> {
        let plain = self
            .tensor
            .try_as_plain_ram()
            .map_err(|error| error.to_string())?;
        let values = plain.as_slice::<f32>().map_err(|_| {
            format!(
                "a constant is {:?}, expected is float32",
                self.tensor.datum_type()
            )
        })?;
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(format!("a constant holds {value}")),
            None => Ok(values.to_vec()),
        }
    }

    pub(super) fn integers(&self) -> Result<Vec<i32>, String> {
        if self.tensor.len() > MAX_CONSTANT_VALUES {
            return Err(format!("a constant has {} elements", self.tensor.len()));
        }
        let plain = self
            .tensor
            .try_as_plain_ram()
            .map_err(|error| error.to_string())?;
        let wrong = |_| "a constant of integers cannot be read".to_string();
        Ok(match self.tensor.datum_type().unquantized() {
            DatumType::I8 => plain
                .as_slice::<i8>()
                .map_err(wrong)?
                .iter()
                .map(|&v| v.into())
                .collect(),
            DatumType::U8 => plain
                .as_slice::<u8>()
                .map_err(wrong)?
                .iter()
                .map(|&v| v.into())
                .collect(),
            DatumType::I32 => plain.as_slice::<i32>().map_err(wrong)?.to_vec(),
            DatumType::I64 => {
                let values = plain.as_slice::<i64>().map_err(wrong)?.iter();
                let narrow = values.map(|&value| {
                    i32::try_from(value).map_err(|_| format!("a constant has the value {value}"))
                });
                narrow.collect::<Result<_, _>>()?
            }
            other => return Err(format!("a constant is {other:?}, expected are integers")),
        })
    }

    /// Places in a list, of which the largest numbers stand for its end.
    pub(super) fn wide_integers(&self) -> Result<Vec<i64>, String> {
        let plain = self
            .tensor
            .try_as_plain_ram()
            .map_err(|error| error.to_string())?;
        match self.tensor.datum_type() {
            DatumType::I64 => {
                let values = plain.as_slice::<i64>().map_err(|error| error.to_string())?;
                Ok(values.to_vec())
            }
            _ => Ok(self.integers()?.into_iter().map(i64::from).collect()),
        }
    }

    /// This constant is a scale; with a zero point it gives the meaning of an activation.
    pub(super) fn quant(&self, zero_point: Option<&Constant>) -> Result<QuantParams, String> {
        let scale = match self.floats()?[..] {
            [scale] => scale,
            ref many => {
                return Err(format!(
                    "an activation has {} scales, expected is one",
                    many.len()
                ));
            }
        };
        check_scale(scale)?;
        // Without a zero point the type is u8 and the zero point 0.
        let (value, unsigned) = match zero_point {
            None => (0, true),
            Some(constant) => match constant.integers()?[..] {
                [value] => (value, constant.is_unsigned()),
                ref many => return Err(format!("an activation has {} zero points", many.len())),
            },
        };
        let signed = if unsigned { value - 128 } else { value };
        Ok(QuantParams {
            scale,
            unsigned,
            zero_point: i8::try_from(signed).map_err(|_| format!("the zero point is {value}"))?,
        })
    }

    pub(super) fn cast(&self, to: DataType) -> Result<Constant, String> {
        let to = match to {
            DataType::Float => DatumType::F32,
            DataType::Uint8 => DatumType::U8,
            DataType::Int8 => DatumType::I8,
            DataType::Int32 => DatumType::I32,
            DataType::Int64 => DatumType::I64,
            other => return Err(format!("casts a constant to {other:?}")),
        };
        let tensor = self
            .tensor
            .cast_to_dt(to)
            .map_err(|error| error.to_string())?;
        Ok(Constant::new(Arc::new(tensor.into_owned())))
    }

    /// Integers, brought into a range.
    pub(super) fn clipped(&self, [low, high]: [i32; 2]) -> Result<Constant, String> {
        // As in ONNX, a range of which the ends are in the wrong order gives its upper end.
        let values = self.integers()?.into_iter();
        let values: Vec<i32> = values.map(|value| value.max(low).min(high)).collect();
        let kind = self.tensor.datum_type().unquantized();
        let tensor = Tensor::from_shape(self.shape(), &values)
            .and_then(|tensor| Ok(tensor.cast_to_dt(kind)?.into_owned()))
            .map_err(|error| error.to_string())?;
        Ok(Constant::new(Arc::new(tensor)))
    }

    fn is_unsigned(&self) -> bool {
        self.tensor.datum_type().unquantized() == DatumType::U8
    }

    /// Its float reading with these scales and zero points.
    pub(super) fn read(
        &self,
        scale: &Constant,
        zero_point: Option<&Constant>,
        axis: i64,
    ) -> Result<DequantConstant, String> {
        let shape = self.tensor.shape().to_vec();
        let scales = scale.floats()?;
        for &scale in &scales {
            check_scale(scale)?;
        }
        let zero_points = match zero_point {
            Some(constant) => constant.integers()?,
            None => vec![0; scales.len()],
        };
        let rank = shape.len() as i64;
        let axis = if axis < 0 { axis + rank } else { axis };
        let per_tensor = scales.len() == 1;
        let along = usize::try_from(axis)
            .ok()
            .and_then(|axis| shape.get(axis).copied());
        if zero_points.len() != scales.len() || (!per_tensor && along != Some(scales.len())) {
            return Err(format!(
                "{} scales and {} zero points do not fit axis {axis} of {shape:?}",
                scales.len(),
                zero_points.len()
            ));
        }
        Ok(DequantConstant {
            values: self.integers()?,
            shape,
            scales,
            zero_points,
            axis: axis.max(0) as usize,
        })
    }

    /// Its values as QuantizeLinear rounds them, with a scale and a zero point for each place along `axis` or one for
    /// all.
    pub(super) fn quantised(
        &self,
        scale: &Constant,
        zero_point: Option<&Constant>,
        axis: i64,
    ) -> Result<Constant, String> {
        let shape = self.tensor.shape();
        let scales = scale.floats()?;
        scales.iter().try_for_each(|&scale| check_scale(scale))?;
        let zero_points = match zero_point {
            Some(constant) => constant.integers()?,
            None => vec![0; scales.len()],
        };
        let unsigned = zero_point.is_none_or(Constant::is_unsigned);
        let axis = if axis < 0 {
            axis + shape.len() as i64
        } else {
            axis
        };
        let axis = usize::try_from(axis).unwrap_or(usize::MAX);
        let fits = scales.len() == 1 || shape.get(axis) == Some(&scales.len());
        if !fits || zero_points.len() != scales.len() {
            return Err(format!(
                "{} scales do not fit axis {axis} of {shape:?}",
                scales.len()
            ));
        }
        let inner: usize = shape.iter().skip(axis.saturating_add(1)).product();
        let range = if unsigned {
            [0.0, 255.0]
        } else {
            [-128.0, 127.0]
        };
        let floats = self.floats()?;
        let levels = floats.iter().enumerate().map(|(index, value)| {
            let place = if scales.len() == 1 {
                0
            } else {
                index / inner.max(1) % scales.len()
            };
            let level = (value / scales[place]).round_ties_even() + zero_points[place] as f32;
            level.clamp(range[0], range[1])
        });
        let tensor = match unsigned {
            true => Tensor::from_shape(shape, &levels.map(|level| level as u8).collect::<Vec<_>>()),
            false => {
                Tensor::from_shape(shape, &levels.map(|level| level as i8).collect::<Vec<_>>())
            }
        };
        tensor
            .map(|tensor| Constant::new(Arc::new(tensor)))
            .map_err(|error| error.to_string())
    }

    /// One number for each of `channels`, of a constant that is broadcast to an activation.
    pub(super) fn per_channel(&self, channels: usize) -> Result<Vec<f32>, String> {
        broadcast(self.floats()?, self.tensor.shape(), channels)
    }
}

impl DequantConstant {
    /// Of a vector, such as a bias, or of one number.
    pub(super) fn floats(&self) -> Result<Vec<f32>, String> {
        if self.shape.len() > 1 {
            return Err(format!("a bias has the shape {:?}", self.shape));
        }
        Ok(self.all())
    }

    /// Of weights, with a scale for each place along its axis or one for all.
    pub(super) fn weights(&self) -> Vec<f32> {
        let inner: usize = self.shape.iter().skip(self.axis + 1).product();
        let along = |index: usize, count: usize| match count {
            1 => 0,
            _ => index / inner.max(1) % count,
        };
        let values = self.values.iter().enumerate();
        values
            .map(|(index, &value)| {
                let zero_point = self.zero_points[along(index, self.zero_points.len())];
                let level = i64::from(value) - i64::from(zero_point);
                level as f32 * self.scales[along(index, self.scales.len())]
            })
            .collect()
    }

    /// As [`Constant::per_channel`].
    pub(super) fn per_channel(&self, channels: usize) -> Result<Vec<f32>, String> {
        if self.scales.len() > 1 && self.shape.len() > 1 {
            return Err("reads a constant of several scales with an activation".into());
        }
        broadcast(self.all(), &self.shape, channels)
    }

    fn all(&self) -> Vec<f32> {
        let at = |list: &[f32], index: usize| list[if list.len() == 1 { 0 } else { index }];
        self.values
            .iter()
            .enumerate()
            .map(|(index, &value)| {
                let zero_point = self.zero_points[if self.zero_points.len() == 1 {
                    0
                } else {
                    index
                }];
                // In 64 bits, for biases of any size.
                (i64::from(value) - i64::from(zero_point)) as f32 * at(&self.scales, index)
            })
            .collect()
    }
}

/// One value for each channel, from a constant that has one value, or one for each place along the third axis from
/// the end.
fn broadcast(values: Vec<f32>, shape: &[usize], channels: usize) -> Result<Vec<f32>, String> {
    match (&values[..], shape) {
        (&[value], _) => Ok(vec![value; channels]),
        (_, [count, 1, 1] | [1, count, 1, 1]) if *count == channels => Ok(values),
        _ => Err(format!(
            "reads a constant of the shape {shape:?} with an activation"
        )),
    }
}

fn check_scale(scale: f32) -> Result<(), String> {
    if scale.is_finite() && scale > 0.0 {
        Ok(())
    } else {
        Err(format!("a scale is {scale}, must be a number above 0"))
    }
}
