//! A look at a slot's region: the instance is seen, missed, hidden, gone, born or refused.

use super::{Timed, Tracks, births, is_inside, share_inside};
use crate::limits::{MAX_INSTANCES, MAX_KEYPOINTS};
use crate::scene::{BBox, FrameInfo, Keypoint, Keypoints};
use crate::track::claim::{self, Rival};
use crate::track::kind::Thresholds;
use crate::track::likeness;
use crate::track::look::Look;
use crate::track::motion::Motion;
use crate::track::place::{MIN_SIDE_PX, Place};
use crate::track::slot::{BIRTH_LOOKS, Slot, Stage};
use crate::track::trial;

/// A joint counts for the region from this much above the minimum score on, until it falls this much below it.
const SURE_ABOVE: f32 = 0.05;
const SURE_BELOW: f32 = 0.1;
/// Less of a region in the frame than this is a border: a new instance there needs [`BORDER_BIRTH`].
const BORDER_SHARE: f32 = 0.4;
const BORDER_BIRTH: f32 = 0.7;
/// Audits without a peak after which a track needs [`AUDIT_PRESENCE`].
const AUDITS: u8 = 2;
const AUDIT_PRESENCE: f32 = 0.5;
/// An instance that is only predicted takes another's joint if it is nearer than this share of the other's distance.
const PREDICTED_SHARE: f32 = 0.5;

/// What a look saw.
struct Seen {
    place: Place,
    shape: (f32, f32),
    sure: u64,
}

impl Tracks {
    /// Takes a look at a slot's region.
    pub fn absorb(&mut self, at: usize, frame: &FrameInfo, look: &Look) {
        let now_us = frame.captured.mono_us;
        let presence = look.presence;
        let Some(&kind) = self.kind(self.slots[at].task) else {
            return;
        };
        let mut pose = finite(&look.keypoints);
        let slot = &self.slots[at];
        let keep = match slot.doubts {
            AUDITS.. => kind.presence.keep.max(AUDIT_PRESENCE),
            _ => kind.presence.keep,
        };
        let mut seen = see(slot.sure, &pose, kind.min_score).filter(|_| presence >= keep);
        let is_gone = seen.as_ref().map_or_else(
            || !is_inside(frame, &slot.motion.at(now_us)),
            |seen| !is_inside(frame, &seen.place),
        );
        let expected = slot.pose_at(now_us);
        let surprise = claim::surprise(&pose, &expected, &slot.motion.at(now_us));
        let rivals = self.rivals(at, now_us);
        let (mut theirs, mut is_theirs) = (0, false);
        if let Some(seen) = &mut seen {
            if slot.is_followed() {
                theirs = claim::of_others(&pose, seen.sure, &expected, &rivals);
                let own = seen.sure & !theirs;
                let side_px = slot.motion.at(now_us).side_px;
                is_theirs =
                    theirs != 0 && !claim::is_enough(&pose, &expected, (own, theirs), side_px);
                if theirs != 0 && !is_theirs {
                    keep_own(slot, now_us, theirs, &mut pose, seen);
                }
            } else {
                let is_same =
                    |rival: &Rival| likeness::is_same(kind.joint_table, &pose, &rival.pose);
                is_theirs = rivals.iter().any(is_same);
            }
        }
        let region = slot.look_place(now_us).scaled(kind.padding);
        let is_border = share_inside(frame, &region) < BORDER_SHARE;
        let slot = &mut self.slots[at];
        slot.looked_us = now_us;
        if is_gone {
            slot.lose(now_us);
            return;
        }
        let Some(seen) = seen.filter(|_| !is_theirs) else {
            if slot.is_on_trial() {
                self.refuse(at, now_us);
            } else {
                match is_theirs {
                    true => slot.hide(now_us),
                    false => slot.miss(now_us),
                }
                slot.expire(now_us);
            }
            return;
        };
        let needed = Thresholds {
            birth: match is_border {
                true => kind.presence.birth.max(BORDER_BIRTH),
                false => kind.presence.birth,
            },
            ..kind.presence
        };
        if slot.is_on_trial() && !passes(slot, &pose, &seen.place, presence, &needed, now_us) {
            self.refuse(at, now_us);
            return;
        }
        slot.evidence += presence;
        slot.remember();
        slot.surprise = surprise;
        match slot.stage {
            // The place of a candidate is not measured, and looks at one frame tell no speed.
            Stage::Tentative { looks } if looks == 0 || slot.seen_us == now_us => {
                slot.motion = Motion::at_rest(seen.place, now_us);
            }
            _ => slot.motion.see(seen.place, now_us),
        }
        slot.shape = seen.shape;
        slot.sure = seen.sure;
        slot.pose = pose;
        slot.held = theirs;
        slot.presence = presence;
        slot.right_hand = look.right_hand;
        slot.seen_us = now_us;
        slot.overlapped_since_us = None;
        slot.stage = match slot.stage {
            Stage::Tentative { looks } if looks + 1 < BIRTH_LOOKS => {
                Stage::Tentative { looks: looks + 1 }
            }
            _ => Stage::Confirmed,
        };
        if self.slots[at].stage == Stage::Confirmed && self.slots[at].number == 0 {
            self.slots[at].number = self.fresh_number();
            self.slots[at].confirmed_us = now_us;
        }
    }

    /// Where the other followed instances of a slot's kind are expected.
    fn rivals(&self, at: usize, now_us: u64) -> heapless::Vec<Rival, MAX_INSTANCES> {
        let own_task = self.slots[at].task;
        let others =
            self.slots.iter().enumerate().filter(|(index, other)| {
                *index != at && other.is_followed() && other.task == own_task
            });
        let rivals = others.map(|(_, other)| Rival {
            pose: other.pose_at(now_us),
            share: match other.stage {
                Stage::Confirmed => 1.0,
                _ => PREDICTED_SHARE,
            },
        });
        rivals.collect()
    }

    /// Ends a trial: a returning instance is lost again, and a new one is dropped. The place is not tried again soon.
    fn refuse(&mut self, at: usize, now_us: u64) {
        let slot = &mut self.slots[at];
        let (task, place, score) = (slot.task, slot.motion.at(now_us), slot.offered);
        slot.lose(now_us);
        births::remember(
            &mut self.refused,
            Timed {
                task,
                place,
                score,
                since_us: now_us,
            },
        );
    }
}

/// Of a look of which some joints are another's, the own ones tell how far the instance has moved. The others are where they
/// are expected then.
fn keep_own(slot: &Slot, now_us: u64, theirs: u64, pose: &mut Keypoints, seen: &mut Seen) {
    let expected = slot.pose_at(now_us);
    let (dx, dy) = claim::shift_px(pose, &expected, seen.sure & !theirs);
    for (joint, (now, then)) in pose.iter_mut().zip(&expected).enumerate() {
        if theirs & (1 << joint) != 0 {
            *now = Keypoint {
                x_px: then.x_px + dx,
                y_px: then.y_px + dy,
                score: then.score,
            };
        }
    }
    let place = slot.motion.at(now_us);
    *seen = Seen {
        place: Place {
            x_px: place.x_px + dx,
            y_px: place.y_px + dy,
            ..place
        },
        shape: slot.shape,
        sure: slot.sure & theirs | seen.sure & !theirs,
    };
}

/// Joints with numbers that are no numbers count as not found.
fn finite(pose: &[Keypoint]) -> Keypoints {
    let checked = pose.iter().map(|joint| {
        let is_finite = joint.x_px.is_finite() && joint.y_px.is_finite() && joint.score.is_finite();
        if is_finite {
            *joint
        } else {
            Keypoint::default()
        }
    });
    checked.take(MAX_KEYPOINTS).collect()
}

/// Whether a look at a slot on trial speaks for an instance.
fn passes(
    slot: &Slot,
    pose: &[Keypoint],
    place: &Place,
    presence: f32,
    needed: &Thresholds,
    now_us: u64,
) -> bool {
    if !trial::may_be_one(presence, needed, slot.lead) {
        return false;
    }
    let Stage::Tentative { looks } = slot.stage else {
        return true;
    };
    let shift_px = match slot.seen_us == now_us {
        true => (0.0, 0.0),
        false => claim::shift_px(pose, &slot.pose, u64::MAX),
    };
    let is_steady = looks == 0 || trial::is_steady(&slot.pose, pose, shift_px, place.side_px);
    let mean = (slot.evidence + presence) / (f32::from(looks) + 1.0);
    let is_enough = looks + 1 < BIRTH_LOOKS || trial::is_one(mean, needed, slot.lead);
    is_steady && is_enough
}

/// The square around the sure joints, if it is an instance's.
fn see(sure_before: u64, pose: &[Keypoint], min_score: f32) -> Option<Seen> {
    let mut sure = 0_u64;
    for (joint, keypoint) in pose.iter().enumerate() {
        let bit = 1 << joint;
        let needed = if sure_before & bit == 0 {
            min_score + SURE_ABOVE
        } else {
            min_score - SURE_BELOW
        };
        if keypoint.score >= needed {
            sure |= bit;
        }
    }
    let found = pose
        .iter()
        .enumerate()
        .filter(|(joint, _)| sure & (1 << joint) != 0);
    let bbox = BBox::around(found.map(|(_, joint)| (joint.x_px, joint.y_px)))?;
    let place = Place::of(&bbox).filter(|place| place.side_px >= MIN_SIDE_PX)?;
    Some(Seen {
        place,
        shape: (
            bbox.width_px / place.side_px,
            bbox.height_px / place.side_px,
        ),
        sure,
    })
}

/// The box around the sure joints of a search, if there is one.
pub(in crate::track) fn box_of(pose: &[Keypoint], min_score: f32) -> Option<BBox> {
    let pose = finite(pose);
    let sure = pose
        .iter()
        .filter(|joint| joint.score >= min_score + SURE_ABOVE);
    BBox::around(sure.map(|joint| (joint.x_px, joint.y_px)))
}
