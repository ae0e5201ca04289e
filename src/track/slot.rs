//! One slot: an instance from its first look until its number is forgotten.

use super::motion::Motion;
use super::place::Place;
use super::side::Belief;
use crate::scene::{BBox, Keypoint, Keypoints, Side, Task};

/// Looks that a new instance must pass: as it is, moved, and larger.
pub(super) const BIRTH_LOOKS: u8 = 3;
/// Share of the side by which the second of these looks is moved, and the factor of the third.
const BIRTH_SHIFT: f32 = 0.12;
const BIRTH_SCALE: f32 = 1.2;
/// A missed instance is predicted for this time, and for at least this number of its looks.
const COAST_US: u64 = 150_000;
const COAST_LOOKS: u8 = 2;
/// An instance behind another is predicted for this time.
const OVERLAP_HAND_US: u64 = 500_000;
const OVERLAP_BODY_US: u64 = 1_000_000;
/// A lost instance keeps its number for this time.
const KEEP_HAND_US: u64 = 1_000_000;
const KEEP_BODY_US: u64 = 2_000_000;
/// A new instance needs three looks, a followed one can be predicted for a while.
const TRIAL_URGENCY: f32 = 2.0;
/// The most by which a moving instance's region is widened.
const MAX_WIDENING: f32 = 0.3;

/// The boxes of the looks that a new instance in a box must pass.
pub fn birth_looks(bbox: &BBox) -> [BBox; BIRTH_LOOKS as usize] {
    let place = Place::of(bbox);
    std::array::from_fn(|look| match place {
        // There are three looks.
        Some(place) => birth_look(place, look as u8).bbox(),
        None => *bbox,
    })
}

/// The first look is at the place as it is.
fn birth_look(place: Place, look: u8) -> Place {
    match look {
        1 => Place {
            x_px: place.x_px + BIRTH_SHIFT * place.side_px,
            y_px: place.y_px + BIRTH_SHIFT * place.side_px,
            ..place
        },
        2 => place.scaled(BIRTH_SCALE),
        _ => place,
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stage {
    Empty,
    /// Not reported; passed so many looks.
    Tentative {
        looks: u8,
    },
    Confirmed,
    /// Missed `looks` times in a row.
    Coasting {
        since_us: u64,
        looks: u8,
    },
    /// Lost, and a candidate may continue it: one look decides.
    Returning {
        since_us: u64,
    },
    Lost {
        since_us: u64,
        is_said: bool,
    },
}

/// A wrist that the hand may belong to: number of the body, side, and looks at which they met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Link {
    pub parent: u16,
    pub side: Side,
    pub looks: u8,
}

#[derive(Debug, Clone)]
struct Before {
    stage: Stage,
    motion: Motion,
    shape: (f32, f32),
    pose: Keypoints,
    seen_us: u64,
    overlapped_since_us: Option<u64>,
}

#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub stage: Stage,
    pub task: Task,
    /// 0 until it is confirmed.
    pub number: u16,
    pub motion: Motion,
    /// The state before the last look, for a look that turns out to be another's.
    before: Before,
    /// Width and height of the box in sides.
    pub shape: (f32, f32),
    /// Joints of the last look at which it was seen.
    pub pose: Keypoints,
    /// A bit for each joint of the last look that was another's, and is where it is expected.
    pub held: u64,
    /// A bit for each joint that counts for the region.
    pub sure: u64,
    pub presence: f32,
    pub confirmed_us: u64,
    /// Capture time of the last frame in which it was seen.
    pub seen_us: u64,
    /// The place at which it was seen before it was lost.
    pub lost_at: Place,
    /// Score of the candidate that it came from.
    pub offered: f32,
    /// The height of a finder's peak above what it needs, if it came from one.
    pub lead: Option<f32>,
    /// Presence of all looks of the trial.
    pub evidence: f32,
    /// Capture time of the last frame in which it was looked at.
    pub looked_us: u64,
    /// Distance of the last look from the prediction, in sides.
    pub surprise: f32,
    pub side: Belief,
    /// The probability of a right hand at the last look, if the network tells.
    pub right_hand: Option<f32>,
    pub link: Option<Link>,
    pub parent: Option<u16>,
    pub overlapped_since_us: Option<u64>,
    pub unsure_until_us: u64,
    /// Audits in a row that did not find it.
    pub doubts: u8,
}

impl Slot {
    pub fn empty() -> Slot {
        let nowhere = Place {
            x_px: 0.0,
            y_px: 0.0,
            side_px: 1.0,
        };
        Slot {
            stage: Stage::Empty,
            task: Task::Hand,
            number: 0,
            motion: Motion::at_rest(nowhere, 0),
            before: Before {
                stage: Stage::Empty,
                motion: Motion::at_rest(nowhere, 0),
                shape: (1.0, 1.0),
                pose: Keypoints::new(),
                seen_us: 0,
                overlapped_since_us: None,
            },
            shape: (1.0, 1.0),
            pose: Keypoints::new(),
            held: 0,
            sure: 0,
            presence: 0.0,
            confirmed_us: 0,
            seen_us: 0,
            lost_at: nowhere,
            offered: 0.0,
            lead: None,
            evidence: 0.0,
            looked_us: 0,
            surprise: 0.0,
            side: Belief::default(),
            right_hand: None,
            link: None,
            parent: None,
            overlapped_since_us: None,
            unsure_until_us: 0,
            doubts: 0,
        }
    }

    /// A new instance at a place.
    pub fn tentative(task: Task, place: Place, now_us: u64) -> Slot {
        Slot {
            stage: Stage::Tentative { looks: 0 },
            task,
            motion: Motion::at_rest(place, now_us),
            seen_us: now_us,
            looked_us: now_us,
            ..Slot::empty()
        }
    }

    /// It is looked at.
    pub fn is_live(&self) -> bool {
        !matches!(self.stage, Stage::Empty | Stage::Lost { .. })
    }

    /// It is reported as an instance that is there.
    pub fn is_followed(&self) -> bool {
        matches!(self.stage, Stage::Confirmed | Stage::Coasting { .. })
    }

    /// It is not confirmed, or not again.
    pub fn is_on_trial(&self) -> bool {
        matches!(
            self.stage,
            Stage::Tentative { .. } | Stage::Returning { .. }
        )
    }

    pub fn lose(&mut self, now_us: u64) {
        if self.is_followed() {
            self.lost_at = self.motion.at(self.seen_us);
        }
        self.motion.stop(now_us);
        self.overlapped_since_us = None;
        self.stage = match self.stage {
            Stage::Confirmed | Stage::Coasting { .. } => Stage::Lost {
                since_us: now_us,
                is_said: false,
            },
            Stage::Returning { since_us } => Stage::Lost {
                since_us,
                is_said: true,
            },
            Stage::Tentative { .. } | Stage::Empty => Stage::Empty,
            lost @ Stage::Lost { .. } => lost,
        };
    }

    /// Call before a look is taken over.
    pub fn remember(&mut self) {
        self.before = Before {
            stage: self.stage,
            motion: self.motion,
            shape: self.shape,
            pose: self.pose.clone(),
            seen_us: self.seen_us,
            overlapped_since_us: self.overlapped_since_us,
        };
    }

    /// The last look was another's: it counts as missed.
    pub fn undo(&mut self, now_us: u64) {
        self.stage = self.before.stage;
        self.motion = self.before.motion;
        self.shape = self.before.shape;
        self.pose.clone_from(&self.before.pose);
        self.seen_us = self.before.seen_us;
        self.overlapped_since_us = self.before.overlapped_since_us;
        self.hide(now_us);
    }

    /// A look saw the one in front of it.
    pub fn hide(&mut self, now_us: u64) {
        self.overlapped_since_us.get_or_insert(now_us);
        self.motion.go_on(self.overlap_us() as f32 / 1e6);
        self.miss(now_us);
    }

    fn overlap_us(&self) -> u64 {
        match self.task {
            Task::Hand => OVERLAP_HAND_US,
            Task::Body => OVERLAP_BODY_US,
        }
    }

    /// A look did not find it.
    pub fn miss(&mut self, now_us: u64) {
        let (since_us, looks) = match self.stage {
            Stage::Coasting { since_us, looks } => (since_us, looks.saturating_add(1)),
            _ => (now_us, 1),
        };
        self.stage = Stage::Coasting { since_us, looks };
    }

    /// Ends what has waited too long.
    pub fn expire(&mut self, now_us: u64) {
        let is_over = |since_us: u64, limit_us: u64| now_us.saturating_sub(since_us) > limit_us;
        match self.stage {
            Stage::Coasting { since_us, looks } => {
                let coast_us = match self.overlapped_since_us {
                    Some(_) => self.overlap_us(),
                    None => COAST_US,
                };
                if is_over(since_us, coast_us) && looks >= COAST_LOOKS {
                    self.lose(now_us);
                }
            }
            Stage::Lost { since_us, .. } | Stage::Returning { since_us } => {
                let keep_us = match self.task {
                    Task::Hand => KEEP_HAND_US,
                    Task::Body => KEEP_BODY_US,
                };
                if is_over(since_us, keep_us) {
                    self.stage = Stage::Empty;
                }
            }
            Stage::Empty | Stage::Tentative { .. } | Stage::Confirmed => {}
        }
    }

    /// The box to look at, without padding.
    pub fn look_place(&self, now_us: u64) -> Place {
        let place = self.motion.at(now_us);
        match self.stage {
            Stage::Tentative { looks } => birth_look(place, looks),
            _ => {
                let step_s = now_us.saturating_sub(self.looked_us) as f32 / 1e6;
                let widening = (0.5 * self.motion.speed_sides() * step_s).min(MAX_WIDENING);
                place.scaled(1.0 + widening)
            }
        }
    }

    /// The joints at a capture time: those of the last look, moved by its speed.
    pub fn pose_at(&self, now_us: u64) -> Keypoints {
        let (then, now) = (self.motion.at(self.seen_us), self.motion.at(now_us));
        let (dx, dy) = (now.x_px - then.x_px, now.y_px - then.y_px);
        let moved = self.pose.iter().map(|joint| Keypoint {
            x_px: joint.x_px + dx,
            y_px: joint.y_px + dy,
            score: joint.score,
        });
        moved.collect()
    }

    /// Order of service: time since the last look, more for what moves.
    pub fn urgency(&self, now_us: u64) -> f32 {
        let waited_s = now_us.saturating_sub(self.looked_us) as f32 / 1e6;
        let trial = if self.is_on_trial() {
            TRIAL_URGENCY
        } else {
            1.0
        };
        waited_s * (1.0 + self.motion.speed_sides()) * trial
    }
}
