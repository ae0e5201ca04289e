//! tract's own executor: every graph that tract can read, at tract's speed.
//!
//! It allocates each node's output on every run.

use super::graph::declared_input;
use super::guard::catch_panic;
use super::int8::run::{Workspace, WorkspaceSize};
use super::network::{Description, Network, Outputs};
use crate::error::{Error, Result};
use crate::limits::MAX_TRACT_NODES;
use crate::model::ModelFile;
use tract_core::prelude::{
    Datum, Framework, IntoTValue, RunOptions, Tensor, TractError, TypedModel, TypedSimplePlan,
    TypedSimpleState, tvec,
};
use tract_linalg::multithread::Executor;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{InferenceFact, InferenceModelExt};

/// A network in tract's executor.
pub(super) struct TractNetwork {
    state: TypedSimpleState,
    description: Description,
}

impl TractNetwork {
    /// Checks, optimises and prepares the graph; a batch dimension left open becomes 1.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model), naming the node at fault where it is known.
    pub(super) fn load(model: &ModelFile, proto: &ModelProto, threads: usize) -> Result<Self> {
        let graph = proto.graph.as_ref().expect("reading checked it");
        let onnx = tract_onnx::onnx();
        if let Some(node) = graph.node.get(MAX_TRACT_NODES) {
            let name = match node.output.first() {
                Some(output) if node.name.is_empty() => output,
                _ => &node.name,
            };
            return Err(Error::model_node(
                model.path(),
                name,
                format!(
                    "is one more than {MAX_TRACT_NODES}, the most nodes that run on tract: quantise the model"
                ),
            ));
        }
        if let Some(node) = graph
            .node
            .iter()
            .find(|node| !onnx.op_register.0.contains_key(&node.op_type))
        {
            return Err(Error::model_node(
                model.path(),
                format!("node {}", node.name),
                format!(
                    "no engine has the operator {}: export the network without it",
                    node.op_type
                ),
            ));
        }
        let input_shape = declared_input(model, proto)?;
        let built = catch_panic(|| -> tract_core::prelude::TractResult<TypedModel> {
            onnx.model_for_proto_model(proto)?
                .with_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), input_shape))?
                .into_optimized()
        })
        .map_err(|panic| Error::model(model.path(), format!("tract gave up on it: {panic}")))?;
        let typed = built.map_err(|error| Error::model(model.path(), format!("{error:#}")))?;
        let output_shape = output_shape(model, &typed)?;
        let options = RunOptions {
            executor: (threads > 1).then(|| Executor::multithread(threads)),
            ..RunOptions::default()
        };
        let state = TypedSimplePlan::new_with_options(typed, &options)
            .and_then(|plan| plan.spawn())
            .map_err(|error| Error::model(model.path(), format!("{error:#}")))?;
        Ok(TractNetwork {
            state,
            description: Description {
                name: "tract".into(),
                input_shape,
                output_shapes: vec![output_shape],
            },
        })
    }
}

impl Network for TractNetwork {
    fn describe(&self) -> &Description {
        &self.description
    }

    fn workspace(&self) -> Option<WorkspaceSize> {
        None
    }

    fn run(&mut self, _work: &mut Workspace, input: &[f32], outputs: &mut Outputs) -> Result<()> {
        let failed = |error: TractError| Error::engine(format!("{error:#}"));
        let input = Tensor::from_shape(&self.description.input_shape, input).map_err(failed)?;
        let state = &mut self.state;
        let results = catch_panic(|| state.run(tvec!(input.into_tvalue())))
            .map_err(Error::engine)?
            .map_err(failed)?;
        let plain = results[0].try_as_plain_ram().map_err(failed)?;
        let values = plain.as_slice::<f32>().map_err(failed)?;
        if !outputs.are_of(&self.description) || values.len() != outputs.get(0).len() {
            return Err(Error::engine("the outputs are not those of the network"));
        }
        outputs.get_mut(0).copy_from_slice(values);
        Ok(())
    }
}

/// The shape of the graph's only output, which must be a stack of float heatmaps.
fn output_shape(model: &ModelFile, typed: &TypedModel) -> Result<[usize; 4]> {
    if typed.outputs.len() != 1 {
        return Err(Error::model(
            model.path(),
            format!(
                "has {} outputs, a pose network has one: its heatmaps",
                typed.outputs.len()
            ),
        ));
    }
    let fact = typed
        .output_fact(0)
        .map_err(|error| Error::model(model.path(), format!("{error:#}")))?;
    let dims = fact.shape.as_concrete().unwrap_or(&[]);
    match *dims {
        [1, joints, height, width] if fact.datum_type == f32::datum_type() => {
            Ok([1, joints, height, width])
        }
        _ => Err(Error::model(
            model.path(),
            format!("its output is {fact:?}, expected is float32 [1, joints, height, width]"),
        )),
    }
}
