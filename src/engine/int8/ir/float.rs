//! Float arithmetic in a quantised network: layers and sums that a tool left in float.

use super::{AverageWindow, ConvWeights, Operand, PoolWindow, ValueId};

/// An operation on real values: a float activation as it is, an 8-bit one as its scale reads it. The result is float, or
/// rounded if its activation is 8-bit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FloatOp {
    /// The network's input as it is.
    Input,
    Conv {
        input: ValueId,
        weights: FloatWeights,
    },
    ConvTranspose {
        input: ValueId,
        weights: FloatWeights,
    },
    MaxPool {
        input: ValueId,
        window: PoolWindow,
    },
    Average {
        input: ValueId,
        window: AverageWindow,
    },
    /// One value, or two added up.
    Sum(Operand, Option<Operand>),
    /// Two values multiplied. The second may have a single pixel, for all pixels of the first.
    Product(Operand, Operand),
    /// A function of each 8-bit value: `levels[value + 128]`.
    Levels(Operand, Box<Levels>),
}

/// The result for each 8-bit value, from -128 on.
pub(crate) type Levels = [f32; 256];

/// Float weights and bias of a convolution. Those of a graph from a plan file are empty.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FloatWeights {
    /// Sizes alone.
    pub window: ConvWeights,
    /// [out][kh][kw][in].
    pub values: Vec<f32>,
    /// One for each output channel.
    pub bias: Vec<f32>,
}

impl FloatOp {
    /// The activations it reads.
    pub(super) fn inputs(&self) -> [Option<ValueId>; 2] {
        match self {
            FloatOp::Input => [None, None],
            FloatOp::Conv { input, .. }
            | FloatOp::ConvTranspose { input, .. }
            | FloatOp::MaxPool { input, .. }
            | FloatOp::Average { input, .. } => [Some(*input), None],
            FloatOp::Levels(operand, _) => [Some(operand.tensor), None],
            FloatOp::Product(first, second) => [Some(first.tensor), Some(second.tensor)],
            FloatOp::Sum(first, second) => {
                [Some(first.tensor), second.map(|operand| operand.tensor)]
            }
        }
    }

    /// The same, to change them.
    #[cfg(feature = "onnx")]
    pub(super) fn inputs_mut(&mut self) -> [Option<&mut ValueId>; 2] {
        match self {
            FloatOp::Input => [None, None],
            FloatOp::Conv { input, .. }
            | FloatOp::ConvTranspose { input, .. }
            | FloatOp::MaxPool { input, .. }
            | FloatOp::Average { input, .. } => [Some(input), None],
            FloatOp::Levels(operand, _) => [Some(&mut operand.tensor), None],
            FloatOp::Product(first, second) => [Some(&mut first.tensor), Some(&mut second.tensor)],
            FloatOp::Sum(first, second) => [
                Some(&mut first.tensor),
                second.as_mut().map(|operand| &mut operand.tensor),
            ],
        }
    }

    /// The input and the weights of a convolution.
    pub(crate) fn weights(&self) -> Option<(ValueId, &FloatWeights)> {
        match self {
            FloatOp::Conv { input, weights } | FloatOp::ConvTranspose { input, weights } => {
                Some((*input, weights))
            }
            _ => None,
        }
    }
}
