//! Joints of a look that are another instance's: a network that is shown two overlapping hands gives some joints of
//! each.

use super::place::Place;
use crate::scene::{Keypoint, Keypoints};

/// A look needs this share of its joints, and so many.
const OWN_SHARE: f32 = 1.0 / 3.0;
const MIN_OWN: u32 = 4;

/// Where the joints of another instance are expected, and how much nearer a joint must be to it to be its own.
pub(super) struct Rival {
    pub pose: Keypoints,
    pub factor: f32,
}

/// A bit for each found joint of a look that is not nearer to where another instance is expected.
pub(super) fn own_joints<'a>(
    look: &[Keypoint],
    expected: &[Keypoint],
    rivals: impl Iterator<Item = &'a Rival> + Clone,
) -> u64 {
    let mut own = 0;
    for (joint, seen) in look.iter().enumerate() {
        let far = |other: Option<&Keypoint>| {
            let other = other.filter(|other| other.is_found())?;
            Some((seen.x_px - other.x_px).hypot(seen.y_px - other.y_px))
        };
        if !seen.is_found() {
            continue;
        }
        let is_theirs = far(expected.get(joint)).is_some_and(|own| {
            rivals.clone().any(|rival| {
                far(rival.pose.get(joint)).is_some_and(|theirs| theirs < rival.factor * own)
            })
        });
        own |= u64::from(!is_theirs) << joint;
    }
    own
}

/// Whether so many of a look's found joints are enough to follow by.
pub(super) fn is_enough(own: u64, found: usize) -> bool {
    let count = own.count_ones();
    count >= MIN_OWN && count as f32 >= OWN_SHARE * found as f32
}

/// The middle of the distances of the own joints from where they were expected, for each axis, in pixels.
pub(super) fn shift_px(look: &[Keypoint], expected: &[Keypoint], own: u64) -> (f32, f32) {
    let shifts = |axis: fn(&Keypoint) -> f32| {
        let pairs = look.iter().zip(expected).enumerate();
        let own = pairs.filter(|(joint, (_, then))| own & (1 << joint) != 0 && then.is_found());
        let mut shifts: heapless::Vec<f32, { crate::limits::MAX_KEYPOINTS }> =
            own.map(|(_, (now, then))| axis(now) - axis(then)).collect();
        shifts.sort_unstable_by(f32::total_cmp);
        shifts.get(shifts.len() / 2).copied().unwrap_or(0.0)
    };
    (shifts(|joint| joint.x_px), shifts(|joint| joint.y_px))
}

/// Mean distance of a look's joints from where they were expected, in sides of a place.
pub(super) fn surprise(look: &[Keypoint], expected: &[Keypoint], place: &Place) -> f32 {
    let pairs = look.iter().zip(expected);
    let known = pairs.filter(|(now, then)| now.is_found() && then.is_found());
    let (sum, count) = known.fold((0.0, 0.0), |(sum, count), (now, then)| {
        (
            sum + (now.x_px - then.x_px).hypot(now.y_px - then.y_px),
            count + 1.0,
        )
    });
    if count > 0.0 {
        sum / count / place.side_px
    } else {
        0.0
    }
}
