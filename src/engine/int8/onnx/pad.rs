//! An explicit Pad becomes part of the window of the convolution that reads it, since pixels
//! outside of an activation count as zero there.

use super::attributes::{Attributes, Window};
use super::import::Importer;
use super::value::{Padded, Sides, Value};
use crate::engine::int8::ir::ValueId;
use tract_core::internal::TypedNode;

const NOT_ZERO: &str = "pads with something else than zero";

impl Importer {
    /// Inputs: the activation, the pads and perhaps the value, which must stand for zero.
    pub(super) fn pad(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        if !matches!(attributes.text("mode"), "" | "constant") {
            return Err("pads with something else than a constant".into());
        }
        if node.inputs.len() > 3 {
            return Err("pads axes that it names".into());
        }
        let sides = match node.inputs.get(1) {
            Some(_) => {
                let pads = self.constant(node, 1)?.integers()?;
                Sides::new(&pads.iter().map(|&pad| pad.into()).collect::<Vec<i64>>())?
            }
            // Before opset 11.
            None => Sides::new(attributes.ints("pads"))?,
        };
        let value = self.pad_value(node, attributes)?;
        if matches!(self.value(node, 0)?, Value::Input) {
            return match value {
                0.0 => Ok(Value::PaddedInput(sides)),
                _ => Err(NOT_ZERO.into()),
            };
        }
        let tensor = self.activation(node, 0)?;
        if self.graph.tensor(tensor).is_float {
            return Err("pads a float value".into());
        }
        let dequantised = matches!(self.value(node, 0)?, Value::Dequantised(_));
        let zero_point = match dequantised {
            true => 0.0,
            false => f32::from(self.graph.tensor(tensor).quant.onnx_zero_point()),
        };
        if value != zero_point {
            return Err(NOT_ZERO.into());
        }
        Ok(Value::Padded(Padded {
            tensor,
            sides,
            dequantised,
        }))
    }

    fn pad_value(&self, node: &TypedNode, attributes: &Attributes<'_>) -> Result<f32, String> {
        let value = match node.inputs.get(2) {
            None => return Ok(attributes.float("value").unwrap_or(0.0)),
            Some(_) => self.value(node, 2)?,
        };
        let values = match value {
            Value::Constant(constant) => match constant.floats() {
                Ok(floats) => floats,
                Err(_) => constant.integers()?.iter().map(|&v| v as f32).collect(),
            },
            Value::Read(reading) => reading.floats()?,
            _ => return Err("its value is not constant".into()),
        };
        match values[..] {
            [value] => Ok(value),
            _ => Err(format!("pads with {} values", values.len())),
        }
    }

    /// The activation that a convolution reads, 8-bit or float, and its window with the zeros around that.
    pub(super) fn convolved(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<(ValueId, Window), String> {
        let (tensor, Sides([top, left, bottom, right])) = match self.value(node, 0)? {
            Value::Padded(padded) => (padded.tensor, padded.sides),
            &Value::PaddedInput(sides) => (self.load(node, 0)?.tensor, sides),
            _ => (self.activation(node, 0)?, Sides::default()),
        };
        let [height, width] = self.input_size(tensor);
        let window = attributes.window([height + top + bottom, width + left + right])?;
        let pad = [window.pad[0] + top, window.pad[1] + left];
        Ok((tensor, Window { pad, ..window }))
    }
}
