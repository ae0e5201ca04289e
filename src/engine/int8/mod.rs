//! The integer engine: quantised networks as a static plan of fused integer convolutions.
//!
//! tract reads and checks the graph ([`carry`]), the importer brings QDQ and QOperator forms to one
//! list of operations ([`import`], [`ir`]), the planner fuses, packs weights and places activations
//! in one arena ([`plan`]), and a frame runs step by step without allocating ([`run`]). Sums are
//! exact; requantisation rounds half to even in f32, as ONNX defines it, so that results are those
//! of ONNX Runtime on the same file but for ties.

mod arena;
mod attributes;
mod carry;
mod constants;
mod conv;
mod filter;
mod import;
mod ir;
mod kernel;
mod layout;
mod pack;
mod plan;
mod pool;
mod run;
mod runtime;
mod winograd;

use super::graph;
use super::guard::catch_panic;
use super::{Engine, LayerTime};
use crate::error::{Error, Result};
use crate::model::ModelFile;
pub use carry::reader as quantised_reader;
pub use runtime::Int8Runtime;

use plan::Plan;
use run::Workspace;
use tract_core::prelude::{Datum, Framework, TractResult, TypedModel};
use tract_onnx::prelude::{InferenceFact, InferenceModelExt};

/// A network in the integer engine.
pub struct Int8Engine {
    name: String,
    plan: Plan,
    workspace: Workspace,
    output_shape: [usize; 4],
}

/// What came of giving a graph to this engine.
pub(super) enum Loaded {
    Engine(Box<Int8Engine>),
    /// The graph is sound, but not one that runs in integers; at which node, and why.
    Misfit {
        node: String,
        what: String,
    },
}

impl Int8Engine {
    /// Imports and plans a graph.
    ///
    /// # Errors
    /// [`Error::Model`] if no engine could run the graph, [`Error::Usage`] if `POSEWIRE_KERNEL` names
    /// no kernel.
    pub(super) fn load(model: &ModelFile, threads: usize) -> Result<Loaded> {
        let kernel = kernel::best().map_err(Error::usage)?;
        let input_shape = graph::declared_input(model)?;
        let typed = catch_panic(|| -> TractResult<TypedModel> {
            carry::reader()
                .model_for_proto_model(model.proto())?
                .with_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), input_shape))?
                .into_typed()
        })
        .map_err(|panic| Error::model(model.path(), format!("tract gave up on it: {panic}")))?;
        let typed = match typed {
            Ok(typed) => typed,
            Err(error) => {
                return Ok(Loaded::Misfit {
                    node: "graph".into(),
                    what: format!("{error:#}"),
                });
            }
        };
        let network = match import::import(&typed) {
            Ok(network) => network,
            Err(misfit) => {
                return Ok(Loaded::Misfit {
                    node: misfit.node,
                    what: misfit.what,
                });
            }
        };
        let plan = Plan::new(&network, input_shape, kernel);
        let output = plan.output;
        let workspace = Workspace::new(&plan, threads)
            .map_err(|error| Error::engine(format!("cannot start {threads} threads: {error}")))?;
        Ok(Loaded::Engine(Box::new(Int8Engine {
            name: format!("int8 ({})", kernel.name()),
            workspace,
            output_shape: [1, output.channels, output.height, output.width],
            plan,
        })))
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

    fn profile(&mut self, input: &[f32], heatmaps: &mut [f32]) -> Result<Vec<LayerTime>> {
        Ok(self.workspace.profile(&self.plan, input, heatmaps))
    }
}
