//! One frame to a scene: chooses the regions, estimates keypoints, and judges whether they are instances.

use super::estimator::Estimator;
use super::finder::Finder;
use super::several::{Eyes, Several, SeveralOptions, thresholds};
use crate::engine::Workspace;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::model::ModelCard;
use crate::scene::{BBox, FrameInfo, Instance, Scene, SizePx};
use crate::stats::StageTimes;
use crate::track::Tracker;

/// The stages between a source and a sink. It owns the scene and lends it until the next frame. It owns the
/// workspace and lends it to the networks, one after another.
pub struct Pipeline {
    /// At least one.
    estimators: Vec<Estimator>,
    finder: Option<Finder>,
    work: Workspace,
    followed: Followed,
    scene: Scene,
}

enum Followed {
    One(Tracker),
    Several(Box<Several>),
}

impl Pipeline {
    /// Follows one instance. `work` is the network's workspace, `bbox` the user's box, if any. A joint counts from
    /// `min_score` on.
    pub fn new(estimator: Estimator, work: Workspace, bbox: Option<BBox>, min_score: f32) -> Self {
        let card = estimator.card();
        let mut tracker = Tracker::new(bbox, card.crop_padding, estimator.camera_px(), min_score);
        if card.tells_presence() {
            tracker = tracker.with_presence(thresholds(card));
        }
        Pipeline {
            work,
            followed: Followed::One(tracker),
            estimators: vec![estimator],
            finder: None,
            scene: Scene::default(),
        }
    }

    /// Follows several instances. `work` fits each of the networks, of which there is at most one for a task. Without a
    /// finder, they search themselves.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if there is no network, or one that cannot be used together with the
    /// others or for several instances.
    pub fn several(
        estimators: Vec<Estimator>,
        finder: Option<Finder>,
        work: Workspace,
        options: &SeveralOptions,
    ) -> Result<Self> {
        if estimators.is_empty() {
            return Err(Error::usage("no model: give --model"));
        }
        let several = Several::new(&estimators, finder.as_ref(), options)?;
        Ok(Pipeline {
            work,
            followed: Followed::Several(Box::new(several)),
            estimators,
            finder,
            scene: Scene::default(),
        })
    }

    /// The first model's card.
    pub fn card(&self) -> &ModelCard {
        self.estimators[0].card()
    }

    /// The engine that runs the first model, for reports.
    pub fn engine_name(&self) -> &str {
        self.estimators[0].engine_name()
    }

    /// Name, input size and engine of each network.
    pub fn networks(&self) -> impl Iterator<Item = (&'static str, SizePx, &str)> {
        let models = self.estimators.iter();
        let models = models.map(|one| {
            (
                one.card().task.name(),
                one.card().input_px,
                one.engine_name(),
            )
        });
        let finder = self.finder.iter();
        models.chain(finder.map(|one| ("finder", one.card().input_px, one.engine_name())))
    }

    /// Whether there is a region of search, which several instances have.
    pub fn takes_roi(&self) -> bool {
        matches!(self.followed, Followed::Several(_))
    }

    /// The part of the frame in which new instances are searched; `None` is the whole frame.
    pub fn roi(&self) -> Option<BBox> {
        match &self.followed {
            Followed::One(_) => None,
            Followed::Several(several) => several.roi(),
        }
    }

    /// Changes the region of search. Without one nothing happens.
    pub fn set_roi(&mut self, roi: Option<BBox>) {
        if let Followed::Several(several) = &mut self.followed {
            several.set_roi(roi);
        }
    }

    /// Forgets the tracked instances, because the next frame does not continue the last one.
    pub fn reset(&mut self) {
        match &mut self.followed {
            Followed::One(tracker) => tracker.reset(),
            Followed::Several(several) => several.reset(),
        }
    }

    /// Processes a frame. Stage times go to `times`.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`](crate::ErrorKind::Engine) if the network fails.
    pub fn process(&mut self, frame: &Frame<'_>, times: &mut StageTimes) -> Result<&Scene> {
        let info = FrameInfo {
            index: frame.index,
            width_px: frame.pixels.width_px(),
            height_px: frame.pixels.height_px(),
            captured: frame.captured,
        };
        match &mut self.followed {
            Followed::One(tracker) => {
                self.scene.frame = info;
                self.scene.instances.clear();
                let region = tracker.region(&info);
                let estimator = &mut self.estimators[0];
                let estimate =
                    estimator.estimate(&frame.pixels, &region.crop, &mut self.work, times)?;
                let instance = Instance {
                    task: estimator.card().task,
                    presence: tracker.absorb(&info, &estimate.keypoints, estimate.presence),
                    keypoints: estimate.keypoints,
                    region,
                    track: None,
                };
                // One region fits.
                let _ = self.scene.instances.push(instance);
            }
            Followed::Several(several) => {
                let mut eyes = Eyes {
                    estimators: &mut self.estimators,
                    finder: self.finder.as_mut(),
                    work: &mut self.work,
                    pixels: &frame.pixels,
                    times,
                    costs: None,
                };
                several.process(info, &mut eyes, &mut self.scene)?;
            }
        }
        Ok(&self.scene)
    }
}
