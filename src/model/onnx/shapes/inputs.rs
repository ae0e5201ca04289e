//! A node beside the facts of its inputs: what the rules ask.

use super::{Fact, Shape, Shapes, volume};
use tract_onnx::pb::{AttributeProto, NodeProto};

/// A node and the facts of its inputs.
pub(super) struct Inputs<'a, 'b> {
    pub shapes: &'b Shapes<'a>,
    pub node: &'a NodeProto,
}

impl Inputs<'_, '_> {
    pub fn fact(&self, input: usize) -> Option<&Fact> {
        self.shapes.facts.get(self.node.input.get(input)?.as_str())
    }

    pub fn has(&self, input: usize) -> bool {
        self.node
            .input
            .get(input)
            .is_some_and(|name| !name.is_empty())
    }

    pub fn shape(&self, input: usize) -> Option<&Shape> {
        self.fact(input)?.shape.as_ref()
    }

    pub fn numbers(&self, input: usize) -> Option<&[i64]> {
        self.fact(input)?.numbers.as_deref()
    }

    pub fn all_constant(&self) -> bool {
        let mut named = self.node.input.iter().filter(|name| !name.is_empty());
        named.all(|name| {
            self.shapes
                .facts
                .get(name.as_str())
                .is_some_and(|fact| fact.constant)
        })
    }

    pub fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        let mut attributes = self.node.attribute.iter();
        attributes.find(|attribute| attribute.name == name)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name)
            .map_or(default, |attribute| attribute.i)
    }

    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        Some(&self.attribute(name)?.ints)
    }

    pub fn text(&self, name: &str) -> &[u8] {
        self.attribute(name).map_or(b"", |attribute| &attribute.s)
    }

    /// An axis of a shape of this rank.
    pub fn axis(&self, axis: i64, rank: usize) -> Result<usize, String> {
        let positive = if axis < 0 { axis + rank as i64 } else { axis };
        usize::try_from(positive)
            .ok()
            .filter(|&axis| axis < rank)
            .ok_or_else(|| format!("has the axis {axis} of {rank}"))
    }

    /// Multiply-accumulates of the node.
    pub fn macs(&self, output: Option<&Shape>) -> u64 {
        let weights = match self.node.op_type.as_str() {
            "Conv" | "ConvTranspose" | "Gemm" => 1,
            "QLinearConv" => 3,
            "MatMul" => {
                let depth = self.shape(0).and_then(|shape| shape.last());
                let values = output.and_then(|shape| volume(shape));
                return values
                    .unwrap_or(0)
                    .saturating_mul(depth.copied().unwrap_or(1));
            }
            _ => return 0,
        };
        let (Some(weights), Some(output)) = (self.shape(weights), output) else {
            return 0;
        };
        // One product for each weight and each place it is used at.
        let transposed = self.node.op_type == "ConvTranspose";
        let places = match (transposed, self.shape(0)) {
            (true, Some(input)) => input.get(2..).and_then(volume),
            _ => output.get(2..).and_then(volume),
        };
        let weights = volume(weights).unwrap_or(u64::MAX);
        weights.saturating_mul(places.unwrap_or(u64::MAX).max(1))
    }
}
