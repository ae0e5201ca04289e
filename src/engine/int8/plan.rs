//! From operations to steps: what is fused, which weights are packed how, and where each activation
//! lies in the one arena.

use super::ir::{Action, Network, Operation, PoolWindow, Quant, TensorId};
use super::kernel::{Addition, Kernel, Requant, Residual};
use super::layout::Layout;
use super::pack::{Coefficients, ConvParts, Origin};
use super::winograd::{self, Needs};

/// An activation in the arena.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Buffer {
    pub offset: usize,
    pub height: usize,
    pub width: usize,
    /// Channels that mean something.
    pub channels: usize,
    /// Bytes from one pixel to the next.
    pub stride: usize,
    /// Columns before the first and behind the last one, which hold the zero point: a convolution's
    /// row of taps may start and end there.
    pub border: [usize; 2],
}

impl Buffer {
    pub(super) fn bytes(&self) -> usize {
        self.height * self.row_bytes()
    }

    /// Bytes from one row to the next.
    pub(super) fn row_bytes(&self) -> usize {
        (self.border[0] + self.width + self.border[1]) * self.stride
    }

    /// The arena's index of a pixel's first channel.
    pub(super) fn at(&self, y: usize, x: usize) -> usize {
        self.offset + y * self.row_bytes() + (self.border[0] + x) * self.stride
    }

    /// Where a pixel starts, counted from the buffer's start; nothing if it is outside of the picture
    /// and the border.
    pub(super) fn find(&self, y: isize, x: isize) -> Option<usize> {
        let x = x + self.border[0] as isize;
        let columns = self.row_bytes() / self.stride;
        let inside = (0..self.height as isize).contains(&y) && (0..columns as isize).contains(&x);
        inside.then(|| y as usize * self.row_bytes() + x as usize * self.stride)
    }
}

/// What is added to a convolution's result before it is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Added {
    pub residual: Residual,
    pub other: Buffer,
    /// The other operand is read through nearest upsampling by two.
    pub upsampled: bool,
}

/// A convolution on a grid of output pixels. A transposed one is several of these, each with every
/// `spread`-th pixel of the output and its own taps.
pub(super) struct ConvStep {
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
    /// Output pixels between neighbours of the grid, and the first one.
    pub spread: usize,
    pub origin: [usize; 2],
    pub coefficients: Coefficients,
    pub zero_point: i8,
    pub floor: i8,
    /// The zero point of the input, as many times as a pixel has bytes.
    pub outside: Vec<i8>,
    pub added: Option<Added>,
    /// Bytes of a tap: a pixel, or a row of them.
    pub tap_bytes: usize,
    /// Values of a tap that mean something.
    pub inputs: usize,
}

/// How a convolution is done.
#[derive(Clone, Copy)]
pub(super) enum Method {
    Direct {
        kernel: &'static dyn Kernel,
        /// Taps times channels, padded.
        k: usize,
    },
    Winograd(winograd::Method),
}

impl Method {
    /// Output channels of a block.
    pub(super) fn block(&self) -> usize {
        match self {
            Method::Direct { kernel, .. } => kernel.shape().nr,
            Method::Winograd(method) => method.kernel.shape().nr,
        }
    }
}

impl ConvStep {
    /// What happens to the sums of a block of `nr` channels.
    pub(super) fn requant(&self, channel: usize, nr: usize) -> Requant<'_> {
        Requant {
            bias: &self.coefficients.bias[channel..channel + nr],
            multipliers: &self.coefficients.multipliers[channel..channel + nr],
            zero_point: self.zero_point,
            floor: self.floor,
            residual: self.added.as_ref().map(|added| &added.residual),
        }
    }
}

pub(super) enum Step {
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
    Add {
        name: String,
        /// Where each is, and whether it is upsampled as it is read.
        operands: [(Buffer, bool); 2],
        addition: Addition,
        output: Buffer,
    },
}

impl Step {
    /// The graph node it came from.
    pub(super) fn name(&self) -> &str {
        match self {
            Step::Quantize { .. } => "input",
            Step::Conv(conv) => &conv.name,
            Step::MaxPool { name, .. } | Step::Add { name, .. } => name,
        }
    }

    /// Multiply-accumulates of one frame, without padding.
    pub(super) fn macs(&self) -> u64 {
        match self {
            Step::Conv(conv) => {
                // Below the limit of a frame's work.
                let factors = [conv.taps.len(), conv.inputs, conv.output.channels];
                conv.grid
                    .iter()
                    .chain(&factors)
                    .map(|&f| f as u64)
                    .product()
            }
            _ => 0,
        }
    }
}

/// Everything that a frame needs; nothing in it changes from frame to frame.
pub(super) struct Plan {
    pub kernel: &'static dyn Kernel,
    pub steps: Vec<Step>,
    pub input_shape: [usize; 4],
    pub output: Buffer,
    pub output_scale: f32,
    pub output_zero_point: i8,
    pub arena_bytes: usize,
    pub scratch_bytes: usize,
    pub longest_tile: usize,
    /// The most that any Winograd step needs.
    pub winograd: Needs,
}

impl Plan {
    /// Plans a network for one kernel family. `input_shape` is N, C, H, W.
    ///
    /// # Errors
    /// The operation that cannot be planned, and why.
    pub(super) fn new(
        network: &Network,
        input_shape: [usize; 4],
        kernel: &'static dyn Kernel,
        mut origin: Origin,
    ) -> Result<Self, (String, String)> {
        network.check()?;
        let whole = |what: String| ("network".to_owned(), what);
        let input = &network.tensors[network.operations[0].output.0];
        if input_shape != [1, 3, input.height, input.width] {
            return Err(whole(format!("has the input shape {input_shape:?}")));
        }
        let layout = Layout::new(network);
        let (buffers, arena_bytes) = layout.place().map_err(whole)?;
        // An activation without a buffer is a convolution's that an addition took in: never read.
        let buffer =
            |id: TensorId| buffers[id.0].expect("every activation that is read has a place");
        let quant = |id: TensorId| network.tensor(id).quant;
        let mut steps = Vec::new();
        for (index, operation) in network.operations.iter().enumerate() {
            if layout.fused_into[index].is_some() {
                continue;
            }
            let output = buffer(operation.output);
            let result = quant(operation.output);
            let name = operation.name.clone();
            let failed = |what: String| (operation.name.clone(), what);
            // A convolution that writes to this operation's output.
            let parts =
                |operation: &Operation, input: TensorId, floor: i8, added: Option<Added>| {
                    ConvParts {
                        name: operation.name.clone(),
                        input: buffer(input),
                        input_quant: quant(input),
                        own_quant: quant(operation.output),
                        floor,
                        output,
                        added,
                        kernel,
                    }
                };
            match &operation.action {
                Action::Quantize => steps.push(Step::Quantize {
                    output,
                    scale: result.scale,
                    zero_point: result.zero_point,
                }),
                Action::Conv {
                    input,
                    filter,
                    floor,
                } => {
                    let step = parts(operation, *input, *floor, None)
                        .conv(filter, &mut origin)
                        .map_err(failed)?;
                    steps.push(Step::Conv(Box::new(step)));
                }
                Action::Deconv {
                    input,
                    filter,
                    floor,
                } => {
                    let several = parts(operation, *input, *floor, None)
                        .deconv(filter, &mut origin)
                        .map_err(failed)?;
                    steps.extend(several.into_iter().map(|step| Step::Conv(Box::new(step))));
                }
                Action::MaxPool { input, window } => steps.push(Step::MaxPool {
                    name,
                    input: buffer(*input),
                    output,
                    window: *window,
                }),
                Action::Add { operands, floor } => {
                    let addition = addition(
                        operands.map(|operand| quant(operand.tensor)),
                        result,
                        *floor,
                    );
                    let Some((conv, other)) = layout.takes[index] else {
                        steps.push(Step::Add {
                            name,
                            operands: operands
                                .map(|operand| (buffer(operand.tensor), operand.upsampled)),
                            addition,
                            output,
                        });
                        continue;
                    };
                    let conv = &network.operations[conv];
                    let Action::Conv {
                        input,
                        filter,
                        floor,
                    } = &conv.action
                    else {
                        unreachable!("only convolutions are taken in");
                    };
                    let added = Added {
                        residual: Residual {
                            addition,
                            own_is_first: other == 1,
                        },
                        other: buffer(operands[other].tensor),
                        upsampled: operands[other].upsampled,
                    };
                    let step = parts(conv, *input, *floor, Some(added))
                        .conv(filter, &mut origin)
                        .map_err(failed)?;
                    steps.push(Step::Conv(Box::new(step)));
                }
            }
        }
        let (mut scratch_bytes, mut longest_tile, mut winograd) = (0, 0, Needs::default());
        for step in &steps {
            let Step::Conv(conv) = step else { continue };
            match &conv.method {
                Method::Direct { kernel, k } => {
                    scratch_bytes = scratch_bytes.max(kernel.scratch_bytes(*k));
                    longest_tile = longest_tile.max(conv.taps.len() * kernel.shape().mr);
                }
                Method::Winograd(method) => {
                    winograd = winograd.or(method.needs(conv.grid, conv.tap_bytes));
                }
            }
        }
        if let Origin::Stored(mut rest) = origin
            && rest.next().is_some()
        {
            return Err(whole("has weights that no step wants".into()));
        }
        Ok(Plan {
            kernel,
            input_shape,
            output: buffer(network.output),
            output_scale: quant(network.output).scale,
            output_zero_point: quant(network.output).zero_point,
            arena_bytes,
            scratch_bytes,
            longest_tile,
            winograd,
            steps,
        })
    }
}

/// The arithmetic of an addition of two activations. The fixed part is fused as it is in ONNX Runtime:
/// one unit in its last place is enough to move a near-tie, and a deep network with it.
fn addition([a, b]: [Quant; 2], result: Quant, floor: i8) -> Addition {
    let (ratio_a, ratio_b) = (a.scale / result.scale, b.scale / result.scale);
    let as_in_graph = |quant: Quant| f32::from(quant.zero_point_in_graph());
    Addition {
        ratio_a,
        ratio_b,
        fixed: as_in_graph(result) - ratio_a.mul_add(as_in_graph(a), ratio_b * as_in_graph(b)),
        offset: if result.unsigned { 128.0 } else { 0.0 },
        floor,
    }
}
