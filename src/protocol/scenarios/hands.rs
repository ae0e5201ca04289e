//! Clips of one and two hands.

use super::super::clip::Clip;
use super::super::shape::Hand;
use super::{clip, reach, swing, to_and_fro};
use crate::mot::Truth;
use crate::scene::Side::{Left, Right};

const SIDE_PX: f32 = 100.0;

pub(super) fn all() -> Vec<Clip> {
    let mut clips = vec![
        rest(),
        steady(0.5),
        steady(2.0),
        reaches(),
        wave(),
        distances(),
    ];
    clips.extend([fist(), half_outside(), returns(false), returns(true)]);
    clips.extend([0.2, 0.6, 2.0].map(hidden));
    clips.extend([cross(true), cross(false), clap()]);
    clips
}

fn right(x_px: f32, y_px: f32) -> Hand {
    Hand::at(1, Right, x_px, y_px, SIDE_PX)
}

fn rest() -> Clip {
    clip("hand at rest", |_| vec![right(320.0, 240.0).truth()])
}

/// Long straight ways at a speed in sides per second.
fn steady(sides_per_s: f64) -> Clip {
    let way_px = 400.0;
    let truth = right(0.0, 0.0).truth();
    let period_s = 2.0 * way_px / (sides_per_s * f64::from(truth.side_px()));
    clip(&format!("{sides_per_s} sides/s"), move |at_s| {
        let x = 120.0 + way_px as f32 * to_and_fro(at_s, period_s);
        vec![right(x, 240.0).truth()]
    })
}

/// One side far in 0.4 s, every 1.2 s.
fn reaches() -> Clip {
    clip("reaches", |at_s| {
        let (turn, part) = ((at_s / 1.2).floor(), at_s % 1.2);
        let way = reach(part / 0.4);
        let way = if (turn as u64).is_multiple_of(2) {
            way
        } else {
            1.0 - way
        };
        vec![right(270.0 + SIDE_PX * way, 240.0).truth()]
    })
}

/// A pendulum whose highest speed is 6 sides/s.
fn wave() -> Clip {
    let period_s = 2.0 * std::f64::consts::PI / 6.0;
    clip("wave at 6 sides/s", move |at_s| {
        vec![right(320.0 + SIDE_PX * swing(at_s, period_s), 240.0).truth()]
    })
}

/// From 0.4 m to 4 m and back, for a camera of 60 degrees.
fn distances() -> Clip {
    clip("0.4 to 4 m", |at_s| {
        let way = to_and_fro(at_s, 10.0);
        let side_px = 235.0 * 0.1_f32.powf(way);
        let (x, y) = (
            320.0 + 60.0 * swing(at_s, 7.0),
            240.0 + 40.0 * swing(at_s, 5.0),
        );
        vec![Hand::at(1, Right, x, y, side_px).truth()]
    })
}

fn fist() -> Clip {
    clip("fist to open", |at_s| {
        let open = reach(3.0 * f64::from(to_and_fro(at_s, 2.0)) - 1.0);
        vec![
            Hand {
                open,
                ..right(320.0, 240.0)
            }
            .truth(),
        ]
    })
}

fn half_outside() -> Clip {
    clip("half outside", |at_s| {
        vec![right(50.0 - 50.0 * to_and_fro(at_s, 4.0), 240.0).truth()]
    })
}

/// Leaves at the right border, and returns 0.7 s later there or at the left one.
fn returns(at_other_border: bool) -> Clip {
    let name = match at_other_border {
        false => "returns, same border",
        true => "returns, other border",
    };
    clip(name, move |at_s| {
        // 2.5 s inside, out of the frame, 0.7 s outside.
        let (turn, part) = ((at_s / 5.0).floor(), at_s % 5.0);
        let out = reach((part - 2.0) / 0.5) - reach((part - 3.2) / 0.5);
        let comes_back = part > 2.8 && at_other_border;
        let x = match comes_back {
            true => 480.0 - 560.0 * out,
            false => 480.0 + 240.0 * out,
        };
        // A hand that comes back at the other side is another one.
        let id = 1 + turn as u32 + u32::from(comes_back);
        let id = if at_other_border { id } else { 1 };
        vec![Truth {
            id,
            ..right(x, 240.0).truth()
        }]
    })
}

/// A thing in front of a hand at rest for a time, every 3.3 s.
fn hidden(time_s: f64) -> Clip {
    clip(&format!("hidden {time_s} s"), move |at_s| {
        let is_hidden = (1.2..1.2 + time_s).contains(&(at_s % 3.3));
        vec![Truth {
            visible: if is_hidden { 0.0 } else { 1.0 },
            ..right(320.0, 240.0).truth()
        }]
    })
}

/// Two hands that pass each other every 2 s, at 2 sides/s together.
fn cross(right_in_front: bool) -> Clip {
    let name = match right_in_front {
        true => "cross, right in front",
        false => "cross, left in front",
    };
    clip(name, move |at_s| {
        let way = 170.0 * swing(at_s + 1.0, 4.0);
        let one = right(320.0 + way, 250.0).truth();
        let other = Hand::at(2, Left, 320.0 - way, 235.0, SIDE_PX).truth();
        match right_in_front {
            true => vec![other, one],
            false => vec![one, other],
        }
    })
}

/// Hands that meet, hold each other for 0.8 s, and part.
fn clap() -> Clip {
    clip("clap and hold", |at_s| {
        let part = at_s % 3.3;
        let near = reach((part - 1.0) / 0.5) - reach((part - 2.3) / 0.5);
        let half_px = 140.0 - 105.0 * near;
        vec![
            right(320.0 - half_px, 240.0).truth(),
            Hand::at(2, Left, 320.0 + half_px, 240.0, SIDE_PX).truth(),
        ]
    })
}
