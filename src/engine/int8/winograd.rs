//! One thread's part of a Winograd convolution: transform tiles of inputs, which all threads share,
//! then multiply and transform back.

use super::conv::{FAIR, Scratch, Target, excess};
use super::kernel::winograd::{
    Form, LANES, MAX_POSITIONS, MAX_TAPS, Price, SIDE, TileSums, Winograd,
};
use super::kernel::{Place, Shape};
use super::plan::ConvStep;
use super::run::{Part, Shared};
use std::ops::Range;

/// Tiles that one position's weights are multiplied with while they are in the first cache.
const GROUP: usize = 24;

/// Tiles that are transformed before they are multiplied: more would transform the weights less
/// often, and take more memory.
const PASS: usize = 96;

/// Input channels that are multiplied before the weights of the next ones are transformed: as many as
/// a block's transformed weights stay in the second cache for.
const CHUNK: usize = 256;

/// Between what belongs to neighbouring positions, in values: at a multiple of the cache's size they
/// would all compete for the same few lines of it.
const GAP: usize = 32;

/// The number of channels is a multiple of this.
pub(super) const CHANNELS: usize = LANES;

/// More input channels would take too much memory.
pub(super) const MAX_CHANNELS: usize = 4096;

/// How a convolution is done this way.
#[derive(Clone, Copy)]
pub(super) struct Method {
    pub kernel: &'static dyn Winograd,
    pub form: Form,
    /// Input row and column of the first tile's first pixel.
    pub first: [isize; 2],
}

/// Memory that a step needs, in values.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Needs {
    /// Transformed inputs, shared by the threads.
    pub inputs: usize,
    /// Transformed weights, for each thread.
    pub weights: usize,
    /// Sums, for each thread.
    pub sums: usize,
}

impl Needs {
    pub(super) fn or(self, other: Needs) -> Needs {
        Needs {
            inputs: self.inputs.max(other.inputs),
            weights: self.weights.max(other.weights),
            sums: self.sums.max(other.sums),
        }
    }
}

impl Method {
    /// The method for a square of taps (rows and columns of the input, in order) of a convolution of
    /// stride 1, if there is one.
    pub(super) fn of(kernel: &'static dyn Winograd, taps: &[[isize; 2]]) -> Option<Method> {
        let side = taps.len().isqrt();
        let form = Form::of_taps(side)?;
        let first = taps[0];
        let square = (0..side as isize)
            .flat_map(|y| (0..side as isize).map(move |x| [first[0] + y, first[1] + x]));
        square.eq(taps.iter().copied()).then_some(Method {
            kernel,
            form,
            first,
        })
    }

    /// Whether it costs less than a product for each tap, output pixel, input and output channel.
    pub(super) fn pays(&self, grid: [usize; 2], channels: [usize; 2]) -> bool {
        // Several chunks' weights are transformed for each group of tiles again.
        let together = if channels[0] > CHUNK { GROUP } else { PASS };
        let [inputs, outputs] = channels.map(|count| count as f32);
        let Price {
            product,
            input,
            weight,
            output,
        } = self.kernel.price();
        let tiles = grid[0].div_ceil(SIDE) * grid[1].div_ceil(SIDE);
        let multiplied = tiles * self.form.positions();
        let transforms = tiles.div_ceil(together) as f32;
        let cost = inputs * outputs * (multiplied as f32 * product + transforms * weight)
            + tiles as f32 * (inputs * input + outputs * output);
        let taps = self.form.taps() * self.form.taps();
        cost < inputs * outputs * (taps * grid[0] * grid[1]) as f32
    }

    pub(super) fn needs(&self, grid: [usize; 2], k: usize) -> Needs {
        let nr = self.kernel.shape().nr;
        let positions = self.form.positions();
        let tiles = grid[0].div_ceil(SIDE) * grid[1].div_ceil(SIDE);
        Needs {
            inputs: self.start(tiles.min(PASS), k),
            weights: positions * (k.min(CHUNK) * nr + GAP),
            sums: positions * (tiles.min(GROUP) * nr + GAP),
        }
    }

    /// Where the chunk that starts with this channel lies among a pass's transformed inputs, which are
    /// [chunk][position][tile][channel of the chunk].
    fn start(&self, tiles: usize, channel: usize) -> usize {
        self.form.positions() * (tiles * channel + channel.div_ceil(CHUNK) * GAP)
    }

    /// The tiles of each pass over a grid.
    pub(super) fn passes(&self, grid: [usize; 2]) -> impl Iterator<Item = Range<usize>> + use<> {
        let tiles = grid[0].div_ceil(SIDE) * grid[1].div_ceil(SIDE);
        (0..tiles)
            .step_by(PASS)
            .map(move |first| first..(first + PASS).min(tiles))
    }

    /// Row and column of a tile's first output in the grid.
    fn corner(grid: [usize; 2], tile: usize) -> [usize; 2] {
        let across = grid[1].div_ceil(SIDE);
        [SIDE * (tile / across), SIDE * (tile % across)]
    }
}

/// Input channels that are multiplied together.
fn chunks(k: usize) -> impl Iterator<Item = Range<usize>> {
    (0..k)
        .step_by(CHUNK)
        .map(move |first| first..(first + CHUNK).min(k))
}

/// From one position's tiles to the next one's.
fn stride(tiles: usize, chunk: &Range<usize>) -> usize {
    tiles * chunk.len() + GAP
}

/// Transforms this part's tiles of a pass.
///
/// # Safety
/// The step's input lies within the arena, and nobody writes to it meanwhile; `transformed` has room
/// for [`Method::needs`], and nobody else touches this part's tiles in it.
pub(super) unsafe fn inputs(
    step: &ConvStep,
    method: &Method,
    arena: Shared<i8>,
    transformed: Shared<i16>,
    pass: &Range<usize>,
    part: Part,
) {
    let (side, buffer, k) = (method.form.inputs(), &step.input, step.input.stride);
    // SAFETY: within the arena and not written meanwhile, by the caller's word.
    let input = unsafe { arena.read(buffer.offset, buffer.bytes()) };
    for tile in part.range(pass.len()) {
        let [row, column] = Method::corner(step.grid, pass.start + tile);
        let mut pixels = [&step.outside[..]; MAX_POSITIONS];
        for (index, pixel) in pixels[..side * side].iter_mut().enumerate() {
            let y = (row + index / side) as isize + method.first[0];
            let x = (column + index % side) as isize + method.first[1];
            if let Some(at) = buffer.find(y, x) {
                *pixel = &input[at..][..k];
            }
        }
        for chunk in chunks(k) {
            let parts: [&[i8]; MAX_POSITIONS] = pixels.map(|pixel| &pixel[chunk.clone()]);
            let start = method.start(pass.len(), chunk.start) + tile * chunk.len();
            let stride = stride(pass.len(), &chunk);
            // SAFETY: this part's tile of each position, by the caller's word; the kernel is one of
            // those this processor has.
            unsafe {
                let count = (method.form.positions() - 1) * stride + chunk.len();
                let to = transformed.at(start, count);
                method
                    .kernel
                    .inputs(method.form, &parts[..side * side], to, stride);
            }
        }
    }
}

/// Multiplies this part of a pass, and stores its outputs.
///
/// # Safety
/// The step's buffers lie within the arena; no other thread writes to its residual or, but for the
/// other parts of this same step, to its output. All parts' inputs have been transformed.
pub(super) unsafe fn products(
    step: &ConvStep,
    method: &Method,
    arena: Shared<i8>,
    transformed: Shared<i16>,
    pass: &Range<usize>,
    part: Part,
    scratch: &mut Scratch,
) {
    let (kernel, form, k) = (method.kernel, method.form, step.input.stride);
    let Shape { mr, nr, .. } = kernel.shape();
    let block_bytes = form.taps() * form.taps() * k * nr;
    let blocks = step.coefficients.weights.len() / block_bytes;
    // SAFETY: nobody writes to the transformed inputs in this half of the step.
    let transformed = unsafe { transformed.read(0, method.start(pass.len(), k)) };
    let (tiles, blocks) = share(pass.len(), mr, blocks, part);
    let target = Target::new(step, arena);
    let mut place = Place::NOWHERE;
    for block in blocks {
        let channel = block * nr;
        // The last block of 8 may lie past the output's channels altogether.
        if channel >= step.output.stride {
            continue;
        }
        let taps = &step.coefficients.weights[block * block_bytes..][..block_bytes];
        let requant = step.requant(channel, nr);
        for first in tiles.clone().step_by(GROUP) {
            let count = GROUP.min(tiles.end - first);
            let sums_stride = count * nr + GAP;
            let sums = &mut scratch.sums[..form.positions() * sums_stride];
            for chunk in chunks(k) {
                // A single chunk's are still there for the second group.
                if first == tiles.start || chunk.len() < k {
                    weights(method, taps, k, &chunk, &mut scratch.weights);
                }
                let start = method.start(pass.len(), chunk.start) + first * chunk.len();
                let stride = stride(pass.len(), &chunk);
                let inputs = &transformed[start..];
                multiply(method, inputs, stride, &scratch.weights, &chunk, sums);
            }
            for tile in 0..count {
                let [row, column] = Method::corner(step.grid, pass.start + first + tile);
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
                    sums: &sums[tile * nr..],
                    stride: sums_stride,
                    width,
                };
                // SAFETY: the kernel is one of those this processor has. A pixel's stride is a
                // multiple of 16, so each pointer has `nr` bytes within its pixel. No other part has
                // this tile and block; where the output overwrites the residual, it is read before
                // it is written.
                unsafe { kernel.outputs(&tile, &requant, &place) };
            }
        }
    }
}

/// Transforms a block's weights of a chunk of its `k` input channels.
fn weights(method: &Method, block: &[i8], k: usize, chunk: &Range<usize>, to: &mut [i16]) {
    let nr = method.kernel.shape().nr;
    let mut taps = [&block[..0]; MAX_TAPS];
    for (part, tap) in taps.iter_mut().zip(block.chunks_exact(k * nr)) {
        *part = &tap[chunk.start * nr..chunk.end * nr];
    }
    let taps = &taps[..block.len() / (k * nr)];
    let stride = chunk.len() * nr + GAP;
    method.kernel.weights(method.form, taps, to, stride);
}

/// A group of tiles at every position, for a chunk of the input channels: `sums` is
/// [positions][tiles][nr].
fn multiply(
    method: &Method,
    inputs: &[i16],
    stride: usize,
    weights: &[i16],
    chunk: &Range<usize>,
    sums: &mut [i32],
) {
    let (k, more) = (chunk.len(), chunk.start > 0);
    let Shape { mr, nr, .. } = method.kernel.shape();
    let sums_stride = sums.len() / method.form.positions();
    let lines = sums
        .chunks_exact_mut(sums_stride)
        .zip(weights.chunks_exact(k * nr + GAP));
    for (position, (sums, weights)) in lines.enumerate() {
        let sums = &mut sums[..sums_stride - GAP];
        // Of about the same size: a few tiles would leave the multipliers waiting for their own results.
        let tiles = sums.len() / nr;
        let together = tiles.div_ceil(tiles.div_ceil(mr));
        for (index, sums) in sums.chunks_mut(together * nr).enumerate() {
            let inputs = &inputs[position * stride + index * together * k..];
            method.kernel.multiply(inputs, weights, k, sums, more);
        }
    }
}

/// How a pass is shared: a range of tiles and a range of blocks. Sharing tiles transforms every
/// weight on every thread, so blocks are preferred.
fn share(tiles: usize, mr: usize, blocks: usize, part: Part) -> (Range<usize>, Range<usize>) {
    let lines = tiles.div_ceil(mr);
    if excess(blocks, part) <= FAIR || excess(blocks, part) <= excess(lines, part) {
        (0..tiles, part.range(blocks))
    } else {
        let mine = part.range(lines);
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
                let (tiles, mine) = share(tiles, 6, blocks, Part { index, of });
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
