//! Which additions are done by the convolution before them, and where each activation lies.

use super::arena::{self, Interval};
use super::ir::{Action, Network, Operand, Tensor, TensorId};
use super::plan::Buffer;
use super::size::product;

/// Bytes of a pixel: blocks of 8 or 16 channels of any kernel end within it.
pub(super) const PIXEL_BYTES: usize = 16;

/// More than any pose network needs; a hostile file is refused before it is allocated.
const MAX_ARENA_BYTES: u64 = 256 << 20;

/// Bytes of a row of taps: a multiple of what any kernel takes at once.
const TAP_BYTES: usize = 8;

/// How a row of a filter's taps is read from pixels with fewer channels than [`PIXEL_BYTES`], in one
/// piece.
pub(super) fn row_of_taps(width: usize, channels: usize) -> usize {
    (width * channels).next_multiple_of(TAP_BYTES)
}

/// How the activations of a network are made once fusable additions are folded into convolutions.
pub(super) struct Layout<'a> {
    network: &'a Network,
    /// For each operation: the addition that is done in its place, if it is a convolution that waits
    /// for one.
    pub fused_into: Vec<Option<usize>>,
    /// For an addition: the convolution it takes in, and which operand the other one is.
    pub takes: Vec<Option<(usize, usize)>>,
}

impl<'a> Layout<'a> {
    pub(super) fn new(network: &'a Network) -> Self {
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

    /// The network's input, if only convolutions read it: its pixels then lie side by side without
    /// padding, within a border, and rows of taps are read in one piece.
    fn is_packed(&self, tensor: TensorId) -> bool {
        self.network.operations.iter().all(|operation| {
            let action = &operation.action;
            match action {
                Action::Quantize => true,
                Action::Conv { .. } => operation.output != tensor,
                _ => operation.output != tensor && action.inputs().all(|input| input != tensor),
            }
        })
    }

    /// The place of an activation that starts at `offset`.
    fn buffer(&self, id: TensorId, offset: usize) -> Buffer {
        let &Tensor {
            channels,
            height,
            width,
            ..
        } = self.network.tensor(id);
        let mut buffer = Buffer {
            offset,
            height,
            width,
            channels,
            stride: channels.next_multiple_of(PIXEL_BYTES),
            border: [0, 0],
        };
        if self.is_packed(id) {
            buffer.stride = channels;
            for operation in &self.network.operations {
                let Action::Conv { input, filter, .. } = &operation.action else {
                    continue;
                };
                if *input == id {
                    let output = self.network.tensor(operation.output);
                    let row = row_of_taps(filter.kernel[1], channels).div_ceil(channels);
                    let end = (output.width - 1) * filter.stride + row;
                    buffer.border = [
                        buffer.border[0].max(filter.pad[1]),
                        buffer.border[1].max(end.saturating_sub(filter.pad[1] + width)),
                    ];
                }
            }
        }
        buffer
    }

    /// Bytes of an activation in the arena.
    fn bytes_of(&self, tensor: TensorId) -> Result<u64, String> {
        let buffer = self.buffer(tensor, 0);
        let [before, after] = buffer.border;
        product([before + buffer.width + after, buffer.height, buffer.stride])
            .at_most(MAX_ARENA_BYTES)
            .ok_or_else(|| "has an activation that is too large".into())
    }

    /// Buffers of all activations that exist, and the size of the arena.
    ///
    /// # Errors
    /// The size of the arena, if it is too large.
    pub(super) fn place(&self) -> Result<(Vec<Option<Buffer>>, usize), String> {
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
            let bytes = self.bytes_of(operation.output)?;
            let reads = self.reads(index);
            let reusable = reads.1.filter(|tensor| {
                // Read by nothing else here or later, and of the same size.
                last_use[tensor.0] == index
                    && reads.0.iter().filter(|read| *read == tensor).count() == 1
                    && self.bytes_of(*tensor).as_ref() == Ok(&bytes)
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
        let arena_bytes = usize::try_from(bytes)
            .ok()
            .filter(|_| bytes <= MAX_ARENA_BYTES)
            .ok_or_else(|| format!("needs {bytes} bytes for its activations"))?;
        // Every offset is below the arena's size.
        let buffers = chain_of
            .iter()
            .enumerate()
            .map(|(id, chain)| {
                chain.map(|chain| self.buffer(TensorId(id), offsets[chain] as usize))
            })
            .collect();
        Ok((buffers, arena_bytes))
    }
}
