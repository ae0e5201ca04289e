//! The filters of all slots.

use super::hysteresis::{Hysteresis, Sent};
use super::one_euro::{OneEuro, Strength};
use crate::limits::{MAX_INSTANCES, MAX_KEYPOINTS};
use crate::scene::{Instance, Keypoint, Scene, TrackState};
use std::str::FromStr;

/// Without a look for longer than this, a filter starts anew.
const RESTART_US: u64 = 250_000;
/// The share of a new value rises from the least to all of it between these scores above the minimum score less 0.1.
const TRUST_RANGE: f32 = 0.4;
const LEAST_TRUST: f32 = 0.2;

#[derive(Clone, Copy)]
struct JointFilter {
    x: OneEuro,
    y: OneEuro,
    hysteresis: Hysteresis,
    /// The last position that was sent, in pixels, and its score.
    sent: Keypoint,
    /// Its distance from the raw position, in pixels.
    offset: (f32, f32),
}

impl JointFilter {
    const NEW: JointFilter = JointFilter {
        x: OneEuro { state: None },
        y: OneEuro { state: None },
        hysteresis: Hysteresis::New,
        sent: Keypoint {
            x_px: 0.0,
            y_px: 0.0,
            score: 0.0,
        },
        offset: (0.0, 0.0),
    };
}

/// How much is smoothed, as the user says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Smooth {
    /// Raw values.
    Off,
    /// [`Strength::LIGHT`].
    #[default]
    Light,
    /// [`Strength::STRONG`].
    Strong,
}

impl Smooth {
    /// `None` for raw values.
    pub fn strength(self) -> Option<Strength> {
        match self {
            Smooth::Off => None,
            Smooth::Light => Some(Strength::LIGHT),
            Smooth::Strong => Some(Strength::STRONG),
        }
    }
}

impl FromStr for Smooth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Smooth::Off),
            "light" => Ok(Smooth::Light),
            "strong" => Ok(Smooth::Strong),
            _ => Err(format!("{text:?} is not off, light or strong")),
        }
    }
}

/// The filters of one slot's instance.
struct SlotFilter {
    number: u16,
    looked_us: u64,
    joints: [JointFilter; MAX_KEYPOINTS],
}

/// Smooths the instances of a scene, each by itself.
pub struct Smoother {
    strength: Strength,
    min_score: f32,
    slots: Box<[SlotFilter]>,
}

impl Smoother {
    /// A joint comes on a little above `min_score`, and goes off a little below it.
    pub fn new(strength: Strength, min_score: f32) -> Smoother {
        let slot = |_| SlotFilter {
            number: 0,
            looked_us: 0,
            joints: [JointFilter::NEW; MAX_KEYPOINTS],
        };
        Smoother {
            strength,
            min_score,
            slots: (0..MAX_INSTANCES).map(slot).collect(),
        }
    }

    /// Replaces the joints of the followed instances by smoothed ones.
    pub fn apply(&mut self, scene: &mut Scene) {
        let now_us = scene.frame.captured.mono_us;
        for one in &mut scene.instances {
            let Some(track) = one.track else { continue };
            let Some(slot) = self.slots.get_mut(usize::from(track.slot)) else {
                continue;
            };
            if track.state == TrackState::Lost {
                slot.number = 0;
                continue;
            }
            slot.apply(one, now_us, &self.strength, self.min_score);
        }
    }
}

impl SlotFilter {
    fn apply(&mut self, one: &mut Instance, now_us: u64, strength: &Strength, min_score: f32) {
        let Some(track) = &mut one.track else { return };
        let is_look = track.state == TrackState::Tracked;
        let waited_us = now_us.saturating_sub(self.looked_us);
        if self.number != track.number || (is_look && waited_us > RESTART_US) {
            self.number = track.number;
            self.joints = [JointFilter::NEW; MAX_KEYPOINTS];
        }
        let step_s = waited_us as f32 / 1e6;
        let side_px = (one.region.crop.width_px as f32).max(1.0);
        let mut held = 0;
        for (at, (filter, joint)) in self.joints.iter_mut().zip(&mut one.keypoints).enumerate() {
            let sent = if is_look {
                filter.hysteresis.take(joint.score, min_score, now_us)
            } else {
                filter.hysteresis.sent(now_us)
            };
            match sent {
                Sent::On if is_look => {
                    let above = (joint.score - min_score + 0.1) / TRUST_RANGE;
                    let trust = above.clamp(LEAST_TRUST, 1.0);
                    let mut axis = |axis: fn(&mut JointFilter) -> &mut OneEuro, px: f32| {
                        axis(filter).take(px, step_s, side_px, trust, strength)
                    };
                    let x_px = axis(|filter| &mut filter.x, joint.x_px);
                    let y_px = axis(|filter| &mut filter.y, joint.y_px);
                    filter.offset = (x_px - joint.x_px, y_px - joint.y_px);
                    filter.sent = Keypoint {
                        x_px,
                        y_px,
                        score: joint.score,
                    };
                    *joint = filter.sent;
                }
                // A predicted joint moves with its instance.
                Sent::On => {
                    joint.x_px += filter.offset.0;
                    joint.y_px += filter.offset.1;
                }
                Sent::Held => {
                    held |= 1 << at;
                    *joint = filter.sent;
                    (filter.x, filter.y) = (OneEuro::default(), OneEuro::default());
                }
                Sent::Absent => {
                    *joint = Keypoint::default();
                    (filter.x, filter.y) = (OneEuro::default(), OneEuro::default());
                }
            }
        }
        if is_look {
            self.looked_us = now_us;
        }
        track.held |= held;
        track.is_smoothed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{
        CropBox, FrameInfo, JointTable, Keypoints, Origin, Presence, Region, Task, Track,
    };

    fn scene(now_us: u64, number: u16, state: TrackState, x_px: f32, score: f32) -> Scene {
        let mut frame = FrameInfo::default();
        frame.captured.mono_us = now_us;
        let keypoints: Keypoints = [Keypoint {
            x_px,
            y_px: 50.0,
            score,
        }]
        .into_iter()
        .collect();
        let mut scene = Scene {
            frame,
            ..Scene::default()
        };
        let track = Track {
            number,
            slot: 3,
            joint_table: JointTable::Custom,
            state,
            parent: None,
            side: None,
            is_border: false,
            is_overlapped: false,
            is_unsure: false,
            is_smoothed: false,
            seen_us: 0,
            look_age_us: 0,
            held: 0,
        };
        let instance = Instance {
            task: Task::Hand,
            presence: Presence { score, found: true },
            keypoints,
            region: Region {
                crop: CropBox {
                    center_x_px: 0.0,
                    center_y_px: 0.0,
                    width_px: 100.0,
                    height_px: 100.0,
                },
                origin: Origin::Track,
            },
            track: Some(track),
        };
        scene.instances.push(instance).unwrap();
        scene
    }

    /// Position, score and held bits after the filter.
    fn pass(
        smoother: &mut Smoother,
        now_us: u64,
        number: u16,
        state: TrackState,
        (x_px, score): (f32, f32),
    ) -> (f32, f32, u64) {
        let mut scene = scene(now_us, number, state, x_px, score);
        smoother.apply(&mut scene);
        let one = &scene.instances[0];
        let track = one.track.unwrap();
        assert_eq!(track.is_smoothed, state != TrackState::Lost);
        (one.keypoints[0].x_px, one.keypoints[0].score, track.held)
    }

    #[test]
    fn jitter_is_damped_and_a_new_number_starts_anew() {
        use TrackState::{Lost, Predicted, Tracked};
        let mut smoother = Smoother::new(Strength::LIGHT, 0.3);
        assert_eq!(
            pass(&mut smoother, 0, 1, Tracked, (100.0, 0.8)),
            (100.0, 0.8, 0)
        );
        let (x_px, ..) = pass(&mut smoother, 33_333, 1, Tracked, (101.0, 0.8));
        assert!(x_px > 100.0 && x_px < 100.7, "{x_px}");
        // A prediction keeps its distance from the raw position, so that nothing jumps.
        let (moved_px, ..) = pass(&mut smoother, 66_666, 1, Predicted, (103.0, 0.8));
        assert!((moved_px - x_px - 2.0).abs() < 1e-3);
        assert_eq!(
            pass(&mut smoother, 100_000, 2, Tracked, (300.0, 0.8)).0,
            300.0
        );
        // So does a look after a pause, and an instance that was lost.
        assert_eq!(
            pass(&mut smoother, 500_000, 2, Tracked, (320.0, 0.8)).0,
            320.0
        );
        pass(&mut smoother, 510_000, 2, Lost, (0.0, 0.0));
        assert_eq!(
            pass(&mut smoother, 520_000, 2, Tracked, (350.0, 0.8)).0,
            350.0
        );
    }

    #[test]
    fn an_uncertain_joint_is_held_and_then_absent() {
        use TrackState::Tracked;
        let mut smoother = Smoother::new(Strength::LIGHT, 0.3);
        pass(&mut smoother, 0, 1, Tracked, (100.0, 0.8));
        let held = pass(&mut smoother, 33_333, 1, Tracked, (400.0, 0.1));
        assert_eq!(held, (100.0, 0.8, 1));
        let absent = pass(&mut smoother, 200_000, 1, Tracked, (400.0, 0.1));
        assert_eq!(absent, (0.0, 0.0, 0));
    }

    #[test]
    fn what_a_user_can_say() {
        assert_eq!("off".parse::<Smooth>().unwrap().strength(), None);
        assert_eq!("strong".parse(), Ok(Smooth::Strong));
        assert!("hard".parse::<Smooth>().unwrap_err().contains("light"));
    }
}
