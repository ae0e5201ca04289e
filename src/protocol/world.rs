//! A modelled network's knowledge of the moment that it looks at. The source sets it, the networks read it.

use super::clip::{Clip, Clutter, Moment, Picture};
use super::likely;
use crate::mot::Truth;
use crate::random::Random;
use crate::scene::{Side, Task};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Certainty of a network at a hand or person, on the mean; its deviations of one from another, over time, and from look to
/// look. Of the shipped hand network's crops 95, 90 and 80 % reached 0.41, 0.46 and 0.52.
const SURE: f32 = 0.635;
const SURE_EACH: f32 = 0.06;
const SURE_TIME: f32 = 0.11;
const SURE_LOOK: f32 = 0.05;
/// The same of other things: of its crops of these 10.6, 3.7 and 0.5 % reached the same values.
const FALSE: f32 = 0.306;
const FALSE_EACH: f32 = 0.07;
const FALSE_TIME: f32 = 0.03;
const FALSE_LOOK: f32 = 0.035;
/// Share of other things whose joints stay where they are from look to look: with it a test of that tells hands from them as
/// well as it was measured to, with an AUC of 0.95.
const STEADY: f64 = 0.1;
/// Less of it in the dark.
const DIM: f32 = 0.06;
/// A person or hand of this side is as sure as a larger one; certainty falls to about a half at a third of it.
const LARGE_PX: f32 = 48.0;
/// Certainty that is lost by blur, for each side per second.
const BLUR: f32 = 0.03;
/// Share of looks that fail altogether.
const FAILS: f64 = 0.01;

/// The present moment.
#[derive(Debug, Default)]
pub(super) struct Present {
    pub now_us: u64,
    pub size_px: (u32, u32),
    pub is_other_room: bool,
    pub is_mirrored: bool,
    is_dim: bool,
    seed: u64,
    things: Vec<Thing>,
    clutter: Vec<Clutter>,
}

#[derive(Debug)]
struct Thing {
    truth: Truth,
    speed_sides: f32,
}

/// One hand, person or other thing, as a network sees it in one look.
pub(super) struct Seen<'a> {
    pub task: Task,
    pub center_px: (f32, f32),
    pub side_px: f32,
    /// `None` for what is neither.
    pub truth: Option<&'a Truth>,
    /// Of what is neither: its joints have places of their own, as those of hands do.
    pub shape: Option<u64>,
    /// Certainty of the look, about 0 to 1.
    pub sure: f32,
}

/// Shared by the source and the networks of a run.
#[derive(Clone)]
pub(super) struct World(Arc<Mutex<Present>>);

impl World {
    pub fn new(clip: &Clip, seed: u64) -> World {
        World(Arc::new(Mutex::new(Present {
            size_px: clip.size_px,
            is_mirrored: clip.is_mirrored,
            is_dim: clip.is_dim,
            seed,
            ..Present::default()
        })))
    }

    pub fn set(&self, moment: &Moment) {
        self.with(|present| present.set(moment));
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut Present) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Present {
    fn set(&mut self, moment: &Moment) {
        let before: BTreeMap<u32, (f32, f32)> = self
            .things
            .iter()
            .map(|thing| (thing.truth.id, middle(&thing.truth)))
            .collect();
        let step_s = (moment.captured_us.saturating_sub(self.now_us)) as f32 / 1e6;
        self.things = moment
            .truths
            .iter()
            .map(|truth| {
                let (x, y) = middle(truth);
                let moved = before.get(&truth.id);
                let moved_px = moved.map_or(0.0, |(old_x, old_y)| (x - old_x).hypot(y - old_y));
                let speed_sides = moved_px / truth.side_px().max(1.0) / step_s.max(1e-3);
                Thing {
                    truth: truth.clone(),
                    speed_sides,
                }
            })
            .collect();
        self.clutter.clone_from(&moment.clutter);
        self.now_us = moment.captured_us;
        self.is_other_room = matches!(
            moment.picture,
            Picture::Coded {
                is_other_room: true
            }
        );
    }

    /// All that a look can see, from back to front. `who` tells networks apart.
    pub fn seen(&self, who: u64, random: &mut Random) -> Vec<Seen<'_>> {
        let (seed, now_us) = (self.seed ^ who, self.now_us);
        let dim = if self.is_dim { DIM } else { 0.0 };
        let has_failed = random.real().abs() < FAILS;
        let things = self.things.iter().map(|thing| {
            let truth = &thing.truth;
            let id = u64::from(truth.id);
            let sure = SURE - dim
                + SURE_EACH * likely::once(seed, id, 0)
                + SURE_TIME * likely::slow(seed, id, now_us);
            let side_px = truth.side_px();
            let size = (0.4 + 0.6 * side_px / LARGE_PX).min(1.0);
            let blur = (1.0 - BLUR * thing.speed_sides).max(0.3);
            // What is half hidden is seen less surely, and what is almost hidden is not seen.
            let in_view = ((truth.visible - 0.25) / 0.35).clamp(0.0, 1.0);
            let fails = if has_failed { 0.4 } else { 1.0 };
            Seen {
                task: truth.task,
                center_px: middle(truth),
                side_px,
                truth: Some(truth),
                shape: None,
                sure: sure * size * blur * in_view * fails,
            }
        });
        let clutter = self.clutter.iter().map(|other| {
            let id = u64::from(other.id);
            let sure = FALSE
                + FALSE_EACH * likely::once(seed, id, 0)
                + FALSE_TIME * likely::slow(seed, id, now_us);
            Seen {
                task: other.looks_like,
                center_px: (other.x_px, other.y_px),
                side_px: other.side_px,
                truth: None,
                shape: likely::is_one_of(seed, id, STEADY).then_some(seed ^ id),
                sure,
            }
        });
        let mut seen: Vec<Seen<'_>> = clutter.chain(things).collect();
        for one in &mut seen {
            let look = if one.truth.is_some() {
                SURE_LOOK
            } else {
                FALSE_LOOK
            };
            one.sure = (one.sure + look * random.normal()).max(0.0);
        }
        seen
    }

    /// The probability of a right hand that a network tells. Of 100 looks 12 are on the wrong side.
    pub fn right_hand(&self, truth: &Truth, is_mirror: bool, random: &mut Random) -> f32 {
        let Some(side) = truth.side else { return 0.5 };
        let id = u64::from(truth.id);
        let slow = likely::slow(self.seed ^ 0x51DE, id, self.now_us);
        let log_odds = 1.5 + 1.2 * slow + 0.5 * random.normal();
        let looks_right = (side == Side::Right) != is_mirror;
        let log_odds = if looks_right { log_odds } else { -log_odds };
        1.0 / (1.0 + (-log_odds).exp())
    }
}

/// The middle of the box around its joints.
pub(super) fn middle(truth: &Truth) -> (f32, f32) {
    let around = truth.around();
    around.map_or((0.0, 0.0), |around| around.center_px())
}
