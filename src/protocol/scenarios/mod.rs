//! The modelled clips of the protocol.

mod hands;
mod others;
mod people;

use super::clip::{Clip, Moment, Picture};
use super::shape;
use crate::mot::Truth;
use crate::pipeline::LookCosts;

const SIZE_PX: (u32, u32) = (640, 480);
const SECONDS: f64 = 10.0;
const RATE_HZ: f64 = 30.0;
/// The first capture time, so that no time is 0.
const START_US: u64 = 1_000_000;
/// Of a small board: the hand's and the finder's look fit a frame of 30 Hz once, two hands do too.
const COSTS: LookCosts = LookCosts {
    hand_us: 10_000,
    body_us: 17_000,
    finder_us: 16_000,
};

/// All clips, in the order of the table. Clutter is shown for so many minutes.
pub fn all(clutter_minutes: u32) -> Vec<Clip> {
    let mut clips = vec![others::clutter(clutter_minutes)];
    clips.extend(hands::all());
    clips.extend(people::all());
    clips.extend(others::all());
    clips
}

/// Up to two hands and no body, at 30 Hz for 10 s. `there` gives the truths at a time in seconds, from back to front.
fn clip(name: &str, there: impl Fn(f64) -> Vec<Truth>) -> Clip {
    let times = (0..(SECONDS * RATE_HZ) as u64).map(|frame| frame as f64 / RATE_HZ);
    clip_at(name, times, there)
}

/// At these times.
fn clip_at(
    name: &str,
    times: impl Iterator<Item = f64>,
    there: impl Fn(f64) -> Vec<Truth>,
) -> Clip {
    let moment = |at_s: f64| {
        let mut truths = there(at_s);
        shape::hide(&mut truths, SIZE_PX);
        Moment {
            captured_us: START_US + (1e6 * at_s) as u64,
            picture: Picture::Coded {
                is_other_room: false,
            },
            truths,
            is_labelled: true,
            ignored: Vec::new(),
            clutter: Vec::new(),
        }
    };
    Clip {
        name: name.into(),
        size_px: SIZE_PX,
        is_mirrored: false,
        quarter_turns: 0,
        hands: 4,
        bodies: 0,
        costs: COSTS,
        is_dim: false,
        moments: times.map(moment).collect(),
    }
}

/// To and fro between 0 and 1 at a steady speed, once in a period.
fn to_and_fro(at_s: f64, period_s: f64) -> f32 {
    let part = at_s.rem_euclid(period_s) / period_s;
    (1.0 - (2.0 * part - 1.0).abs()) as f32
}

/// To and fro like a pendulum, between -1 and 1.
fn swing(at_s: f64, period_s: f64) -> f32 {
    (2.0 * std::f64::consts::PI * at_s / period_s).sin() as f32
}

/// From 0 to 1 as a hand reaches: without a jerk (Flash and Hogan, 1985).
fn reach(part: f64) -> f32 {
    let part = part.clamp(0.0, 1.0);
    (part.powi(3) * (10.0 - 15.0 * part + 6.0 * part * part)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_clip_has_a_name_of_its_own_and_frames_in_order() {
        let clips = all(1);
        for (at, clip) in clips.iter().enumerate() {
            assert!(clips[..at].iter().all(|other| other.name != clip.name));
            assert!(clip.frames() >= 100, "{}", clip.name);
            let times: Vec<u64> = clip.moments.iter().map(|one| one.captured_us).collect();
            assert!(times.is_sorted_by(|a, b| a < b), "{}", clip.name);
        }
    }

    #[test]
    fn movements_begin_and_end_where_they_should() {
        assert_eq!((reach(-1.0), reach(0.5), reach(2.0)), (0.0, 0.5, 1.0));
        assert_eq!(to_and_fro(0.0, 4.0), 0.0);
        assert_eq!(to_and_fro(2.0, 4.0), 1.0);
        assert_eq!(to_and_fro(3.0, 4.0), 0.5);
    }
}
