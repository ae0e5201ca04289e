//! What rounding changed: heatmaps and keypoints of the int8 network beside those of the float one.

use crate::decode::Decoder;
use crate::engine::{self, EngineChoice, Network, Outputs, Workspace};
use crate::error::{Error, Result};
use crate::model::ModelFile;
use crate::scene::Keypoints;

/// Joints whose heatmap is lower than this are not compared: nothing is there, and the largest value is anywhere.
const MIN_SCORE: f32 = 0.3;

/// Differences over all crops.
pub(super) struct Difference {
    /// Distances in network pixels, in order.
    distances_px: Vec<f32>,
    input_px: (u32, u32),
    /// Root of the mean square difference of heatmaps over that of the heatmaps.
    heatmap_error: f64,
}

/// # Errors
/// [`ErrorKind::Engine`](crate::ErrorKind::Engine) if a network fails.
pub(super) fn difference(
    float: &ModelFile,
    int8: &ModelFile,
    inputs: &[&[f32]],
    threads: usize,
) -> Result<Difference> {
    let card = float.require_card()?;
    let mut float = Loaded::new(float, EngineChoice::Tract, threads)?;
    let mut int8 = Loaded::new(int8, EngineChoice::Auto, threads)?;
    let (mut error, mut power) = (0.0, 0.0);
    let mut distances_px = Vec::new();
    let scale = card.input_px.width as f32 / card.heatmap_px.width as f32;
    for input in inputs {
        let (wanted, keypoints) = float.run(input)?;
        let (found, rounded) = int8.run(input)?;
        for (wanted, found) in wanted.iter().zip(&found) {
            error += f64::from(wanted - found).powi(2);
            power += f64::from(*wanted).powi(2);
        }
        for (wanted, found) in keypoints
            .iter()
            .zip(&rounded)
            .filter(|(wanted, _)| wanted.score >= MIN_SCORE)
        {
            let (x, y) = (wanted.x_px - found.x_px, wanted.y_px - found.y_px);
            distances_px.push(scale * x.hypot(y));
        }
    }
    if distances_px.is_empty() {
        return Err(Error::engine(
            "the float network finds nothing in the pictures: give pictures of what it was trained for",
        ));
    }
    distances_px.sort_by(f32::total_cmp);
    Ok(Difference {
        distances_px,
        input_px: (card.input_px.width, card.input_px.height),
        heatmap_error: (error / power).sqrt(),
    })
}

impl Difference {
    /// Lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let count = self.distances_px.len();
        let at = |part: f64| self.distances_px[((count - 1) as f64 * part).round() as usize];
        let mean = self.distances_px.iter().sum::<f32>() / count as f32;
        let (width, height) = self.input_px;
        vec![
            format!(
                "heatmaps: {:.1} % error (root mean square, of float's)",
                100.0 * self.heatmap_error
            ),
            format!(
                "keypoints: {mean:.2} px from float's on the average, 90 % within {:.2} px, the farthest {:.2} px, of {width} x {height} \
                 ({count} joints)",
                at(0.9),
                at(1.0)
            ),
        ]
    }
}

/// A network with what it needs to run.
struct Loaded {
    network: Box<dyn Network>,
    work: Workspace,
    outputs: Outputs,
    decoder: Decoder,
    /// Values of the joints' heatmaps, which come first.
    joint_values: usize,
}

impl Loaded {
    fn new(model: &ModelFile, engine: EngineChoice, threads: usize) -> Result<Self> {
        let card = model.require_card()?;
        let network = engine::load(model, engine, threads)?;
        engine::check_shapes(model.path(), card, network.as_ref())?;
        let [_, joints, height, width] = card.heatmap_shape();
        Ok(Loaded {
            work: Workspace::new(network.workspace(), threads)?,
            outputs: Outputs::new(network.describe()),
            decoder: Decoder::new(joints, width, height, card.decode),
            joint_values: joints * width * height,
            network,
        })
    }

    fn run(&mut self, input: &[f32]) -> Result<(Vec<f32>, Keypoints)> {
        self.network.run(&mut self.work, input, &mut self.outputs)?;
        let heatmaps = self.outputs.get(0).to_vec();
        let keypoints = self.decoder.decode(&heatmaps[..self.joint_values]);
        Ok((heatmaps, keypoints))
    }
}
