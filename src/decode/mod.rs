//! From heatmaps to keypoints.
//!
//! In: joints x H x W raw heatmaps (no sigmoid), f32. Out: one [`Keypoint`] per joint in heatmap
//! pixels. A heatmap whose maximum is not above 0 gives (-1, -1), as in MMPose. The [`Decoder`] owns
//! its scratch space. Nothing is allocated after [`Decoder::new`]. [`Middle`] reads the maps that are no joint's, [`FinderDecoder`] those of a
//! finder.

mod dark;
mod finder;
mod middle;
mod peak;

use crate::limits::MAX_KEYPOINTS;
use crate::model::DecodeMode;
use crate::scene::{Keypoint, Keypoints};
use dark::Dark;
pub use finder::{FinderDecoder, Peak, Peaks};
pub use middle::Middle;

/// Decodes heatmaps of one fixed shape.
#[derive(Debug)]
pub struct Decoder {
    joints: usize,
    width: usize,
    height: usize,
    dark: Option<Dark>,
}

impl Decoder {
    /// Panics if there are more joints than [`MAX_KEYPOINTS`] or a side is 0: a checked
    /// [`ModelCard`](crate::model::ModelCard) has neither.
    pub fn new(joints: usize, width: usize, height: usize, mode: DecodeMode) -> Self {
        assert!((1..=MAX_KEYPOINTS).contains(&joints) && width > 0 && height > 0);
        Decoder {
            joints,
            width,
            height,
            dark: (mode == DecodeMode::Dark).then(|| Dark::new(width, height)),
        }
    }

    /// Keypoints in heatmap pixels. Panics if `heatmaps` is not joints x H x W long.
    pub fn decode(&mut self, heatmaps: &[f32]) -> Keypoints {
        assert_eq!(heatmaps.len(), self.joints * self.width * self.height);
        heatmaps
            .chunks_exact(self.width * self.height)
            .map(|heatmap| self.decode_one(heatmap))
            .collect()
    }

    fn decode_one(&mut self, heatmap: &[f32]) -> Keypoint {
        let Some((x, y, score)) = peak::argmax(heatmap, self.width) else {
            return Keypoint {
                x_px: -1.0,
                y_px: -1.0,
                score: 0.0,
            };
        };
        if score <= 0.0 {
            return Keypoint {
                x_px: -1.0,
                y_px: -1.0,
                score,
            };
        }
        let (x_px, y_px) = match &mut self.dark {
            Some(dark) => dark.refine(heatmap, x, y, score),
            None => peak::quarter_shift(heatmap, self.width, self.height, x, y),
        };
        Keypoint { x_px, y_px, score }
    }
}
