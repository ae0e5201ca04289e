//! Chooses the region of the next frame.
//!
//! In: the keypoints of the last frame, in source-frame pixels. Out: a [`Region`]. A box that the user gave
//! stays. Without one the whole frame is searched until an instance is found; then the box around its
//! keypoints is tracked until the instance is lost.

use super::kind::Thresholds;
use crate::scene::{BBox, CropBox, FrameInfo, Keypoint, Origin, Presence, Region, SizePx};

/// Smallest side of a tracked box. Smaller boxes come from keypoints that collapsed to a point.
const MIN_SIDE_PX: f32 = 12.0;

/// Tracks one instance.
#[derive(Debug, Clone)]
pub struct Tracker {
    fixed: Option<BBox>,
    padding: f32,
    input_px: SizePx,
    min_score: f32,
    presence: Option<Thresholds>,
    is_confirmed: bool,
    followed: Option<BBox>,
}

impl Tracker {
    /// `padding` comes from the model card. A joint counts from a heatmap maximum of `min_score` on. An instance is
    /// there if half of the joints count.
    pub fn new(fixed: Option<BBox>, padding: f32, input_px: SizePx, min_score: f32) -> Self {
        Tracker {
            fixed,
            padding,
            input_px,
            min_score,
            presence: None,
            is_confirmed: false,
            followed: None,
        }
    }

    /// For a network that tells presence itself: an instance is there from these values on, whatever its joints'
    /// scores are.
    #[must_use]
    pub fn with_presence(self, thresholds: Thresholds) -> Self {
        Tracker {
            presence: Some(thresholds),
            ..self
        }
    }

    /// The region to look at in this frame.
    pub fn region(&self, frame: &FrameInfo) -> Region {
        let (bbox, padding, origin) = match (self.fixed, self.followed) {
            (Some(fixed), _) => (fixed, self.padding, Origin::Fixed),
            (None, Some(followed)) => (followed, self.padding, Origin::Track),
            // The frame's border is not a tight box around the subject, so padding would only shrink the subject.
            (None, None) => (
                BBox::whole(frame.width_px, frame.height_px),
                1.0,
                Origin::Search,
            ),
        };
        Region {
            crop: CropBox::new(bbox, padding, self.input_px),
            origin,
        }
    }

    /// Judges the keypoints (source-frame pixels) of a frame's region and the evidence of an instance in it, and
    /// tracks them if they are one.
    pub fn absorb(&mut self, frame: &FrameInfo, keypoints: &[Keypoint], presence: f32) -> Presence {
        let sure = |keypoint: &&Keypoint| keypoint.score >= self.min_score;
        let bbox = BBox::around(keypoints.iter().filter(sure).map(|k| (k.x_px, k.y_px)));
        let half = 2 * keypoints.iter().filter(sure).count() >= keypoints.len();
        let is_search = self.fixed.is_none() && self.followed.is_none();
        let found = match self.presence {
            None => half,
            Some(Thresholds { keep, .. }) if self.is_confirmed => presence >= keep,
            Some(Thresholds { birth, .. }) => presence >= birth,
        };
        let found = found && (bbox.is_some() || self.presence.is_none());
        self.is_confirmed = found;
        // A map of presence speaks of the middle of a region, and a search finds anywhere in it: a closer look decides.
        let is_candidate = is_search && half;
        self.followed = bbox.filter(|bbox| {
            let (x, y) = bbox.center_px();
            let inside = (0.0..frame.width_px as f32).contains(&x)
                && (0.0..frame.height_px as f32).contains(&y);
            (found || is_candidate) && inside && bbox.width_px.max(bbox.height_px) >= MIN_SIDE_PX
        });
        Presence {
            score: presence,
            found,
        }
    }

    /// Forgets the instance. The whole next frame is searched.
    pub fn reset(&mut self) {
        self.followed = None;
        self.is_confirmed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Instant;

    fn keypoint(x_px: f32, y_px: f32, score: f32) -> Keypoint {
        Keypoint { x_px, y_px, score }
    }

    const FRAME: FrameInfo = FrameInfo {
        index: 0,
        width_px: 640,
        height_px: 480,
        captured: Instant {
            mono_us: 0,
            wall_us: 0,
        },
    };

    fn tracker(fixed: Option<BBox>) -> Tracker {
        Tracker::new(fixed, 1.5, [256, 256].into(), 0.3)
    }

    #[test]
    fn the_whole_frame_first_then_the_keypoints_box_then_the_whole_frame_again() {
        let mut tracker = tracker(None);
        let Region { crop, origin } = tracker.region(&FRAME);
        assert_eq!((crop.width_px, origin), (640.0, Origin::Search));

        let hand = [keypoint(100.0, 100.0, 0.9), keypoint(200.0, 150.0, 0.8)];
        assert!(tracker.absorb(&FRAME, &hand, 0.8).found);
        let Region { crop, origin } = tracker.region(&FRAME);
        assert_eq!(origin, Origin::Track);
        assert_eq!(
            (crop.center_x_px, crop.center_y_px, crop.width_px),
            (150.0, 125.0, 150.0)
        );

        let nothing = [keypoint(100.0, 100.0, 0.1), keypoint(200.0, 150.0, -0.2)];
        let presence = tracker.absorb(&FRAME, &nothing, 0.05);
        assert!(!presence.found);
        assert_eq!(presence.score, 0.05);
        assert_eq!(tracker.region(&FRAME).origin, Origin::Search);
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
        tracker.absorb(&FRAME, &[keypoint(500.0, 400.0, 1.0)], 1.0);
        let Region { crop, origin } = tracker.region(&FRAME);
        assert_eq!(
            (crop.center_x_px, crop.width_px, origin),
            (60.0, 150.0, Origin::Fixed)
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
        assert!(tracker.absorb(&FRAME, &hand, 0.8).found);
        assert_eq!(tracker.region(&FRAME).crop.width_px, 75.0);
    }

    #[test]
    fn a_point_or_a_box_outside_the_frame_is_not_followed() {
        let mut tracker = tracker(None);
        tracker.absorb(&FRAME, &[keypoint(100.0, 100.0, 0.9); 2], 0.9);
        assert_eq!(tracker.region(&FRAME).origin, Origin::Search);
        tracker.absorb(
            &FRAME,
            &[keypoint(-300.0, 0.0, 0.9), keypoint(-200.0, 90.0, 0.9)],
            0.9,
        );
        assert_eq!(tracker.region(&FRAME).origin, Origin::Search);
    }

    #[test]
    fn presence_of_its_own_decides_and_a_followed_instance_needs_less() {
        let thresholds = Thresholds {
            birth: 0.6,
            keep: 0.4,
        };
        let mut tracker = tracker(None).with_presence(thresholds);
        let hand = [keypoint(100.0, 100.0, 0.9), keypoint(200.0, 150.0, 0.9)];
        // A cat with sure joints is looked at closely, and is none.
        assert!(!tracker.absorb(&FRAME, &hand, 0.5).found);
        assert_eq!(tracker.region(&FRAME).origin, Origin::Track);
        assert!(!tracker.absorb(&FRAME, &hand, 0.5).found);
        assert_eq!(tracker.region(&FRAME).origin, Origin::Search);

        // A hand at the border of the frame.
        assert!(!tracker.absorb(&FRAME, &hand, 0.1).found);
        assert_eq!(tracker.absorb(&FRAME, &hand, 0.7).score, 0.7);
        assert!(tracker.absorb(&FRAME, &hand, 0.5).found);
        assert_eq!(tracker.region(&FRAME).origin, Origin::Track);
        assert!(!tracker.absorb(&FRAME, &hand, 0.3).found);
        assert_eq!(tracker.region(&FRAME).origin, Origin::Search);
        // No joint says where it is.
        let blurred = [keypoint(100.0, 100.0, 0.1); 2];
        assert!(!tracker.absorb(&FRAME, &blurred, 0.9).found);
    }

    #[test]
    fn reset_searches_again() {
        let mut tracker = tracker(None);
        tracker.absorb(
            &FRAME,
            &[keypoint(0.0, 0.0, 0.9), keypoint(90.0, 90.0, 0.9)],
            0.9,
        );
        assert_eq!(tracker.region(&FRAME).origin, Origin::Track);
        tracker.reset();
        assert_eq!(tracker.region(&FRAME).origin, Origin::Search);
    }
}
