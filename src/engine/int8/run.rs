//! Runs a plan: step after step on one arena, each step shared by the pool. Nothing is allocated.

use super::aligned::Aligned;
use super::check::MAX_KERNEL;
use super::conv::{self, Scratch};
use super::ir::PoolWindow;
use super::kernel::{Addition, Kernel, OUTSIDE};
use super::plan::{Buffer, Method, Plan, Step};
use super::pool::Pool;
use super::winograd;
use crate::engine::{LayerTime, Threads};
use std::ops::Range;
use std::time::Instant;

/// The memory and the threads of a running plan.
pub(super) struct Workspace {
    arena: Aligned<i8>,
    /// Inputs of a convolution, transformed for Winograd's method.
    transformed: Aligned<i16>,
    /// One for each thread.
    scratches: Vec<Scratch>,
    pool: Pool,
}

const OUT_OF_RANGE: &str = "a step's range is outside of its memory";

/// Memory as the threads see it: they share it, each writing where no other one does.
#[derive(Debug)]
pub(super) struct Shared<T> {
    start: *mut T,
    count: usize,
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

// SAFETY: a pointer and a length; every access through them is unsafe and says who may do it.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn of(memory: &mut [T]) -> Self {
        Shared {
            start: memory.as_mut_ptr(),
            count: memory.len(),
        }
    }

    /// The first of `count` values, all of them within the memory.
    pub(super) fn at(self, offset: usize, count: usize) -> *mut T {
        let room = self.count.checked_sub(offset);
        assert!(room.is_some_and(|room| count <= room), "{OUT_OF_RANGE}");
        self.start.wrapping_add(offset)
    }

    /// # Safety
    /// The memory lives that long, and no thread writes to the range while the slice lives.
    pub(super) unsafe fn read<'a>(self, offset: usize, count: usize) -> &'a [T] {
        // SAFETY: `at` checks the range; the rest is guaranteed by the caller.
        unsafe { std::slice::from_raw_parts(self.at(offset, count), count) }
    }

    /// # Safety
    /// The memory lives that long, and no other thread touches the range while the slice lives.
    unsafe fn write<'a>(self, offset: usize, count: usize) -> &'a mut [T] {
        // SAFETY: `at` checks the range; the rest is guaranteed by the caller.
        unsafe { std::slice::from_raw_parts_mut(self.at(offset, count), count) }
    }
}

/// An activation of which every pixel lies within the arena.
#[derive(Debug, Clone, Copy)]
pub(super) struct Picture {
    /// The first pixel, behind the border.
    start: *mut i8,
    row_bytes: usize,
    stride: usize,
    size: [usize; 2],
}

impl Shared<i8> {
    pub(super) fn picture(self, buffer: &Buffer) -> Picture {
        let start = self.at(buffer.offset, buffer.bytes());
        Picture {
            start: start.wrapping_add(buffer.border[0] * buffer.stride),
            row_bytes: buffer.row_bytes(),
            stride: buffer.stride,
            size: [buffer.height, buffer.width],
        }
    }
}

impl Picture {
    /// The first channel of a pixel. Within the picture all of the pixel's bytes are in the arena.
    pub(super) fn at(&self, y: usize, x: usize) -> *mut i8 {
        debug_assert!(y < self.size[0] && x < self.size[1]);
        self.start
            .wrapping_add(y * self.row_bytes + x * self.stride)
    }

    /// Asserts that this row and column are within the picture, and so all before them.
    pub(super) fn assert_holds(&self, [y, x]: [usize; 2]) {
        assert!(y < self.size[0] && x < self.size[1], "{OUT_OF_RANGE}");
    }
}

/// One thread's share of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub index: usize,
    pub of: usize,
}

impl Part {
    /// This part's share of `count` things.
    pub(super) fn range(self, count: usize) -> Range<usize> {
        let start = |index: usize| (count as u64 * index as u64 / self.of as u64) as usize;
        start(self.index)..start(self.index + 1)
    }
}

/// Scratches that each thread takes its own of.
struct Scratches(*mut Scratch);

// SAFETY: each thread uses the element of its own number only.
unsafe impl Sync for Scratches {}

impl Scratches {
    fn of(&self, index: usize) -> *mut Scratch {
        self.0.wrapping_add(index)
    }
}

impl Workspace {
    /// # Errors
    /// The operating system's reason, if a thread cannot be started or pinned.
    pub(super) fn new(plan: &Plan, threads: Threads) -> std::io::Result<Self> {
        Pool::new(threads).map(|pool| Self::with_pool(plan, pool))
    }

    /// On the calling thread alone.
    #[cfg(feature = "onnx")]
    pub(super) fn single(plan: &Plan) -> Self {
        Self::with_pool(plan, Pool::default())
    }

    fn with_pool(plan: &Plan, pool: Pool) -> Self {
        let scratch = || Scratch {
            tile: Aligned::new(plan.scratch_bytes),
            offsets: vec![OUTSIDE; plan.longest_tile],
            weights: Aligned::new(plan.winograd.weights),
            sums: Aligned::new(plan.winograd.sums),
        };
        Workspace {
            arena: Aligned::new(plan.arena_bytes),
            transformed: Aligned::new(plan.winograd.inputs),
            scratches: (0..pool.threads()).map(|_| scratch()).collect(),
            pool,
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
        let arena = Shared::of(&mut self.arena);
        let transformed = Shared::of(&mut self.transformed);
        let scratches = Scratches(self.scratches.as_mut_ptr());
        let of = self.pool.threads();
        // Below, in all four cases. SAFETY: the planner placed every buffer within the arena, and a
        // step's output apart from what it reads (but for a residual, which is read where it is
        // written). The parts of a step write to different places, and no other step runs. There is
        // a scratch for each thread, and only this one uses the one of its number.
        match step {
            Step::Quantize {
                output,
                scale,
                zero_point,
            } => self.pool.run(&|index| {
                // SAFETY: as above.
                unsafe {
                    let part = Part { index, of };
                    quantize(kernel, input, arena, *output, *scale, *zero_point, part);
                }
            }),
            Step::Conv(step) => match &step.method {
                Method::Direct { kernel, k } => self.pool.run(&|index| {
                    // SAFETY: as above.
                    unsafe {
                        let scratch = &mut *scratches.of(index);
                        conv::run(step, *kernel, *k, arena, Part { index, of }, scratch);
                    }
                }),
                Method::Winograd(method) => {
                    for pass in method.passes(step.grid) {
                        self.pool.run(&|index| {
                            let part = Part { index, of };
                            // SAFETY: as above, and the plan's needs are the largest of all steps'.
                            unsafe {
                                winograd::inputs(step, method, arena, transformed, &pass, part);
                            }
                        });
                        self.pool.run(&|index| {
                            let part = Part { index, of };
                            // SAFETY: as above; the inputs are complete, as the pool waits for all.
                            unsafe {
                                let scratch = &mut *scratches.of(index);
                                winograd::products(
                                    step,
                                    method,
                                    arena,
                                    transformed,
                                    &pass,
                                    part,
                                    scratch,
                                );
                            }
                        });
                    }
                }
            },
            Step::MaxPool {
                input,
                output,
                window,
                ..
            } => self.pool.run(&|index| {
                // SAFETY: as above.
                unsafe { max_pool(kernel, arena, *input, *output, window, Part { index, of }) }
            }),
            Step::Add {
                operands,
                addition,
                output,
                ..
            } => self.pool.run(&|index| {
                // SAFETY: as above.
                unsafe {
                    add(
                        kernel,
                        arena,
                        operands,
                        addition,
                        *output,
                        Part { index, of },
                    )
                }
            }),
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
}

/// # Safety
/// Nobody else touches this part's rows of the output.
unsafe fn quantize(
    kernel: &dyn Kernel,
    input: &[f32],
    arena: Shared<i8>,
    output: Buffer,
    scale: f32,
    zero_point: i8,
    part: Part,
) {
    let planes = [0, 1, 2].map(|channel| {
        let pixels = output.height * output.width;
        &input[channel * pixels..][..pixels]
    });
    for y in part.range(output.height) {
        // SAFETY: a row of this part's, by the caller's word.
        let row =
            unsafe { arena.write(output.offset + y * output.row_bytes(), output.row_bytes()) };
        row.fill(zero_point);
        let row = &mut row[output.border[0] * output.stride..][..output.width * output.stride];
        let values = planes.map(|plane| &plane[y * output.width..][..output.width]);
        kernel.quantize(values, scale, zero_point, row);
    }
}

/// # Safety
/// Nobody writes to the input, or touches this part's rows of the output.
unsafe fn max_pool(
    kernel: &dyn Kernel,
    arena: Shared<i8>,
    input: Buffer,
    output: Buffer,
    window: &PoolWindow,
    part: Part,
) {
    // SAFETY: by the caller's word.
    let source = unsafe { arena.read(input.offset, input.bytes()) };
    // What is outside the picture does not take part.
    let span = |position: usize, pad: usize, side: usize| {
        let start = window.stride * position;
        start.saturating_sub(pad)..(start + window.kernel - pad).min(side)
    };
    let mut pixels = [&source[..0]; MAX_KERNEL];
    for y in part.range(output.height) {
        for x in 0..output.width {
            // SAFETY: a pixel of this part's rows.
            let pixel = unsafe { arena.write(output.at(y, x), output.stride) };
            pixel.fill(i8::MIN);
            for from_y in span(y, window.pad[0], input.height) {
                let columns = span(x, window.pad[1], input.width);
                let pixels = &mut pixels[..columns.len()];
                for (pixel, from_x) in pixels.iter_mut().zip(columns) {
                    let from = input.at(from_y, from_x) - input.offset;
                    *pixel = &source[from..][..input.stride];
                }
                kernel.raise(pixel, pixels);
            }
        }
    }
}

/// # Safety
/// Nobody writes to the operands, or touches this part's rows of the output.
unsafe fn add(
    kernel: &dyn Kernel,
    arena: Shared<i8>,
    operands: &[(Buffer, bool); 2],
    addition: &Addition,
    output: Buffer,
    part: Part,
) {
    for y in part.range(output.height) {
        for x in 0..output.width {
            let [a, b] = operands.map(|(buffer, upsampled)| {
                let half = usize::from(upsampled);
                buffer.at(y >> half, x >> half)
            });
            // SAFETY: a pixel of each operand, and one of this part's rows; an addition's output
            // never shares memory with its operands, which are needed until it is done.
            unsafe {
                let sums = arena.write(output.at(y, x), output.stride);
                kernel.add(
                    addition,
                    arena.read(a, output.stride),
                    arena.read(b, output.stride),
                    sums,
                );
            }
        }
    }
}
