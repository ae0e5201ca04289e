//! Duplicates: two tracks that look at the same hand or body.

use super::place::Place;
use crate::scene::{BBox, JointTable, Keypoint};

/// Joints coincide within this share of the palm or the torso.
const NEAR: f32 = 0.2;
const MIN_OVERLAP: f32 = 0.2;
/// The palm or the torso of a pose of an unknown joint table, as a share of the box's side.
const UNIT_OF_SIDE: f32 = 0.4;

/// Whether two poses of one kind are the same instance: about half of the joints coincide, and the boxes overlap.
pub(super) fn is_same(table: JointTable, a: &[Keypoint], b: &[Keypoint]) -> bool {
    let (Some(box_a), Some(box_b)) = (box_of(a), box_of(b)) else {
        return false;
    };
    let near_px = NEAR * unit_px(table, a).max(unit_px(table, b));
    let near = a.iter().zip(b).filter(|(a, b)| {
        a.is_found() && b.is_found() && (a.x_px - b.x_px).hypot(a.y_px - b.y_px) < near_px
    });
    let needed = (a.len() / 2).max(1);
    near.count() >= needed && box_a.overlap(&box_b) > MIN_OVERLAP
}

/// The length that a pose is measured by: the longest edge of the palm, or the torso.
fn unit_px(table: JointTable, pose: &[Keypoint]) -> f32 {
    let edges: &[(usize, usize)] = match table {
        // Wrist, forefinger's base, little finger's base.
        JointTable::Interhand21 => &[(20, 7), (7, 19), (19, 20)],
        // Pelvis, thorax.
        JointTable::Mpii16 => &[(6, 7)],
        JointTable::Custom => &[],
    };
    let length = |&(from, to): &(usize, usize)| {
        let (from, to) = (pose.get(from)?, pose.get(to)?);
        let is_known = from.is_found() && to.is_found();
        is_known.then(|| (from.x_px - to.x_px).hypot(from.y_px - to.y_px))
    };
    let longest = edges.iter().filter_map(length).reduce(f32::max);
    let side = || box_of(pose).and_then(|found| Place::of(&found));
    longest.unwrap_or_else(|| side().map_or(0.0, |place| UNIT_OF_SIDE * place.side_px))
}

fn box_of(pose: &[Keypoint]) -> Option<BBox> {
    let found = pose.iter().filter(|joint| joint.is_found());
    BBox::around(found.map(|joint| (joint.x_px, joint.y_px)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hand(x: f32, y: f32) -> Vec<Keypoint> {
        let joint = |i: usize| Keypoint {
            x_px: x + 20.0 * (i % 5) as f32,
            y_px: y + 20.0 * (i / 5) as f32,
            score: 0.8,
        };
        (0..21).map(joint).collect()
    }

    #[test]
    fn the_same_hand_twice_and_two_hands_side_by_side() {
        let same = |a: &[Keypoint], b: &[Keypoint]| is_same(JointTable::Interhand21, a, b);
        let first = hand(10.0, 10.0);
        assert!(same(&first, &hand(14.0, 12.0)));
        assert!(!same(&first, &hand(50.0, 12.0)));
        // Joints that were not found are no evidence.
        let mut blind = hand(10.0, 10.0);
        for joint in &mut blind[..12] {
            joint.score = 0.0;
        }
        assert!(!same(&first, &blind));
        assert!(!same(&first, &[]));
        assert!(is_same(JointTable::Custom, &first, &hand(12.0, 10.0)));
    }
}
