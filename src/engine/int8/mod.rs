//! The integer engine: quantised networks as a static plan of fused integer convolutions.
//!
//! tract reads and checks the graph ([`carry`]), the importer brings QDQ and QOperator forms to one
//! list of nodes ([`import`], [`ir`]), the planner fuses, packs weights and places activations
//! in one arena ([`plan`]), and a frame runs step by step without allocating ([`run`]). Sums are
//! exact; requantisation rounds half to even in f32, as ONNX defines it, so that results are those
//! of ONNX Runtime on the same file but for ties.

mod family;
mod ir;
mod kernel;
mod plan;
mod requant;
mod run;

#[cfg(test)]
mod family_tests;
#[cfg(test)]
mod tests;

#[cfg(any(feature = "onnx", test))]
mod compile;
#[cfg(feature = "onnx")]
mod from_onnx;
#[cfg(feature = "onnx")]
mod onnx;
#[cfg(feature = "onnx")]
mod runtime;

use super::Engine;
use super::layer_time::LayerTime;
use super::threads::Threads;
use crate::error::{Error, Result};
use crate::model::PlanFile;
#[cfg(feature = "onnx")]
pub use from_onnx::compile;
#[cfg(feature = "onnx")]
pub(super) use from_onnx::load;
pub(super) use ir::Misfit;
use kernel::Kernel;
#[cfg(feature = "onnx")]
pub use onnx::reader as quantised_reader;
use plan::Plan;
use run::{Workspace, WorkspaceSize};
#[cfg(feature = "onnx")]
pub use runtime::Int8Runtime;
use std::path::Path;

/// The kernel family that is used here: the fastest of this processor, or what `POSEWIRE_KERNEL` names.
///
/// # Errors
/// [`Error::Usage`] if that is none of this processor's.
pub fn kernel_family() -> Result<&'static str> {
    kernel::best()
        .map(|kernel| kernel.family().name)
        .map_err(Error::usage)
}

/// The kernel families of all processors, as plans name them.
pub fn kernel_families() -> Vec<&'static str> {
    family::names()
}

/// A network in the integer engine.
pub struct Int8Engine {
    name: String,
    plan: Plan,
    kernel: &'static dyn Kernel,
    workspace: Workspace,
    output_shape: [usize; 4],
}

impl Int8Engine {
    /// From a plan file, whose weights stay where they are mapped.
    ///
    /// # Errors
    /// [`Error::Model`] if the plan is for a kernel that this processor does not have, or is garbled.
    pub(super) fn from_file(path: &Path, file: &PlanFile, threads: Threads) -> Result<Self> {
        let wanted = file.kernel();
        let kernel = kernel::named(&wanted).map_err(|names| {
            let what = format!(
                "was compiled for the kernel {wanted:?}, this processor has {names}: compile the model again here"
            );
            Error::model(path, what)
        })?;
        let best = kernel::best().map_err(Error::usage)?;
        if best.family().name != kernel.family().name {
            log::warn!(
                "{}: was compiled for the kernel {wanted}, {} would be used here: compile the model again",
                path.display(),
                best.family().name
            );
        }
        let stored = plan::file::read(file).map_err(|what| Error::model(path, what))?;
        let plan = plan::outline(&stored.graph, stored.input_shape)
            .and_then(|outline| Plan::bind(&outline, stored.packed, kernel.family()))
            .map_err(|misfit| refusal(path, misfit))?;
        Self::new(plan, kernel, threads)
    }

    fn new(plan: Plan, kernel: &'static dyn Kernel, threads: Threads) -> Result<Self> {
        let output = plan.output;
        let size = WorkspaceSize::of(&plan, kernel);
        let workspace = Workspace::start(size, threads).map_err(|error| {
            let count = threads.count;
            Error::engine(format!("cannot start or pin {count} threads: {error}"))
        })?;
        Ok(Int8Engine {
            name: format!("int8 ({})", kernel.family().name),
            kernel,
            workspace,
            output_shape: [1, output.channels, output.height, output.width],
            plan,
        })
    }
}

/// The error for a model that does not run in integers.
fn refusal(path: &Path, misfit: Misfit) -> Error {
    match misfit.node {
        Some(node) => Error::model_node(path, node, misfit.what),
        None => Error::model(path, misfit.what),
    }
}

impl Engine for Int8Engine {
    fn name(&self) -> &str {
        &self.name
    }

    fn input_shape(&self) -> [usize; 4] {
        self.plan.input_shape
    }

    fn output_shape(&self) -> [usize; 4] {
        self.output_shape
    }

    fn infer(&mut self, input: &[f32], heatmaps: &mut [f32]) -> Result<()> {
        self.workspace.run(&self.plan, self.kernel, input, heatmaps);
        Ok(())
    }

    fn has_fixed_memory(&self) -> bool {
        true
    }

    fn profile(&mut self, input: &[f32], heatmaps: &mut [f32]) -> Result<Vec<LayerTime>> {
        let workspace = &mut self.workspace;
        Ok(workspace.profile(&self.plan, self.kernel, input, heatmaps))
    }

    fn peak(&self) -> Option<f64> {
        Some(kernel::peak::macs_per_s(self.kernel))
    }
}
