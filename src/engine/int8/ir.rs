//! A quantised network as a list of integer operations, in the order they run.
//!
//! The importer brings QDQ and QOperator graphs, u8 and s8, to this one form; the planner turns it
//! into steps and an arena. All activations are signed 8-bit: what was unsigned has had 128 taken
//! off its values and off its zero point.

/// What an 8-bit value means: `real = scale * (value - zero_point)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quant {
    pub scale: f32,
    pub zero_point: i8,
    /// The graph has it as u8: its values and zero point are 128 more there.
    pub unsigned: bool,
}

impl Quant {
    /// As the graph has it.
    pub fn zero_point_in_graph(self) -> i16 {
        i16::from(self.zero_point) + if self.unsigned { 128 } else { 0 }
    }
}

/// Names an activation: its place in [`Network::tensors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TensorId(pub usize);

/// The shape and meaning of one activation.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub quant: Quant,
}

/// A convolution's weights, bias and window. `weights` is [out][kh][kw][in]; weight zero points are
/// folded away by the importer.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    pub weights: Vec<i8>,
    /// In units of the input's scale times the channel's weight scale.
    pub bias: Vec<i32>,
    /// One for each output channel.
    pub scales: Vec<f32>,
    pub inputs: usize,
    pub outputs: usize,
    pub kernel: [usize; 2],
    pub stride: usize,
    /// Rows above and columns to the left that are outside the input.
    pub pad: [usize; 2],
}

/// A square pooling window; `pad` (above and to the left) is smaller than the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolWindow {
    pub kernel: usize,
    pub stride: usize,
    pub pad: [usize; 2],
}

/// One input of an addition; nearest upsampling by two is done as it is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operand {
    pub tensor: TensorId,
    pub upsampled: bool,
}

/// What is done; results below `floor` (a quantised value) are raised to it, which is how ReLU is
/// said.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The network's float input to 8 bits.
    Quantize,
    Conv {
        input: TensorId,
        filter: Filter,
        floor: i8,
    },
    /// A transposed convolution: `stride` outputs for each input.
    Deconv {
        input: TensorId,
        filter: Filter,
        floor: i8,
    },
    MaxPool {
        input: TensorId,
        window: PoolWindow,
    },
    Add {
        operands: [Operand; 2],
        floor: i8,
    },
}

/// One operation and the activation it makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// The graph node it came from, for errors and reports.
    pub name: String,
    pub action: Action,
    pub output: TensorId,
}

/// A whole network. Its float output is the last tensor, dequantised.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    pub tensors: Vec<Tensor>,
    pub operations: Vec<Operation>,
    pub output: TensorId,
}

impl Network {
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }
}

impl Action {
    /// The activations it reads.
    pub fn inputs(&self) -> impl Iterator<Item = TensorId> {
        let (first, second) = match self {
            Action::Quantize => (None, None),
            Action::Conv { input, .. }
            | Action::Deconv { input, .. }
            | Action::MaxPool { input, .. } => (Some(*input), None),
            Action::Add {
                operands: [a, b], ..
            } => (Some(a.tensor), Some(b.tensor)),
        };
        first.into_iter().chain(second)
    }
}
