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
mod threads;
#[cfg(feature = "onnx")]
mod tract;

pub use fake::FakeNetwork;
#[cfg(feature = "onnx")]
pub(crate) use graph::is_quantised;
pub use int8::run::{Workspace, WorkspaceSize};
#[cfg(feature = "onnx")]
pub use int8::{Int8Runtime, compile, quantised_reader};
pub use int8::{cores, kernel_families, kernel_family, kernel_family_of};
pub use layer_time::LayerTime;
pub use network::{Description, Network, Outputs};
#[cfg(feature = "onnx")]
pub use probe::Probe;
pub use threads::Threads;

#[cfg(feature = "onnx")]
use crate::error::Place;
use crate::error::{Error, Result};
use crate::model::{Contents, FinderCard, ModelCard, ModelFile};
use crate::text::Shown;
use int8::Int8Network;
use std::path::Path;
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

/// Checks that the network has the shapes of its card. `path` is that of the model.
///
/// # Errors
/// [`ErrorKind::Model`](crate::ErrorKind::Model) with both shapes, or with the maps that one of them lacks.
pub fn check_shapes(path: &Path, card: &ModelCard, network: &dyn Network) -> Result<()> {
    let (input, output) = (card.input_shape(), card.output_shape());
    if let Description {
        input_shape,
        output_shapes,
        ..
    } = network.describe()
        && let [[_, maps, height, width]] = output_shapes[..]
        && *input_shape == input
        && [height, width] == output[2..]
        && maps != output[1]
    {
        let what = format!(
            "the network gives {maps} maps, the card names {} joints and {}: name each map after the joints' maps",
            card.joints.len(),
            card.extra_names()
        );
        return Err(Error::model_node(path, "card field extra_channels", what));
    }
    check_tensors(path, network, input, output)
}

/// As [`check_shapes`], for a finder.
///
/// # Errors
/// [`ErrorKind::Model`](crate::ErrorKind::Model) with both shapes.
pub fn check_finder_shapes(path: &Path, card: &FinderCard, network: &dyn Network) -> Result<()> {
    check_tensors(path, network, card.input_shape(), card.output_shape())
}

fn check_tensors(
    path: &Path,
    network: &dyn Network,
    input: [usize; 4],
    output: [usize; 4],
) -> Result<()> {
    let description = network.describe();
    let [output_shape] = description.output_shapes[..] else {
        let count = description.output_shapes.len();
        let what = format!("has {count} outputs, a pose network has one: its heatmaps");
        return Err(Error::model(path, what));
    };
    for (what, found, expected) in [
        ("input", description.input_shape, input),
        ("heatmaps", output_shape, output),
    ] {
        if found != expected {
            return Err(Error::model(
                path,
                format!(
                    "its {what} are {found:?}, but its card says {expected:?}: export it again"
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ExtraChannel, test_card};

    #[test]
    fn maps_that_the_card_does_not_name_or_the_network_has_not_are_refused_by_name() {
        let hand = || FakeNetwork::new(256, vec![(1.0, 1.0, 1.0); 21]);
        let check = |card: &ModelCard, network: FakeNetwork| {
            check_shapes(Path::new("hand.plan"), card, &network).map_err(|error| error.to_string())
        };
        let mut card = test_card();
        assert_eq!(check(&card, hand()), Ok(()));
        let error = check(&card, hand().with_level(0.5)).unwrap_err();
        for word in ["hand.plan", "22 maps", "21 joints", "no extra_channels"] {
            assert!(error.contains(word), "{error}");
        }
        card.extra_channels = vec![ExtraChannel::Presence, ExtraChannel::RightHand];
        let both = hand().with_level(0.5).with_level(0.5);
        assert_eq!(check(&card, both), Ok(()));
        let error = check(&card, hand()).unwrap_err();
        assert!(error.contains("presence, right_hand"), "{error}");
        card.input_px = [128, 128].into();
        let error = check(&card, hand()).unwrap_err();
        assert!(error.contains("[1, 3, 256, 256]"), "{error}");
    }
}
