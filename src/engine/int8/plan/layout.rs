//! Additions that are fused into the convolution before them, and the place of each activation.

use super::arena::{self, Lifetime};
use super::buffer::Buffer;
use crate::engine::int8::ir::size::{Size, product};
use crate::engine::int8::ir::{Graph, Op, Operand, Tensor, ValueId};
use crate::limits::MAX_ARENA_BYTES;

/// Bytes of a pixel: blocks of 8 or 16 channels of any kernel end within it.
pub(super) const PIXEL_BYTES: usize = 16;

/// Bytes of a row of taps: a multiple of what any kernel takes at once.
const TAP_BYTES: usize = 8;

/// Bytes of a row of a filter's taps that is read in one piece, from pixels with fewer channels than
/// [`PIXEL_BYTES`].
pub(super) fn row_of_taps(width: usize, channels: usize) -> usize {
    (width * channels).next_multiple_of(TAP_BYTES)
}

/// An activation's place in the arena, which may be larger than this processor's memory.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub offset: u64,
    pub height: usize,
    pub width: usize,
    /// Channels without padding.
    pub channels: usize,
    /// Bytes from one pixel to the next.
    pub stride: usize,
    /// As [`Buffer::border`].
    pub border: [usize; 2],
}

impl Place {
    pub(super) fn bytes(&self) -> Size {
        let columns = product([self.border[0]]) + self.width + self.border[1];
        columns * self.height * self.stride
    }

    /// Pixels lie side by side without padding, so that a row of taps is read in one piece.
    pub(super) fn has_packed_pixels(&self) -> bool {
        self.stride == self.channels && self.stride < PIXEL_BYTES
    }

    /// The same place as addresses; `None` if they do not fit `usize`.
    pub(super) fn bind(&self) -> Option<Buffer> {
        let end = self
            .bytes()
            .at_most(usize::MAX as u64)?
            .checked_add(self.offset)?;
        usize::try_from(end).ok()?;
        Some(Buffer {
            offset: usize::try_from(self.offset).ok()?,
            height: self.height,
            width: self.width,
            channels: self.channels,
            stride: self.stride,
            border: self.border,
        })
    }
}

/// A graph with its fusable additions folded into convolutions.
pub(super) struct Layout<'a> {
    graph: &'a Graph,
    /// For each convolution, the addition it is fused into, if any.
    pub fused_into: Vec<Option<usize>>,
    /// For each addition, the convolution that is fused into it, and which operand the other one is.
    pub takes: Vec<Option<(usize, usize)>>,
}

impl<'a> Layout<'a> {
    pub(super) fn new(graph: &'a Graph) -> Self {
        let count = graph.nodes.len();
        let mut layout = Layout {
            graph,
            fused_into: vec![None; count],
            takes: vec![None; count],
        };
        let mut uses = vec![0; graph.tensors.len()];
        uses[graph.output.0] += 1;
        for input in graph.nodes.iter().flat_map(|node| node.op.inputs()) {
            uses[input.0] += 1;
        }
        let producer = |tensor: ValueId| graph.nodes.iter().position(|node| node.output == tensor);
        for (index, node) in graph.nodes.iter().enumerate() {
            let Op::Add { operands, .. } = &node.op else {
                continue;
            };
            // The later of the convolutions: what it is added to is there by then.
            let best = (0..2)
                .filter(|&side| !operands[side].upsampled && uses[operands[side].tensor.0] == 1)
                .filter_map(|side| Some((producer(operands[side].tensor)?, 1 - side)))
                .filter(|&(producer, _)| matches!(graph.nodes[producer].op, Op::Conv { .. }))
                .max();
            if let Some((conv, other)) = best {
                layout.fused_into[conv] = Some(index);
                layout.takes[index] = Some((conv, other));
            }
        }
        layout
    }

    /// The activations that node `index` reads where it is done, and the one that its output may
    /// overwrite.
    fn reads(&self, index: usize) -> (Vec<ValueId>, Option<ValueId>) {
        let op = &self.graph.nodes[index].op;
        match (op, self.takes[index]) {
            (Op::Add { operands, .. }, Some((conv, other))) => {
                let other: Operand = operands[other];
                let mut reads: Vec<_> = self.graph.nodes[conv].op.inputs().collect();
                reads.push(other.tensor);
                (reads, (!other.upsampled).then_some(other.tensor))
            }
            _ => (op.inputs().collect(), None),
        }
    }

    /// The graph's input, if only convolutions read it: its pixels then lie side by side without
    /// padding, within a border, and rows of taps are read in one piece.
    fn is_packed(&self, tensor: ValueId) -> bool {
        self.graph.nodes.iter().all(|node| {
            let op = &node.op;
            match op {
                Op::Quantize => true,
                Op::Conv { .. } => node.output != tensor,
                _ => node.output != tensor && op.inputs().all(|input| input != tensor),
            }
        })
    }

    /// The place of an activation that starts at `offset`.
    pub(super) fn place_of(&self, id: ValueId, offset: u64) -> Place {
        let &Tensor {
            channels,
            height,
            width,
            is_float,
            ..
        } = self.graph.tensor(id);
        let value_bytes = if is_float { size_of::<f32>() } else { 1 };
        let mut place = Place {
            offset,
            height,
            width,
            channels,
            stride: (channels * value_bytes).next_multiple_of(PIXEL_BYTES),
            border: [0, 0],
        };
        if self.is_packed(id) {
            place.stride = channels;
            for node in &self.graph.nodes {
                let Op::Conv { input, weights, .. } = &node.op else {
                    continue;
                };
                if *input == id {
                    let output = self.graph.tensor(node.output);
                    let row = row_of_taps(weights.kernel_size[1], channels).div_ceil(channels);
                    let end = (output.width - 1) * weights.stride + row;
                    place.border = [
                        place.border[0].max(weights.pad[1]),
                        place.border[1].max(end.saturating_sub(weights.pad[1] + width)),
                    ];
                }
            }
        }
        place
    }

    /// Bytes of an activation in the arena.
    fn bytes_of(&self, tensor: ValueId) -> Result<u64, String> {
        self.place_of(tensor, 0)
            .bytes()
            .at_most(MAX_ARENA_BYTES)
            .ok_or_else(|| "has an activation that is too large".into())
    }

    /// Places of all activations that exist, and the bytes of the arena.
    ///
    /// # Errors
    /// The size of the arena, if it is too large.
    pub(super) fn place(&self) -> Result<(Vec<Option<Place>>, u64), String> {
        let graph = self.graph;
        let mut last_use = vec![0; graph.tensors.len()];
        for index in 0..graph.nodes.len() {
            for read in self.reads(index).0 {
                last_use[read.0] = index;
            }
        }
        last_use[graph.output.0] = graph.nodes.len();
        // One lifetime for each chain of activations that overwrite each other.
        let mut chain_of: Vec<Option<usize>> = vec![None; graph.tensors.len()];
        let mut lifetimes: Vec<Lifetime> = Vec::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            if self.fused_into[index].is_some() {
                continue;
            }
            let output = node.output.0;
            let bytes = self.bytes_of(node.output)?;
            let reads = self.reads(index);
            let reusable = reads.1.filter(|tensor| {
                // No other step reads it here or later, and it has the same size.
                last_use[tensor.0] == index
                    && reads.0.iter().filter(|read| *read == tensor).count() == 1
                    && self.bytes_of(*tensor).as_ref() == Ok(&bytes)
            });
            match reusable.and_then(|tensor| chain_of[tensor.0]) {
                Some(chain) => {
                    lifetimes[chain].last = last_use[output].max(index);
                    chain_of[output] = Some(chain);
                }
                None => {
                    chain_of[output] = Some(lifetimes.len());
                    lifetimes.push(Lifetime {
                        bytes,
                        first: index,
                        last: last_use[output].max(index),
                    });
                }
            }
        }
        let (offsets, bytes) = arena::place(&lifetimes);
        if bytes > MAX_ARENA_BYTES {
            return Err(format!("needs {bytes} bytes for its activations"));
        }
        let chains = chain_of.iter().enumerate();
        let places =
            chains.map(|(id, chain)| chain.map(|c| self.place_of(ValueId(id), offsets[c])));
        Ok((places.collect(), bytes))
    }
}
