//! Runs a plan: step after step on one arena, nothing allocated.

use super::ir::PoolWindow;
use super::kernel::{Addition, Kernel, MAX_MR, OUTSIDE, Place, Requant, Rows, quantise};
use super::plan::{Buffer, ConvStep, Plan, Step};
use crate::engine::LayerTime;
use std::time::Instant;

/// Packed weights that stay in the second cache while all tiles go by.
const WEIGHT_CACHE_BYTES: usize = 192 << 10;

/// The memory of a running plan.
pub(super) struct Workspace {
    arena: Vec<i8>,
    scratch: Vec<u8>,
    offsets: Vec<u32>,
}

impl Workspace {
    pub(super) fn new(plan: &Plan) -> Self {
        Workspace {
            arena: vec![0; plan.arena_bytes],
            scratch: vec![0; plan.scratch_bytes],
            offsets: vec![OUTSIDE; plan.longest_tile],
        }
    }

    /// From the network's float input to its float output, both NCHW.
    pub(super) fn run(&mut self, plan: &Plan, input: &[f32], output: &mut [f32]) {
        for step in &plan.steps {
            self.step(plan.kernel, step, input);
        }
        self.dequantize(plan, output);
    }

    /// Runs once and gives the time of each step.
    pub(super) fn profile(
        &mut self,
        plan: &Plan,
        input: &[f32],
        output: &mut [f32],
    ) -> Vec<LayerTime> {
        let times = plan.steps.iter().map(|step| {
            let start = Instant::now();
            self.step(plan.kernel, step, input);
            LayerTime {
                name: step.name().into(),
                macs: step.macs(),
                time: start.elapsed(),
            }
        });
        let times = times.collect();
        self.dequantize(plan, output);
        times
    }

    fn step(&mut self, kernel: &dyn Kernel, step: &Step, input: &[f32]) {
        match step {
            Step::Quantize {
                output,
                scale,
                zero_point,
            } => self.quantize(input, *output, *scale, *zero_point),
            Step::Conv(conv) => self.conv(conv),
            Step::MaxPool {
                input,
                output,
                window,
                ..
            } => self.max_pool(kernel, *input, *output, window),
            Step::Add {
                operands,
                addition,
                output,
                ..
            } => self.add(kernel, operands, addition, *output),
        }
    }

    fn quantize(&mut self, input: &[f32], output: Buffer, scale: f32, zero_point: i8) {
        let pixels = output.height * output.width;
        let bytes = &mut self.arena[output.offset..][..output.bytes()];
        for (channel, plane) in input.chunks_exact(pixels).enumerate() {
            for (pixel, &value) in plane.iter().enumerate() {
                // Clamped to the range; a NaN becomes the minimum.
                bytes[pixel * output.stride + channel] =
                    quantise(value / scale, zero_point.into(), -128.0) as i8;
            }
        }
    }

    fn dequantize(&self, plan: &Plan, output: &mut [f32]) {
        let buffer = plan.output;
        let pixels = buffer.height * buffer.width;
        let bytes = &self.arena[buffer.offset..][..buffer.bytes()];
        for (channel, plane) in output.chunks_exact_mut(pixels).enumerate() {
            for (value, pixel) in plane.iter_mut().zip(bytes.chunks_exact(buffer.stride)) {
                let level = i32::from(pixel[channel]) - i32::from(plan.output_zero_point);
                *value = level as f32 * plan.output_scale;
            }
        }
    }

    fn conv(&mut self, step: &ConvStep) {
        let kernel = step.kernel;
        let (mr, nr) = (kernel.mr(), kernel.nr());
        let pixels = step.grid[0] * step.grid[1];
        let block_bytes = nr * step.k;
        let blocks = step.weights.len() / block_bytes;
        let together = (WEIGHT_CACHE_BYTES / block_bytes).clamp(1, blocks);
        let arena = self.arena.as_mut_ptr();
        let arena_bytes = self.arena.len();
        let offsets = &mut self.offsets[..step.taps.len() * mr];
        for first_block in (0..blocks).step_by(together) {
            for first_pixel in (0..pixels).step_by(mr) {
                let count = mr.min(pixels - first_pixel);
                let mut place = Place {
                    output: [std::ptr::null_mut(); MAX_MR],
                    residual: [std::ptr::null(); MAX_MR],
                    pixels: count,
                };
                let mut coordinates = [[0; 2]; MAX_MR];
                for lane in 0..mr {
                    // Lanes past the end repeat the last pixel; they are not stored.
                    let pixel = first_pixel + lane.min(count - 1);
                    coordinates[lane] = [pixel / step.grid[1], pixel % step.grid[1]];
                }
                fill_offsets(step, &coordinates[..mr], offsets);
                {
                    // SAFETY: the input's buffer lies within the arena, and no step writes to its
                    // own input, so nothing writes there while this slice lives.
                    let input = unsafe {
                        debug_assert!(step.input.offset + step.input.bytes() <= arena_bytes);
                        std::slice::from_raw_parts(arena.add(step.input.offset), step.input.bytes())
                    };
                    let rows = Rows {
                        input,
                        outside: &step.outside,
                        offsets,
                        channels: step.input.stride,
                    };
                    kernel.gather(&rows, step.k, &mut self.scratch);
                }
                for block in first_block..(first_block + together).min(blocks) {
                    let channel = block * nr;
                    // An output's stride is a multiple of 16, so blocks of 8 may end past it only
                    // if the block has no channel at all.
                    if channel >= step.output.stride {
                        continue;
                    }
                    for lane in 0..count {
                        let [row, column] = coordinates[lane];
                        let y = step.spread * row + step.origin[0];
                        let x = step.spread * column + step.origin[1];
                        // SAFETY: y and x are within the output, whose buffer lies within the arena.
                        unsafe {
                            place.output[lane] = arena.add(at(&step.output, y, x) + channel);
                            if let Some((_, buffer, upsampled)) = &step.residual {
                                let half = usize::from(*upsampled);
                                place.residual[lane] =
                                    arena.add(at(buffer, y >> half, x >> half) + channel);
                            }
                        }
                    }
                    let requant = Requant {
                        bias: &step.bias[channel..channel + nr],
                        multipliers: &step.multipliers[channel..channel + nr],
                        zero_point: step.zero_point,
                        floor: step.floor,
                        residual: step.residual.as_ref().map(|(residual, ..)| *residual),
                    };
                    let weights = &step.weights[block * block_bytes..][..block_bytes];
                    // SAFETY: the kernel is one of those this processor has; each pointer has `nr`
                    // bytes within its pixel's stride; this thread alone writes to the arena. Where
                    // the output overwrites the residual, a tile reads a pixel's block before it
                    // writes it, and no other tile touches it.
                    unsafe { kernel.tile(&self.scratch, weights, step.k, &requant, &place) };
                }
            }
        }
    }

    fn max_pool(
        &mut self,
        kernel: &dyn Kernel,
        input: Buffer,
        output: Buffer,
        window: &PoolWindow,
    ) {
        let (source, target) = two(&mut self.arena, input, output);
        // What is outside the picture does not take part.
        let span = |position: usize, pad: usize, side: usize| {
            let start = window.stride * position;
            start.saturating_sub(pad)..(start + window.kernel - pad).min(side)
        };
        for y in 0..output.height {
            for x in 0..output.width {
                let pixel = &mut target[(y * output.width + x) * output.stride..][..output.stride];
                pixel.fill(i8::MIN);
                for from_y in span(y, window.pad[0], input.height) {
                    for from_x in span(x, window.pad[1], input.width) {
                        let from = (from_y * input.width + from_x) * input.stride;
                        kernel.raise(pixel, &source[from..][..input.stride]);
                    }
                }
            }
        }
    }

    fn add(
        &mut self,
        kernel: &dyn Kernel,
        operands: &[(Buffer, bool); 2],
        addition: &Addition,
        output: Buffer,
    ) {
        let arena = self.arena.as_mut_ptr();
        for y in 0..output.height {
            for x in 0..output.width {
                let [a, b] = operands.map(|(buffer, upsampled)| {
                    let half = usize::from(upsampled);
                    at(&buffer, y >> half, x >> half)
                });
                // SAFETY: pixels of three buffers within the arena; an addition's output never
                // shares memory with its operands, which are needed until it is done.
                let (a, b, sums) = unsafe {
                    (
                        std::slice::from_raw_parts(arena.add(a), output.stride),
                        std::slice::from_raw_parts(arena.add(b), output.stride),
                        std::slice::from_raw_parts_mut(arena.add(at(&output, y, x)), output.stride),
                    )
                };
                kernel.add(addition, a, b, sums);
            }
        }
    }
}

/// The arena's index of a pixel's first channel.
fn at(buffer: &Buffer, y: usize, x: usize) -> usize {
    buffer.offset + (y * buffer.width + x) * buffer.stride
}

/// An activation to read and another one to write.
fn two(arena: &mut [i8], input: Buffer, output: Buffer) -> (&[i8], &mut [i8]) {
    if input.offset < output.offset {
        let (low, high) = arena.split_at_mut(output.offset);
        (
            &low[input.offset..][..input.bytes()],
            &mut high[..output.bytes()],
        )
    } else {
        let (low, high) = arena.split_at_mut(input.offset);
        (
            &high[..input.bytes()],
            &mut low[output.offset..][..output.bytes()],
        )
    }
}

/// Where each tap of each pixel starts in the input; `coordinates` are rows and columns of the grid.
fn fill_offsets(step: &ConvStep, coordinates: &[[usize; 2]], offsets: &mut [u32]) {
    let input = &step.input;
    for (line, tap) in offsets.chunks_exact_mut(coordinates.len()).zip(&step.taps) {
        for (offset, &[row, column]) in line.iter_mut().zip(coordinates) {
            let y = (step.stride * row) as isize + tap[0];
            let x = (step.stride * column) as isize + tap[1];
            let inside =
                (0..input.height as isize).contains(&y) && (0..input.width as isize).contains(&x);
            *offset = if inside {
                ((y as usize * input.width + x as usize) * input.stride) as u32
            } else {
                OUTSIDE
            };
        }
    }
}
