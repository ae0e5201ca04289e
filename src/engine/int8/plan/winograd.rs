//! Sizes of Winograd steps: where it applies, its passes, and the memory that they take.

use crate::engine::int8::cores::Cache;
use crate::engine::int8::family::{
    WINOGRAD_LANES, WINOGRAD_SIDE as SIDE, WinogradForm, WinogradShape,
};
use std::ops::Range;

/// Tiles of the largest pass: more would hardly transform the weights less often, and take more memory.
const MAX_PASS: usize = 96;

/// Input channels that are multiplied before the weights of the next ones are transformed. Fewer take less of the
/// cache, and load and store the sums more often.
const CHUNKS: [usize; 2] = [256, 128];

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
    /// What a pass has to fit in.
    pub cache: Cache,
}

/// Work that is done on one set of transformed inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass {
    /// Tiles that are transformed before they are multiplied.
    pub tiles: usize,
    /// Input channels that are multiplied together.
    pub chunk: usize,
}

impl Pass {
    /// Input channels that are multiplied together, of `k`.
    pub(crate) fn chunks(self, k: usize) -> impl Iterator<Item = Range<usize>> {
        (0..k)
            .step_by(self.chunk)
            .map(move |first| first..(first + self.chunk).min(k))
    }

    /// The tiles of each pass over a grid.
    pub(crate) fn over(self, grid: [usize; 2]) -> impl Iterator<Item = Range<usize>> {
        let tiles = tiles(grid);
        (0..tiles)
            .step_by(self.tiles)
            .map(move |first| first..(first + self.tiles).min(tiles))
    }
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
    pub(super) fn of(
        shape: WinogradShape,
        taps: &[[isize; 2]],
        cache: Cache,
    ) -> Option<WinogradConv> {
        let side = taps.len().isqrt();
        let form = WinogradForm::of_taps(side)?;
        let first = taps[0];
        let square = (0..side as isize)
            .flat_map(|y| (0..side as isize).map(move |x| [first[0] + y, first[1] + x]));
        square.eq(taps.iter().copied()).then_some(WinogradConv {
            shape,
            form,
            first,
            cache,
        })
    }

    /// The largest pass whose memory stays in the cache from one block of weights to the next: `k` input channels,
    /// and pixels of `output_bytes`. A shared cache holds the memory of all threads.
    pub(crate) fn pass(&self, k: usize, output_bytes: usize, threads: usize) -> Pass {
        // Of the cache: the rest is for what only goes through.
        const SHARE: [usize; 2] = [7, 8];
        let room = self.cache.bytes / SHARE[1] * SHARE[0];
        let (mr, sharing) = (self.shape.mr, threads.min(self.cache.cores));
        let fits = |pass: &Pass| self.pass_bytes(*pass, k, output_bytes, sharing) <= room;
        let of_chunk = |chunk| {
            let of_lines = |lines| Pass {
                tiles: lines * mr,
                chunk,
            };
            (1..=MAX_PASS / mr).rev().map(of_lines).find(fits)
        };
        let smallest = Pass {
            tiles: mr,
            chunk: CHUNKS[CHUNKS.len() - 1],
        };
        CHUNKS.into_iter().find_map(of_chunk).unwrap_or(smallest)
    }

    /// Bytes that a pass on so many threads comes back to.
    fn pass_bytes(&self, pass: Pass, k: usize, output_bytes: usize, threads: usize) -> usize {
        let (positions, nr) = (self.form.positions(), self.shape.nr);
        let inputs = pass.tiles * positions * k * size_of::<i16>();
        let outputs = pass.tiles * SIDE * SIDE * output_bytes;
        let weights = self.form.band_positions() * k.min(pass.chunk) * nr * size_of::<i16>();
        let sums = positions * pass.tiles * nr * size_of::<i32>();
        let taps = self.form.taps() * self.form.taps() * k * nr;
        inputs + outputs + threads * (weights + sums + taps)
    }

    /// Enough for a pass on any number of threads.
    pub(super) fn scratch(
        &self,
        grid: [usize; 2],
        k: usize,
        output_bytes: usize,
    ) -> WinogradScratch {
        let nr = self.shape.nr;
        let of_threads = |threads| {
            let pass = self.pass(k, output_bytes, threads);
            let tiles = tiles(grid).min(pass.tiles);
            WinogradScratch {
                inputs: self.start(pass, tiles, k),
                weights: self.form.band_positions() * (k.min(pass.chunk) * nr + GAP),
                sums: self.form.positions() * (tiles * nr + GAP),
            }
        };
        // More threads than that take the same pass.
        let sizes = (1..=self.cache.cores).map(of_threads);
        sizes.reduce(WinogradScratch::max).unwrap_or_default()
    }

    /// The start of a chunk, given by its first channel, among a pass's transformed inputs, which are
    /// [chunk][position][tile][channel of the chunk].
    #[inline]
    pub(crate) fn start(&self, pass: Pass, tiles: usize, channel: usize) -> usize {
        self.form.positions() * (tiles * channel + channel.div_ceil(pass.chunk) * GAP)
    }

    /// Row and column of a tile's first output in the grid.
    #[inline]
    pub(crate) fn corner(grid: [usize; 2], tile: usize) -> [usize; 2] {
        let across = grid[1].div_ceil(SIDE);
        [SIDE * (tile / across), SIDE * (tile % across)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::int8::family;
    use proptest::prelude::*;

    fn conv(kib: usize, cores: usize) -> WinogradConv {
        WinogradConv {
            shape: family::NEON.winograd.unwrap(),
            form: WinogradForm::Three,
            first: [0, 0],
            cache: Cache {
                bytes: kib << 10,
                cores,
            },
        }
    }

    #[test]
    fn a_pass_stays_in_the_cache_that_threads_share() {
        for (kib, threads, tiles, chunk) in [
            (1024, 1, 32, 256),
            (1024, 4, 16, 256),
            (512, 1, 16, 256),
            (512, 4, 8, 128),
            (512, 9, 8, 128),
            (1, 4, 8, 128),
            (1 << 20, 4, 96, 256),
        ] {
            let pass = conv(kib, 4).pass(256, 256, threads);
            assert_eq!(pass, Pass { tiles, chunk }, "{kib} KiB, {threads} threads");
        }
        let private = conv(1024, 1);
        assert_eq!(private.pass(256, 256, 4), private.pass(256, 256, 1));
    }

    proptest! {
        #[test]
        fn the_memory_is_enough_for_any_number_of_threads(
            kib in 1_usize..4096,
            cores in 1_usize..9,
            threads in 1_usize..12,
            k in 1_usize..64,
            grid in [1_usize..100, 1..100],
        ) {
            let (conv, k) = (conv(kib, cores), 16 * k);
            let scratch = conv.scratch(grid, k, 256);
            let pass = conv.pass(k, 256, threads);
            for tiles in pass.over(grid) {
                prop_assert!(conv.start(pass, tiles.len(), k) <= scratch.inputs);
                prop_assert!(36 * (8 * tiles.len() + GAP) <= scratch.sums);
            }
            for chunk in pass.chunks(k) {
                prop_assert!(12 * (8 * chunk.len() + GAP) <= scratch.weights);
            }
            prop_assert_eq!(pass.over(grid).map(|tiles| tiles.len()).sum::<usize>(), tiles(grid));
        }
    }
}
