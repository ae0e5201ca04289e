//! One thread's share of a Winograd convolution: transform tiles of inputs, which all threads share,
//! then multiply and transform back.

use super::conv::{FAIR, Scratch, Target, excess};
use super::share::{SharedSlice, ThreadShare};
use crate::engine::int8::family::{WINOGRAD_SIDE as SIDE, WinogradShape};
use crate::engine::int8::kernel::TileOutput;
use crate::engine::int8::kernel::winograd::{MAX_POSITIONS, MAX_TAPS, TileSums, Winograd};
use crate::engine::int8::plan::ConvStep;
use crate::engine::int8::plan::winograd::{GAP, Pass, WinogradConv};
use std::ops::Range;

/// A step, and the kernel for it.
pub(super) struct Step<'a> {
    pub step: &'a ConvStep,
    pub method: &'a WinogradConv,
    pub kernel: &'static dyn Winograd,
    pub pass: Pass,
}

/// From one position's tiles to the next one's.
fn stride(tiles: usize, chunk: &Range<usize>) -> usize {
    tiles * chunk.len() + GAP
}

impl Step<'_> {
    /// Transforms this share's tiles of a pass.
    ///
    /// # Safety
    /// No thread writes to the step's input meanwhile, and no other one touches this share's tiles in
    /// `transformed`.
    pub(super) unsafe fn inputs(
        &self,
        arena: SharedSlice<i8>,
        transformed: SharedSlice<i16>,
        pass: &Range<usize>,
        share: ThreadShare,
    ) {
        let (step, method) = (self.step, self.method);
        let (side, buffer, k) = (method.form.inputs(), &step.input, step.input.stride);
        // SAFETY: no thread writes to it meanwhile, guaranteed by the caller.
        let input = unsafe { arena.read(buffer.offset, buffer.bytes()) };
        for tile in share.range(pass.len()) {
            let [row, column] = WinogradConv::corner(step.grid, pass.start + tile);
            let mut pixels = [&step.padding_row[..]; MAX_POSITIONS];
            for (index, pixel) in pixels[..side * side].iter_mut().enumerate() {
                let y = (row + index / side) as isize + method.first[0];
                let x = (column + index % side) as isize + method.first[1];
                if let Some(at) = buffer.find(y, x) {
                    *pixel = &input[at..][..k];
                }
            }
            for chunk in self.pass.chunks(k) {
                let parts: [&[i8]; MAX_POSITIONS] = pixels.map(|pixel| &pixel[chunk.clone()]);
                let start = method.start(self.pass, pass.len(), chunk.start) + tile * chunk.len();
                let stride = stride(pass.len(), &chunk);
                // SAFETY: this share's tile of each position, guaranteed by the caller.
                unsafe {
                    let count = (method.form.positions() - 1) * stride + chunk.len();
                    let to = transformed.at(start, count);
                    self.kernel
                        .inputs(method.form, &parts[..side * side], to, stride);
                }
            }
        }
    }

    /// Multiplies this share of a pass, and stores its outputs.
    ///
    /// # Safety
    /// No other thread writes to the step's residual or, except the other shares of this same step, to its
    /// output. All shares' inputs are transformed.
    pub(super) unsafe fn products(
        &self,
        arena: SharedSlice<i8>,
        transformed: SharedSlice<i16>,
        pass: &Range<usize>,
        share: ThreadShare,
        scratch: &mut Scratch,
    ) {
        let (step, method) = (self.step, self.method);
        let (form, k) = (method.form, step.input.stride);
        let WinogradShape { mr, nr, .. } = method.shape;
        let block_bytes = form.taps() * form.taps() * k * nr;
        let blocks = step.packed.weights.len() / block_bytes;
        // SAFETY: no thread writes to the transformed inputs in this half of the step.
        let transformed = unsafe { transformed.read(0, method.start(self.pass, pass.len(), k)) };
        let (tiles, blocks) = shares(pass.len(), mr, blocks, share);
        // Of about the same size: a few tiles would leave the multipliers waiting for their own results.
        let together = tiles.len().div_ceil(tiles.len().div_ceil(mr).max(1));
        let target = Target::new(step, arena);
        let mut place = TileOutput::NOWHERE;
        for block in blocks {
            let channel = block * nr;
            // The last block of 8 may lie past the output's channels altogether.
            if channel >= step.output.stride {
                continue;
            }
            let taps = &step.packed.weights[block * block_bytes..][..block_bytes];
            let requant = step.requant(channel, nr);
            let sums_stride = tiles.len() * nr + GAP;
            let sums = &mut scratch.sums[..form.positions() * sums_stride];
            for chunk in self.pass.chunks(k) {
                let start = method.start(self.pass, pass.len(), chunk.start);
                let inputs = &transformed[start + tiles.start * chunk.len()..];
                for (band, rows) in form.bands().iter().enumerate() {
                    self.weights(taps, k, &chunk, band, &mut scratch.weights);
                    let row = |row: &usize| (row * form.inputs()..).take(form.inputs());
                    let weights = scratch.weights.chunks_exact(chunk.len() * nr + GAP);
                    for (position, weights) in rows.iter().flat_map(row).zip(weights) {
                        let inputs = &inputs[position * stride(pass.len(), &chunk)..];
                        let sums = &mut sums[position * sums_stride..][..tiles.len() * nr];
                        self.multiply(inputs, weights, &chunk, together, sums);
                    }
                }
            }
            for tile in tiles.clone() {
                let [row, column] = WinogradConv::corner(step.grid, pass.start + tile);
                let width = SIDE.min(step.grid[1] - column);
                let height = SIDE.min(step.grid[0] - row);
                let mut pixels = [[0; 2]; SIDE * SIDE];
                for (y, line) in pixels.chunks_exact_mut(width).take(height).enumerate() {
                    for (x, pixel) in line.iter_mut().enumerate() {
                        *pixel = [row + y, column + x];
                    }
                }
                target.fill(&pixels[..width * height], &mut place);
                place.channel = channel;
                let tile = TileSums {
                    form,
                    sums: &sums[(tile - tiles.start) * nr..],
                    stride: sums_stride,
                    width,
                };
                // SAFETY: a pixel's stride is a multiple of 16, so each pointer has `nr` bytes within its
                // pixel. No other share has this tile and block; where the output overwrites the
                // residual, a pixel is read before it is written.
                unsafe { self.kernel.outputs(&tile, &requant, &place) };
            }
        }
    }

    /// Transforms a band of a block's weights, of a chunk of its `k` input channels.
    fn weights(&self, block: &[i8], k: usize, chunk: &Range<usize>, band: usize, to: &mut [i16]) {
        let nr = self.method.shape.nr;
        let mut taps = [&block[..0]; MAX_TAPS];
        for (part, tap) in taps.iter_mut().zip(block.chunks_exact(k * nr)) {
            *part = &tap[chunk.start * nr..chunk.end * nr];
        }
        let taps = &taps[..block.len() / (k * nr)];
        let stride = chunk.len() * nr + GAP;
        self.kernel
            .weights((self.method.form, band), taps, to, stride);
    }

    /// This share's tiles at one position, for a chunk of the input channels.
    /// `together` tiles are multiplied at once.
    fn multiply(
        &self,
        inputs: &[i16],
        weights: &[i16],
        chunk: &Range<usize>,
        together: usize,
        mut sums: &mut [i32],
    ) {
        let (k, more) = (chunk.len(), chunk.start > 0);
        let mut first = 0;
        // Not by chunks, whose number is a division: this is done for each position.
        while !sums.is_empty() {
            let count = sums.len().min(together * self.method.shape.nr);
            let (now, rest) = sums.split_at_mut(count);
            self.kernel
                .multiply(&inputs[first..], weights, k, now, more);
            first += together * k;
            sums = rest;
        }
    }
}

/// A thread's share of a pass: a range of tiles and a range of blocks. Sharing tiles transforms every
/// weight on every thread, so blocks are preferred.
fn shares(
    tiles: usize,
    mr: usize,
    blocks: usize,
    share: ThreadShare,
) -> (Range<usize>, Range<usize>) {
    let lines = tiles.div_ceil(mr);
    if excess(blocks, share) <= FAIR || excess(blocks, share) <= excess(lines, share) {
        (0..tiles, share.range(blocks))
    } else {
        let mine = share.range(lines);
        (mine.start * mr..tiles.min(mine.end * mr), 0..blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_work_once() {
        for (tiles, blocks, of) in [(96, 4, 2), (64, 3, 4), (7, 1, 4), (1, 1, 3), (24, 16, 4)] {
            let mut done = vec![0; tiles * blocks];
            for index in 0..of {
                let (tiles, mine) = shares(tiles, 6, blocks, ThreadShare { index, of });
                for tile in tiles {
                    for block in mine.clone() {
                        done[tile * blocks + block] += 1;
                    }
                }
            }
            assert!(
                done.iter().all(|&count| count == 1),
                "{tiles} {blocks} {of}"
            );
        }
    }
}
