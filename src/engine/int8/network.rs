//! A network in the integer engine: a bound plan and the kernel that runs it.

use super::cores;
use super::ir::Misfit;
use super::kernel::{self, Kernel};
use super::plan::{self, Plan};
use super::run::{Workspace, WorkspaceSize};
use crate::engine::layer_time::LayerTime;
use crate::engine::network::{Description, Network, Outputs};
use crate::error::{Error, Result};
use crate::model::PlanFile;
use crate::text::Shown;
use std::path::Path;

/// A plan, and a kernel of its family.
pub(in crate::engine) struct Int8Network {
    description: Description,
    pub(super) plan: Plan,
    kernel: &'static dyn Kernel,
    size: WorkspaceSize,
}

impl Int8Network {
    /// From a plan file, whose weights stay where they are mapped.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) if the plan is for a kernel that this processor does not have, or is garbled.
    pub(in crate::engine) fn from_file(path: &Path, file: &PlanFile) -> Result<Self> {
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
                Shown::path(path),
                best.family().name
            );
        }
        let cache = cores::cache_here().map_err(Error::usage)?;
        let stored = plan::file::read(file).map_err(|what| Error::model(path, what))?;
        let plan = plan::outline(&stored.graph, stored.input_shape)
            .and_then(|outline| Plan::bind(&outline, stored.packed, kernel.family(), cache))
            .map_err(|misfit| refusal(path, misfit))?;
        Ok(Self::new(plan, kernel))
    }

    pub(super) fn new(plan: Plan, kernel: &'static dyn Kernel) -> Self {
        let output = plan.output;
        Int8Network {
            description: Description {
                name: format!("int8 ({})", kernel.family().name),
                input_shape: plan.input_shape,
                output_shapes: vec![[1, output.channels, output.height, output.width]],
            },
            size: WorkspaceSize::of(&plan, kernel),
            kernel,
            plan,
        }
    }

    /// Checks that the workspace, the input and the outputs are of this network's sizes.
    fn check(&self, work: &Workspace, input: &[f32], outputs: &Outputs) -> Result<()> {
        let expected = self.description.input_len();
        if input.len() != expected {
            let count = input.len();
            let what = format!("the input has {count} values, the network takes {expected}");
            return Err(Error::engine(what));
        }
        if !work.holds(self.size) {
            return Err(Error::engine("the workspace is smaller than the network"));
        }
        if !outputs.are_of(&self.description) {
            return Err(Error::engine("the outputs are not those of the network"));
        }
        Ok(())
    }
}

/// The error for a model that does not run in integers.
pub(super) fn refusal(path: &Path, misfit: Misfit) -> Error {
    match misfit.node {
        Some(node) => Error::model_node(path, node, misfit.what),
        None => Error::model(path, misfit.what),
    }
}

impl Network for Int8Network {
    fn describe(&self) -> &Description {
        &self.description
    }

    fn workspace(&self) -> Option<WorkspaceSize> {
        Some(self.size)
    }

    fn run(&mut self, work: &mut Workspace, input: &[f32], outputs: &mut Outputs) -> Result<()> {
        self.check(work, input, outputs)?;
        work.run(&self.plan, self.kernel, input, outputs.get_mut(0));
        Ok(())
    }

    fn profile(
        &mut self,
        work: &mut Workspace,
        input: &[f32],
        outputs: &mut Outputs,
    ) -> Result<Vec<LayerTime>> {
        self.check(work, input, outputs)?;
        Ok(work.profile(&self.plan, self.kernel, input, outputs.get_mut(0)))
    }

    fn peak_macs_per_s(&self) -> Option<f64> {
        Some(kernel::peak::macs_per_s(self.kernel))
    }
}
