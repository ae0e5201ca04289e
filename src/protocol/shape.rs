//! Hands and bodies as points: the joints of a figure at a place.

use crate::mot::{PointPx, Truth};
use crate::scene::{Side, Task};

/// Pelvis, thorax, neck and head of a body are in the middle.
const BODY_PAIRS: [[usize; 2]; 6] = [[0, 5], [1, 4], [2, 3], [10, 15], [11, 14], [12, 13]];
/// Sides of a body around its middle: x to the left of the picture, where its right side is; y downward.
const BODY: [PointPx; 16] = [
    (-0.10, 0.50),
    (-0.10, 0.30),
    (-0.09, 0.07),
    (0.09, 0.07),
    (0.10, 0.30),
    (0.10, 0.50),
    (0.0, 0.06),
    (0.0, -0.24),
    (0.0, -0.30),
    (0.0, -0.50),
    (-0.34, -0.10),
    (-0.26, -0.12),
    (-0.15, -0.24),
    (0.15, -0.24),
    (0.26, -0.12),
    (0.34, -0.10),
];
/// Knuckles of a right hand whose back is seen: thumb to little finger. The wrist is at (0, 0.5).
const KNUCKLES: [PointPx; 5] = [
    (-0.22, 0.22),
    (-0.16, -0.02),
    (-0.04, -0.06),
    (0.08, -0.03),
    (0.18, 0.04),
];
const DIRECTIONS: [PointPx; 5] = [
    (-0.62, -0.70),
    (-0.24, -0.97),
    (-0.03, -1.0),
    (0.14, -0.99),
    (0.34, -0.94),
];
const LENGTHS: [f32; 5] = [0.30, 0.42, 0.46, 0.43, 0.34];

/// A hand: where it is, and how it is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hand {
    pub id: u32,
    pub side: Side,
    pub x_px: f32,
    pub y_px: f32,
    /// Of an open hand, about.
    pub side_px: f32,
    pub turn_rad: f32,
    /// 1 is an open hand, 0 a fist.
    pub open: f32,
}

impl Hand {
    pub fn at(id: u32, side: Side, x_px: f32, y_px: f32, side_px: f32) -> Hand {
        Hand {
            id,
            side,
            x_px,
            y_px,
            side_px,
            turn_rad: 0.0,
            open: 1.0,
        }
    }

    pub fn truth(self) -> Truth {
        let mirror = if self.side == Side::Right { 1.0 } else { -1.0 };
        let (sin, cos) = self.turn_rad.sin_cos();
        let place = |(x, y): PointPx| {
            let x = mirror * x;
            (
                self.x_px + self.side_px * (cos * x - sin * y),
                self.y_px + self.side_px * (sin * x + cos * y),
            )
        };
        let finger = |joint: usize| {
            let (finger, from_tip) = (joint / 4, joint % 4);
            let reach = LENGTHS[finger] * (0.25 + 0.75 * self.open) * (3 - from_tip) as f32 / 3.0;
            let ((x, y), (dx, dy)) = (KNUCKLES[finger], DIRECTIONS[finger]);
            place((x + reach * dx, y + reach * dy))
        };
        let joints = (0..20).map(finger).chain([place((0.0, 0.5))]).map(Some);
        Truth {
            id: self.id,
            task: Task::Hand,
            side: Some(self.side),
            visible: 1.0,
            joints: joints.collect(),
        }
    }
}

/// A person who faces the camera, with the wrists moved by these, in sides.
pub(super) fn body(id: u32, (x_px, y_px): PointPx, side_px: f32, wrists: [PointPx; 2]) -> Truth {
    let joints = BODY.iter().enumerate().map(|(joint, &(x, y))| {
        let (dx, dy) = match joint {
            10 => wrists[0],
            15 => wrists[1],
            _ => (0.0, 0.0),
        };
        Some((x_px + side_px * (x + dx), y_px + side_px * (y + dy)))
    });
    Truth {
        id,
        task: Task::Body,
        side: None,
        visible: 1.0,
        joints: joints.collect(),
    }
}

/// The joints of a card that change places in a mirror.
pub(super) fn flip_pairs(task: Task) -> Vec<[usize; 2]> {
    match task {
        Task::Hand => vec![],
        Task::Body => BODY_PAIRS.to_vec(),
    }
}

/// The joint that a joint looks like in a mirror.
pub(super) fn mirrored(task: Task, joint: usize) -> usize {
    let pairs = flip_pairs(task);
    let pair = pairs.iter().find(|pair| pair.contains(&joint));
    pair.map_or(joint, |&[a, b]| if joint == a { b } else { a })
}

/// Sets the share of each truth that can be seen: what is in the frame, and not behind a later one of its kind.
pub(super) fn hide(truths: &mut [Truth], (width, height): (u32, u32)) {
    let (width, height) = (width as f32, height as f32);
    for at in 0..truths.len() {
        let (own, later) = (&truths[at], &truths[at + 1..]);
        let is_seen = |&&joint: &&Option<PointPx>| {
            let Some((x, y)) = joint else { return false };
            let is_inside = (0.0..width).contains(&x) && (0.0..height).contains(&y);
            let is_behind = later
                .iter()
                .any(|other| other.task == own.task && covers(other, (x, y)));
            is_inside && !is_behind
        };
        let seen = own.joints.iter().filter(is_seen).count();
        let share = seen as f32 / own.joints.len().max(1) as f32;
        truths[at].visible = truths[at].visible.min(share);
    }
}

/// Whether a point is behind it: in an ellipse of most of its box.
fn covers(truth: &Truth, (x, y): PointPx) -> bool {
    let Some(around) = truth.around() else {
        return false;
    };
    let (middle_x, middle_y) = around.center_px();
    let width = if truth.task == Task::Body { 0.3 } else { 0.5 };
    let dx = (x - middle_x) / (width * around.width_px).max(1.0);
    let dy = (y - middle_y) / (0.5 * around.height_px).max(1.0);
    dx * dx + dy * dy < 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fist_is_smaller_than_an_open_hand_and_a_left_hand_is_its_mirror_image() {
        let right = Hand::at(1, Side::Right, 100.0, 100.0, 80.0);
        let fist = Hand { open: 0.0, ..right };
        assert!(fist.truth().side_px() < 0.8 * right.truth().side_px());
        let left = Hand {
            side: Side::Left,
            ..right
        };
        let (right, left) = (right.truth(), left.truth());
        for (a, b) in right
            .joints
            .iter()
            .flatten()
            .zip(left.joints.iter().flatten())
        {
            assert!((a.0 + b.0 - 200.0).abs() < 1e-3 && a.1 == b.1);
        }
    }

    #[test]
    fn a_later_hand_hides_an_earlier_one_and_the_frames_edge_does_too() {
        let hand = |id, x| Hand::at(id, Side::Right, x, 100.0, 80.0).truth();
        let mut truths = [hand(1, 300.0), hand(2, 305.0), hand(3, 0.0)];
        hide(&mut truths, (640, 480));
        let seen = truths.map(|truth| truth.visible);
        assert!(seen[0] < 0.4 && seen[1] == 1.0, "{seen:?}");
        assert!((0.2..0.8).contains(&seen[2]), "{seen:?}");
    }
}
