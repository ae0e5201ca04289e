//! From operations to steps: what is fused, which weights are packed how, and where each activation
//! lies in the one arena.

use super::arena::{self, Interval};
use super::ir::{Action, Filter, Network, Operand, Operation, PoolWindow, Quant, Tensor, TensorId};
use super::kernel::{Addition, Kernel, Residual};

/// Bytes of a pixel: blocks of 8 or 16 channels of any kernel end within it.
const PIXEL_BYTES: usize = 16;

/// Bytes of a pixel of the network's input, which no kernel writes.
const INPUT_PIXEL_BYTES: usize = 4;

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
}

impl Buffer {
    pub(super) fn bytes(&self) -> usize {
        self.height * self.width * self.stride
    }

    /// The arena's index of a pixel's first channel.
    pub(super) fn at(&self, y: usize, x: usize) -> usize {
        self.offset + (y * self.width + x) * self.stride
    }
}

/// A convolution on a grid of output pixels. A transposed one is several of these, each with every
/// `spread`-th pixel of the output and its own taps.
pub(super) struct ConvStep {
    pub name: String,
    pub input: Buffer,
    pub output: Buffer,
    /// Input row and column of each tap, for the grid's first pixel.
    pub taps: Vec<[isize; 2]>,
    /// Input pixels between neighbours of the grid.
    pub stride: usize,
    /// Rows and columns of the grid.
    pub grid: [usize; 2],
    /// Output pixels between neighbours of the grid, and the first one.
    pub spread: usize,
    pub origin: [usize; 2],
    pub kernel: &'static dyn Kernel,
    /// K after padding.
    pub k: usize,
    /// Blocks of `nr` channels, each k x nr bytes.
    pub weights: Vec<i8>,
    pub bias: Vec<i32>,
    pub multipliers: Vec<f32>,
    pub zero_point: i8,
    pub floor: i8,
    /// The zero point of the input, as many times as a pixel has bytes.
    pub outside: Vec<i8>,
    pub residual: Option<(Residual, Buffer, bool)>,
    /// Input channels that mean something.
    inputs: usize,
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
                let pixels = conv.grid[0] * conv.grid[1];
                (pixels * conv.taps.len() * conv.inputs * conv.output.channels) as u64
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
}

/// How the activations of a network are made once fusable additions are folded into convolutions.
struct Layout<'a> {
    network: &'a Network,
    /// For each operation: the addition that is done in its place, if it is a convolution that waits
    /// for one.
    fused_into: Vec<Option<usize>>,
    /// For an addition: the convolution it takes in, and which operand the other one is.
    takes: Vec<Option<(usize, usize)>>,
}

impl<'a> Layout<'a> {
    fn new(network: &'a Network) -> Self {
        let count = network.operations.len();
        let mut layout = Layout {
            network,
            fused_into: vec![None; count],
            takes: vec![None; count],
        };
        let mut uses = vec![0; network.tensors.len()];
        uses[network.output.0] += 1;
        for input in network
            .operations
            .iter()
            .flat_map(|operation| operation.action.inputs())
        {
            uses[input.0] += 1;
        }
        let producer = |tensor: TensorId| {
            network
                .operations
                .iter()
                .position(|operation| operation.output == tensor)
        };
        for (index, operation) in network.operations.iter().enumerate() {
            let Action::Add { operands, .. } = &operation.action else {
                continue;
            };
            // The later of the convolutions: what it is added to is there by then.
            let best = (0..2)
                .filter(|&side| !operands[side].upsampled && uses[operands[side].tensor.0] == 1)
                .filter_map(|side| Some((producer(operands[side].tensor)?, 1 - side)))
                .filter(|&(producer, _)| {
                    matches!(network.operations[producer].action, Action::Conv { .. })
                })
                .max();
            if let Some((conv, other)) = best {
                layout.fused_into[conv] = Some(index);
                layout.takes[index] = Some((conv, other));
            }
        }
        layout
    }

    /// The activations that operation `index` reads where it is done, and the one that its output may
    /// overwrite.
    fn reads(&self, index: usize) -> (Vec<TensorId>, Option<TensorId>) {
        let action = &self.network.operations[index].action;
        match (action, self.takes[index]) {
            (Action::Add { operands, .. }, Some((conv, other))) => {
                let other: Operand = operands[other];
                let mut reads: Vec<_> = self.network.operations[conv].action.inputs().collect();
                reads.push(other.tensor);
                (reads, (!other.upsampled).then_some(other.tensor))
            }
            _ => (action.inputs().collect(), None),
        }
    }

    /// Bytes from one pixel to the next.
    fn stride_of(&self, tensor: TensorId) -> usize {
        let made_by = |operation: &&Operation| operation.output == tensor;
        let maker = self.network.operations.iter().find(made_by);
        let multiple = match maker.map(|operation| &operation.action) {
            Some(Action::Quantize) => INPUT_PIXEL_BYTES,
            _ => PIXEL_BYTES,
        };
        self.network
            .tensor(tensor)
            .channels
            .next_multiple_of(multiple)
    }

    fn bytes_of(&self, tensor: TensorId) -> usize {
        let Tensor { height, width, .. } = self.network.tensor(tensor);
        height * width * self.stride_of(tensor)
    }

    /// Buffers of all activations that exist, and the size of the arena.
    fn place(&self) -> (Vec<Option<Buffer>>, usize) {
        let network = self.network;
        let mut last_use = vec![0; network.tensors.len()];
        for index in 0..network.operations.len() {
            for read in self.reads(index).0 {
                last_use[read.0] = index;
            }
        }
        last_use[network.output.0] = network.operations.len();
        // One interval for each chain of activations that overwrite each other.
        let mut chain_of: Vec<Option<usize>> = vec![None; network.tensors.len()];
        let mut intervals: Vec<Interval> = Vec::new();
        for (index, operation) in network.operations.iter().enumerate() {
            if self.fused_into[index].is_some() {
                continue;
            }
            let output = operation.output.0;
            let bytes = self.bytes_of(operation.output);
            let reads = self.reads(index);
            let reusable = reads.1.filter(|tensor| {
                // Read by nothing else here or later, and of the same size.
                last_use[tensor.0] == index
                    && reads.0.iter().filter(|read| *read == tensor).count() == 1
                    && self.bytes_of(*tensor) == bytes
            });
            match reusable.and_then(|tensor| chain_of[tensor.0]) {
                Some(chain) => {
                    intervals[chain].last = last_use[output].max(index);
                    chain_of[output] = Some(chain);
                }
                None => {
                    chain_of[output] = Some(intervals.len());
                    intervals.push(Interval {
                        bytes,
                        first: index,
                        last: last_use[output].max(index),
                    });
                }
            }
        }
        let (offsets, bytes) = arena::place(&intervals);
        let buffers = network
            .tensors
            .iter()
            .zip(&chain_of)
            .enumerate()
            .map(|(id, (tensor, chain))| {
                chain.map(|chain| Buffer {
                    offset: offsets[chain],
                    height: tensor.height,
                    width: tensor.width,
                    channels: tensor.channels,
                    stride: self.stride_of(TensorId(id)),
                })
            })
            .collect();
        (buffers, bytes)
    }
}

impl Plan {
    /// Plans a network for one kernel family. `input_shape` is N, C, H, W.
    pub(super) fn new(
        network: &Network,
        input_shape: [usize; 4],
        kernel: &'static dyn Kernel,
    ) -> Self {
        let layout = Layout::new(network);
        let (buffers, arena_bytes) = layout.place();
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
                    let parts = ConvParts {
                        name: &operation.name,
                        input: buffer(*input),
                        input_quant: quant(*input),
                        own_quant: result,
                        floor: *floor,
                        output,
                        residual: None,
                        kernel,
                    };
                    steps.push(Step::Conv(Box::new(parts.conv(filter))));
                }
                Action::Deconv {
                    input,
                    filter,
                    floor,
                } => {
                    let parts = ConvParts {
                        name: &operation.name,
                        input: buffer(*input),
                        input_quant: quant(*input),
                        own_quant: result,
                        floor: *floor,
                        output,
                        residual: None,
                        kernel,
                    };
                    steps.extend(
                        parts
                            .deconv(filter)
                            .into_iter()
                            .map(|part| Step::Conv(Box::new(part))),
                    );
                }
                Action::MaxPool { input, window } => steps.push(Step::MaxPool {
                    name: operation.name.clone(),
                    input: buffer(*input),
                    output,
                    window: *window,
                }),
                Action::Add { operands, floor } => match layout.takes[index] {
                    Some((conv, other)) => {
                        let conv = &network.operations[conv];
                        let Action::Conv {
                            input,
                            filter,
                            floor: own_floor,
                        } = &conv.action
                        else {
                            unreachable!("only convolutions are taken in");
                        };
                        let own = quant(conv.output);
                        let residual = Residual {
                            addition: addition(
                                [quant(operands[0].tensor), quant(operands[1].tensor)],
                                result,
                                *floor,
                            ),
                            own_is_first: other == 1,
                        };
                        let other = operands[other];
                        let parts = ConvParts {
                            name: &conv.name,
                            input: buffer(*input),
                            input_quant: quant(*input),
                            own_quant: own,
                            floor: *own_floor,
                            output,
                            residual: Some((residual, buffer(other.tensor), other.upsampled)),
                            kernel,
                        };
                        steps.push(Step::Conv(Box::new(parts.conv(filter))));
                    }
                    None => steps.push(Step::Add {
                        name: operation.name.clone(),
                        operands: operands
                            .map(|operand| (buffer(operand.tensor), operand.upsampled)),
                        addition: addition(
                            [quant(operands[0].tensor), quant(operands[1].tensor)],
                            result,
                            *floor,
                        ),
                        output,
                    }),
                },
            }
        }
        let convolutions = || {
            steps.iter().filter_map(|step| match step {
                Step::Conv(conv) => Some(conv),
                _ => None,
            })
        };
        Plan {
            kernel,
            input_shape,
            output: buffer(network.output),
            output_scale: quant(network.output).scale,
            output_zero_point: quant(network.output).zero_point,
            arena_bytes,
            scratch_bytes: convolutions()
                .map(|conv| conv.kernel.scratch_bytes(conv.k))
                .max()
                .unwrap_or(0),
            longest_tile: convolutions()
                .map(|conv| conv.taps.len() * conv.kernel.mr())
                .max()
                .unwrap_or(0),
            steps,
        }
    }
}

/// The arithmetic of an addition of two activations.
fn addition([a, b]: [Quant; 2], result: Quant, floor: i8) -> Addition {
    let (ratio_a, ratio_b) = (a.scale / result.scale, b.scale / result.scale);
    let as_in_graph =
        |quant: Quant| f32::from(quant.zero_point) + if quant.unsigned { 128.0 } else { 0.0 };
    Addition {
        ratio_a,
        ratio_b,
        fixed: as_in_graph(result) - (ratio_a * as_in_graph(a) + ratio_b * as_in_graph(b)),
        offset: if result.unsigned { 128.0 } else { 0.0 },
        floor,
    }
}

/// What a convolution's steps share.
struct ConvParts<'a> {
    name: &'a str,
    input: Buffer,
    input_quant: Quant,
    own_quant: Quant,
    floor: i8,
    output: Buffer,
    residual: Option<(Residual, Buffer, bool)>,
    kernel: &'static dyn Kernel,
}

impl ConvParts<'_> {
    fn conv(&self, filter: &Filter) -> ConvStep {
        let [height, width] = filter.kernel;
        let taps: Vec<_> = (0..height)
            .flat_map(|y| (0..width).map(move |x| [y, x]))
            .collect();
        let places = taps
            .iter()
            .map(|&[y, x]| {
                [
                    y as isize - filter.pad[0] as isize,
                    x as isize - filter.pad[1] as isize,
                ]
            })
            .collect();
        let mut step = self.step(filter, &taps, places);
        step.stride = filter.stride;
        step.grid = [self.output.height, self.output.width];
        step
    }

    /// Output row `stride * q + r` takes the taps `y` with `(r + pad - y)` divisible by the stride,
    /// from input row `q + (r + pad - y) / stride`; columns likewise.
    fn deconv(&self, filter: &Filter) -> Vec<ConvStep> {
        let spread = filter.stride;
        let mut steps = Vec::new();
        for row in 0..spread.min(self.output.height) {
            for column in 0..spread.min(self.output.width) {
                let along = |axis: usize, origin: usize| {
                    (0..filter.kernel[axis]).filter_map(move |tap| {
                        let distance = (origin + filter.pad[axis]) as isize - tap as isize;
                        let divisible = distance.rem_euclid(spread as isize) == 0;
                        divisible.then(|| (tap, distance.div_euclid(spread as isize)))
                    })
                };
                let (taps, places) = along(0, row)
                    .flat_map(|(y, from_y)| {
                        along(1, column).map(move |(x, from_x)| ([y, x], [from_y, from_x]))
                    })
                    .unzip::<_, _, Vec<_>, Vec<_>>();
                let mut step = self.step(filter, &taps, places);
                step.spread = spread;
                step.origin = [row, column];
                step.grid = [
                    (self.output.height - row).div_ceil(spread),
                    (self.output.width - column).div_ceil(spread),
                ];
                steps.push(step);
            }
        }
        steps
    }

    /// Packs the weights of some taps, [y, x] in the filter.
    fn step(&self, filter: &Filter, taps: &[[usize; 2]], places: Vec<[isize; 2]>) -> ConvStep {
        let kernel = self
            .kernel
            .instead_for(&filter.weights)
            .unwrap_or(self.kernel);
        let (nr, channels) = (kernel.nr(), self.input.stride);
        let k = (taps.len() * channels).next_multiple_of(kernel.kr());
        let padded = filter.outputs.next_multiple_of(nr);
        let mut weights = Vec::with_capacity(padded * k);
        let mut bias = vec![0; padded];
        let mut multipliers = vec![0.0; padded];
        let mut block = vec![0_i8; nr * k];
        for first in (0..padded).step_by(nr) {
            block.fill(0);
            for (line, o) in block.chunks_exact_mut(k).zip(first..filter.outputs) {
                let mut sum = 0_i32;
                for (part, &[y, x]) in line.chunks_exact_mut(channels).zip(taps) {
                    let at = ((o * filter.kernel[0] + y) * filter.kernel[1] + x) * filter.inputs;
                    let source = &filter.weights[at..at + filter.inputs];
                    part[..filter.inputs].copy_from_slice(source);
                    sum += source.iter().map(|&weight| i32::from(weight)).sum::<i32>();
                }
                let zero_points = i32::from(self.input_quant.zero_point).wrapping_mul(sum);
                bias[o] = filter.bias[o].wrapping_sub(zero_points);
                multipliers[o] = self.input_quant.scale * filter.scales[o] / self.own_quant.scale;
            }
            kernel.pack(&block, k, &mut weights);
        }
        ConvStep {
            name: self.name.into(),
            input: self.input,
            output: self.output,
            taps: places,
            stride: 1,
            grid: [0, 0],
            spread: 1,
            origin: [0, 0],
            kernel,
            k,
            weights,
            bias,
            multipliers,
            zero_point: self.own_quant.zero_point,
            floor: self.floor,
            outside: vec![self.input_quant.zero_point; self.input.stride],
            residual: self.residual,
            inputs: filter.inputs,
        }
    }
}
