//! Float steps of a plan, and the layout of their packed weights.

use super::buffer::Buffer;
use crate::engine::int8::ir::float::Levels;
use crate::engine::int8::ir::size::{Size, product};
use crate::engine::int8::ir::{AverageWindow, ConvWeights, PoolWindow, Tensor};
use crate::model::Weights;

/// Output channels of a block of weights, which is [kh][kw][in][lane] in little-endian bytes.
pub(crate) const LANES: usize = 16;

/// Bytes of the weights from one input value to a block.
pub(crate) const LANE_BYTES: usize = LANES * size_of::<f32>();

/// How the values of an activation are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reading {
    /// As f32, in little-endian bytes.
    Float,
    Quantised {
        scale: f32,
        zero_point: i8,
    },
}

impl Reading {
    pub(super) fn of(tensor: &Tensor) -> Reading {
        match tensor.is_float {
            true => Reading::Float,
            false => Reading::Quantised {
                scale: tensor.quant.scale,
                zero_point: tensor.quant.zero_point,
            },
        }
    }
}

/// An activation that a float step reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    pub buffer: Buffer,
    /// It is read through nearest upsampling by two.
    pub upsampled: bool,
    pub reading: Reading,
}

pub(crate) enum FloatStepOp {
    Conv {
        window: ConvWeights,
        is_transposed: bool,
        /// Blocks of [`LANES`] channels.
        weights: Weights,
        /// One for each channel of all blocks.
        bias: Vec<f32>,
    },
    MaxPool(PoolWindow),
    Average(AverageWindow),
    Sum(Option<Source>),
    /// The other factor may have a single pixel.
    Product(Source),
    Levels(Box<Levels>),
}

/// A step on real values.
pub(crate) struct FloatStep {
    pub name: String,
    pub source: Source,
    pub op: FloatStepOp,
    /// Results outside are brought to the nearer end.
    pub range: [f32; 2],
    pub output: Buffer,
    pub result: Reading,
}

impl FloatStep {
    pub(crate) fn macs(&self) -> u64 {
        let FloatStepOp::Conv { window, .. } = &self.op else {
            return 0;
        };
        // Below the limit of a frame's work.
        let factors = [
            self.output.height,
            self.output.width,
            window.kernel_size[0],
            window.kernel_size[1],
            window.in_channels,
            window.out_channels,
        ];
        factors.iter().map(|&factor| factor as u64).product()
    }
}

/// Output channels of the packed weights and biases.
pub(crate) fn padded_channels(window: &ConvWeights) -> usize {
    window.out_channels.next_multiple_of(LANES)
}

/// Bytes of the packed weights.
pub(crate) fn packed_bytes(window: &ConvWeights) -> Size {
    let taps = product(window.kernel_size) * window.in_channels;
    taps * padded_channels(window) * size_of::<f32>()
}
