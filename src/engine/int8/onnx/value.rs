//! Values of an ONNX graph, as far as the importer knows them.

use super::constants::{Constant, DequantConstant};
use super::levels::Mapped;
use crate::engine::int8::ir::float::FloatOp;
use crate::engine::int8::ir::{AverageWindow, ConvWeights, Operand, PoolWindow, ValueId};
use crate::limits::MAX_ONNX_WINDOW_PX;

/// The value of an outlet of the ONNX graph.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// The network's float input.
    Input,
    Constant(Constant),
    /// The float reading of a constant of integers.
    Read(DequantConstant),
    /// An 8-bit activation, as it is or through nearest upsampling.
    Quantised(Operand),
    /// The float reading of one.
    Dequantised(Operand),
    /// A float function of each value of one.
    Mapped(Mapped),
    /// A float activation, as it is or through nearest upsampling.
    Float(Operand),
    /// Channels of several activations side by side.
    Joined(Joined),
    /// Either of these with zeros around it.
    Padded(Padded),
    /// The network's input with zeros around it.
    PaddedInput(Sides),
    /// A float result that becomes 8-bit at the next QuantizeLinear, or a float activation where another operator
    /// reads it.
    Pending(Pending),
}

/// Channels that become one activation where an operator reads their values.
#[derive(Debug, Clone)]
pub(super) struct Joined {
    /// The activation of each, and its place there.
    pub channels: Vec<(ValueId, u16)>,
    /// The axes that the channels lie along: several between the Reshapes of a channel shuffle.
    pub axes: Vec<usize>,
    pub size: [usize; 2],
    /// They are the float readings of 8-bit values.
    pub dequantised: bool,
}

/// A float operation that becomes an integer one with the scale of its result.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub name: String,
    pub op: PendingOp,
    /// Of its result, before `then`.
    pub shape: [usize; 4],
    /// Values outside are brought to the nearer end: by a Relu or a Clip.
    pub range: [f32; 2],
    /// Operators behind it that keep the order of values, so that rounding can come first.
    pub then: Vec<Then>,
}

/// An operator behind a float result, which each 8-bit value passes unchanged.
#[derive(Debug, Clone)]
pub(super) enum Then {
    MaxPool {
        name: String,
        window: PoolWindow,
        shape: [usize; 4],
    },
    /// Nearest upsampling by two.
    Upsample,
}

impl Pending {
    /// Rows and columns behind all operators.
    pub(super) fn size(&self) -> [usize; 2] {
        let [_, _, height, width] = self.shape;
        self.then
            .iter()
            .fold([height, width], |[height, width], then| match then {
                Then::MaxPool {
                    shape: [_, _, height, width],
                    ..
                } => [*height, *width],
                Then::Upsample => [2 * height, 2 * width],
            })
    }
}

#[derive(Debug, Clone)]
pub(super) enum PendingOp {
    /// `bias` is in the graph's units; the weights have none yet.
    Conv {
        input: ValueId,
        weights: ConvWeights,
        bias: Vec<f64>,
    },
    ConvTranspose {
        input: ValueId,
        weights: ConvWeights,
        bias: Vec<f64>,
    },
    /// A filter for each channel.
    Depthwise {
        input: ValueId,
        weights: ConvWeights,
        bias: Vec<f64>,
    },
    /// A convolution in groups of channels, in parts that read activations of their own.
    Grouped(Vec<GroupedPart>),
    Average {
        input: ValueId,
        window: AverageWindow,
    },
    /// The second may have a single pixel.
    Multiply([Operand; 2]),
    Add([Operand; 2]),
    /// On real values.
    Float(FloatOp),
}

#[derive(Debug, Clone)]
pub(super) struct GroupedPart {
    pub input: ValueId,
    pub weights: ConvWeights,
    pub bias: Vec<f64>,
}

impl PendingOp {
    /// It is one convolution.
    pub(super) fn has_weights(&self) -> bool {
        match self {
            PendingOp::Conv { .. }
            | PendingOp::ConvTranspose { .. }
            | PendingOp::Depthwise { .. } => true,
            PendingOp::Float(op) => op.weights().is_some(),
            PendingOp::Grouped(_)
            | PendingOp::Average { .. }
            | PendingOp::Multiply(_)
            | PendingOp::Add(_) => false,
        }
    }
}

/// An activation with zeros around it, which only convolutions read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Padded {
    pub tensor: ValueId,
    pub sides: Sides,
    /// It is the float reading of the 8-bit value.
    pub dequantised: bool,
}

/// Rows above, columns to the left, rows below, columns to the right.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sides(pub [usize; 4]);

impl Sides {
    /// From the pads of ONNX, of [batch, channels, height, width]: first all beginnings, then all ends.
    pub(super) fn new(pads: &[i64]) -> Result<Self, String> {
        match pads {
            &[0, 0, top, left, 0, 0, bottom, right]
                if [top, left, bottom, right]
                    .iter()
                    .all(|side| (0..=MAX_ONNX_WINDOW_PX).contains(side)) =>
            {
                Ok(Sides([top, left, bottom, right].map(|side| side as usize)))
            }
            other => Err(format!("has the pads {other:?}")),
        }
    }

    /// The shape of the activation that they are around.
    pub(super) fn inside(
        self,
        [batch, channels, height, width]: [usize; 4],
    ) -> Result<[usize; 4], String> {
        let Sides([top, left, bottom, right]) = self;
        match (
            height.checked_sub(top + bottom),
            width.checked_sub(left + right),
        ) {
            (Some(height @ 1..), Some(width @ 1..)) => Ok([batch, channels, height, width]),
            _ => Err("is all padding".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_and_columns_are_padded_and_by_little() {
        let Sides(sides) = Sides::new(&[0, 0, 1, 2, 0, 0, 3, 4]).unwrap();
        assert_eq!(sides, [1, 2, 3, 4]);
        for wrong in [
            &[0, 0, 1, 1][..],
            &[0, 1, 0, 0, 0, 0, 0, 0],
            &[0, 0, -1, 0, 0, 0, 0, 0],
            &[0, 0, 0, 0, 0, 0, 0, i64::MAX],
        ] {
            assert!(Sides::new(wrong).is_err(), "{wrong:?}");
        }
    }
}
