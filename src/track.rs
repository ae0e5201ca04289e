//! Where to look in the next frame.
//!
//! In: the keypoints of the last frame, in source-frame pixels. Out: the box to crop and its
//! padding. A box the user gave stays; otherwise the whole frame is searched until an instance is
//! found, and from then on the box around its keypoints is followed until it is lost.

use crate::scene::Keypoint;
use crate::scene::{BBox, CropBox};

/// Boxes smaller than this are not followed: they come from keypoints that collapsed to a point.
const MIN_SIDE_PX: f32 = 12.0;

/// How a region was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionKind {
    /// The box the user gave.
    Fixed,
    /// The whole frame: nothing is being followed.
    Search,
    /// The box around the last frame's keypoints.
    Followed,
}

/// The verdict on one frame's keypoints.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sighting {
    /// Mean of the joints' scores, those below 0 counted as 0.
    pub score: f32,
    /// True if at least half of the joints scored at least the minimum.
    pub found: bool,
}

/// Follows one instance.
#[derive(Debug, Clone)]
pub struct Tracker {
    fixed: Option<BBox>,
    padding: f32,
    input_size: [u32; 2],
    min_score: f32,
    followed: Option<BBox>,
}

impl Tracker {
    /// `padding` is the model card's; `min_score` the heatmap maximum from which a joint counts.
    pub fn new(fixed: Option<BBox>, padding: f32, input_size: [u32; 2], min_score: f32) -> Self {
        Tracker {
            fixed,
            padding,
            input_size,
            min_score,
            followed: None,
        }
    }

    /// The region to crop from a frame of this size.
    pub fn region(&self, frame_width_px: u32, frame_height_px: u32) -> (CropBox, RegionKind) {
        let (bbox, padding, kind) = match (self.fixed, self.followed) {
            (Some(fixed), _) => (fixed, self.padding, RegionKind::Fixed),
            (None, Some(followed)) => (followed, self.padding, RegionKind::Followed),
            // The frame's border is not a tight box: padding it would only shrink the subject.
            (None, None) => (
                BBox::whole(frame_width_px, frame_height_px),
                1.0,
                RegionKind::Search,
            ),
        };
        (CropBox::new(bbox, padding, self.input_size), kind)
    }

    /// Takes in a frame's keypoints (source-frame pixels), and says whether they are an instance.
    pub fn update(
        &mut self,
        keypoints: &[Keypoint],
        frame_width_px: u32,
        frame_height_px: u32,
    ) -> Sighting {
        let sure = |keypoint: &&Keypoint| keypoint.score >= self.min_score;
        let total: f32 = keypoints.iter().map(|k| k.score.max(0.0)).sum();
        let found = 2 * keypoints.iter().filter(sure).count() >= keypoints.len();
        let bbox = BBox::around(keypoints.iter().filter(sure).map(|k| (k.x_px, k.y_px)));
        self.followed = bbox.filter(|bbox| {
            let (x, y) = bbox.center_px();
            let inside = (0.0..frame_width_px as f32).contains(&x)
                && (0.0..frame_height_px as f32).contains(&y);
            found && inside && bbox.width_px.max(bbox.height_px) >= MIN_SIDE_PX
        });
        Sighting {
            score: total / keypoints.len().max(1) as f32,
            found,
        }
    }

    /// Forgets the instance: the next frame is searched as a whole.
    pub fn reset(&mut self) {
        self.followed = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keypoint(x_px: f32, y_px: f32, score: f32) -> Keypoint {
        Keypoint { x_px, y_px, score }
    }

    fn tracker(fixed: Option<BBox>) -> Tracker {
        Tracker::new(fixed, 1.5, [256, 256], 0.3)
    }

    #[test]
    fn the_whole_frame_first_then_the_keypoints_box_then_the_whole_frame_again() {
        let mut tracker = tracker(None);
        let (crop, kind) = tracker.region(640, 480);
        assert_eq!((crop.width_px, kind), (640.0, RegionKind::Search));

        let hand = [keypoint(100.0, 100.0, 0.9), keypoint(200.0, 150.0, 0.8)];
        assert!(tracker.update(&hand, 640, 480).found);
        let (crop, kind) = tracker.region(640, 480);
        assert_eq!(kind, RegionKind::Followed);
        assert_eq!(
            (crop.center_x_px, crop.center_y_px, crop.width_px),
            (150.0, 125.0, 150.0)
        );

        let nothing = [keypoint(100.0, 100.0, 0.1), keypoint(200.0, 150.0, -0.2)];
        let sighting = tracker.update(&nothing, 640, 480);
        assert!(!sighting.found);
        assert_eq!(sighting.score, 0.05);
        assert_eq!(tracker.region(640, 480).1, RegionKind::Search);
    }

    #[test]
    fn a_given_box_stays() {
        let bbox = BBox {
            x_px: 10.0,
            y_px: 20.0,
            width_px: 100.0,
            height_px: 100.0,
        };
        let mut tracker = tracker(Some(bbox));
        tracker.update(&[keypoint(500.0, 400.0, 1.0)], 640, 480);
        let (crop, kind) = tracker.region(640, 480);
        assert_eq!(
            (crop.center_x_px, crop.width_px, kind),
            (60.0, 150.0, RegionKind::Fixed)
        );
    }

    #[test]
    fn unsure_joints_do_not_stretch_the_box() {
        let mut tracker = tracker(None);
        let hand = [
            keypoint(100.0, 100.0, 0.9),
            keypoint(150.0, 150.0, 0.9),
            keypoint(600.0, 0.0, 0.1),
        ];
        assert!(tracker.update(&hand, 640, 480).found);
        assert_eq!(tracker.region(640, 480).0.width_px, 75.0);
    }

    #[test]
    fn a_point_or_a_box_outside_the_frame_is_not_followed() {
        let mut tracker = tracker(None);
        tracker.update(&[keypoint(100.0, 100.0, 0.9); 2], 640, 480);
        assert_eq!(tracker.region(640, 480).1, RegionKind::Search);
        tracker.update(
            &[keypoint(-300.0, 0.0, 0.9), keypoint(-200.0, 90.0, 0.9)],
            640,
            480,
        );
        assert_eq!(tracker.region(640, 480).1, RegionKind::Search);
    }

    #[test]
    fn reset_searches_again() {
        let mut tracker = tracker(None);
        tracker.update(
            &[keypoint(0.0, 0.0, 0.9), keypoint(90.0, 90.0, 0.9)],
            640,
            480,
        );
        assert_eq!(tracker.region(640, 480).1, RegionKind::Followed);
        tracker.reset();
        assert_eq!(tracker.region(640, 480).1, RegionKind::Search);
    }
}
