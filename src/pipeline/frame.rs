//! One frame to a scene: chooses the region, estimates keypoints, and judges whether they are an instance.

use super::estimator::Estimator;
use crate::engine::Workspace;
use crate::error::Result;
use crate::frame::Frame;
use crate::model::ModelCard;
use crate::scene::{BBox, FrameInfo, Instance, Scene};
use crate::stats::StageTimes;
use crate::track::Tracker;

/// The stages between a source and a sink. It owns the scene and lends it until the next frame. It owns the
/// workspace and lends it to the network.
pub struct Pipeline {
    estimator: Estimator,
    work: Workspace,
    tracker: Tracker,
    scene: Scene,
}

impl Pipeline {
    /// `work` is the network's workspace, `bbox` the user's box, if any. A joint counts from `min_score` on.
    pub fn new(estimator: Estimator, work: Workspace, bbox: Option<BBox>, min_score: f32) -> Self {
        let card = estimator.card();
        Pipeline {
            work,
            tracker: Tracker::new(bbox, card.crop_padding, card.input_px, min_score),
            estimator,
            scene: Scene::default(),
        }
    }

    /// The model's card.
    pub fn card(&self) -> &ModelCard {
        self.estimator.card()
    }

    /// The engine that runs the network, for reports.
    pub fn engine_name(&self) -> &str {
        self.estimator.engine_name()
    }

    /// Forgets the tracked instance, because the next frame does not continue the last one.
    pub fn reset(&mut self) {
        self.tracker.reset();
    }

    /// Processes a frame. Stage times go to `times`.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`](crate::ErrorKind::Engine) if the network fails.
    pub fn process(&mut self, frame: &Frame<'_>, times: &mut StageTimes) -> Result<&Scene> {
        self.scene.frame = FrameInfo {
            index: frame.index,
            width_px: frame.pixels.width_px(),
            height_px: frame.pixels.height_px(),
            captured: frame.captured,
        };
        self.scene.instances.clear();
        let region = self.tracker.region(&self.scene.frame);
        let keypoints =
            self.estimator
                .estimate(&frame.pixels, &region.crop, &mut self.work, times)?;
        let instance = Instance {
            task: self.estimator.card().task,
            presence: self.tracker.absorb(&self.scene.frame, &keypoints),
            keypoints,
            region,
            track: None,
        };
        // One region fits.
        let _ = self.scene.instances.push(instance);
        Ok(&self.scene)
    }
}
