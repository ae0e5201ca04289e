//! Running networks: the seam between the frame path and the engines that execute a graph.
//!
//! In: 1 x 3 x H x W f32, normalised RGB. Out: 1 x joints x H/4 x W/4 f32 raw heatmaps, in [`Outputs`]
//! that the caller owns. A [`Network`] is built once from a [`ModelFile`] and then only runs, in a
//! [`Workspace`] that the caller owns and lends to all its networks.

#![warn(missing_docs)]

mod fake;
#[cfg(feature = "onnx")]
mod graph;
#[cfg(feature = "onnx")]
mod guard;
mod int8;
mod layer_time;
mod network;
#[cfg(feature = "onnx")]
mod probe;
#[cfg(all(test, feature = "onnx"))]
pub(crate) mod random;
mod threads;
#[cfg(feature = "onnx")]
mod tract;

pub use fake::FakeNetwork;
#[cfg(feature = "onnx")]
pub(crate) use graph::is_quantised;
pub use int8::run::{Workspace, WorkspaceSize};
#[cfg(feature = "onnx")]
pub use int8::{Int8Runtime, compile, quantised_reader};
pub use int8::{kernel_families, kernel_family};
pub use layer_time::LayerTime;
pub use network::{Description, Network, Outputs};
#[cfg(feature = "onnx")]
pub use probe::Probe;
pub use threads::Threads;

#[cfg(feature = "onnx")]
use crate::error::Place;
use crate::error::{Error, Result};
use crate::model::{Contents, ModelCard, ModelFile};
use crate::text::Shown;
use int8::Int8Network;
use std::str::FromStr;
#[cfg(feature = "onnx")]
use tract::TractNetwork;
#[cfg(feature = "onnx")]
use tract_onnx::pb::ModelProto;

/// The engine that the user asks for.
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

/// Loads a model's network. `threads` are those of the [`Workspace`] that it runs in; tract starts
/// threads of its own.
///
/// # Errors
/// [`ErrorKind::Model`](crate::ErrorKind::Model), naming the node at fault where it is known.
#[cfg_attr(
    not(feature = "onnx"),
    expect(unused_variables, reason = "only tract starts threads of its own")
)]
pub fn load(
    model: &ModelFile,
    choice: EngineChoice,
    threads: impl Into<Threads>,
) -> Result<Box<dyn Network>> {
    match model.contents() {
        Contents::Plan(_) if choice == EngineChoice::Tract => Err(Error::usage(format!(
            "--engine tract cannot run {}, a compiled plan: give it the ONNX file",
            Shown::path(model.path())
        ))),
        Contents::Plan(plan) => {
            let network = Int8Network::from_file(model.path(), plan)?;
            Ok(Box::new(network))
        }
        #[cfg(feature = "onnx")]
        Contents::Onnx(proto) => {
            let threads = threads.into();
            guard::within_bounds(model, || load_onnx(model, proto, choice, threads))
        }
    }
}

#[cfg(feature = "onnx")]
fn load_onnx(
    model: &ModelFile,
    proto: &ModelProto,
    choice: EngineChoice,
    threads: Threads,
) -> Result<Box<dyn Network>> {
    graph::check_nodes(model, proto)?;
    let misfit = match choice {
        EngineChoice::Auto => match int8::load(model, proto)? {
            Ok(network) => return Ok(Box::new(network)),
            Err(misfit) => Some(misfit),
        },
        EngineChoice::Tract => None,
    };
    if threads.pinned {
        log::warn!("tract's threads are not pinned");
    }
    match (TractNetwork::load(model, proto, threads.count), misfit) {
        (Ok(network), misfit) => {
            if let Some(misfit) = misfit {
                let path = Shown::path(model.path());
                let graph = proto.graph.as_ref();
                let mut nodes = graph.iter().flat_map(|graph| &graph.node);
                let remedy = match nodes.any(is_quantised) {
                    true => "",
                    false => "; `posewire quantize` makes a faster int8 network of it",
                };
                log::info!("{path}: runs on tract, not in integers: {misfit}{remedy}");
            }
            Ok(Box::new(network))
        }
        // A quantised graph is rarely meant for tract, so the reason why it does not run in integers matters more.
        (
            Err(error),
            Some(int8::Misfit {
                node: Some(node),
                what,
            }),
        ) => {
            let place = match error.place() {
                Place::Node(_, node) => format!("{node}: "),
                _ => String::new(),
            };
            let what = format!(
                "does not run in integers ({what}), and not on tract either: {place}{}",
                error.what()
            );
            Err(Error::model_node(model.path(), node, what))
        }
        (Err(error), _) => Err(error),
    }
}

/// Checks that the network has the shapes of its card.
///
/// # Errors
/// [`ErrorKind::Model`](crate::ErrorKind::Model) with both shapes.
pub fn check_shapes(model: &ModelFile, card: &ModelCard, network: &dyn Network) -> Result<()> {
    let description = network.describe();
    let [output_shape] = description.output_shapes[..] else {
        let count = description.output_shapes.len();
        let what = format!("has {count} outputs, a pose network has one: its heatmaps");
        return Err(Error::model(model.path(), what));
    };
    for (what, found, expected) in [
        ("input", description.input_shape, card.input_shape()),
        ("heatmaps", output_shape, card.heatmap_shape()),
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
