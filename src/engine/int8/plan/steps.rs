//! Steps of a plan, with addresses in the arena.

use super::buffer::Buffer;
use super::conv::{Method, Tag};
use super::float::{FloatStep, Reading};
use super::winograd::WinogradScratch;
use crate::engine::int8::family::Family;
use crate::engine::int8::ir::{AverageWindow, PoolWindow, Table};
use crate::engine::int8::requant::{Addition, Average, Product, Requant, Residual};
use crate::model::Weights;

/// An addition to the result of a convolution, before it is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FusedAdd {
    pub residual: Residual,
    pub other: Buffer,
    /// The other operand is read through nearest upsampling by two.
    pub upsampled: bool,
}

/// Packed weights of one convolution step for one family, with bias and multipliers.
pub(crate) struct PackedConv {
    pub tag: Tag,
    /// Blocks of `nr` channels, in the method's order.
    pub weights: Weights,
    /// Bias of each output channel, minus the contribution of the input's zero point.
    pub bias: Vec<i32>,
    pub multipliers: Vec<f32>,
}

/// A convolution on a grid of output pixels. A transposed convolution is several steps, each with its own taps and
/// every `output_stride`-th pixel of the output.
pub(crate) struct ConvStep {
    pub name: String,
    pub input: Buffer,
    pub output: Buffer,
    pub method: Method,
    /// Input row and column of each tap, for the grid's first pixel.
    pub taps: Vec<[isize; 2]>,
    /// Input pixels between neighbours of the grid.
    pub stride: usize,
    /// Rows and columns of the grid.
    pub grid: [usize; 2],
    /// Output pixels between neighbours of the grid.
    pub output_stride: usize,
    /// The grid's first output pixel.
    pub origin: [usize; 2],
    pub packed: PackedConv,
    pub zero_point: i8,
    pub floor: i8,
    /// The zero point of the input, as many times as a tap has bytes: read outside of the input.
    pub padding_row: Vec<i8>,
    pub fused_add: Option<FusedAdd>,
    /// See [`Requant::is_narrow`].
    pub is_narrow: bool,
    /// Bytes of a tap: a pixel, or a row of them.
    pub tap_bytes: usize,
    /// Values of a tap without padding.
    pub tap_values: usize,
}

impl ConvStep {
    /// Requantisation of the sums of a block of `nr` channels.
    pub(crate) fn requant(&self, channel: usize, nr: usize) -> Requant<'_> {
        Requant {
            bias: &self.packed.bias[channel..channel + nr],
            multipliers: &self.packed.multipliers[channel..channel + nr],
            zero_point: self.zero_point,
            floor: self.floor,
            residual: self.fused_add.as_ref().map(|added| &added.residual),
            is_narrow: self.is_narrow,
        }
    }
}

/// A convolution with one filter for each channel.
pub(crate) struct DepthwiseStep {
    pub name: String,
    pub input: Buffer,
    pub output: Buffer,
    /// Input row and column of each tap, for the first output pixel.
    pub taps: Vec<[isize; 2]>,
    pub stride: usize,
    /// Weights of every family are the same.
    pub packed: PackedConv,
    pub zero_point: i8,
    pub floor: i8,
    /// The zero point of the input, for each channel: read outside of the input.
    pub padding_row: Vec<i8>,
}

/// Bytes of a pixel that lie side by side in another activation, too.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Run {
    pub source: Buffer,
    /// In the source's pixel.
    pub from: usize,
    /// In the output's pixel.
    pub to: usize,
    pub bytes: usize,
}

/// One step of a frame.
pub(crate) enum Step {
    Quantize {
        output: Buffer,
        scale: f32,
        zero_point: i8,
    },
    Conv(Box<ConvStep>),
    MaxPool {
        name: String,
        input: Buffer,
        output: Buffer,
        window: PoolWindow,
    },
    Depthwise(Box<DepthwiseStep>),
    Average {
        name: String,
        input: Buffer,
        output: Buffer,
        window: AverageWindow,
        average: Average,
    },
    Multiply {
        name: String,
        /// The place of each, and whether it is upsampled as it is read.
        operands: [(Buffer, bool); 2],
        product: Product,
        output: Buffer,
    },
    /// Bytes of each pixel, from those of other activations.
    Channels {
        name: String,
        runs: Vec<Run>,
        output: Buffer,
    },
    Add {
        name: String,
        /// The place of each, and whether it is upsampled as it is read.
        operands: [(Buffer, bool); 2],
        addition: Addition,
        output: Buffer,
    },
    Map {
        name: String,
        input: Buffer,
        /// The input is read through nearest upsampling by two.
        upsampled: bool,
        table: Box<Table>,
        output: Buffer,
    },
    /// The network's input as it is, in float.
    Input(Buffer),
    Float(Box<FloatStep>),
}

impl Step {
    /// The ONNX node it came from.
    pub(crate) fn name(&self) -> &str {
        match self {
            Step::Quantize { .. } | Step::Input(_) => "input",
            Step::Float(step) => &step.name,
            Step::Conv(conv) => &conv.name,
            Step::Depthwise(step) => &step.name,
            Step::MaxPool { name, .. }
            | Step::Average { name, .. }
            | Step::Multiply { name, .. }
            | Step::Channels { name, .. }
            | Step::Add { name, .. }
            | Step::Map { name, .. } => name,
        }
    }

    /// Multiply-accumulates of one frame, without padding.
    pub(crate) fn macs(&self) -> u64 {
        match self {
            Step::Conv(conv) => {
                // Below the limit of a frame's work.
                let factors = [conv.taps.len(), conv.tap_values, conv.output.channels];
                let factors = conv.grid.iter().chain(&factors);
                factors.map(|&factor| factor as u64).product()
            }
            Step::Float(step) => step.macs(),
            Step::Depthwise(step) => {
                let output = &step.output;
                let factors = [
                    output.height,
                    output.width,
                    step.taps.len(),
                    output.channels,
                ];
                factors.iter().map(|&factor| factor as u64).product()
            }
            _ => 0,
        }
    }
}

/// Everything that a frame needs; it does not change from frame to frame.
pub(crate) struct Plan {
    pub family: &'static Family,
    pub steps: Vec<Step>,
    /// N, C, H, W.
    pub input_shape: [usize; 4],
    pub output: Buffer,
    pub output_reading: Reading,
    pub arena_bytes: usize,
    /// The longest K of any direct step.
    pub max_k: usize,
    /// Taps times pixels of the largest tile of any direct step.
    pub max_tile_offsets: usize,
    /// The most that any Winograd step needs.
    pub winograd: WinogradScratch,
}
