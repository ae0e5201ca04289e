//! From a body to its hands: a box at each wrist, as in OpenPose's `handDetector.cpp`.

use super::place::Place;
use crate::scene::{JointTable, Keypoint, Side};

/// Score of a joint that is relied on.
const SURE_SCORE: f32 = 0.3;
/// The hand's centre is this far beyond the wrist, in forearms.
const BEYOND: f32 = 0.33;

/// Wrist, elbow and shoulder of one side.
const ARMS: [(Side, [usize; 3]); 2] = [(Side::Right, [10, 11, 12]), (Side::Left, [15, 14, 13])];
const PELVIS: usize = 6;
const UPPER_NECK: usize = 8;

/// A wrist, and the box in which its hand is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wrist {
    pub side: Side,
    pub x_px: f32,
    pub y_px: f32,
    pub hand: Place,
    pub score: f32,
}

/// The wrists of a body that are in sight. Only the joint table of MPII is known.
pub(super) fn of(table: JointTable, body: &[Keypoint]) -> impl Iterator<Item = Wrist> + '_ {
    let arms = match table {
        JointTable::Mpii16 => &ARMS[..],
        JointTable::Interhand21 | JointTable::Custom => &[],
    };
    arms.iter()
        .filter_map(|&(side, arm)| wrist(side, arm, body))
}

fn wrist(side: Side, arm: [usize; 3], body: &[Keypoint]) -> Option<Wrist> {
    let sure = |joint: usize| {
        body.get(joint).filter(|joint| {
            joint.score >= SURE_SCORE && joint.x_px.is_finite() && joint.y_px.is_finite()
        })
    };
    let length = |a: &Keypoint, b: &Keypoint| (a.x_px - b.x_px).hypot(a.y_px - b.y_px);
    let [wrist, elbow, shoulder] = arm.map(sure);
    let wrist = wrist?;
    let (x_px, y_px, side_px) = match elbow {
        Some(elbow) => {
            let forearm = length(wrist, elbow);
            let upper = shoulder.map_or(0.0, |shoulder| length(elbow, shoulder));
            (
                wrist.x_px + BEYOND * (wrist.x_px - elbow.x_px),
                wrist.y_px + BEYOND * (wrist.y_px - elbow.y_px),
                // An arm that points at the camera is short: then the upper arm tells the size.
                1.5 * forearm.max(0.9 * upper),
            )
        }
        None => {
            let trunk = sure(UPPER_NECK).zip(sure(PELVIS));
            let trunk = trunk.map(|(neck, pelvis)| length(neck, pelvis))?;
            (wrist.x_px, wrist.y_px, 0.45 * trunk)
        }
    };
    (side_px > 1.0).then_some(Wrist {
        side,
        x_px: wrist.x_px,
        y_px: wrist.y_px,
        hand: Place {
            x_px,
            y_px,
            side_px,
        },
        score: wrist.score,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(joints: &[(usize, f32, f32)]) -> Vec<Keypoint> {
        let mut body = vec![Keypoint::default(); 16];
        for &(joint, x_px, y_px) in joints {
            body[joint] = Keypoint {
                x_px,
                y_px,
                score: 0.8,
            };
        }
        body
    }

    fn wrists(body: &[Keypoint]) -> Vec<Wrist> {
        of(JointTable::Mpii16, body).collect()
    }

    #[test]
    fn a_hand_is_beyond_the_wrist_and_has_the_size_of_the_arm() {
        let found = wrists(&body(&[
            (10, 100.0, 200.0),
            (11, 100.0, 100.0),
            (12, 100.0, 0.0),
        ]));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].side, found[0].hand.y_px), (Side::Right, 233.0));
        assert_eq!(found[0].hand.side_px, 150.0);
        // The forearm points at the camera.
        let short = wrists(&body(&[
            (15, 100.0, 110.0),
            (14, 100.0, 100.0),
            (13, 100.0, 0.0),
        ]));
        assert_eq!((short[0].side, short[0].hand.side_px), (Side::Left, 135.0));
    }

    #[test]
    fn without_an_elbow_the_trunk_gives_the_size() {
        let found = wrists(&body(&[
            (15, 50.0, 60.0),
            (6, 100.0, 200.0),
            (8, 100.0, 100.0),
        ]));
        assert_eq!((found[0].hand.x_px, found[0].hand.side_px), (50.0, 45.0));
    }

    #[test]
    fn what_is_not_known_gives_no_box() {
        assert_eq!(wrists(&body(&[(10, 1.0, 2.0)])), []);
        assert_eq!(wrists(&body(&[(10, f32::NAN, 2.0), (11, 1.0, 90.0)])), []);
        assert_eq!(wrists(&[]), []);
        let other = body(&[(10, 100.0, 200.0), (11, 100.0, 100.0)]);
        assert_eq!(of(JointTable::Custom, &other).count(), 0);
    }
}
