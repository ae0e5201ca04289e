//! From an ONNX file to a bound plan, or to a plan file.

use super::cores::{self, Cache, Core};
use super::family;
use super::ir::{Graph, Misfit};
use super::kernel::{self, Kernel};
use super::network::{Int8Network, refusal};
use super::onnx;
use super::plan::{Plan, file, outline};
use crate::engine::graph;
use crate::engine::guard::{catch_panic, within_bounds};
use crate::error::{Error, Result};
use crate::model::{ModelFile, assemble_plan};
use tract_core::prelude::{Datum, Framework, TractResult, TypedModel};
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{InferenceFact, InferenceModelExt};

/// Imports and plans a graph; the inner error is for a sound graph that does not run in integers.
///
/// # Errors
/// [`ErrorKind::Model`](crate::ErrorKind::Model) if no engine could run the graph, [`ErrorKind::Usage`](crate::ErrorKind::Usage) if `POSEWIRE_KERNEL` names
/// no kernel.
pub(in super::super) fn load(
    model: &ModelFile,
    proto: &ModelProto,
) -> Result<std::result::Result<Int8Network, Misfit>> {
    let kernel = kernel::best().map_err(Error::usage)?;
    let cache = cores::cache_here().map_err(Error::usage)?;
    Ok(import(model, proto)?
        .and_then(|(graph, input_shape)| plan(&graph, input_shape, kernel, cache))
        .map(|plan| Int8Network::new(plan, kernel)))
}

/// A graph's plan, compiled for a kernel of this processor and cores with this cache.
pub(super) fn plan(
    graph: &Graph,
    input_shape: [usize; 4],
    kernel: &'static dyn Kernel,
    cache: Cache,
) -> std::result::Result<Plan, Misfit> {
    let family = kernel.family();
    let outline = outline(graph, input_shape)?;
    let packed = super::compile::compile(&outline, family, None)?;
    Plan::bind(&outline, packed, family, cache)
}

/// A model's plan file, for the kernel family and the core of these names, of any processor. Without a kernel it is
/// the core's, or the one that would be used here; without a core the methods are chosen for any core of the family.
///
/// # Errors
/// [`ErrorKind::Model`](crate::ErrorKind::Model), naming the node at fault, if the graph does not run in integers;
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if there is no such kernel or core.
pub fn compile(model: &ModelFile, kernel: Option<&str>, core: Option<&str>) -> Result<Vec<u8>> {
    let core: Option<&Core> = core
        .map(|name| {
            cores::named(name)
                .map_err(|names| Error::usage(format!("no core is called {name:?}: {names}")))
        })
        .transpose()?;
    let family = match (kernel, core) {
        (Some(name), _) => family::named(name)
            .map_err(|names| Error::usage(format!("no kernel is called {name:?}: {names}")))?,
        (None, Some(core)) => core.family,
        (None, None) => kernel::best().map_err(Error::usage)?.family(),
    };
    let Some(proto) = model.onnx() else {
        return Err(Error::model(model.path(), "is a plan already"));
    };
    graph::check_nodes(model, proto)?;
    let sections = within_bounds(model, || {
        Ok(import(model, proto)?.and_then(|(graph, input_shape)| {
            let packed = super::compile::compile(&outline(&graph, input_shape)?, family, core)?;
            let (network, weights) = file::write(&graph, input_shape, &packed);
            Ok((file::version(&graph), network, weights))
        }))
    })?;
    let (version, network, weights) = sections.map_err(|misfit| refusal(model.path(), misfit))?;
    let card = model.card_json()?;
    assemble_plan(version, card.as_bytes(), family.name, &network, &weights)
        .map_err(|what| Error::model(model.path(), what))
}

/// A graph and its input's shape, or the reason why it does not run in integers.
type Imported = std::result::Result<(Graph, [usize; 4]), Misfit>;

fn import(model: &ModelFile, proto: &ModelProto) -> Result<Imported> {
    let input_shape = graph::declared_input(model, proto)?;
    let typed = catch_panic(|| -> TractResult<TypedModel> {
        onnx::reader()
            .model_for_proto_model(proto)?
            .with_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), input_shape))?
            .into_typed()
    })
    .map_err(|panic| Error::model(model.path(), format!("tract gave up on it: {panic}")))?;
    Ok(typed
        .map_err(|error| Misfit {
            node: None,
            what: format!("graph: {error:#}"),
        })
        .and_then(|typed| Ok((onnx::import(&typed)?, input_shape))))
}
