//! How well several instances are followed, against a known truth: the metrics of multiple object tracking.
//!
//! In: what was there and what was sent in each frame, in source-frame pixels and microseconds. Out: a [`Score`]. Pure
//! functions: no clock, no pictures, no networks. docs/evaluation.md defines each figure.

mod assignment;
mod matching;
mod region;
mod score;
mod steadiness;

pub use region::Polygon;
pub use score::{Bin, SIZES_PX, Score, score};
pub use steadiness::{Steadiness, steadiness};

use crate::scene::{BBox, Side, Task};

/// A point of the frame.
pub type PointPx = (f32, f32);

/// A truth counts from this share of its joints in view on. One that is less in view may be found or not.
pub const IN_VIEW: f32 = 0.6;
/// A truth counts from this side on.
const LEAST_SIDE_PX: f32 = 24.0;
/// The time to the first lock begins when a truth is as large as this.
const LOCK_SIDE_PX: f32 = 32.0;
/// True and sent instance are the same below this mean distance of their joints, in true sides.
const SAME: f32 = 0.3;

/// A hand or body that was there.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// The same in all frames.
    pub id: u32,
    /// Hand or body.
    pub task: Task,
    /// The side of a hand, as its owner sees it.
    pub side: Option<Side>,
    /// The share of it that can be seen, 0 to 1.
    pub visible: f32,
    /// All joints, also hidden ones; `None` for one whose place is not known.
    pub joints: Vec<Option<PointPx>>,
}

impl Truth {
    /// The box around its joints; `None` if no place is known.
    pub fn around(&self) -> Option<BBox> {
        BBox::around(self.joints.iter().copied().flatten())
    }

    /// The longer side of the box around its joints.
    pub fn side_px(&self) -> f32 {
        self.around()
            .map_or(0.0, |around| around.width_px.max(around.height_px))
    }

    /// It should be found.
    fn counts(&self) -> bool {
        self.visible >= IN_VIEW && self.side_px() >= LEAST_SIDE_PX
    }
}

/// A hand or body that was sent as being there.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The same number is the same instance.
    pub number: u32,
    /// Hand or body.
    pub task: Task,
    /// The side that was told.
    pub side: Option<Side>,
    /// It belongs to a body.
    pub is_linked: bool,
    /// Its joints are moved ones of an earlier look.
    pub is_predicted: bool,
    /// Age of the look that its joints come from.
    pub look_age_us: u64,
    /// `None` for a joint that was not found.
    pub joints: Vec<Option<PointPx>>,
}

/// Truths and sent instances of one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Capture time.
    pub captured_us: u64,
    /// The truths are known. A frame of which they are not is not judged.
    pub is_labelled: bool,
    /// Regions in which not all truths are known.
    pub ignored: Vec<Polygon>,
    /// All that was there.
    pub truths: Vec<Truth>,
    /// All that was sent.
    pub sent: Vec<Sent>,
}

impl Judged {
    /// Most of its joints are where not all truths are known: without a truth it is neither right nor false.
    fn leaves_open(&self, sent: &Sent) -> bool {
        if self.ignored.is_empty() {
            return false;
        }
        let found = || sent.joints.iter().copied().flatten();
        let outside = found().filter(|&point| !self.ignored.iter().any(|one| one.holds(point)));
        (outside.count() as f32) < IN_VIEW * found().count() as f32
    }
}

/// Mean distance of the joints that are known and were sent, in true sides; `None` if they are no two of one kind, or there is
/// no such joint.
fn distance(truth: &Truth, sent: &Sent) -> Option<f32> {
    if truth.task != sent.task || truth.joints.len() != sent.joints.len() {
        return None;
    }
    let pairs = truth.joints.iter().zip(&sent.joints);
    let distances = pairs.filter_map(|(truth, sent)| {
        let ((x, y), (sent_x, sent_y)) = ((*truth)?, (*sent)?);
        Some((x - sent_x).hypot(y - sent_y))
    });
    let (sum, count) = distances.fold((0.0, 0), |(sum, count), px| (sum + px, count + 1));
    let mean = sum / count as f32 / truth.side_px();
    mean.is_finite().then_some(mean)
}

#[cfg(test)]
mod fixtures {
    use super::*;

    /// Four joints at the corners of a square of 100 px.
    pub fn square(x: f32, y: f32) -> Vec<PointPx> {
        [(0.0, 0.0), (100.0, 0.0), (0.0, 100.0), (100.0, 100.0)]
            .iter()
            .map(|(dx, dy)| (x + dx, y + dy))
            .collect()
    }

    pub fn truth(id: u32, x: f32) -> Truth {
        Truth {
            id,
            task: Task::Hand,
            side: None,
            visible: 1.0,
            joints: square(x, 50.0).into_iter().map(Some).collect(),
        }
    }

    pub fn sent(number: u32, x: f32) -> Sent {
        Sent {
            number,
            task: Task::Hand,
            side: None,
            is_linked: false,
            is_predicted: false,
            look_age_us: 0,
            joints: square(x, 50.0).into_iter().map(Some).collect(),
        }
    }

    /// Frames of 10 Hz.
    pub fn frames(list: Vec<(Vec<Truth>, Vec<Sent>)>) -> Vec<Judged> {
        let judged = |(index, (truths, sent))| Judged {
            captured_us: 100_000 * index as u64,
            is_labelled: true,
            ignored: vec![],
            truths,
            sent,
        };
        list.into_iter().enumerate().map(judged).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::fixtures::{sent, truth};
    use super::*;

    #[test]
    fn the_distance_is_the_mean_of_the_sent_joints_in_true_sides() {
        let there = truth(1, 0.0);
        assert_eq!(there.side_px(), 100.0);
        assert_eq!(distance(&there, &sent(1, 20.0)), Some(0.2));
        let mut partly = sent(1, 0.0);
        partly.joints = vec![Some((0.0, 50.0)), Some((100.0, 90.0)), None, None];
        assert_eq!(distance(&there, &partly), Some(0.2));
        partly.joints.fill(None);
        assert_eq!(distance(&there, &partly), None);
        let mut body = sent(1, 0.0);
        body.task = Task::Body;
        assert_eq!(distance(&there, &body), None);
        body.task = Task::Hand;
        body.joints.pop();
        assert_eq!(distance(&there, &body), None);
    }

    #[test]
    fn what_is_hidden_or_too_small_does_not_count() {
        let mut one = truth(1, 0.0);
        assert!(one.counts());
        one.visible = 0.59;
        assert!(!one.counts());
        one.visible = 1.0;
        for joint in &mut one.joints {
            *joint = joint.map(|(x, y)| (0.23 * x, 0.23 * y));
        }
        assert!(!one.counts());
    }
}
