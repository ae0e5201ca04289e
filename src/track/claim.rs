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

/// Another instance of the kind: where its joints are expected, and the share of the own distance that they must be nearer
/// than.
pub(super) struct Rival {
    pub pose: Keypoints,
    pub share: f32,
}

/// A bit for each found joint that another instance is expected nearer to.
pub(super) fn of_others(look: &[Keypoint], expected: &[Keypoint], rivals: &[Rival]) -> u64 {
    let mut theirs = 0;
    for (joint, seen) in look.iter().enumerate() {
        let distance_px = |pose: &[Keypoint]| {
            let known = pose.get(joint).filter(|known| known.is_found())?;
            Some((seen.x_px - known.x_px).hypot(seen.y_px - known.y_px))
        };
        let Some(own_px) = distance_px(expected).filter(|_| seen.is_found()) else {
            continue;
        };
        let is_nearer = |rival: &Rival| {
            distance_px(&rival.pose).is_some_and(|rival_px| rival_px < rival.share * own_px)
        };
        theirs |= u64::from(rivals.iter().any(is_nearer)) << joint;
    }
    theirs
}

/// Whether too few joints are left without those of others.
pub(super) fn is_of_another(look: &[Keypoint], theirs: u64) -> bool {
    let found = look.iter().filter(|joint| joint.is_found()).count() as u32;
    let own = found - theirs.count_ones();
    theirs != 0 && (own < MIN_OWN || (own as f32) < OWN_SHARE * found as f32)
}

/// How far the joints are from where they were expected, without those of others: the median along each axis, in pixels.
pub(super) fn shift_px(look: &[Keypoint], expected: &[Keypoint], theirs: u64) -> (f32, f32) {
    let along = |axis: fn(&Keypoint) -> f32| {
        let pairs = look.iter().zip(expected).enumerate();
        let own = pairs.filter(|(joint, (now, then))| {
            theirs & (1 << joint) == 0 && now.is_found() && then.is_found()
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

    #[test]
    fn each_joint_is_of_the_instance_that_is_expected_nearest() {
        let (own, other) = (row(0.0, 0.0), rival(row(0.0, 40.0)));
        let mut look = row(0.0, 5.0);
        assert_eq!(of_others(&look, &own, &other), 0);
        for joint in 0..6 {
            look[joint].y_px = 38.0;
        }
        let theirs = of_others(&look, &own, &other);
        assert_eq!(theirs, 0b11_1111);
        assert!(!is_of_another(&look, theirs));
        // The four that are left tell how far it has moved.
        assert_eq!(shift_px(&look, &own, theirs), (0.0, 5.0));
        look[6].y_px = 38.0;
        assert!(is_of_another(&look, of_others(&look, &own, &other)));
        assert_eq!(of_others(&look, &own, &[]), 0);
    }

    #[test]
    fn what_was_not_found_is_no_evidence() {
        let (own, other) = (row(0.0, 0.0), rival(row(0.0, 40.0)));
        let mut look = row(0.0, 38.0);
        for joint in &mut look[..5] {
            joint.score = 0.0;
        }
        assert_eq!(of_others(&look, &own, &other), 0b11_1110_0000);
        let mut blind = own.clone();
        blind.iter_mut().for_each(|joint| joint.score = 0.0);
        assert_eq!(of_others(&look, &blind, &other), 0);
        let place = Place {
            x_px: 45.0,
            y_px: 0.0,
            side_px: 100.0,
        };
        assert_eq!(surprise(&look, &blind, &place), 0.0);
        assert!((surprise(&look, &own, &place) - 0.38).abs() < 1e-3);
        assert!(!is_of_another(&[], 0));
    }

    #[test]
    fn one_that_is_only_predicted_takes_a_joint_only_if_it_is_much_nearer() {
        let look = row(0.0, 25.0);
        let predicted = [Rival {
            pose: row(0.0, 40.0),
            share: 0.5,
        }];
        assert_eq!(of_others(&look, &row(0.0, 0.0), &predicted), 0);
    }
}
