//! A finder at work: an area of a frame in, candidates out.
//!
//! It owns the network and its input and output tensors (f32, N x C x H x W). Candidates are in source-frame pixels.

use crate::crop::Cropper;
use crate::decode::{FinderDecoder, Peak};
use crate::engine::{self, Network, Outputs, Workspace};
use crate::error::{Error, Result};
use crate::frame::Pixels;
use crate::model::{FinderCard, ModelFile};
use crate::scene::{BBox, CropBox, Mount, Side};
use crate::stats::{Stage, StageTimes};
use crate::track::{Candidate, Candidates};

/// Instances of fewer pixels of the network's input are easily missed.
const SURE_SIDE_PX: f64 = 16.0;
/// A side is told from this probability on.
const SURE_SIDE: f32 = 0.7;

/// A finder network, with the crop and the decoding that its card describes.
pub struct Finder {
    card: FinderCard,
    mount: Mount,
    network: Box<dyn Network>,
    cropper: Cropper,
    decoder: FinderDecoder,
    input: Vec<f32>,
    outputs: Outputs,
}

impl Finder {
    /// Makes a finder from a model and its network.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) if the model is no finder, or if its shapes differ from the card.
    pub fn new(model: &ModelFile, network: Box<dyn Network>) -> Result<Self> {
        let card = model
            .finder()
            .ok_or_else(|| Error::model(model.path(), "is no finder"))?;
        engine::check_finder_shapes(model.path(), card, network.as_ref())?;
        Ok(Self::with_card(card.clone(), network))
    }

    /// Makes a finder from a card and a network with the card's shapes.
    pub fn with_card(card: FinderCard, network: Box<dyn Network>) -> Self {
        let [_, _, height, width] = card.output_shape();
        let input_px = (card.input_px.width, card.input_px.height);
        Finder {
            cropper: Cropper::new(card.input_px, card.mean, card.std),
            decoder: FinderDecoder::new(width, height, input_px, card.presence().keep),
            input: vec![0.0; card.input_shape().iter().product()],
            outputs: Outputs::new(network.describe()),
            mount: Mount::default(),
            network,
            card,
        }
    }

    /// For a camera that is not upright.
    #[must_use]
    pub fn mounted(self, mount: Mount) -> Self {
        Finder {
            cropper: self.cropper.mounted(mount),
            mount,
            ..self
        }
    }

    /// Peaks count from this height on, in the place of the card's `keep`.
    pub fn count_from(&mut self, least_score: f32) {
        self.decoder.count_from(least_score);
    }

    /// The model's card.
    pub fn card(&self) -> &FinderCard {
        &self.card
    }

    /// The engine that runs the network, for reports.
    pub fn engine_name(&self) -> &str {
        &self.network.describe().name
    }

    /// Adds the hands and persons whose centres are in an area (source-frame pixels), and returns the side from which
    /// on they are hardly missed, in the same pixels.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`](crate::ErrorKind::Engine) if the network fails.
    pub fn find(
        &mut self,
        pixels: &Pixels<'_>,
        area: &BBox,
        work: &mut Workspace,
        times: &mut StageTimes,
        found: &mut Candidates,
    ) -> Result<f32> {
        let camera_px = self.mount.camera_px(self.card.input_px);
        let crop = CropBox::new(*area, 1.0, camera_px);
        let begun = times.begin(Stage::Crop);
        self.cropper.crop(pixels, &crop, &mut self.input);
        times.end(begun);

        let begun = times.begin(Stage::Infer);
        self.network.run(work, &self.input, &mut self.outputs)?;
        times.end(begun);

        let begun = times.begin(Stage::Decode);
        let scale = crop.width_px / f64::from(camera_px.width);
        for peak in &self.decoder.decode(self.outputs.get(0)) {
            let candidate = self.candidate(peak, &crop, scale as f32);
            let (x, y) = candidate.bbox.center_px();
            if area.holds(x, y) {
                // Those that are too many for a frame are found in the next one.
                let _ = found.push(candidate);
            }
        }
        times.end(begun);
        Ok((SURE_SIDE_PX * scale) as f32)
    }

    fn candidate(&self, peak: &Peak, crop: &CropBox, scale: f32) -> Candidate {
        let input_px = self.card.input_px;
        let (x_px, y_px) = self.mount.to_camera(peak.x_px, peak.y_px, input_px);
        let (x_px, y_px) = crop.to_source(x_px, y_px, self.mount.camera_px(input_px));
        let side_px = scale * peak.side_px;
        let side = match peak.right_hand {
            Some(right) if right >= SURE_SIDE => Some(Side::Right),
            Some(right) if right <= 1.0 - SURE_SIDE => Some(Side::Left),
            _ => None,
        };
        Candidate {
            task: peak.task,
            bbox: BBox {
                x_px: x_px - 0.5 * side_px,
                y_px: y_px - 0.5 * side_px,
                width_px: side_px,
                height_px: side_px,
            },
            score: peak.score,
            side,
            parent: None,
        }
    }
}
