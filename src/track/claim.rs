//! Joints of a look that are another instance's.
//!
//! A network that is shown two overlapping hands gives some joints of each, or all of the one in front. The track whose
//! joint is expected nearest has the joint.

use super::place::Place;
use crate::limits::MAX_KEYPOINTS;
use crate::scene::{Keypoint, Keypoints};

/// A look at an instance has this share of its joints as its own, and so many.
const OWN_SHARE: f32 = 1.0 / 3.0;
const MIN_OWN: u32 = 4;
/// Joints of one instance move by the same way, up to this, in sides.
const TOGETHER: f32 = 0.15;

/// Another instance of the kind: where its joints are expected, and the share of the own distance that they must be nearer
/// than.
pub(super) struct Rival {
    pub pose: Keypoints,
    pub share: f32,
}

/// A bit for each of the joints in `sure` that another instance is expected nearer to.
pub(super) fn of_others(
    look: &[Keypoint],
    sure: u64,
    expected: &[Keypoint],
    rivals: &[Rival],
) -> u64 {
    let mut theirs = 0;
    for (joint, seen) in look.iter().enumerate() {
        let distance_px = |pose: &[Keypoint]| {
            let known = pose.get(joint).filter(|known| known.is_found())?;
            Some((seen.x_px - known.x_px).hypot(seen.y_px - known.y_px))
        };
        let Some(own_px) = distance_px(expected).filter(|_| sure & (1 << joint) != 0) else {
            continue;
        };
        let is_nearer = |rival: &Rival| {
            distance_px(&rival.pose).is_some_and(|rival_px| rival_px < rival.share * own_px)
        };
        theirs |= u64::from(rivals.iter().any(is_nearer)) << joint;
    }
    theirs
}

/// Whether the own joints are enough to follow by, and half of them have moved together.
pub(super) fn is_enough(
    look: &[Keypoint],
    expected: &[Keypoint],
    (own, theirs): (u64, u64),
    side_px: f32,
) -> bool {
    let (count, all) = (own.count_ones(), (own | theirs).count_ones());
    let (dx, dy) = shift_px(look, expected, own);
    let pairs = look.iter().zip(expected).enumerate();
    let together = pairs.filter(|(joint, (now, then))| {
        let (x, y) = (now.x_px - then.x_px - dx, now.y_px - then.y_px - dy);
        own & (1 << joint) != 0 && x.hypot(y) < TOGETHER * side_px
    });
    count >= MIN_OWN
        && count as f32 >= OWN_SHARE * all as f32
        && 2 * together.count() as u32 >= count
}

/// How far the joints in `own` are from where they were expected: the median along each axis, in pixels.
pub(super) fn shift_px(look: &[Keypoint], expected: &[Keypoint], own: u64) -> (f32, f32) {
    let along = |axis: fn(&Keypoint) -> f32| {
        let pairs = look.iter().zip(expected).enumerate();
        let own = pairs.filter(|(joint, (now, then))| {
            own & (1 << joint) != 0 && now.is_found() && then.is_found()
        });
        let mut shifts: heapless::Vec<f32, MAX_KEYPOINTS> = own
            .map(|(_, (now, then))| axis(now) - axis(then))
            .take(MAX_KEYPOINTS)
            .collect();
        shifts.sort_unstable_by(f32::total_cmp);
        shifts.get(shifts.len() / 2).copied().unwrap_or(0.0)
    };
    (along(|joint| joint.x_px), along(|joint| joint.y_px))
}

/// Mean distance of the joints from where they were expected, in sides of the place; 0 if none is known.
pub(super) fn surprise(look: &[Keypoint], expected: &[Keypoint], place: &Place) -> f32 {
    let pairs = look.iter().zip(expected);
    let known = pairs.filter(|(now, then)| now.is_found() && then.is_found());
    let (sum_px, count) = known.fold((0.0, 0.0), |(sum, count), (now, then)| {
        let distance_px = (now.x_px - then.x_px).hypot(now.y_px - then.y_px);
        (sum + distance_px, count + 1.0)
    });
    if count > 0.0 {
        sum_px / count / place.side_px
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten joints in a row.
    fn row(x_px: f32, y_px: f32) -> Keypoints {
        let joint = |at: usize| Keypoint {
            x_px: x_px + 10.0 * at as f32,
            y_px,
            score: 0.8,
        };
        (0..10).map(joint).collect()
    }

    fn rival(pose: Keypoints) -> [Rival; 1] {
        [Rival { pose, share: 1.0 }]
    }

    const ALL: u64 = (1 << 10) - 1;

    #[test]
    fn each_joint_is_of_the_instance_that_is_expected_nearest() {
        let (own, other) = (row(0.0, 0.0), rival(row(0.0, 40.0)));
        let mut look = row(0.0, 5.0);
        let theirs = |look: &[Keypoint]| of_others(look, ALL, &own, &other);
        let is_enough =
            |look: &[Keypoint], theirs: u64| is_enough(look, &own, (ALL & !theirs, theirs), 100.0);
        assert_eq!(theirs(&look), 0);
        for joint in 0..6 {
            look[joint].y_px = 38.0;
        }
        assert_eq!(theirs(&look), 0b11_1111);
        assert!(is_enough(&look, 0b11_1111));
        // The four that are left tell how far it has moved.
        assert_eq!(shift_px(&look, &own, ALL & !0b11_1111), (0.0, 5.0));
        // Of these, two are anywhere.
        let mut apart = look.clone();
        (apart[6].x_px, apart[7].x_px, apart[8].x_px) = (0.0, 150.0, 20.0);
        assert!(!is_enough(&apart, 0b11_1111));
        look[6].y_px = 38.0;
        assert!(!is_enough(&look, theirs(&look)));
        assert_eq!(of_others(&look, ALL, &own, &[]), 0);
    }

    #[test]
    fn what_is_not_sure_or_not_known_is_no_evidence() {
        let (own, other) = (row(0.0, 0.0), rival(row(0.0, 40.0)));
        let mut look = row(0.0, 38.0);
        assert_eq!(of_others(&look, 0b11, &own, &other), 0b11);
        let mut blind = own.clone();
        blind.iter_mut().for_each(|joint| joint.score = 0.0);
        assert_eq!(of_others(&look, ALL, &blind, &other), 0);
        let place = Place {
            x_px: 45.0,
            y_px: 0.0,
            side_px: 100.0,
        };
        look[0].score = 0.0;
        assert_eq!(surprise(&look, &blind, &place), 0.0);
        assert!((surprise(&look, &own, &place) - 0.38).abs() < 1e-3);
    }

    #[test]
    fn one_that_is_only_predicted_takes_a_joint_only_if_it_is_much_nearer() {
        let look = row(0.0, 25.0);
        let predicted = [Rival {
            pose: row(0.0, 40.0),
            share: 0.5,
        }];
        assert_eq!(of_others(&look, ALL, &row(0.0, 0.0), &predicted), 0);
    }
}
