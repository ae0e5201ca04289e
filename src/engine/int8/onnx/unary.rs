//! Functions of each value by itself, which become a table of an 8-bit value's 256 results.

use super::attributes::Attributes;
use super::import::Importer;
use super::levels::Mapped;
use super::value::Value;
use tract_core::internal::TypedNode;

impl Importer {
    pub(super) fn sigmoid(
        &mut self,
        node: &TypedNode,
        _attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        self.function(node, |x| 1.0 / (1.0 + (-x).exp()))
    }

    pub(super) fn tanh(
        &mut self,
        node: &TypedNode,
        _attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        self.function(node, f64::tanh)
    }

    pub(super) fn leaky_relu(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let alpha = f64::from(attributes.float("alpha").unwrap_or(0.01));
        self.function(node, |x| if x < 0.0 { alpha * x } else { x })
    }

    pub(super) fn hard_sigmoid(
        &mut self,
        node: &TypedNode,
        attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        let alpha = f64::from(attributes.float("alpha").unwrap_or(0.2));
        let beta = f64::from(attributes.float("beta").unwrap_or(0.5));
        self.function(node, |x| (alpha * x + beta).clamp(0.0, 1.0))
    }

    pub(super) fn hard_swish(
        &mut self,
        node: &TypedNode,
        _attributes: &Attributes<'_>,
    ) -> Result<Value, String> {
        self.function(node, |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0))
    }

    fn function(
        &mut self,
        node: &TypedNode,
        function: impl Fn(f64) -> f64,
    ) -> Result<Value, String> {
        let mapped = match self.value(node, 0)?.clone() {
            Value::Dequantised(operand) => {
                Mapped::reading(operand, self.graph.tensor(operand.tensor).quant)
            }
            Value::Mapped(mapped) => mapped,
            _ => return Err("is not behind a quantised value".into()),
        };
        Ok(Value::Mapped(
            mapped.map(|level| function(level.into()) as f32),
        ))
    }
}
