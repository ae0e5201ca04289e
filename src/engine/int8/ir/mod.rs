//! A quantised network as a list of integer operations, in the order they run.
//!
//! The importer brings QDQ and QOperator graphs, u8 and s8, to this one form; the planner turns it
//! into steps and an arena. All activations are signed 8-bit: unsigned ones have 128 taken off their
//! values and off their zero point. What a tool left in float is float here, too. A graph owns its weights; a graph from a plan file has none.

#![warn(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

pub(crate) mod check;
pub(crate) mod float;
pub(crate) mod size;

use float::FloatOp;
use std::fmt;

/// The meaning of an 8-bit value: `real = scale * (value - zero_point)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct QuantParams {
    pub scale: f32,
    pub zero_point: i8,
    /// The ONNX graph has it as u8: its values and zero point are 128 more there.
    pub unsigned: bool,
}

impl QuantParams {
    /// Of a float activation, which has none.
    #[cfg(feature = "onnx")]
    pub(crate) const NONE: QuantParams = QuantParams {
        scale: 1.0,
        zero_point: 0,
        unsigned: false,
    };

    /// The zero point in the ONNX graph.
    #[cfg(feature = "onnx")]
    pub(crate) fn onnx_zero_point(self) -> i16 {
        i16::from(self.zero_point) + if self.unsigned { 128 } else { 0 }
    }

    /// The number that an 8-bit value stands for, as DequantizeLinear computes it.
    #[cfg(feature = "onnx")]
    pub(crate) fn real(self, value: i8) -> f32 {
        f32::from(i16::from(value) - i16::from(self.zero_point)) * self.scale
    }

    /// The 8-bit value nearest to a number, as QuantizeLinear computes it: half to even, saturated.
    #[cfg(feature = "onnx")]
    #[expect(clippy::cast_possible_truncation, reason = "clamped before")]
    pub(crate) fn level(self, real: f32) -> i8 {
        let level = (real / self.scale).round_ties_even() + f32::from(self.zero_point);
        level.clamp(-128.0, 127.0) as i8
    }

    /// An 8-bit value brought into a range of its type's integers. Ends in the wrong order give the upper one, as in
    /// ONNX.
    #[cfg(feature = "onnx")]
    #[expect(clippy::cast_possible_truncation, reason = "clamped before")]
    pub(crate) fn clipped(self, value: i8, range: [i32; 2]) -> i8 {
        let offset = if self.unsigned { 128 } else { 0 };
        let [low, high] = range.map(|end| end.saturating_sub(offset).clamp(-128, 127) as i8);
        value.max(low).min(high)
    }
}

/// An activation: its place in [`Graph::tensors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ValueId(pub usize);

/// The shape and meaning of one activation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tensor {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub quant: QuantParams,
    /// Its values are f32; `quant` means nothing then.
    pub is_float: bool,
}

/// A convolution's weights, bias and window. Weight zero points are folded away by the importer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ConvWeights {
    /// [out][term][kh][kw][in].
    pub values: Vec<i8>,
    /// 8-bit numbers that add up to one weight: more than one where a weight less its zero point is not 8-bit.
    pub terms: usize,
    /// In units of the input's scale times the channel's weight scale.
    pub bias: Vec<i32>,
    /// One for each output channel.
    pub scales: Vec<f32>,
    pub in_channels: usize,
    pub out_channels: usize,
    pub kernel_size: [usize; 2],
    pub stride: usize,
    /// Rows above and columns to the left that are outside the input.
    pub pad: [usize; 2],
}

/// A square pooling window; `pad` (above and to the left) is smaller than the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolWindow {
    pub kernel_size: usize,
    pub stride: usize,
    pub pad: [usize; 2],
}

/// One input of an addition; nearest upsampling by two is done as it is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Operand {
    pub tensor: ValueId,
    pub upsampled: bool,
}

/// The window of an average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AverageWindow {
    pub kernel_size: [usize; 2],
    pub stride: usize,
    /// Rows above and columns to the left that are outside the input.
    pub pad: [usize; 2],
    /// Pixels outside of the input count as zeros; else they do not count.
    pub counts_outside: bool,
}

/// One channel of one of several activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pick {
    /// Its place in the list of activations.
    pub source: u16,
    pub channel: u16,
}

/// An operation. Results below `floor` (a quantised value) are raised to it, which expresses ReLU.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Op {
    /// The network's float input to 8 bits.
    Quantize,
    Conv {
        input: ValueId,
        weights: ConvWeights,
        floor: i8,
    },
    /// A transposed convolution: `stride` outputs for each input.
    ConvTranspose {
        input: ValueId,
        weights: ConvWeights,
        floor: i8,
    },
    /// A convolution with one filter for each channel: `weights` have one input channel.
    Depthwise {
        input: ValueId,
        weights: ConvWeights,
        floor: i8,
    },
    MaxPool {
        input: ValueId,
        window: PoolWindow,
    },
    Average {
        input: ValueId,
        window: AverageWindow,
        floor: i8,
    },
    /// Two activations, value by value. The second may have a single pixel, for all pixels of the first.
    Multiply {
        operands: [Operand; 2],
        floor: i8,
    },
    /// Channels of activations of one size and scale, in any order.
    Channels {
        sources: Vec<ValueId>,
        picks: Vec<Pick>,
    },
    Add {
        operands: [Operand; 2],
        floor: i8,
    },
    /// Each value by itself, to another scale, type or range: `table[value + 128]`.
    Map {
        input: Operand,
        table: Box<Table>,
    },
    /// Results outside of `range` are brought to its nearer end.
    Float {
        op: FloatOp,
        range: [f32; 2],
    },
}

/// The result for each 8-bit value, from -128 on.
pub(crate) type Table = [i8; 256];

/// One operation and the activation it makes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// The ONNX node it came from, for errors and reports.
    pub name: String,
    pub op: Op,
    pub output: ValueId,
}

/// A whole network. Its float output is the activation `output`, dequantised.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Graph {
    pub tensors: Vec<Tensor>,
    pub nodes: Vec<Node>,
    pub output: ValueId,
}

impl Graph {
    pub(crate) fn tensor(&self, id: ValueId) -> &Tensor {
        &self.tensors[id.0]
    }
}

#[cfg(feature = "onnx")]
impl Graph {
    /// Drops operations whose results nothing reads, except the first one, which reads the input.
    pub(crate) fn drop_unread(&mut self) {
        let mut read = vec![false; self.tensors.len()];
        read[self.output.0] = true;
        for (index, node) in self.nodes.iter().enumerate().rev() {
            if read[node.output.0] || index == 0 {
                read[node.output.0] = true;
                node.op.inputs().for_each(|input| read[input.0] = true);
            }
        }
        if read.iter().all(|&read| read) {
            return;
        }
        let mut places = Vec::with_capacity(read.len());
        let mut count = 0;
        for &read in &read {
            places.push(ValueId(count));
            count += usize::from(read);
        }
        let mut kept = read.iter();
        self.tensors
            .retain(|_| kept.next().copied().unwrap_or(false));
        self.nodes.retain(|node| read[node.output.0]);
        for node in &mut self.nodes {
            node.output = places[node.output.0];
            node.op.for_each_input(|input| *input = places[input.0]);
        }
        self.output = places[self.output.0];
    }
}

impl Op {
    /// Changes the activations it reads.
    #[cfg(feature = "onnx")]
    fn for_each_input(&mut self, mut change: impl FnMut(&mut ValueId)) {
        match self {
            Op::Quantize => {}
            Op::Conv { input, .. }
            | Op::ConvTranspose { input, .. }
            | Op::Depthwise { input, .. }
            | Op::MaxPool { input, .. }
            | Op::Average { input, .. } => change(input),
            Op::Map { input, .. } => change(&mut input.tensor),
            Op::Add { operands, .. } | Op::Multiply { operands, .. } => {
                operands
                    .iter_mut()
                    .for_each(|operand| change(&mut operand.tensor));
            }
            Op::Channels { sources, .. } => sources.iter_mut().for_each(change),
            Op::Float { op, .. } => op.inputs_mut().into_iter().flatten().for_each(change),
        }
    }

    /// The activations it reads.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = ValueId> {
        let mut list: &[ValueId] = &[];
        let (first, second) = match self {
            Op::Quantize => (None, None),
            Op::Conv { input, .. }
            | Op::ConvTranspose { input, .. }
            | Op::Depthwise { input, .. }
            | Op::MaxPool { input, .. }
            | Op::Average { input, .. } => (Some(*input), None),
            Op::Map { input, .. } => (Some(input.tensor), None),
            Op::Add {
                operands: [a, b], ..
            }
            | Op::Multiply {
                operands: [a, b], ..
            } => (Some(a.tensor), Some(b.tensor)),
            Op::Channels { sources, .. } => {
                list = sources;
                (None, None)
            }
            Op::Float { op, .. } => op.inputs().into(),
        };
        first.into_iter().chain(second).chain(list.iter().copied())
    }
}

/// The reason why a graph does not run in integers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The node at fault; `None` if the nodes could not be read.
    pub node: Option<String>,
    pub what: String,
}

impl Misfit {
    pub(crate) fn at(node: impl Into<String>, what: impl Into<String>) -> Misfit {
        Misfit {
            node: Some(node.into()),
            what: what.into(),
        }
    }

    /// A fault of the graph as a whole.
    pub(crate) fn of_graph(what: impl Into<String>) -> Misfit {
        Misfit::at("network", what)
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some(node) => write!(f, "{node}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}
