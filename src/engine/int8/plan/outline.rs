//! The outline of a plan, from a graph: fused additions, steps, taps and places, for any family.

use super::conv::{self, ConvOutline, FusedInto};
use super::layout::{Layout, Place};
use crate::engine::int8::ir::{Graph, Misfit, Op};

/// Steps and places of a checked graph.
pub(crate) struct Outline<'a> {
    pub graph: &'a Graph,
    /// N, C, H, W.
    pub(super) input_shape: [usize; 4],
    pub(super) steps: Vec<StepOutline>,
    /// Of each activation. `None` for a convolution's that is fused into an addition: no step reads it.
    pub(super) places: Vec<Option<Place>>,
    pub(super) arena_bytes: u64,
}

/// A step; nodes are given by their place in the graph.
pub(crate) enum StepOutline {
    /// Quantisation, pooling, or an addition of its own.
    Node(usize),
    Conv(ConvOutline),
    /// A convolution in float, or with one filter for each channel: its weights are the same for every family.
    Packed(usize),
}

impl Outline<'_> {
    /// The steps that have weights, in the order of these.
    #[cfg(any(feature = "onnx", test))]
    pub(crate) fn weighted(&self) -> impl Iterator<Item = &StepOutline> {
        let steps = self.steps.iter();
        steps.filter(|step| !matches!(step, StepOutline::Node(_)))
    }
}

/// Checks a graph and outlines its plan. `input_shape` is N, C, H, W.
///
/// # Errors
/// The node that cannot be planned, and why.
pub(crate) fn outline(graph: &Graph, input_shape: [usize; 4]) -> Result<Outline<'_>, Misfit> {
    graph.check()?;
    let input = graph.tensor(graph.nodes[0].output);
    if input_shape != [1, 3, input.height, input.width] {
        let what = format!("has the input shape {input_shape:?}");
        return Err(Misfit::of_graph(what));
    }
    let layout = Layout::new(graph);
    let (places, arena_bytes) = layout.place().map_err(Misfit::of_graph)?;
    let mut steps = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        if layout.fused_into[index].is_some() {
            continue;
        }
        // A convolution that is done here, and its addition.
        let (conv, fused_into) = match (&node.op, layout.takes[index]) {
            (Op::Add { operands, .. }, Some((conv, other))) => {
                let fused_into = FusedInto {
                    node: index,
                    other: operands[other],
                    conv_is_lhs: other == 1,
                };
                (conv, Some(fused_into))
            }
            _ => (index, None),
        };
        let is_packed = match &node.op {
            Op::Float { op, .. } => op.weights().is_some(),
            Op::Depthwise { .. } => true,
            _ => false,
        };
        if is_packed {
            steps.push(StepOutline::Packed(index));
            continue;
        }
        let (Op::Conv { input, weights, .. } | Op::ConvTranspose { input, weights, .. }) =
            &graph.nodes[conv].op
        else {
            steps.push(StepOutline::Node(index));
            continue;
        };
        let output = graph.tensor(node.output);
        let size = [output.height, output.width];
        let input_place = layout.place_of(*input, 0);
        let has_row_taps = input_place.has_packed_pixels();
        let (tap_bytes, tap_values) = match has_row_taps {
            true => conv::row_tap(weights),
            false => (input_place.stride, weights.in_channels),
        };
        let parts = match &graph.nodes[conv].op {
            Op::ConvTranspose { .. } => conv::transposed(weights, size),
            _ => vec![conv::plain(weights, size, has_row_taps)],
        };
        steps.extend(parts.into_iter().map(|(grid, taps)| {
            StepOutline::Conv(ConvOutline {
                node: conv,
                input: *input,
                fused_into,
                taps,
                grid,
                tap_bytes,
                tap_values,
                has_row_taps,
            })
        }));
    }
    Ok(Outline {
        graph,
        input_shape,
        steps,
        places,
        arena_bytes,
    })
}
