//! From one frame to keypoints in its own pixels. Owns the network's input and output buffers, and the
//! workspace that it runs in.

use crate::crop::Cropper;
use crate::decode::Decoder;
use crate::engine::{self, Network, Outputs, Workspace};
use crate::error::Result;
use crate::frame::Frame;
use crate::model::{ModelCard, ModelFile};
use crate::scene::Keypoints;
use crate::scene::{BBox, CropBox};
use crate::stats::{Stage, StageTimes};
use crate::track::{RegionKind, Sighting, Tracker};

/// What was seen in one frame.
#[derive(Debug, Clone)]
pub struct Observation {
    /// In source-frame pixels.
    pub keypoints: Keypoints,
    pub sighting: Sighting,
    pub region: RegionKind,
    pub crop: CropBox,
}

/// The stages between a source and a sink, for one model.
pub struct Pipeline {
    card: ModelCard,
    network: Box<dyn Network>,
    work: Workspace,
    cropper: Cropper,
    decoder: Decoder,
    tracker: Tracker,
    input: Vec<f32>,
    outputs: Outputs,
}

impl Pipeline {
    /// For a model's network and a workspace that holds it; `bbox` is the user's box, if there is one.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model) if the model has no card, or another shape than its
    /// card says.
    pub fn new(
        model: &ModelFile,
        network: Box<dyn Network>,
        work: Workspace,
        bbox: Option<BBox>,
        min_score: f32,
    ) -> Result<Self> {
        let card = model.require_card()?;
        engine::check_shapes(model, card, network.as_ref())?;
        Ok(Self::with_card(
            card.clone(),
            network,
            work,
            bbox,
            min_score,
        ))
    }

    /// For a network with the shapes of the card.
    pub fn with_card(
        card: ModelCard,
        network: Box<dyn Network>,
        work: Workspace,
        bbox: Option<BBox>,
        min_score: f32,
    ) -> Self {
        let [_, joints, height, width] = card.heatmap_shape();
        Pipeline {
            cropper: Cropper::new(card.input_size, card.mean, card.std),
            decoder: Decoder::new(joints, width, height, card.decode),
            tracker: Tracker::new(bbox, card.crop_padding, card.input_size, min_score),
            input: vec![0.0; card.input_shape().iter().product()],
            outputs: Outputs::new(network.describe()),
            network,
            work,
            card,
        }
    }

    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    pub fn engine_name(&self) -> &str {
        &self.network.describe().name
    }

    /// Forgets what was followed: the next frame is not the last one's successor.
    pub fn reset(&mut self) {
        self.tracker.reset();
    }

    /// Crops, infers, decodes, and decides where to look next. Stage times go to `times`.
    ///
    /// # Errors
    /// [`Error::Engine`](crate::Error::Engine) if the network fails.
    pub fn process(&mut self, frame: &Frame<'_>, times: &mut StageTimes) -> Result<Observation> {
        let (width_px, height_px) = (frame.pixels.width_px(), frame.pixels.height_px());
        let (crop, region) = self.tracker.region(width_px, height_px);

        let begun = times.begin(Stage::Crop);
        self.cropper.crop(&frame.pixels, &crop, &mut self.input);
        times.end(begun);

        let begun = times.begin(Stage::Infer);
        self.network
            .run(&mut self.work, &self.input, &mut self.outputs)?;
        times.end(begun);

        let begun = times.begin(Stage::Decode);
        let mut keypoints = self.decoder.decode(self.outputs.get(0));
        let scale = [0, 1]
            .map(|axis| self.card.input_size[axis] as f32 / self.card.heatmap_size[axis] as f32);
        for keypoint in &mut keypoints {
            (keypoint.x_px, keypoint.y_px) = crop.to_source(
                keypoint.x_px * scale[0],
                keypoint.y_px * scale[1],
                self.card.input_size,
            );
        }
        let sighting = self.tracker.update(&keypoints, width_px, height_px);
        times.end(begun);
        Ok(Observation {
            keypoints,
            sighting,
            region,
            crop,
        })
    }
}
