//! An engine without a network, for tests of everything around it.

use super::Engine;
use crate::error::{Error, Result};

/// Draws one Gaussian a joint where it is told to, or fails when it is told to.
#[derive(Debug, Clone)]
pub struct FakeEngine {
    input_side: usize,
    /// Column, row and height of each joint's peak, in heatmap pixels.
    peaks: Vec<(f32, f32, f32)>,
    runs: usize,
    fail_on_run: Option<usize>,
}

impl FakeEngine {
    /// For an `input_side` x `input_side` input and heatmaps of a quarter of that.
    pub fn new(input_side: usize, peaks: Vec<(f32, f32, f32)>) -> Self {
        FakeEngine {
            input_side,
            peaks,
            runs: 0,
            fail_on_run: None,
        }
    }

    /// The run of this number, counted from 0, returns an error.
    pub fn failing_on(mut self, run: usize) -> Self {
        self.fail_on_run = Some(run);
        self
    }
}

impl Engine for FakeEngine {
    fn name(&self) -> &str {
        "fake"
    }

    fn input_shape(&self) -> [usize; 4] {
        [1, 3, self.input_side, self.input_side]
    }

    fn output_shape(&self) -> [usize; 4] {
        [
            1,
            self.peaks.len(),
            self.input_side / 4,
            self.input_side / 4,
        ]
    }

    fn infer(&mut self, _input: &[f32], heatmaps: &mut [f32]) -> Result<()> {
        let run = self.runs;
        self.runs += 1;
        if self.fail_on_run == Some(run) {
            return Err(Error::engine("the fake engine was told to fail"));
        }
        let side = self.input_side / 4;
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
