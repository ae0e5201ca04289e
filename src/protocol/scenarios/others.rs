//! Clips of scenes and cameras: clutter, cuts, knocks, rates, more instances than there is time for.

use super::super::clip::{Clip, Clutter, Moment, Picture};
use super::super::likely;
use super::super::shape::Hand;
use super::{COSTS, SIZE_PX, START_US, clip, clip_at, swing};
use crate::limits::MAX_INSTANCES;
use crate::pipeline::LookCosts;
use crate::scene::Side::{Left, Right};
use crate::scene::Task;

/// Things in sight at the same time, and the time for which one is.
const CLUTTER: u64 = 6;
const CLUTTER_S: f64 = 20.0;

pub(super) fn all() -> Vec<Clip> {
    vec![cuts(), knock(), dusk(), slower(), eight()]
}

/// Things that are no hands, and move slowly.
pub(super) fn clutter(minutes: u32) -> Clip {
    let frames = 30 * 60 * u64::from(minutes);
    let thing = |at_s: f64, place: u64| {
        // They do not change all at once.
        let turns = at_s / CLUTTER_S + place as f64 / CLUTTER as f64;
        let id = place + CLUTTER * turns as u64;
        let vary = |index: u64| likely::once(0xC1, id, index);
        let side_px = 80.0 * (0.5 * vary(0)).exp();
        Clutter {
            id: 1000 + id as u32,
            looks_like: Task::Hand,
            x_px: 55.0 + 105.0 * place as f32 + 30.0 * swing(at_s, 9.0 + f64::from(vary(1))),
            y_px: 240.0 + 70.0 * vary(2) + 20.0 * swing(at_s, 6.0 + f64::from(vary(3))),
            side_px,
        }
    };
    let moment = |frame: u64| {
        let at_s = frame as f64 / 30.0;
        Moment {
            captured_us: START_US + (1e6 * at_s) as u64,
            picture: Picture::Coded {
                is_other_room: false,
            },
            truths: Vec::new(),
            is_labelled: true,
            ignored: Vec::new(),
            clutter: (0..CLUTTER).map(|place| thing(at_s, place)).collect(),
        }
    };
    Clip {
        name: format!("clutter, {minutes} min"),
        size_px: SIZE_PX,
        is_mirrored: false,
        quarter_turns: 0,
        hands: 4,
        bodies: 0,
        costs: COSTS,
        is_dim: false,
        moments: (0..frames).map(moment).collect(),
    }
}

/// Another room with another hand every 2 s.
fn cuts() -> Clip {
    let room = |at_s: f64| (at_s / 2.0) as u32;
    let mut clip = clip("scene cuts", |at_s| {
        let id = room(at_s);
        let x = if id.is_multiple_of(2) { 200.0 } else { 430.0 };
        vec![Hand::at(1 + id, Right, x, 240.0, 100.0).truth()]
    });
    for moment in &mut clip.moments {
        let at_s = (moment.captured_us - START_US) as f64 / 1e6;
        moment.picture = Picture::Coded {
            is_other_room: !room(at_s).is_multiple_of(2),
        };
    }
    clip
}

/// The camera is pushed aside by 0.6 sides within 0.1 s, every 2 s, and shakes for a moment.
fn knock() -> Clip {
    clip("knocks", |at_s| {
        let part = at_s % 2.0;
        let side = if ((at_s / 2.0) as u32).is_multiple_of(2) {
            1.0
        } else {
            -1.0
        };
        let push = (part / 0.1).min(1.0) as f32 - 0.5;
        let shake = 8.0 * (-5.0 * part).exp() as f32 * swing(part, 0.15);
        let x = side * 60.0 * push + shake;
        vec![
            Hand::at(1, Right, 220.0 + x, 240.0 + shake, 100.0).truth(),
            Hand::at(2, Left, 420.0 + x, 240.0 + shake, 100.0).truth(),
        ]
    })
}

fn dusk() -> Clip {
    let clip = clip("dusk", |at_s| {
        vec![Hand::at(1, Right, 320.0 + 60.0 * swing(at_s, 4.0), 240.0, 100.0).truth()]
    });
    Clip {
        is_dim: true,
        ..clip
    }
}

/// 30, 15, 10 and 5 Hz, for 5 s each: two hands that move at up to 1.5 sides/s.
fn slower() -> Clip {
    let mut times = Vec::new();
    for (rate_hz, from_s) in [(30.0, 0.0), (15.0, 5.0), (10.0, 10.0), (5.0, 15.0)] {
        let frames = (5.0 * rate_hz) as u32;
        times.extend((0..frames).map(|frame| from_s + f64::from(frame) / rate_hz));
    }
    clip_at("30 to 5 Hz", times.into_iter(), |at_s| {
        let hand = |id, side, x, period_s| {
            let move_px = 100.0 * 1.5 / (2.0 * std::f32::consts::PI) * period_s as f32;
            Hand::at(id, side, x + move_px * swing(at_s, period_s), 240.0, 100.0).truth()
        };
        vec![hand(1, Right, 200.0, 3.0), hand(2, Left, 450.0, 2.6)]
    })
}

/// Eight hands, of which four fit a frame.
fn eight() -> Clip {
    let clip = clip("8 hands, time for 4", |at_s| {
        let hand = |at: u32| {
            let (x, y) = (
                80.0 + 160.0 * (at % 4) as f32,
                130.0 + 220.0 * (at / 4) as f32,
            );
            let side = if at.is_multiple_of(2) { Right } else { Left };
            let period_s = 3.0 + 0.4 * f64::from(at);
            Hand::at(1 + at, side, x + 30.0 * swing(at_s, period_s), y, 90.0).truth()
        };
        (0..MAX_INSTANCES as u32).map(hand).collect()
    });
    Clip {
        hands: MAX_INSTANCES,
        costs: LookCosts {
            hand_us: 7_000,
            finder_us: 7_000,
            ..COSTS
        },
        ..clip
    }
}
