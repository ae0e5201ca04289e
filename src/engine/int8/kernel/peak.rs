//! The peak speed of a kernel on this core: its inner loop on data that stay in the first cache.

use super::{Kernel, MAX_MR, MAX_NR, TileOutput};
use crate::engine::int8::requant::Requant;
use std::time::{Duration, Instant};

const K: usize = 512;
const TILES_A_TURN: usize = 200;
const TURNS: usize = 50;

/// Multiply-accumulates a second, in the best of some turns. Takes some tens of milliseconds.
pub(crate) fn macs_per_s(kernel: &dyn Kernel) -> f64 {
    let shape = kernel.family().tile;
    let scratch = vec![1; kernel.scratch_bytes(K)];
    let weights = vec![1; shape.nr * K];
    let mut outputs = [[0_i8; MAX_NR]; MAX_MR];
    let mut place = TileOutput::NOWHERE;
    place.pixels = shape.mr;
    for (to, pixel) in place.output.iter_mut().zip(&mut outputs) {
        *to = pixel.as_mut_ptr();
    }
    let requant = Requant {
        bias: &[0; MAX_NR],
        multipliers: &[1e-3; MAX_NR],
        zero_point: 0,
        floor: i8::MIN,
        residual: None,
        is_narrow: true,
    };
    let turn = || {
        let start = Instant::now();
        for _ in 0..TILES_A_TURN {
            // SAFETY: the kernel has begun, and each of `mr` pixels has room for the most channels of any
            // kernel.
            unsafe {
                kernel.tile(
                    &scratch,
                    std::hint::black_box(&weights),
                    K,
                    &requant,
                    &place,
                )
            };
        }
        start.elapsed()
    };
    kernel.begin();
    let best = (0..TURNS).map(|_| turn()).min().unwrap_or(Duration::MAX);
    kernel.end();
    (TILES_A_TURN * shape.mr * shape.nr * K) as f64 / best.as_secs_f64()
}
