//! The slots of a frame compared with each other and with a finder: duplicates, crossings, hands of bodies, sides, doubts.

use super::{CROSSING, Tracks};
use crate::limits::MAX_INSTANCES;
use crate::scene::{FrameInfo, JointTable, Side, Task};
use crate::track::likeness;
use crate::track::place::{Candidate, Place};
use crate::track::side::FINDER_WEIGHT;
use crate::track::slot::{Link, Slot};

/// Time after a crossing in which two instances may be swapped.
const UNSURE_US: u64 = 300_000;
/// A hand belongs to a wrist that it meets within the first distance for so many looks, until they are the second
/// distance apart, in sides of the hand.
const LINK_SIDES: f32 = 0.4;
const LINK_LOOKS: u8 = 3;
const UNLINK_SIDES: f32 = 0.8;
/// A body's wrists count for this time after its last look.
const BODY_AGE_US: u64 = 250_000;

impl Tracks {
    /// Compares a finder's peaks of the whole frame with the tracks: one that is never found again must be sure. A
    /// peak's side is evidence of the hand's.
    /// Instances of less than `sure_side_px` may be too small for the finder.
    pub fn audit(&mut self, now_us: u64, peaks: &[Candidate], sure_side_px: f32) {
        for slot in self.slots.iter_mut().filter(|slot| slot.is_followed()) {
            let own = slot.motion.at(now_us);
            if own.side_px < sure_side_px {
                slot.doubts = 0;
                continue;
            }
            let own_peak = peaks.iter().find(|peak| {
                peak.task == slot.task
                    && Place::of(&peak.bbox).is_some_and(|place| {
                        place.overlap(&own) >= 0.3 || place.distance_sides(&own) < 0.3
                    })
            });
            if let Some(side) = own_peak.and_then(|peak| peak.side)
                && slot.parent.is_none()
                && now_us >= slot.unsure_until_us
            {
                slot.side.add(side, FINDER_WEIGHT, now_us);
            }
            slot.doubts = if own_peak.is_some() {
                0
            } else {
                slot.doubts.saturating_add(1)
            };
        }
    }

    /// Compares the slots with each other: duplicates, crossings, hands of bodies.
    pub fn settle(&mut self, frame: &FrameInfo) {
        let now_us = frame.captured.mono_us;
        for a in 0..MAX_INSTANCES {
            for b in a + 1..MAX_INSTANCES {
                self.compare(a, b, now_us);
            }
        }
        for at in 0..MAX_INSTANCES {
            self.link(at, now_us);
            self.take_side(at, now_us);
        }
    }

    fn compare(&mut self, a: usize, b: usize, now_us: u64) {
        let (first, second) = (&self.slots[a], &self.slots[b]);
        if !(first.is_live() && second.is_live() && first.task == second.task) {
            return;
        }
        let table = self
            .kind(first.task)
            .map_or(JointTable::Custom, |kind| kind.joint_table);
        let is_seen = first.seen_us == now_us && second.seen_us == now_us;
        if is_seen && likeness::is_same(table, &first.pose, &second.pose) {
            let loser = match (first.is_on_trial(), second.is_on_trial()) {
                (true, false) => a,
                (false, true) => b,
                (true, true) => a.max(b),
                (false, false) => self.further_from_expected(a, b),
            };
            let slot = &mut self.slots[loser];
            if slot.is_on_trial() {
                slot.lose(now_us);
                return;
            }
            slot.undo(now_us);
            slot.expire(now_us);
        }
        let (first, second) = (&self.slots[a], &self.slots[b]);
        if first.is_followed()
            && second.is_followed()
            && first.motion.at(now_us).overlap(&second.motion.at(now_us)) >= CROSSING
        {
            self.slots[a].unsure_until_us = now_us + UNSURE_US;
            self.slots[b].unsure_until_us = now_us + UNSURE_US;
        }
    }

    /// Of two looks at the same instance, the one that is less likely its own; if equal, the younger.
    fn further_from_expected(&self, a: usize, b: usize) -> usize {
        let (first, second) = (&self.slots[a], &self.slots[b]);
        let difference = first.surprise - second.surprise;
        if difference.abs() > 0.02 {
            return if difference > 0.0 { a } else { b };
        }
        let age = |at: usize| (self.slots[at].confirmed_us, self.slots[at].number);
        if age(a) > age(b) { a } else { b }
    }

    /// Finds, keeps or drops the body of a hand that was seen in this frame.
    fn link(&mut self, at: usize, now_us: u64) {
        let hand = &self.slots[at];
        if hand.task != Task::Hand || !hand.is_live() {
            return;
        }
        let is_there = |number: u16| {
            let body = |slot: &Slot| slot.task == Task::Body && slot.number == number;
            self.slots
                .iter()
                .any(|slot| body(slot) && slot.is_followed())
        };
        let parent = hand.parent.filter(|&number| is_there(number));
        let is_unsure = now_us < hand.unsure_until_us;
        if hand.seen_us != now_us || is_unsure {
            self.slots[at].parent = parent;
            return;
        }
        let near = self.nearest_wrist(at, now_us);
        let slot = &mut self.slots[at];
        let Some((number, side, distance)) = near else {
            slot.parent = None;
            slot.link = None;
            return;
        };
        let same = slot
            .link
            .filter(|link| link.parent == number && link.side == side);
        let limit = if parent == Some(number) && same.is_some() {
            UNLINK_SIDES
        } else {
            LINK_SIDES
        };
        if distance > limit {
            slot.parent = None;
            slot.link = None;
            return;
        }
        let looks = same.map_or(1, |link| link.looks.saturating_add(1));
        slot.link = Some(Link {
            parent: number,
            side,
            looks,
        });
        slot.parent = (looks >= LINK_LOOKS).then_some(number);
        if slot.parent.is_some() {
            slot.side.decide(side, now_us);
        }
    }

    /// Without a body that says so, the network tells the side of a hand that was seen in this frame. Nothing is
    /// believed while it may be swapped with another.
    fn take_side(&mut self, at: usize, now_us: u64) {
        let slot = &mut self.slots[at];
        let is_own = slot.is_live() && slot.seen_us == now_us && now_us >= slot.unsure_until_us;
        if let Some(right) = slot.right_hand.take()
            && slot.task == Task::Hand
            && is_own
            && slot.parent.is_none()
        {
            slot.side.tell(right, now_us);
        }
    }

    /// The nearest wrist that no other hand is linked to: number of the body, side, distance in sides of the hand.
    fn nearest_wrist(&self, at: usize, now_us: u64) -> Option<(u16, Side, f32)> {
        let hand = &self.slots[at];
        let place = hand.motion.at(now_us);
        let table = self.kind(Task::Hand).map(|kind| kind.joint_table);
        let wrist = match table {
            Some(JointTable::Interhand21) => hand.pose.get(20).filter(|joint| joint.is_found()),
            _ => None,
        };
        let (x_px, y_px) = wrist.map_or((place.x_px, place.y_px), |joint| (joint.x_px, joint.y_px));
        let is_linked = |number: u16, side: Side| {
            self.slots.iter().enumerate().any(|(other, slot)| {
                other != at
                    && slot.is_live()
                    && slot.parent == Some(number)
                    && slot.link.is_some_and(|link| link.side == side)
            })
        };
        let mut nearest: Option<(u16, Side, f32)> = None;
        for body in self.slots.iter().filter(|slot| {
            slot.task == Task::Body
                && slot.is_followed()
                && now_us.saturating_sub(slot.seen_us) <= BODY_AGE_US
        }) {
            let pose = body.pose_at(now_us);
            for wrist in self.wrists(Task::Body, &pose) {
                let distance = (wrist.x_px - x_px).hypot(wrist.y_px - y_px) / place.side_px;
                let is_nearer = nearest.is_none_or(|(.., best)| distance < best);
                if is_nearer && !is_linked(body.number, wrist.side) {
                    nearest = Some((body.number, wrist.side, distance));
                }
            }
        }
        nearest
    }
}
