//! Running the network: the seam between the frame path and whatever executes a graph.
//!
//! In: 1 x 3 x H x W f32, normalised RGB. Out: 1 x joints x H/4 x W/4 f32 raw heatmaps, in a buffer
//! the caller owns. An engine is built once from a [`ModelFile`] and then only runs.

mod fake;
#[cfg(feature = "onnx")]
mod graph;
#[cfg(feature = "onnx")]
mod guard;
mod int8;
mod layer_time;
mod threads;
#[cfg(feature = "onnx")]
mod tract;

pub use fake::FakeEngine;
pub use int8::{Int8Engine, kernel_families, kernel_family};
#[cfg(feature = "onnx")]
pub use int8::{Int8Runtime, compile, quantised_reader};
pub use layer_time::LayerTime;
pub use threads::Threads;
#[cfg(feature = "onnx")]
pub use tract::TractEngine;

use crate::error::{Error, Result};
use crate::model::{Contents, ModelCard, ModelFile};
use std::str::FromStr;

/// One loaded network with a fixed input and output shape.
pub trait Engine: Send {
    /// What runs it, for reports.
    fn name(&self) -> &str;

    /// N, C, H, W of the input.
    fn input_shape(&self) -> [usize; 4];

    /// N, joints, H, W of the heatmaps.
    fn output_shape(&self) -> [usize; 4];

    /// Runs the network on one input. Both slices have the shapes' lengths.
    ///
    /// # Errors
    /// [`Error::Engine`] if the network fails; `heatmaps` then holds nothing useful.
    fn infer(&mut self, input: &[f32], heatmaps: &mut [f32]) -> Result<()>;

    /// Whether everything it ever needs is there once it is built.
    fn has_fixed_memory(&self) -> bool {
        false
    }

    /// Runs once and gives the time of each layer, in order; nothing if the engine cannot tell.
    ///
    /// # Errors
    /// As for [`Engine::infer`].
    fn profile(&mut self, input: &[f32], heatmaps: &mut [f32]) -> Result<Vec<LayerTime>> {
        self.infer(input, heatmaps).map(|()| Vec::new())
    }

    /// Multiply-accumulates a second that one core can do in the engine's inner loop, measured now;
    /// nothing if the engine cannot tell.
    fn peak(&self) -> Option<f64> {
        None
    }
}

/// Which engine the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineChoice {
    /// The best one that can run the graph.
    #[default]
    Auto,
    /// tract's own executor.
    Tract,
}

impl FromStr for EngineChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(EngineChoice::Auto),
            "tract" => Ok(EngineChoice::Tract),
            _ => Err(Error::usage(format!(
                "unknown engine {text:?}: auto or tract"
            ))),
        }
    }
}

/// Builds an engine for a model. Pinning pins the calling thread too, which is to be the one that
/// runs the network.
///
/// # Errors
/// [`Error::Model`], naming the node at fault where it is known; [`Error::Engine`] if the threads
/// cannot be had.
pub fn load(
    model: &ModelFile,
    choice: EngineChoice,
    threads: impl Into<Threads>,
) -> Result<Box<dyn Engine>> {
    let threads = threads.into();
    match model.contents() {
        Contents::Plan(_) if choice == EngineChoice::Tract => Err(Error::usage(format!(
            "--engine tract cannot run {}, a compiled plan: give it the ONNX file",
            model.path().display()
        ))),
        Contents::Plan(plan) => {
            let engine = Int8Engine::from_file(model.path(), plan, threads)?;
            Ok(Box::new(engine))
        }
        #[cfg(feature = "onnx")]
        Contents::Onnx(proto) => {
            graph::check_nodes(model, proto)?;
            let mut misfit = None;
            if choice == EngineChoice::Auto {
                match int8::load(model, proto, threads)? {
                    Ok(engine) => return Ok(Box::new(engine)),
                    Err(reason) => misfit = Some(reason),
                }
            }
            if threads.pinned {
                log::warn!("tract's threads are not pinned");
            }
            match (TractEngine::load(model, proto, threads.count), misfit) {
                (Ok(engine), misfit) => {
                    if let Some(misfit) = misfit {
                        let path = model.path().display();
                        log::info!("{path}: runs on tract, not in integers: {misfit}");
                    }
                    Ok(Box::new(engine))
                }
                // A quantised graph is rarely for tract: why it does not run in integers matters more.
                (
                    Err(_),
                    Some(int8::Misfit {
                        node: Some(node),
                        what,
                    }),
                ) => {
                    let what =
                        format!("does not run in integers ({what}), and not on tract either");
                    Err(Error::model_node(model.path(), node, what))
                }
                (Err(error), _) => Err(error),
            }
        }
    }
}

/// That the graph is the one its card describes.
///
/// # Errors
/// [`Error::Model`] with both shapes.
pub fn check_shapes(model: &ModelFile, card: &ModelCard, engine: &dyn Engine) -> Result<()> {
    for (what, found, expected) in [
        ("input", engine.input_shape(), card.input_shape()),
        ("heatmaps", engine.output_shape(), card.heatmap_shape()),
    ] {
        if found != expected {
            return Err(Error::model(
                model.path(),
                format!(
                    "its {what} are {found:?}, but its card says {expected:?}: export it again"
                ),
            ));
        }
    }
    Ok(())
}
