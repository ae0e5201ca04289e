//! tract's own executor: every graph that tract can read, at tract's speed.
//!
//! It allocates each node's output on every run.

use super::graph::declared_input;
use super::{Engine, guard::catch_panic};
use crate::error::{Error, Result};
use crate::model::ModelFile;
use tract_core::prelude::{
    Datum, Framework, IntoTValue, RunOptions, Tensor, TractError, TypedModel, TypedSimplePlan,
    TypedSimpleState, tvec,
};
use tract_linalg::multithread::Executor;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{InferenceFact, InferenceModelExt};

/// A network in tract's executor.
pub struct TractEngine {
    state: TypedSimpleState,
    input_shape: [usize; 4],
    output_shape: [usize; 4],
}

impl TractEngine {
    /// Checks, optimises and prepares the graph; a batch dimension left open becomes 1.
    ///
    /// # Errors
    /// [`Error::Model`], naming the node at fault where it is known.
    pub(super) fn load(model: &ModelFile, proto: &ModelProto, threads: usize) -> Result<Self> {
        let graph = proto.graph.as_ref().expect("reading checked it");
        let onnx = tract_onnx::onnx();
        if let Some(node) = graph
            .node
            .iter()
            .find(|node| !onnx.op_register.0.contains_key(&node.op_type))
        {
            return Err(Error::model_node(
                model.path(),
                format!("node {}", node.name),
                format!(
                    "tract has no operator {}: run it without --engine tract, or quantise it with --form qdq",
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
        Ok(TractEngine {
            state,
            input_shape,
            output_shape,
        })
    }
}

impl Engine for TractEngine {
    fn name(&self) -> &str {
        "tract"
    }

    fn input_shape(&self) -> [usize; 4] {
        self.input_shape
    }

    fn output_shape(&self) -> [usize; 4] {
        self.output_shape
    }

    fn infer(&mut self, input: &[f32], heatmaps: &mut [f32]) -> Result<()> {
        let failed = |error: TractError| Error::engine(format!("{error:#}"));
        let input = Tensor::from_shape(&self.input_shape, input).map_err(failed)?;
        let state = &mut self.state;
        let outputs = catch_panic(|| state.run(tvec!(input.into_tvalue())))
            .map_err(Error::engine)?
            .map_err(failed)?;
        let plain = outputs[0].try_as_plain_ram().map_err(failed)?;
        heatmaps.copy_from_slice(plain.as_slice::<f32>().map_err(failed)?);
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
