//! A network without weights, for tests of the stages around it.

use super::int8::run::{Workspace, WorkspaceSize};
use super::network::{Description, Network, Outputs};
use crate::error::{Error, Result};

/// A network that draws one Gaussian per joint at a given position, or fails at a given run.
#[derive(Debug, Clone)]
pub struct FakeNetwork {
    description: Description,
    /// Column, row and height of each joint's peak, in heatmap pixels.
    peaks: Vec<(f32, f32, f32)>,
    /// Values of flat maps after those of the joints.
    levels: Vec<f32>,
    runs: usize,
    fail_on_run: Option<usize>,
}

impl FakeNetwork {
    /// Makes a network with an `input_side` x `input_side` input and heatmaps of a quarter of that side.
    pub fn new(input_side: usize, peaks: Vec<(f32, f32, f32)>) -> Self {
        FakeNetwork {
            description: Description {
                name: "fake".into(),
                input_shape: [1, 3, input_side, input_side],
                output_shapes: vec![[1, peaks.len(), input_side / 4, input_side / 4]],
            },
            peaks,
            levels: Vec::new(),
            runs: 0,
            fail_on_run: None,
        }
    }

    /// Adds a map of this value everywhere, after those of the joints.
    pub fn with_level(mut self, level: f32) -> Self {
        self.levels.push(level);
        self.description.output_shapes[0][1] += 1;
        self
    }

    /// The run with this index returns an error.
    pub fn failing_on(mut self, run: usize) -> Self {
        self.fail_on_run = Some(run);
        self
    }
}

impl Network for FakeNetwork {
    fn describe(&self) -> &Description {
        &self.description
    }

    fn workspace(&self) -> Option<WorkspaceSize> {
        None
    }

    fn run(&mut self, _work: &mut Workspace, _input: &[f32], outputs: &mut Outputs) -> Result<()> {
        let run = self.runs;
        self.runs += 1;
        if self.fail_on_run == Some(run) {
            return Err(Error::engine("the fake engine was told to fail"));
        }
        let [_, _, side, _] = self.description.output_shapes[0];
        let joints = self.peaks.len() * side * side;
        let (heatmaps, flat) = outputs.get_mut(0).split_at_mut(joints);
        for (map, &level) in flat.chunks_exact_mut(side * side).zip(&self.levels) {
            map.fill(level);
        }
        for (heatmap, &(x, y, height)) in heatmaps.chunks_exact_mut(side * side).zip(&self.peaks) {
            for (index, value) in heatmap.iter_mut().enumerate() {
                let dx = (index % side) as f32 - x;
                let dy = (index / side) as f32 - y;
                *value = height * (-(dx * dx + dy * dy) / 8.0).exp();
            }
        }
        Ok(())
    }
}
