//! One loaded network: the trait that every engine implements, its shapes, and the buffer of its outputs.

use super::int8::run::{Workspace, WorkspaceSize};
use super::layer_time::LayerTime;
use crate::error::Result;
use std::ops::Range;

/// One loaded network with fixed shapes: its weights and steps. The memory it computes in is lent, so
/// that several networks, run one after the other, share one [`Workspace`].
///
/// ```
/// use posewire::engine::{FakeNetwork, Network, Outputs, Workspace};
///
/// let mut network = FakeNetwork::new(64, vec![(3.0, 5.0, 1.0)]);
/// let mut workspace = Workspace::new(network.workspace(), 1)?;
/// let mut outputs = Outputs::new(network.describe());
/// network.run(&mut workspace, &[0.0; 3 * 64 * 64], &mut outputs)?;
/// assert_eq!(outputs.get(0)[5 * 16 + 3], 1.0);
/// # Ok::<(), posewire::Error>(())
/// ```
pub trait Network: Send {
    /// Its name and shapes.
    fn describe(&self) -> &Description;

    /// The memory that it needs while it runs; `None` if it allocates as it runs, and so fits no
    /// memory budget.
    fn workspace(&self) -> Option<WorkspaceSize>;

    /// Runs the network on one input, 1 x 3 x H x W normalised RGB.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`](crate::ErrorKind::Engine) if the network fails, or if the input, the workspace or
    /// the outputs are not of its sizes. The outputs then have no meaning.
    fn run(&mut self, work: &mut Workspace, input: &[f32], outputs: &mut Outputs) -> Result<()>;

    /// Runs once and gives the time of each layer, in order; an empty list if the engine does not
    /// measure layers. Allocates.
    ///
    /// # Errors
    /// As for [`Network::run`].
    fn profile(
        &mut self,
        work: &mut Workspace,
        input: &[f32],
        outputs: &mut Outputs,
    ) -> Result<Vec<LayerTime>> {
        self.run(work, input, outputs).map(|()| Vec::new())
    }

    /// Multiply-accumulates a second that one core can do in the engine's inner loop, measured now;
    /// `None` if the engine does not measure it.
    fn peak_macs_per_s(&self) -> Option<f64> {
        None
    }
}

/// A network's name and shapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The engine and its kernel, for reports.
    pub name: String,
    /// N, C, H, W.
    pub input_shape: [usize; 4],
    /// N, C, H, W of each output: heatmaps are one, with a channel for each joint.
    pub output_shapes: Vec<[usize; 4]>,
}

impl Description {
    /// Values of the input.
    pub fn input_len(&self) -> usize {
        self.input_shape.iter().product()
    }
}

/// The outputs of a network, in one buffer that is made once.
#[derive(Debug, Clone)]
pub struct Outputs {
    values: Vec<f32>,
    ranges: Vec<Range<usize>>,
}

impl Outputs {
    /// Room for the outputs of a network, zero at first.
    pub fn new(description: &Description) -> Self {
        let mut end = 0;
        let ranges = description.output_shapes.iter().map(|shape| {
            let start = end;
            end += shape.iter().product::<usize>();
            start..end
        });
        let ranges = ranges.collect();
        Outputs {
            values: vec![0.0; end],
            ranges,
        }
    }

    /// One output, in the order of [`Description::output_shapes`].
    ///
    /// # Panics
    /// If there is no output of this index.
    pub fn get(&self, index: usize) -> &[f32] {
        &self.values[self.ranges[index].clone()]
    }

    /// As [`Outputs::get`], to write to.
    ///
    /// # Panics
    /// If there is no output of this index.
    pub fn get_mut(&mut self, index: usize) -> &mut [f32] {
        &mut self.values[self.ranges[index].clone()]
    }

    /// Whether they are outputs of a network with this description.
    pub fn are_of(&self, description: &Description) -> bool {
        let lengths = description
            .output_shapes
            .iter()
            .map(|shape| shape.iter().product::<usize>());
        lengths.eq(self.ranges.iter().map(Range::len))
    }
}
