//! The integer engine as an implementation of tract's `Runtime`, beside tract's own executor.
//!
//! It prepares typed graphs that were read with [`quantised_reader`](super::quantised_reader), whose
//! nodes are the ONNX nodes themselves.

use super::cores;
use super::from_onnx;
use super::kernel::{self, Kernel};
use super::onnx;
use super::plan::Plan;
use super::run::{Workspace, WorkspaceSize};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use tract_core::internal::*;

/// Prepares integer plans. One float input, one float output, both N x C x H x W with N = 1.
#[derive(Debug, Clone, Copy)]
pub struct Int8Runtime {
    /// Threads of each prepared network's state; at least 1.
    pub threads: usize,
}

impl Runtime for Int8Runtime {
    fn name(&self) -> StaticName {
        Cow::Borrowed("posewire-int8")
    }

    fn check(&self) -> TractResult<()> {
        kernel::best()
            .map(|_| ())
            .map_err(|error| format_err!(error))
    }

    fn prepare_with_options(
        &self,
        model: TypedModel,
        _options: &RunOptions,
    ) -> TractResult<Box<dyn Runnable>> {
        let kernel = kernel::best().map_err(|error| format_err!(error))?;
        let cache = cores::cache_here().map_err(|error| format_err!(error))?;
        let shape = model.input_fact(0)?.shape.as_concrete();
        let Some(&input_shape) = shape.and_then(|shape| shape.first_chunk()) else {
            bail!("the input has no known shape of four sides");
        };
        let plan = onnx::import(&model)
            .and_then(|graph| from_onnx::plan(&graph, input_shape, kernel, cache))
            .map_err(|misfit| format_err!("{misfit}"))?;
        Ok(Box::new(Prepared(Arc::new(Parts {
            size: WorkspaceSize::of(&plan, kernel),
            plan,
            kernel,
            model: Arc::new(model),
            threads: self.threads,
        }))))
    }
}

struct Parts {
    plan: Plan,
    kernel: &'static dyn Kernel,
    size: WorkspaceSize,
    model: Arc<TypedModel>,
    threads: usize,
}

/// A planned network; states made from it run one frame at a time each.
#[derive(Clone)]
struct Prepared(Arc<Parts>);

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "integer plan of {} steps", self.0.plan.steps.len())
    }
}

impl Runnable for Prepared {
    fn spawn(&self) -> TractResult<Box<dyn State>> {
        Ok(Box::new(Running {
            prepared: self.clone(),
            workspace: Workspace::new([self.0.size], self.0.threads)?,
        }))
    }

    fn typed_plan(&self) -> Option<&Arc<TypedSimplePlan>> {
        None
    }

    fn typed_model(&self) -> Option<&Arc<TypedModel>> {
        Some(&self.0.model)
    }
}

struct Running {
    prepared: Prepared,
    workspace: Workspace,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "state of {:?}", self.prepared)
    }
}

impl Clone for Running {
    /// The same network with a workspace of its own, on the calling thread alone: more threads could
    /// fail to start, and a workspace keeps no state from one frame to the next.
    fn clone(&self) -> Self {
        Running {
            prepared: self.prepared.clone(),
            workspace: Workspace::single(self.prepared.0.size),
        }
    }
}

impl State for Running {
    fn run(&mut self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let plan = &self.prepared.0.plan;
        let input = inputs.first().context("the network has one input")?;
        ensure!(
            input.shape() == plan.input_shape,
            "the input has the shape {:?}",
            input.shape()
        );
        let plain = input.try_as_plain_ram()?;
        let buffer = plan.output;
        let mut output = vec![0.0; buffer.channels * buffer.height * buffer.width];
        let kernel = self.prepared.0.kernel;
        self.workspace
            .run(plan, kernel, plain.as_slice::<f32>()?, &mut output);
        let shape = [1, buffer.channels, buffer.height, buffer.width];
        Ok(tvec!(Tensor::from_shape(&shape, &output)?.into_tvalue()))
    }

    fn runnable(&self) -> &dyn Runnable {
        &self.prepared
    }
}
