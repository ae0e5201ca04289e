//! Sizes of Winograd steps: where it applies, its passes, and the memory that they take.

use crate::engine::int8::family::{
    WINOGRAD_LANES, WINOGRAD_SIDE as SIDE, WinogradForm, WinogradShape,
};
use std::ops::Range;

/// Tiles that one position's weights are multiplied with while they are in the first cache.
pub(crate) const GROUP: usize = 24;

/// Tiles that are transformed before they are multiplied: more would transform the weights less
/// often, and take more memory.
pub(crate) const PASS: usize = 96;

/// Input channels that are multiplied before the weights of the next ones are transformed: as many as
/// a block's transformed weights stay in the second cache for.
pub(crate) const CHUNK: usize = 256;

/// Values between neighbouring positions: at a multiple of the cache's size they would all compete for
/// the same few lines of it.
pub(crate) const GAP: usize = 32;

/// More input channels would take too much scratch; they are done directly.
const MAX_WINOGRAD_CHANNELS: usize = 4096;

/// A convolution by Winograd's method.
#[derive(Clone, Copy)]
pub(crate) struct WinogradConv {
    pub shape: WinogradShape,
    pub form: WinogradForm,
    /// Input row and column of the first tile's first pixel.
    pub first: [isize; 2],
}

/// Memory that Winograd steps need, in values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WinogradScratch {
    /// Transformed inputs, shared by the threads.
    pub inputs: usize,
    /// Transformed weights, for each thread.
    pub weights: usize,
    /// Sums, for each thread.
    pub sums: usize,
}

impl WinogradScratch {
    /// Enough for both.
    pub(crate) fn max(self, other: WinogradScratch) -> WinogradScratch {
        WinogradScratch {
            inputs: self.inputs.max(other.inputs),
            weights: self.weights.max(other.weights),
            sums: self.sums.max(other.sums),
        }
    }
}

/// Tiles of a grid.
pub(crate) fn tiles(grid: [usize; 2]) -> usize {
    grid[0].div_ceil(SIDE) * grid[1].div_ceil(SIDE)
}

impl WinogradConv {
    /// Whether it works with this number of input channels, padded.
    pub(super) fn takes_channels(channels: usize) -> bool {
        channels.is_multiple_of(WINOGRAD_LANES) && channels <= MAX_WINOGRAD_CHANNELS
    }

    /// For a step of stride 1 whose taps are a square of rows and columns of the input, in order; `None`
    /// for others.
    pub(super) fn of(shape: WinogradShape, taps: &[[isize; 2]]) -> Option<WinogradConv> {
        let side = taps.len().isqrt();
        let form = WinogradForm::of_taps(side)?;
        let first = taps[0];
        let square = (0..side as isize)
            .flat_map(|y| (0..side as isize).map(move |x| [first[0] + y, first[1] + x]));
        square
            .eq(taps.iter().copied())
            .then_some(WinogradConv { shape, form, first })
    }

    pub(super) fn scratch(&self, grid: [usize; 2], k: usize) -> WinogradScratch {
        let nr = self.shape.nr;
        let positions = self.form.positions();
        let tiles = tiles(grid);
        WinogradScratch {
            inputs: self.start(tiles.min(PASS), k),
            weights: positions * (k.min(CHUNK) * nr + GAP),
            sums: positions * (tiles.min(GROUP) * nr + GAP),
        }
    }

    /// The start of a chunk, given by its first channel, among a pass's transformed inputs, which are
    /// [chunk][position][tile][channel of the chunk].
    #[inline]
    pub(crate) fn start(&self, tiles: usize, channel: usize) -> usize {
        self.form.positions() * (tiles * channel + channel.div_ceil(CHUNK) * GAP)
    }

    /// The tiles of each pass over a grid.
    pub(crate) fn passes(grid: [usize; 2]) -> impl Iterator<Item = Range<usize>> {
        let tiles = tiles(grid);
        (0..tiles)
            .step_by(PASS)
            .map(move |first| first..(first + PASS).min(tiles))
    }

    /// Row and column of a tile's first output in the grid.
    #[inline]
    pub(crate) fn corner(grid: [usize; 2], tile: usize) -> [usize; 2] {
        let across = grid[1].div_ceil(SIDE);
        [SIDE * (tile / across), SIDE * (tile % across)]
    }
}
