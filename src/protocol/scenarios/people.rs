//! Clips of persons, with and without their hands.

use super::super::clip::Clip;
use super::super::shape::{self, Hand, body};
use super::{clip, swing};
use crate::mot::Truth;
use crate::pipeline::LookCosts;
use crate::scene::Side::{self, Left, Right};
use crate::scene::Task;

const BODY_PX: f32 = 380.0;
const HAND_PX: f32 = 50.0;
/// A faster board: a body and two hands fit a frame.
const COSTS: LookCosts = LookCosts {
    hand_us: 4_000,
    body_us: 7_000,
    finder_us: 6_000,
};

pub(super) fn all() -> Vec<Clip> {
    vec![
        persons_cross(),
        hands_of_one(false),
        hands_of_one(true),
        hands_of_two(),
    ]
}

/// A person with both hands, whose wrists swing. `id` of the body; the hands have the next two.
fn person(id: u32, x_px: f32, at_s: f64, is_mirrored: bool) -> [Truth; 3] {
    let lift = |period_s| -0.06 * (1.0 + swing(at_s, period_s));
    let mut person = body(
        id,
        (x_px, 250.0),
        BODY_PX,
        [(-0.03, lift(3.1)), (0.03, lift(2.3))],
    );
    if is_mirrored {
        // The right wrist is at the right of the picture.
        let joint = |joint| person.joints[shape::mirrored(Task::Body, joint)];
        person.joints = (0..person.joints.len()).map(joint).collect();
    }
    let hand = |id: u32, side: Side, wrist: usize| {
        let (x, y) = person.joints[wrist].unwrap_or((x_px, 250.0));
        // A hand hangs from its wrist, which is at its upper edge.
        let turned = Hand {
            turn_rad: std::f32::consts::PI,
            ..Hand::at(id, side, x, y + 0.5 * HAND_PX, HAND_PX)
        };
        // A mirrored left hand looks like a right one.
        let looks = Hand {
            side: if is_mirrored { side.other() } else { side },
            ..turned
        };
        Truth {
            side: Some(side),
            ..looks.truth()
        }
    };
    let hands = [hand(id + 1, Right, 10), hand(id + 2, Left, 15)];
    let [first, second] = hands;
    [person, first, second]
}

fn persons_cross() -> Clip {
    let moved = |id, at_s: f64, way: f32| person(id, 320.0 + 200.0 * way, at_s, false)[0].clone();
    let clip = clip("persons cross", |at_s| {
        let way = swing(at_s + 1.5, 6.0);
        vec![moved(1, at_s, -way), moved(4, at_s, way)]
    });
    Clip {
        hands: 0,
        bodies: 2,
        costs: COSTS,
        ..clip
    }
}

fn hands_of_one(is_mirrored: bool) -> Clip {
    let name = match is_mirrored {
        false => "hands of a person",
        true => "the same, mirrored",
    };
    let clip = clip(name, |at_s| {
        let x = 320.0 + 60.0 * swing(at_s, 5.0);
        person(1, x, at_s, is_mirrored).to_vec()
    });
    Clip {
        bodies: 1,
        is_mirrored,
        costs: COSTS,
        ..clip
    }
}

fn hands_of_two() -> Clip {
    let clip = clip("hands of two persons", |at_s| {
        let two = [
            person(1, 170.0, at_s, false),
            person(4, 470.0, at_s + 0.7, false),
        ];
        two.concat()
    });
    Clip {
        bodies: 2,
        costs: COSTS,
        ..clip
    }
}
