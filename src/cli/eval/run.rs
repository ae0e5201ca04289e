//! A network over labelled pictures: what it sees in given boxes.

use super::kept::Look;
use super::labels::Subject;
use crate::engine::{self, Workspace};
use crate::error::{Error, Result};
use crate::frame::Pixels;
use crate::model::{ModelCard, ModelFile};
use crate::pipeline::{Estimate, Estimator};
use crate::scene::{BBox, CropBox, mean_score};
use crate::settings::Settings;
use crate::source::{FrameSource, Next, StillsSource};
use crate::stats::Stage;
use crate::stats::{StageTimes, Summary};
use crate::text::Shown;
use std::path::Path;
use std::time::Duration;

/// A loaded network with its memory.
pub(in crate::cli) struct Judged {
    estimator: Estimator,
    has_flip_test: bool,
    work: Workspace,
    times: StageTimes,
}

impl Judged {
    /// # Errors
    /// As of [`ModelFile::open`], [`engine::load`] and [`Estimator::new`].
    pub fn open(path: &Path, settings: &Settings) -> Result<Judged> {
        let (engine, threads) = (settings.engine, settings.threads);
        let model = ModelFile::open(path)?;
        // Before the network is loaded, which takes longer.
        model.require_card()?;
        let network = engine::load(&model, engine, threads)?;
        let work = Workspace::new(network.workspace(), threads)?;
        Ok(Judged {
            estimator: Estimator::new(&model, network)?.with_options(&settings.looks()),
            has_flip_test: settings.flip_test,
            work,
            times: StageTimes::default(),
        })
    }

    /// A network that allocates as it runs.
    #[cfg(test)]
    pub fn of(estimator: Estimator) -> Judged {
        Judged {
            estimator,
            has_flip_test: false,
            work: Workspace::new(None, 1).unwrap(),
            times: StageTimes::default(),
        }
    }

    pub fn card(&self) -> &ModelCard {
        self.estimator.card()
    }

    /// Whether each look is the mean of two.
    pub fn has_flip_test(&self) -> bool {
        self.has_flip_test
    }

    pub fn engine_name(&self) -> &str {
        self.estimator.engine_name()
    }

    /// The times of the network alone.
    pub fn inference(&self) -> Option<Summary> {
        self.times.summary(Stage::Infer)
    }

    /// # Errors
    /// [`ErrorKind::Engine`](crate::ErrorKind::Engine) if the network fails.
    pub fn look(&mut self, pixels: &Pixels<'_>, bbox: BBox) -> Result<Estimate> {
        let card = self.estimator.card();
        let crop = CropBox::new(bbox, card.crop_padding, self.estimator.camera_px());
        self.estimator
            .estimate(pixels, &crop, &mut self.work, &mut self.times)
    }

    /// The estimate in a part of a picture, whose name is for the error.
    ///
    /// # Errors
    /// As of [`Judged::look`], also if a map has values that are no numbers.
    pub fn look_at(
        &mut self,
        pixels: &Pixels<'_>,
        crop: &CropBox,
        path: &Path,
    ) -> Result<Estimate> {
        let estimate = self
            .estimator
            .estimate(pixels, crop, &mut self.work, &mut self.times)?;
        if !self.estimator.maps_are_numbers() {
            let what = format!(
                "a map of {} has a value that is no number at {}",
                self.card().task.name(),
                Shown::path(path)
            );
            return Err(Error::engine(what));
        }
        Ok(estimate)
    }

    /// The joints in a subject's box, in pixels of the picture.
    ///
    /// # Errors
    /// As of [`Judged::look`].
    pub(super) fn joints(&mut self, pixels: &Pixels<'_>, subject: &Subject) -> Result<Look> {
        let estimate = self.look(pixels, subject.bbox)?;
        let place = |x: f32, y: f32| (f64::from(x), f64::from(y));
        let joints = estimate.keypoints.iter();
        Ok(Look {
            joints: joints.map(|joint| place(joint.x_px, joint.y_px)).collect(),
            score: f64::from(mean_score(&estimate.keypoints)),
        })
    }
}

/// Reads a picture and gives its pixels to `see`.
///
/// # Errors
/// [`ErrorKind::Source`](crate::ErrorKind::Source) if it is missing or no picture; those of `see`.
pub(in crate::cli) fn with_picture<T>(
    path: &Path,
    see: impl FnOnce(&Pixels<'_>) -> Result<T>,
) -> Result<T> {
    let mut picture = StillsSource::image(path)?;
    match picture.next_frame(Duration::ZERO)? {
        Next::Frame(frame) => see(&frame.pixels),
        _ => Err(Error::data(path, "is no picture")),
    }
}
