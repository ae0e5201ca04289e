//! A float graph on tract that shows the values inside it, for calibration.
//!
//! In: 1 x 3 x H x W f32. Out: the f32 values of each name, in the order of the names. tract owns the memory; it
//! allocates on every run.

use super::graph::{check_nodes, declared_input};
use super::guard::{catch_panic, within_bounds};
use crate::error::{Error, Result};
use crate::model::ModelFile;
use std::collections::HashMap;
use tract_core::prelude::{
    Datum, Framework, IntoTValue, RunOptions, Tensor, TractError, TractResult, TypedModel,
    TypedSimplePlan, TypedSimpleState, tvec,
};
use tract_linalg::multithread::Executor;
use tract_onnx::pb::{ModelProto, ValueInfoProto};
use tract_onnx::prelude::{InferenceFact, InferenceModelExt};

/// A graph with an output for each name.
pub struct Probe {
    state: TypedSimpleState,
    input_shape: [usize; 4],
    /// For each name its output; `None`: it is the input.
    places: Vec<Option<usize>>,
}

impl Probe {
    /// Prepares `proto`, a graph made of the file's. `threads` run it.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) if tract cannot run the graph.
    pub fn load(
        file: &ModelFile,
        proto: &ModelProto,
        names: &[&str],
        threads: usize,
    ) -> Result<Self> {
        check_nodes(file, proto)?;
        let input_shape = declared_input(file, proto)?;
        let mut proto = proto.clone();
        let graph = proto.graph.as_mut().expect("reading checked it");
        let is_input = |name: &str| graph.input.iter().any(|input| input.name == name);
        let mut outputs: Vec<ValueInfoProto> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut places = Vec::new();
        for &name in names {
            if is_input(name) {
                places.push(None);
                continue;
            }
            let place = *known.entry(name).or_insert_with(|| {
                outputs.push(ValueInfoProto {
                    name: name.into(),
                    ..ValueInfoProto::default()
                });
                outputs.len() - 1
            });
            places.push(Some(place));
        }
        graph.output = outputs;
        let build = || -> TractResult<TypedModel> {
            tract_onnx::onnx()
                .model_for_proto_model(&proto)?
                .with_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), input_shape))?
                .into_optimized()
        };
        let typed = within_bounds(file, || catch_panic(build))
            .map_err(|panic| Error::model(file.path(), format!("tract gave up on it: {panic}")))?;
        let options = RunOptions {
            executor: (threads > 1).then(|| Executor::multithread(threads)),
            ..RunOptions::default()
        };
        let state = typed
            .and_then(|typed| TypedSimplePlan::new_with_options(typed, &options)?.spawn())
            .map_err(|error| Error::model(file.path(), format!("{error:#}")))?;
        Ok(Probe {
            state,
            input_shape,
            places,
        })
    }

    /// The shape of the input: N, C, H, W.
    pub fn input_shape(&self) -> [usize; 4] {
        self.input_shape
    }

    /// Runs the graph, and shows the place, the shape and the values of each name.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`](crate::ErrorKind::Engine) if tract fails; the first error of `see`.
    pub fn run(
        &mut self,
        input: &[f32],
        mut see: impl FnMut(usize, &[usize], &[f32]) -> Result<()>,
    ) -> Result<()> {
        let failed = |error: TractError| Error::engine(format!("{error:#}"));
        let tensor = Tensor::from_shape(&self.input_shape, input).map_err(failed)?;
        let state = &mut self.state;
        let results = catch_panic(|| state.run(tvec!(tensor.into_tvalue())))
            .map_err(Error::engine)?
            .map_err(failed)?;
        for (place, output) in self.places.iter().enumerate() {
            let Some(output) = *output else {
                see(place, &self.input_shape, input)?;
                continue;
            };
            let plain = results[output].try_as_plain_ram().map_err(failed)?;
            see(
                place,
                results[output].shape(),
                plain.as_slice::<f32>().map_err(failed)?,
            )?;
        }
        Ok(())
    }
}
