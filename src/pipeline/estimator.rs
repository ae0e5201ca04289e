//! One model file at work: a region of a frame in, an [`Estimate`] out.
//!
//! An [`Estimator`] owns the network and its input and output tensors (f32, N x C x H x W). Keypoints are in
//! source-frame pixels.

use super::flip::Flip;
use crate::crop::Cropper;
use crate::decode::{Decoder, Middle};
use crate::engine::{self, Network, Outputs, Workspace};
use crate::error::Result;
use crate::frame::Pixels;
use crate::model::{DecodeMode, ExtraChannel, ModelCard, ModelFile};
use crate::scene::{CropBox, Keypoints, Mount, SizePx, mean_score};
use crate::stats::{Stage, StageTimes};

/// A network's look at a region.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// In source-frame pixels.
    pub keypoints: Keypoints,
    /// Evidence of an instance: the network's map of it, or else the mean of the joints' scores.
    pub presence: f32,
    /// The probability that a hand is a right one, if the network tells.
    pub right_hand: Option<f32>,
}

/// Options of a look that no card has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LookOptions {
    /// The camera is not upright.
    pub mount: Mount,
    /// The network also looks at the mirror image.
    pub flip_test: bool,
    /// In place of the card's.
    pub decode: Option<DecodeMode>,
}

/// A network, with the crop and the decoding that its card describes.
pub struct Estimator {
    card: ModelCard,
    mount: Mount,
    flip: Option<Flip>,
    network: Box<dyn Network>,
    cropper: Cropper,
    decoder: Decoder,
    middle: Middle,
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
        engine::check_shapes(model.path(), card, network.as_ref())?;
        Ok(Self::with_card(card.clone(), network))
    }

    /// Makes an estimator from a card and a network with the card's shapes.
    pub fn with_card(card: ModelCard, network: Box<dyn Network>) -> Self {
        let [_, joints, height, width] = card.heatmap_shape();
        Estimator {
            cropper: Cropper::new(card.input_px, card.mean, card.std),
            decoder: Decoder::new(joints, width, height, card.decode),
            middle: Middle::new(width, height),
            input: vec![0.0; card.input_shape().iter().product()],
            outputs: Outputs::new(network.describe()),
            mount: Mount::default(),
            flip: None,
            network,
            card,
        }
    }

    /// With other looks than the card's alone.
    #[must_use]
    pub fn with_options(mut self, options: &LookOptions) -> Self {
        self.mount = options.mount;
        self.cropper = self.cropper.mounted(options.mount);
        self.flip = options.flip_test.then(|| Flip::new(&self.card));
        if let Some(decode) = options.decode {
            let [_, joints, height, width] = self.card.heatmap_shape();
            self.card.decode = decode;
            self.decoder = Decoder::new(joints, width, height, decode);
        }
        self
    }

    /// The size of the network's input as the camera sees it.
    pub fn camera_px(&self) -> SizePx {
        self.mount.camera_px(self.card.input_px)
    }

    /// The model's card.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// The engine that runs the network, for reports.
    pub fn engine_name(&self) -> &str {
        &self.network.describe().name
    }

    /// Whether all values of the last maps are finite.
    pub fn maps_are_numbers(&self) -> bool {
        self.outputs.get(0).iter().all(|value| value.is_finite())
    }

    /// Crops `crop` (source-frame pixels) out of a frame, runs the network in the lent workspace, and decodes
    /// its maps.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`](crate::ErrorKind::Engine) if the network fails.
    pub fn estimate(
        &mut self,
        pixels: &Pixels<'_>,
        crop: &CropBox,
        work: &mut Workspace,
        times: &mut StageTimes,
    ) -> Result<Estimate> {
        let begun = times.begin(Stage::Crop);
        self.cropper.crop(pixels, crop, &mut self.input);
        times.end(begun);

        let begun = times.begin(Stage::Infer);
        self.network.run(work, &self.input, &mut self.outputs)?;
        if let Some(flip) = &mut self.flip {
            flip.keep(self.outputs.get(0));
            Flip::mirror(&mut self.input, self.card.input_px.width as usize);
            self.network.run(work, &self.input, &mut self.outputs)?;
        }
        times.end(begun);

        let begun = times.begin(Stage::Decode);
        let maps = match &mut self.flip {
            Some(flip) => flip.mean(self.outputs.get(0)),
            None => self.outputs.get(0),
        };
        let heatmaps = self.card.heatmap_shape().iter().product();
        let mut keypoints = self.decoder.decode(&maps[..heatmaps]);
        let (input, heatmap) = (self.card.input_px, self.card.heatmap_px);
        let camera = self.mount.camera_px(input);
        let scale_x = input.width as f32 / heatmap.width as f32;
        let scale_y = input.height as f32 / heatmap.height as f32;
        for keypoint in &mut keypoints {
            let (x_px, y_px) = (keypoint.x_px * scale_x, keypoint.y_px * scale_y);
            let (x_px, y_px) = self.mount.to_camera(x_px, y_px, input);
            (keypoint.x_px, keypoint.y_px) = crop.to_source(x_px, y_px, camera);
        }
        let plane = heatmaps / self.card.joints.len();
        let extra = |channel| {
            let first = plane * self.card.extra_map(channel)?;
            Some(self.middle.mean(&maps[first..first + plane]))
        };
        let estimate = Estimate {
            presence: extra(ExtraChannel::Presence).unwrap_or_else(|| mean_score(&keypoints)),
            right_hand: extra(ExtraChannel::RightHand),
            keypoints,
        };
        times.end(begun);
        Ok(estimate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::FakeNetwork;
    use crate::frame::PixelFormat;
    use crate::model::test_card;

    /// The estimate of a network with these maps after the joints' maps, in a grey picture.
    fn estimate(channels: &[(ExtraChannel, f32)]) -> Estimate {
        let mut card = test_card();
        let mut network = FakeNetwork::new(256, vec![(20.0, 30.0, 0.5); 21]);
        for &(channel, level) in channels {
            card.extra_channels.push(channel);
            network = network.with_level(level);
        }
        let pixels = Pixels::new(PixelFormat::Grey, 64, 64, 64, &[90; 64 * 64]).unwrap();
        let crop = CropBox {
            center_x_px: 32.0,
            center_y_px: 32.0,
            width_px: 64.0,
            height_px: 64.0,
        };
        let mut work = Workspace::new(None, 1).unwrap();
        let mut estimator = Estimator::with_card(card, Box::new(network));
        estimator
            .estimate(&pixels, &crop, &mut work, &mut StageTimes::default())
            .unwrap()
    }

    #[test]
    fn extra_maps_tell_presence_and_side_and_change_no_joint() {
        let plain = estimate(&[]);
        assert!((plain.presence - 0.5).abs() < 1e-6);
        assert_eq!((plain.keypoints.len(), plain.right_hand), (21, None));

        let (side, presence) = (ExtraChannel::RightHand, ExtraChannel::Presence);
        let both = estimate(&[(side, 0.125), (presence, 0.75)]);
        assert_eq!((both.presence, both.right_hand), (0.75, Some(0.125)));
        assert_eq!(both.keypoints, plain.keypoints);

        let one = estimate(&[(side, 2.0)]);
        assert_eq!((one.presence, one.right_hand), (plain.presence, Some(1.0)));
    }
}
