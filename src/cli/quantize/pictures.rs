//! Network inputs from a source of pictures: what the network will see.
//!
//! A picture gives its whole frame, as the network sees it while it searches. Where it finds an instance that fills
//! less than the frame, it also gives the region around it, as the network sees it while it follows.

use crate::crop::Cropper;
use crate::engine::{self, EngineChoice, Workspace};
use crate::error::{Error, Result};
use crate::frame::Pixels;
use crate::model::{ModelCard, ModelFile};
use crate::pipeline::Estimator;
use crate::scene::{FrameInfo, Region};
use crate::source::{self, CameraOptions, Next, SourceSpec};
use crate::stats::StageTimes;
use crate::track::Tracker;
use std::time::{Duration, Instant};

/// Fewer say little about a network.
pub(super) const MIN_CROPS: usize = 10;
/// Every so many crops, one measures.
const MEASURE_EVERY: usize = 5;
/// How long a camera may take for a picture.
const PATIENCE: Duration = Duration::from_secs(10);
/// A region that is smaller than this part of the frame is another crop.
const SMALLER: f64 = 0.8;
/// Side of the thumbnails that are compared.
const THUMBNAIL_SIDE: usize = 8;
/// Least root mean square difference of some two thumbnails, in standard deviations of a pixel.
const MIN_DIFFERENCE: f32 = 0.05;
/// Heatmap maximum of a joint that is found.
const MIN_SCORE: f32 = 0.3;

/// Network inputs, 1 x 3 x H x W f32 each.
pub(super) struct Crops {
    inputs: Vec<Vec<f32>>,
}

impl Crops {
    /// # Errors
    /// [`ErrorKind::Source`](crate::ErrorKind::Source) if there are too few pictures, or if all are alike.
    pub(super) fn collect(
        model: &ModelFile,
        source: &SourceSpec,
        camera: &CameraOptions,
        threads: usize,
        most: usize,
    ) -> Result<Self> {
        let card = model.require_card()?.clone();
        let mut frames = source.open(&source::Context::new(card.task, camera))?;
        let network = engine::load(model, EngineChoice::Tract, threads)?;
        let mut work = Workspace::new(network.workspace(), threads)?;
        let mut estimator = Estimator::new(model, network)?;
        let mut cropper = Cropper::new(card.input_px, card.mean, card.std);
        let mut inputs = Vec::new();
        let mut last = Instant::now();
        while inputs.len() < most {
            let frame = match frames.next_frame(Duration::from_millis(200))? {
                Next::Frame(frame) => frame,
                Next::End => break,
                Next::TimedOut { .. } if last.elapsed() < PATIENCE => continue,
                Next::TimedOut { .. } => return Err(Error::source(source, "gives no picture")),
            };
            last = Instant::now();
            let (pixels, info) = (
                frame.pixels,
                FrameInfo {
                    index: frame.index,
                    width_px: frame.pixels.width_px(),
                    height_px: frame.pixels.height_px(),
                    captured: frame.captured,
                },
            );
            let mut crop = |region: &Region| inputs.push(cut(&mut cropper, &card, &pixels, region));
            let mut tracker = Tracker::new(None, card.crop_padding, card.input_px, MIN_SCORE);
            let whole = tracker.region(&info);
            crop(&whole);
            let estimate =
                estimator.estimate(&pixels, &whole.crop, &mut work, &mut StageTimes::default())?;
            tracker.absorb(&info, &estimate.keypoints, estimate.presence);
            let near = tracker.region(&info);
            if near.crop.width_px < SMALLER * whole.crop.width_px {
                crop(&near);
            }
        }
        inputs.truncate(most);
        let crops = Crops { inputs };
        crops.check(source, &card)?;
        Ok(crops)
    }

    fn check(&self, source: &SourceSpec, card: &ModelCard) -> Result<()> {
        let count = self.inputs.len();
        if count < MIN_CROPS {
            let what = format!(
                "gives {count} crops, at least {MIN_CROPS} are needed, better 50: give more pictures"
            );
            return Err(Error::source(source, what));
        }
        let [_, channels, height, width] = card.input_shape();
        let thumbnails: Vec<Vec<f32>> = self
            .inputs
            .iter()
            .map(|input| thumbnail(input, channels, height, width))
            .collect();
        let differ = |other: &Vec<f32>| distance(&thumbnails[0], other) >= MIN_DIFFERENCE;
        match thumbnails.iter().any(differ) {
            true => Ok(()),
            false => Err(Error::source(
                source,
                "gives pictures that are all alike: give different ones",
            )),
        }
    }

    /// Those to calibrate on, and those to measure with.
    pub(super) fn split(&self) -> (Vec<&[f32]>, Vec<&[f32]>) {
        let numbered = self.inputs.iter().map(Vec::as_slice).enumerate();
        let (measured, seen): (Vec<_>, Vec<_>) =
            numbered.partition(|(index, _)| index.is_multiple_of(MEASURE_EVERY));
        let bare = |list: Vec<(usize, _)>| list.into_iter().map(|(_, input)| input).collect();
        (bare(seen), bare(measured))
    }
}

fn cut(cropper: &mut Cropper, card: &ModelCard, pixels: &Pixels<'_>, region: &Region) -> Vec<f32> {
    let mut input = vec![0.0; card.input_shape().iter().product()];
    cropper.crop(pixels, &region.crop, &mut input);
    input
}

/// Means of the cells of a coarse grid.
fn thumbnail(input: &[f32], channels: usize, height: usize, width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; channels * THUMBNAIL_SIDE * THUMBNAIL_SIDE];
    for (index, value) in input.iter().enumerate() {
        let (channel, y, x) = (
            index / (height * width),
            index / width % height,
            index % width,
        );
        let (row, column) = (y * THUMBNAIL_SIDE / height, x * THUMBNAIL_SIDE / width);
        sums[(channel * THUMBNAIL_SIDE + row) * THUMBNAIL_SIDE + column] += value;
    }
    let cell = (height * width) as f32 / (THUMBNAIL_SIDE * THUMBNAIL_SIDE) as f32;
    sums.iter_mut().for_each(|sum| *sum /= cell);
    sums
}

fn distance(one: &[f32], other: &[f32]) -> f32 {
    let squares: f32 = one.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum();
    (squares / one.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_are_means_and_differ_as_pictures_do() {
        let (height, width) = (16, 32);
        let mut input = vec![1.0; 3 * height * width];
        let grey = thumbnail(&input, 3, height, width);
        assert!(grey.iter().all(|mean| (mean - 1.0).abs() < 1e-6));
        input[..height * width / 2].fill(3.0);
        let half = thumbnail(&input, 3, height, width);
        // A sixth of the cells differ by 2.
        let expected = (4.0_f32 / 6.0).sqrt();
        assert!((distance(&grey, &half) - expected).abs() < 1e-5);
    }
}
