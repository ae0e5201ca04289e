//! One thread's share of a direct convolution: gather a tile of inputs, multiply it with blocks of weights.

use super::aligned::Aligned;
use super::share::{Picture, SharedSlice, ThreadShare};
use crate::engine::int8::family::TileShape;
use crate::engine::int8::kernel::{Indirection, Kernel, MAX_MR, OUTSIDE, TileOutput};
use crate::engine::int8::plan::{Buffer, ConvStep};
use std::ops::Range;

/// A share of work is good enough if the busiest thread does at most this much more than the mean.
pub(super) const FAIR: f32 = 1.05;

/// Gathered tiles that a block of weights is multiplied with while it is in the first cache.
const MAX_GROUP: usize = 8;

/// Bytes that gathered tiles may take, for more than one: half of a small first cache.
pub(super) const GROUP_BYTES: usize = 16 << 10;

/// Weights that are multiplied with all tiles of a group before the next ones: a quarter of a small first cache.
const NEAR_BYTES: usize = 8 << 10;

/// The memory of one thread.
pub(super) struct Scratch {
    /// Gathered tiles.
    pub tiles: Aligned<u8>,
    /// The start of each tap of each of its pixels.
    pub offsets: Vec<u32>,
    /// One block of Winograd-transformed weights, and the products accumulated from it.
    pub weights: Aligned<i16>,
    pub sums: Aligned<i32>,
}

/// The busiest thread's work, in units of the mean.
pub(super) fn excess(count: usize, thread: ThreadShare) -> f32 {
    (count.div_ceil(thread.of) * thread.of) as f32 / count as f32
}

/// A thread's share of a step: a range of tiles of pixels, and a range of blocks of channels.
fn share(tiles: usize, blocks: usize, thread: ThreadShare) -> (Range<usize>, Range<usize>) {
    // Sharing channels gathers every tile on every thread, so pixels are preferred.
    if excess(tiles, thread) <= FAIR || excess(tiles, thread) <= excess(blocks, thread) {
        (thread.range(tiles), 0..blocks)
    } else {
        (0..tiles, thread.range(blocks))
    }
}

/// # Safety
/// No other thread writes to the step's input or, except the other shares of this same step, to its
/// output.
pub(super) unsafe fn run(
    step: &ConvStep,
    kernel: &dyn Kernel,
    k: usize,
    arena: SharedSlice<i8>,
    thread: ThreadShare,
    scratch: &mut Scratch,
) {
    let TileShape { mr, nr, .. } = kernel.family().tile;
    let pixels = step.grid[0] * step.grid[1];
    let block_bytes = nr * k;
    // The last block of 8 may lie past the output's channels altogether.
    let blocks = (step.packed.weights.len() / block_bytes).min(step.output.stride / nr);
    let (tiles, my_blocks) = share(pixels.div_ceil(mr), blocks, thread);
    let together = (kernel.weight_cache_bytes() / block_bytes).max(1);
    let tile_bytes = kernel.scratch_bytes(k);
    let group = (scratch.tiles.len() / tile_bytes).clamp(1, MAX_GROUP);
    // A tile alone takes all blocks in one call.
    let near = match group {
        1 => together,
        _ => (NEAR_BYTES / block_bytes).max(1),
    };
    let target = Target::new(step, arena);
    let mut places = [TileOutput::NOWHERE; MAX_GROUP];
    let offsets = &mut scratch.offsets[..step.taps.len() * mr];
    // SAFETY: no thread writes to it meanwhile, guaranteed by the caller.
    let input = unsafe { arena.read(step.input.offset, step.input.bytes()) };
    kernel.begin();
    for first_block in my_blocks.clone().step_by(together) {
        let blocks = first_block..(first_block + together).min(my_blocks.end);
        for first_tile in tiles.clone().step_by(group) {
            let gathered = first_tile..(first_tile + group).min(tiles.end);
            let lines = scratch.tiles.chunks_exact_mut(tile_bytes);
            for ((tile, line), place) in gathered.clone().zip(lines).zip(&mut places) {
                let first_pixel = tile * mr;
                let count = mr.min(pixels - first_pixel);
                let mut coordinates = [[0; 2]; MAX_MR];
                let mut next = [first_pixel / step.grid[1], first_pixel % step.grid[1]];
                for coordinate in &mut coordinates[..count] {
                    *coordinate = next;
                    next[1] += 1;
                    if next[1] == step.grid[1] {
                        next = [next[0] + 1, 0];
                    }
                }
                // Lanes past the end repeat the last pixel; they are not stored.
                let last = coordinates[count - 1];
                coordinates[count..mr].fill(last);
                fill_offsets(step, &coordinates[..mr], offsets);
                let rows = Indirection {
                    input,
                    padding_row: &step.padding_row,
                    offsets,
                    channels: step.tap_bytes,
                };
                kernel.gather(&rows, k, line);
                target.fill(&coordinates[..count], place);
                place.weights_cold = tile == tiles.start;
            }
            for first in blocks.clone().step_by(near) {
                let channels = nr * first..nr * (first + near).min(blocks.end);
                let requant = step.requant(channels.start, channels.len());
                let weights = &step.packed.weights[channels.start * k..channels.end * k];
                let lines = scratch.tiles.chunks_exact(tile_bytes);
                for (line, place) in lines.zip(&mut places).take(gathered.len()) {
                    place.channel = channels.start;
                    // SAFETY: the kernel has begun. A pixel's stride is a multiple of 16, so each pointer has the
                    // bytes of all blocks within its pixel. No other share has this pixel and block; where the
                    // output overwrites the residual, a pixel is read before it is written.
                    unsafe { kernel.blocks(line, weights, k, &requant, place) };
                }
            }
        }
    }
    kernel.end();
}

/// The activations that a step writes to and adds, whose every pixel on the step's grid is in the arena.
pub(super) struct Target {
    output: Picture,
    /// It may be upsampled as it is read.
    residual: Option<(Picture, bool)>,
    output_stride: usize,
    origin: [usize; 2],
}

impl Target {
    pub(super) fn new(step: &ConvStep, arena: SharedSlice<i8>) -> Target {
        let last =
            [0, 1].map(|axis| step.output_stride * (step.grid[axis] - 1) + step.origin[axis]);
        let output = arena.picture(&step.output);
        output.assert_holds(last);
        let residual = step.fused_add.as_ref().map(|added| {
            let other = arena.picture(&added.other);
            other.assert_holds(last.map(|side| side >> u32::from(added.upsampled)));
            (other, added.upsampled)
        });
        Target {
            output,
            residual,
            output_stride: step.output_stride,
            origin: step.origin,
        }
    }

    /// Sets the pixels that a tile is stored to, and those of its residual. `coordinates` are rows and columns of the
    /// grid.
    pub(super) fn fill(&self, coordinates: &[[usize; 2]], place: &mut TileOutput) {
        place.pixels = coordinates.len();
        let output = self.output;
        self.each(coordinates, &mut place.output, |y, x| output.at(y, x));
        match self.residual {
            Some((other, true)) => self.each(coordinates, &mut place.residual, |y, x| {
                other.at(y / 2, x / 2).cast_const()
            }),
            Some((other, false)) => self.each(coordinates, &mut place.residual, |y, x| {
                other.at(y, x).cast_const()
            }),
            None => {}
        }
    }

    #[inline(always)]
    fn each<P>(
        &self,
        coordinates: &[[usize; 2]],
        places: &mut [P],
        at: impl Fn(usize, usize) -> P,
    ) {
        for (place, &[row, column]) in places.iter_mut().zip(coordinates) {
            let y = self.output_stride * row + self.origin[0];
            *place = at(y, self.output_stride * column + self.origin[1]);
        }
    }
}

/// Sets the start of each tap of each pixel in the input; `coordinates` are rows and columns of the grid.
fn fill_offsets(step: &ConvStep, coordinates: &[[usize; 2]], offsets: &mut [u32]) {
    let input: &Buffer = &step.input;
    let [row_bytes, stride, height, border] = [
        input.row_bytes(),
        input.stride,
        input.height,
        input.border[0],
    ]
    .map(|size| size as i32);
    let columns = row_bytes / stride;
    // An arena's offsets fit 31 bits; places outside of a very wide picture may wrap, and are not used.
    let at = |y: i32, x: i32| {
        y.wrapping_mul(row_bytes)
            .wrapping_add(x.wrapping_mul(stride))
    };
    // Of the tap at the pixel itself.
    let (mut ys, mut xs, mut starts) = ([0; MAX_MR], [0; MAX_MR], [0; MAX_MR]);
    let lanes = ys.iter_mut().zip(&mut xs).zip(&mut starts);
    for (((y, x), start), &[row, column]) in lanes.zip(coordinates) {
        *y = (step.stride * row) as i32;
        *x = (step.stride * column) as i32 + border;
        *start = at(*y, *x);
    }
    for (line, tap) in offsets.chunks_exact_mut(coordinates.len()).zip(&step.taps) {
        let [down, right] = tap.map(|steps| steps as i32);
        let further = at(down, right);
        for (((offset, y), x), start) in line.iter_mut().zip(&ys).zip(&xs).zip(&starts) {
            let (y, x) = (y + down, x + right);
            // Without a jump: a tile's pixels are looked at side by side.
            let inside = (y >= 0) & (y < height) & (x >= 0) & (x < columns);
            *offset = if inside {
                start.wrapping_add(further) as u32
            } else {
                OUTSIDE
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_work_once() {
        for (tiles, blocks, of) in [(683, 4, 2), (1, 32, 4), (3, 5, 4), (11, 32, 2), (1, 1, 3)] {
            let mut done = vec![0; tiles * blocks];
            for index in 0..of {
                let (tiles, mine) = share(tiles, blocks, ThreadShare { index, of });
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

    #[test]
    fn small_pictures_are_shared_by_channels() {
        assert_eq!(
            share(1, 32, ThreadShare { index: 1, of: 2 }),
            (0..1, 16..32)
        );
        assert_eq!(
            share(683, 4, ThreadShare { index: 0, of: 2 }),
            (0..341, 0..4)
        );
    }
}
