//! The integer engine: quantised networks as a static plan of fused integer convolutions.
//!
//! tract reads and checks the graph ([`carry`]), the importer brings QDQ and QOperator forms to one
//! list of operations ([`import`], [`ir`]), the planner fuses, packs weights and places activations
//! in one arena ([`plan`]), and a frame runs step by step without allocating ([`run`]). Sums are
//! exact; requantisation rounds half to even in f32, as ONNX defines it, so that results are those
//! of ONNX Runtime on the same file but for ties.

mod aligned;
mod arena;
mod check;
mod conv;
mod ir;
// Packing and choosing are done where plans are made.
#[cfg_attr(not(feature = "onnx"), allow(dead_code))]
mod kernel;
mod layout;
mod pack;
mod plan;
mod pool;
mod run;
mod size;
mod stored;
#[cfg_attr(not(feature = "onnx"), allow(dead_code))]
mod winograd;

#[cfg(test)]
mod family_tests;
#[cfg(test)]
mod tests;

#[cfg(feature = "onnx")]
mod attributes;
#[cfg(feature = "onnx")]
mod carry;
#[cfg(feature = "onnx")]
mod constants;
#[cfg(any(feature = "onnx", test))]
mod fill;
#[cfg(feature = "onnx")]
mod filter;
#[cfg(feature = "onnx")]
mod import;
#[cfg(feature = "onnx")]
mod onnx;
#[cfg(feature = "onnx")]
mod runtime;

use super::{Engine, LayerTime, Threads};
use crate::error::{Error, Result};
use crate::model::PlanFile;
#[cfg(feature = "onnx")]
pub use carry::reader as quantised_reader;
#[cfg(feature = "onnx")]
pub use onnx::compile;
#[cfg(feature = "onnx")]
pub(super) use onnx::{Loaded, WHOLE_GRAPH, load};
#[cfg(feature = "onnx")]
pub use runtime::Int8Runtime;

use pack::Origin;
use plan::Plan;
use run::Workspace;
use std::path::Path;

/// The kernel family that is used here: the fastest of this processor, or what `POSEWIRE_KERNEL` names.
///
/// # Errors
/// [`Error::Usage`] if that is none of this processor's.
pub fn kernel_family() -> Result<&'static str> {
    kernel::best()
        .map(|kernel| kernel.name())
        .map_err(Error::usage)
}

/// The kernel families of all processors, as plans name them.
pub fn kernel_families() -> Vec<&'static str> {
    kernel::families()
}

/// A network in the integer engine.
pub struct Int8Engine {
    name: String,
    plan: Plan,
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
        if best.name() != kernel.name() {
            log::warn!(
                "{}: was compiled for the kernel {wanted}, {} would be used here: compile the model again",
                path.display(),
                best.name()
            );
        }
        let stored = stored::read(file).map_err(|what| Error::model(path, what))?;
        let origin = Origin::Stored(stored.coefficients.into_iter());
        let plan = Plan::new(&stored.network, stored.input_shape, kernel, origin)
            .map_err(|(node, what)| Error::model_node(path, node, what))?;
        Self::new(plan, threads)
    }

    fn new(plan: Plan, threads: Threads) -> Result<Self> {
        let output = plan.output;
        let workspace = Workspace::new(&plan, threads).map_err(|error| {
            let count = threads.count;
            Error::engine(format!("cannot start or pin {count} threads: {error}"))
        })?;
        Ok(Int8Engine {
            name: format!("int8 ({})", plan.kernel.name()),
            workspace,
            output_shape: [1, output.channels, output.height, output.width],
            plan,
        })
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
        self.workspace.run(&self.plan, input, heatmaps);
        Ok(())
    }

    fn has_fixed_memory(&self) -> bool {
        true
    }

    fn profile(&mut self, input: &[f32], heatmaps: &mut [f32]) -> Result<Vec<LayerTime>> {
        Ok(self.workspace.profile(&self.plan, input, heatmaps))
    }

    fn peak(&self) -> Option<f64> {
        Some(kernel::peak::measure(self.plan.kernel))
    }
}
