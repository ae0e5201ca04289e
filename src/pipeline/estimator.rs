//! One model file at work: a region of a frame in, keypoints out.
//!
//! An [`Estimator`] owns the network and its input and output tensors (f32, N x C x H x W). Keypoints are in
//! source-frame pixels.

use crate::crop::Cropper;
use crate::decode::Decoder;
use crate::engine::{self, Network, Outputs, Workspace};
use crate::error::Result;
use crate::frame::Pixels;
use crate::model::{ModelCard, ModelFile};
use crate::scene::{CropBox, Keypoints};
use crate::stats::{Stage, StageTimes};

/// A network, with the crop and the decoding that its card describes.
pub struct Estimator {
    card: ModelCard,
    network: Box<dyn Network>,
    cropper: Cropper,
    decoder: Decoder,
    input: Vec<f32>,
    outputs: Outputs,
}

impl Estimator {
    /// Makes an estimator from a model and its network.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) if the model has no card, or if its shapes differ from the card.
    pub fn new(model: &ModelFile, network: Box<dyn Network>) -> Result<Self> {
        let card = model.require_card()?;
        engine::check_shapes(model, card, network.as_ref())?;
        Ok(Self::with_card(card.clone(), network))
    }

    /// Makes an estimator from a card and a network with the card's shapes.
    pub fn with_card(card: ModelCard, network: Box<dyn Network>) -> Self {
        let [_, joints, height, width] = card.heatmap_shape();
        Estimator {
            cropper: Cropper::new(card.input_px, card.mean, card.std),
            decoder: Decoder::new(joints, width, height, card.decode),
            input: vec![0.0; card.input_shape().iter().product()],
            outputs: Outputs::new(network.describe()),
            network,
            card,
        }
    }

    /// The model's card.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// The engine that runs the network, for reports.
    pub fn engine_name(&self) -> &str {
        &self.network.describe().name
    }

    /// Crops `crop` (source-frame pixels) out of a frame, runs the network in the lent workspace, and decodes
    /// its heatmaps.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`](crate::ErrorKind::Engine) if the network fails.
    pub fn estimate(
        &mut self,
        pixels: &Pixels<'_>,
        crop: &CropBox,
        work: &mut Workspace,
        times: &mut StageTimes,
    ) -> Result<Keypoints> {
        let begun = times.begin(Stage::Crop);
        self.cropper.crop(pixels, crop, &mut self.input);
        times.end(begun);

        let begun = times.begin(Stage::Infer);
        self.network.run(work, &self.input, &mut self.outputs)?;
        times.end(begun);

        let begun = times.begin(Stage::Decode);
        let mut keypoints = self.decoder.decode(self.outputs.get(0));
        let (input, heatmap) = (self.card.input_px, self.card.heatmap_px);
        let scale_x = input.width as f32 / heatmap.width as f32;
        let scale_y = input.height as f32 / heatmap.height as f32;
        for keypoint in &mut keypoints {
            let (x_px, y_px) = (keypoint.x_px * scale_x, keypoint.y_px * scale_y);
            (keypoint.x_px, keypoint.y_px) = crop.to_source(x_px, y_px, input);
        }
        times.end(begun);
        Ok(keypoints)
    }
}
