//! From an ONNX file to the integer engine, or to a plan file.

use super::import;
use super::ir::Network;
use super::kernel::Kernel;
use super::pack::Origin;
use super::plan::Plan;
use super::{Int8Engine, carry, kernel, stored};
use crate::engine::Threads;
use crate::engine::graph;
use crate::engine::guard::catch_panic;
use crate::error::{Error, Result};
use crate::model::{ModelFile, assemble_plan};
use tract_core::prelude::{Datum, Framework, TractResult, TypedModel};
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{InferenceFact, InferenceModelExt};

/// The node of a [`Loaded::Misfit`] if tract did not get as far as the nodes.
pub(in super::super) const WHOLE_GRAPH: &str = "graph";

/// What came of giving a graph to this engine.
pub(in super::super) enum Loaded {
    Engine(Box<Int8Engine>),
    /// The graph is sound, but not one that runs in integers; at which node, and why.
    Misfit {
        node: String,
        what: String,
    },
}

/// Imports and plans a graph.
///
/// # Errors
/// [`Error::Model`] if no engine could run the graph, [`Error::Usage`] if `POSEWIRE_KERNEL` names
/// no kernel.
pub(in super::super) fn load(
    model: &ModelFile,
    proto: &ModelProto,
    threads: Threads,
) -> Result<Loaded> {
    let kernel = kernel::best().map_err(Error::usage)?;
    match plan(model, proto, kernel)? {
        Ok((_, plan)) => {
            Int8Engine::new(plan, threads).map(|engine| Loaded::Engine(Box::new(engine)))
        }
        Err((node, what)) => Ok(Loaded::Misfit { node, what }),
    }
}

/// A model's plan file, for the kernel of this name, of any processor, or the one that would be used here.
///
/// # Errors
/// [`Error::Model`], naming the node at fault, if the graph does not run in integers;
/// [`Error::Usage`] if there is no such kernel.
pub fn compile(model: &ModelFile, family: Option<&str>) -> Result<Vec<u8>> {
    let kernel = match family {
        Some(name) => kernel::of_family(name)
            .map_err(|names| Error::usage(format!("no kernel is called {name:?}: {names}")))?,
        None => kernel::best().map_err(Error::usage)?,
    };
    let Some(proto) = model.onnx() else {
        return Err(Error::model(model.path(), "is a plan already"));
    };
    let (network, plan) = plan(model, proto, kernel)?
        .map_err(|(node, what)| Error::model_node(model.path(), node, what))?;
    let (network, weights) = stored::write(&network, &plan);
    let card = model
        .card()
        .map_or(Ok(String::new()), serde_json::to_string);
    let card = card.map_err(|error| Error::model(model.path(), error.to_string()))?;
    assemble_plan(card.as_bytes(), plan.kernel.name(), &network, &weights)
        .map_err(|what| Error::model(model.path(), what))
}

/// A network and its plan, or the node that does not fit and why.
type Planned = std::result::Result<(Network, Plan), (String, String)>;

fn plan(model: &ModelFile, proto: &ModelProto, kernel: &'static dyn Kernel) -> Result<Planned> {
    let input_shape = graph::declared_input(model, proto)?;
    let typed = catch_panic(|| -> TractResult<TypedModel> {
        carry::reader()
            .model_for_proto_model(proto)?
            .with_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), input_shape))?
            .into_typed()
    })
    .map_err(|panic| Error::model(model.path(), format!("tract gave up on it: {panic}")))?;
    let typed = match typed {
        Ok(typed) => typed,
        Err(error) => return Ok(Err((WHOLE_GRAPH.into(), format!("{error:#}")))),
    };
    Ok(import::import(&typed)
        .map_err(|misfit| (misfit.node, misfit.what))
        .and_then(|network| {
            let plan = Plan::new(&network, input_shape, kernel, Origin::Filters)?;
            Ok((network, plan))
        }))
}
