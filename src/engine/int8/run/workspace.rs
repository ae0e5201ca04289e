//! The memory and the threads that networks run in, step after step. A frame allocates nothing.

use super::aligned::Aligned;
use super::conv::{self, GROUP_BYTES, Scratch};
use super::depthwise::depthwise;
use super::elementwise::{add, average, channels, dequantize, map, max_pool, multiply, quantize};
use super::float::load;
use super::float_conv::float;
use super::pool::Pool;
use super::share::{SharedSlice, ThreadShare};
use super::winograd;
use crate::engine::int8::kernel::{Kernel, OUTSIDE};
use crate::engine::int8::plan::conv::Method;
use crate::engine::int8::plan::winograd::{WinogradConv, WinogradScratch};
use crate::engine::int8::plan::{ConvStep, Plan, Step};
use crate::engine::layer_time::LayerTime;
use crate::engine::threads::Threads;
use crate::error::{Error, Result};
use std::time::Instant;

/// The memory that a network needs while it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkspaceSize {
    /// For activations.
    arena_bytes: usize,
    /// For gathered tiles, for each thread.
    tile_bytes: usize,
    /// Places of a tile's inputs, for each thread.
    tile_offsets: usize,
    winograd: WinogradScratch,
}

impl WorkspaceSize {
    pub(in crate::engine::int8) fn of(plan: &Plan, kernel: &dyn Kernel) -> WorkspaceSize {
        WorkspaceSize {
            arena_bytes: plan.arena_bytes,
            tile_bytes: kernel.scratch_bytes(plan.max_k).max(GROUP_BYTES),
            tile_offsets: plan.max_tile_offsets,
            winograd: plan.winograd,
        }
    }

    /// Enough for either of two networks, which run one after the other.
    pub fn max(self, other: WorkspaceSize) -> WorkspaceSize {
        WorkspaceSize {
            arena_bytes: self.arena_bytes.max(other.arena_bytes),
            tile_bytes: self.tile_bytes.max(other.tile_bytes),
            tile_offsets: self.tile_offsets.max(other.tile_offsets),
            winograd: self.winograd.max(other.winograd),
        }
    }
}

/// Memory and threads that all networks of a program share: they run one after the other, and none
/// leaves anything behind in it.
pub struct Workspace {
    size: WorkspaceSize,
    arena: Aligned<i8>,
    /// Inputs of a convolution, transformed for Winograd's method.
    transformed: Aligned<i16>,
    /// One for each thread.
    scratches: Vec<Scratch>,
    pool: Pool,
}

/// Scratches of which each thread takes its own.
struct Scratches(*mut Scratch);

// SAFETY: each thread uses the element of its own number only.
unsafe impl Sync for Scratches {}

impl Scratches {
    fn of(&self, index: usize) -> *mut Scratch {
        self.0.wrapping_add(index)
    }
}

impl Workspace {
    /// Memory for networks of all these sizes, and the threads that they run on. Pinning pins the
    /// calling thread too, which is the one that must run the networks. Without a size there are no
    /// other threads: the networks do not run in a workspace.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`](crate::ErrorKind::Engine) with the operating system's reason, if a thread cannot be started or pinned.
    pub fn new(
        sizes: impl IntoIterator<Item = WorkspaceSize>,
        threads: impl Into<Threads>,
    ) -> Result<Self> {
        let threads = threads.into();
        let Some(size) = sizes.into_iter().reduce(WorkspaceSize::max) else {
            return Ok(Self::with_pool(WorkspaceSize::default(), Pool::default()));
        };
        let pool = Pool::new(threads).map_err(|error| {
            let count = threads.count;
            Error::engine(format!("cannot start or pin {count} threads: {error}"))
        })?;
        Ok(Self::with_pool(size, pool))
    }

    /// On the calling thread alone.
    #[cfg(feature = "onnx")]
    pub(in crate::engine::int8) fn single(size: WorkspaceSize) -> Self {
        Self::with_pool(size, Pool::default())
    }

    fn with_pool(size: WorkspaceSize, pool: Pool) -> Self {
        let scratch = || Scratch {
            tiles: Aligned::new(size.tile_bytes),
            offsets: vec![OUTSIDE; size.tile_offsets],
            weights: Aligned::new(size.winograd.weights),
            sums: Aligned::new(size.winograd.sums),
        };
        Workspace {
            size,
            arena: Aligned::new(size.arena_bytes),
            transformed: Aligned::new(size.winograd.inputs),
            scratches: (0..pool.threads()).map(|_| scratch()).collect(),
            pool,
        }
    }

    /// Whether a network of this size fits.
    pub(in crate::engine::int8) fn holds(&self, size: WorkspaceSize) -> bool {
        self.size.max(size) == self.size
    }

    /// From the network's float input to its float output, both NCHW. The workspace [holds](Self::holds)
    /// the plan's size with this kernel, which is of the plan's family.
    pub(in crate::engine::int8) fn run(
        &mut self,
        plan: &Plan,
        kernel: &'static dyn Kernel,
        input: &[f32],
        output: &mut [f32],
    ) {
        self.assert_fits(plan, kernel);
        for step in &plan.steps {
            self.step(kernel, step, input);
        }
        dequantize(plan, &self.arena, output);
    }

    /// As [`Self::run`]; gives the time of each step.
    pub(in crate::engine::int8) fn profile(
        &mut self,
        plan: &Plan,
        kernel: &'static dyn Kernel,
        input: &[f32],
        output: &mut [f32],
    ) -> Vec<LayerTime> {
        self.assert_fits(plan, kernel);
        let times = plan.steps.iter().map(|step| {
            let start = Instant::now();
            self.step(kernel, step, input);
            LayerTime {
                name: step.name().into(),
                macs: step.macs(),
                time: start.elapsed(),
            }
        });
        let times = times.collect();
        dequantize(plan, &self.arena, output);
        times
    }

    fn assert_fits(&self, plan: &Plan, kernel: &dyn Kernel) {
        assert_eq!(plan.family.name, kernel.family().name);
        assert!(self.holds(WorkspaceSize::of(plan, kernel)));
    }

    fn step(&mut self, kernel: &'static dyn Kernel, step: &Step, input: &[f32]) {
        let arena = SharedSlice::of(&mut self.arena);
        let of = self.pool.threads();
        let rows = kernel.rows();
        // Below, in all cases. SAFETY: the planner places a step's output apart from its inputs (a
        // residual may be overwritten by the pixel that reads it). The shares of a step write to
        // different pixels, and no other step runs.
        match step {
            Step::Quantize {
                output,
                scale,
                zero_point,
            } => self.pool.run(&|index| {
                // SAFETY: as above.
                unsafe {
                    let share = ThreadShare { index, of };
                    quantize(rows, input, arena, *output, *scale, *zero_point, share);
                }
            }),
            Step::Conv(step) => match &step.method {
                Method::Direct { exact: false, k } => self.direct(kernel, step, *k),
                Method::Direct { exact: true, k } => {
                    let exact = kernel
                        .exact()
                        .expect("a family that avoids -128 has an exact variant");
                    self.direct(exact, step, *k);
                }
                Method::Winograd(method) => self.winograd(kernel, step, method),
            },
            Step::MaxPool {
                input,
                output,
                window,
                ..
            } => self.pool.run(&|index| {
                let share = ThreadShare { index, of };
                // SAFETY: as above.
                unsafe { max_pool(rows, arena, *input, *output, window, share) }
            }),
            Step::Depthwise(step) => self.pool.run(&|index| {
                let share = ThreadShare { index, of };
                // SAFETY: as above.
                unsafe { depthwise(rows, arena, step, share) }
            }),
            Step::Average {
                input,
                output,
                window,
                average: how,
                ..
            } => self.pool.run(&|index| {
                let share = ThreadShare { index, of };
                // SAFETY: as above.
                unsafe { average(arena, *input, *output, window, how, share) }
            }),
            Step::Multiply {
                operands,
                product,
                output,
                ..
            } => self.pool.run(&|index| {
                let share = ThreadShare { index, of };
                // SAFETY: as above.
                unsafe { multiply(rows, arena, operands, product, *output, share) }
            }),
            Step::Channels { runs, output, .. } => self.pool.run(&|index| {
                let share = ThreadShare { index, of };
                // SAFETY: as above.
                unsafe { channels(arena, runs, *output, share) }
            }),
            Step::Add {
                operands,
                addition,
                output,
                ..
            } => self.pool.run(&|index| {
                let share = ThreadShare { index, of };
                // SAFETY: as above.
                unsafe { add(rows, arena, operands, addition, *output, share) }
            }),
            Step::Map {
                input,
                upsampled,
                table,
                output,
                ..
            } => self.pool.run(&|index| {
                let share = ThreadShare { index, of };
                // SAFETY: as above.
                unsafe { map(arena, (*input, *upsampled), table, *output, share) }
            }),
            Step::Input(output) => self.pool.run(&|index| {
                let share = ThreadShare { index, of };
                // SAFETY: as above.
                unsafe { load(input, arena, *output, share) }
            }),
            Step::Float(step) => self.pool.run(&|index| {
                let share = ThreadShare { index, of };
                // SAFETY: as above.
                unsafe { float(arena, step, share) }
            }),
        }
    }

    fn direct(&mut self, kernel: &'static dyn Kernel, step: &ConvStep, k: usize) {
        let arena = SharedSlice::of(&mut self.arena);
        let scratches = Scratches(self.scratches.as_mut_ptr());
        let of = self.pool.threads();
        self.pool.run(&|index| {
            // SAFETY: as for every step; there is a scratch for each thread, and this one uses that of its
            // number.
            unsafe {
                let scratch = &mut *scratches.of(index);
                conv::run(step, kernel, k, arena, ThreadShare { index, of }, scratch);
            }
        });
    }

    fn winograd(&mut self, kernel: &'static dyn Kernel, step: &ConvStep, method: &WinogradConv) {
        let kernel = kernel
            .winograd()
            .expect("a family with Winograd's method has a kernel for it");
        let arena = SharedSlice::of(&mut self.arena);
        let transformed = SharedSlice::of(&mut self.transformed);
        let scratches = Scratches(self.scratches.as_mut_ptr());
        let of = self.pool.threads();
        let step = winograd::Step {
            step,
            method,
            kernel,
            pass: method.pass(step.input.stride, step.output.stride, of),
        };
        for pass in step.pass.over(step.step.grid) {
            self.pool.run(&|index| {
                let share = ThreadShare { index, of };
                // SAFETY: as for every step; the shares transform different tiles.
                unsafe { step.inputs(arena, transformed, &pass, share) };
            });
            self.pool.run(&|index| {
                let share = ThreadShare { index, of };
                // SAFETY: as above; the inputs are complete, as the pool waits for all threads, and each
                // thread uses the scratch of its number.
                unsafe {
                    let scratch = &mut *scratches.of(index);
                    step.products(arena, transformed, &pass, share, scratch);
                }
            });
        }
    }
}
