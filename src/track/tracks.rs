//! All slots: births, numbers, duplicates, links from hands to bodies.
//!
//! A frame is [`Tracks::begin`], [`Tracks::absorb`] for each look, [`Tracks::offer`] for what was found elsewhere,
//! [`Tracks::settle`], [`Tracks::report`].

use super::claim::{self, Rival};
use super::kind::{Kind, Thresholds};
use super::likeness;
use super::look::Look;
use super::motion::Motion;
use super::pair;
use super::place::{Candidate, MAX_CANDIDATES, MIN_BIRTH_SIDE_PX, MIN_SIDE_PX, Place};
use super::slot::{BIRTH_LOOKS, Link, Slot, Stage};
use super::trial;
use super::wrists::{self, Wrist};
use crate::limits::MAX_INSTANCES;
use crate::scene::{
    BBox, CropBox, Crowd, FrameInfo, Instance, JointTable, Keypoint, Keypoints, Origin, Presence,
    Region, Scene, Side, Task, Track, TrackState,
};
use std::cmp::Ordering;

/// A joint counts for the region from this much above the minimum score on, until it falls this much below it.
const SURE_ABOVE: f32 = 0.05;
const SURE_BELOW: f32 = 0.1;
/// Less of a region in the frame than this is a border: a new instance there needs [`BORDER_BIRTH`].
const BORDER_SHARE: f32 = 0.4;
const BORDER_BIRTH: f32 = 0.7;
/// A region with less of it in the frame crosses the edge.
const WHOLE: f32 = 0.999;
/// A candidate belongs to a followed instance from this overlap on. Regions that overlap as much are crossing.
const CROSSING: f32 = 0.3;
/// Candidates that overlap by more are one.
const SAME: f32 = 0.4;
/// One behind another is looked for this far aside, in sides. A region that is off by so much costs a network nothing.
const ASIDE: f32 = 0.2;
/// Time after a crossing in which two instances may be swapped.
const UNSURE_US: u64 = 300_000;
/// A place where no instance was born is not tried again for this time, unless its score rises.
const REFUSED_US: u64 = 1_000_000;
const RISE: f32 = 0.1;
/// A candidate without a slot counts as waiting for this time. A finder that has little time sees the whole frame every
/// two seconds.
const WAITING_US: u64 = 2_500_000;
/// A hand belongs to a wrist that it meets within the first distance for so many looks, until they are the second
/// distance apart, in sides of the hand.
const LINK_SIDES: f32 = 0.4;
const LINK_LOOKS: u8 = 3;
const UNLINK_SIDES: f32 = 0.8;
/// Evidence of a side from a finder, in log odds a pass.
const FINDER_WEIGHT: f32 = 0.5;
/// A body's wrists count for this time after its last look.
const BODY_AGE_US: u64 = 250_000;
/// Audits without a peak after which a track needs [`AUDIT_PRESENCE`].
const AUDITS: u8 = 2;
const AUDIT_PRESENCE: f32 = 0.5;

#[derive(Debug, Clone, Copy)]
struct Timed {
    task: Task,
    place: Place,
    score: f32,
    since_us: u64,
}

/// A short list, of which a new entry replaces the oldest.
type Places = heapless::Vec<Timed, MAX_INSTANCES>;

/// What a look saw.
struct Seen {
    place: Place,
    shape: (f32, f32),
    sure: u64,
}

pub(super) struct Tracks {
    slots: [Slot; MAX_INSTANCES],
    kinds: heapless::Vec<Kind, 2>,
    limit: usize,
    finder: Option<Thresholds>,
    last_number: u16,
    refused: Places,
    waiting: Places,
}

impl Tracks {
    /// At most `limit` instances of all kinds.
    pub fn new(kinds: &[Kind], limit: usize, finder: Option<Thresholds>) -> Tracks {
        Tracks {
            slots: std::array::from_fn(|_| Slot::empty()),
            kinds: kinds.iter().copied().take(2).collect(),
            limit: limit.clamp(1, MAX_INSTANCES),
            finder,
            last_number: 0,
            refused: Places::new(),
            waiting: Places::new(),
        }
    }

    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    fn kind(&self, task: Task) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.task == task)
    }

    pub fn task(&self, at: usize) -> Task {
        self.slots[at].task
    }

    /// Instances that are looked at.
    pub fn live(&self, task: Task) -> usize {
        let of_task = |slot: &&Slot| slot.is_live() && slot.task == task;
        self.slots.iter().filter(of_task).count()
    }

    pub fn is_idle(&self) -> bool {
        !self.slots.iter().any(Slot::is_live)
    }

    /// Whether one more of a kind may be followed.
    pub fn has_room(&self, task: Task) -> bool {
        let all = self.slots.iter().filter(|slot| slot.is_live()).count();
        let limit = self.kind(task).map_or(0, |kind| kind.limit);
        all < self.limit && self.live(task) < limit
    }

    /// The next frame does not continue the last one.
    pub fn cut(&mut self, now_us: u64) {
        for slot in &mut self.slots {
            slot.lose(now_us);
        }
        self.refused.clear();
        self.waiting.clear();
    }

    pub fn begin(&mut self, frame: &FrameInfo) {
        let now_us = frame.captured.mono_us;
        for slot in &mut self.slots {
            slot.expire(now_us);
        }
        let is_over = |since_us, limit_us| now_us.saturating_sub(since_us) > limit_us;
        self.refused
            .retain(|refused| !is_over(refused.since_us, REFUSED_US));
        self.waiting
            .retain(|waiting| !is_over(waiting.since_us, WAITING_US));
    }

    /// Slots to look at, the most urgent one first; of equals, followed instances before those on trial.
    pub fn order(&self, now_us: u64) -> heapless::Vec<usize, MAX_INSTANCES> {
        let live = (0..MAX_INSTANCES).filter(|&at| self.slots[at].is_live());
        let mut order: heapless::Vec<usize, MAX_INSTANCES> = live.collect();
        order.sort_unstable_by(|&a, &b| {
            let (first, second) = (&self.slots[a], &self.slots[b]);
            let urgency = second.urgency(now_us).total_cmp(&first.urgency(now_us));
            urgency
                .then(first.is_on_trial().cmp(&second.is_on_trial()))
                .then(a.cmp(&b))
        });
        order
    }

    pub fn is_on_trial(&self, at: usize) -> bool {
        self.slots[at].is_on_trial()
    }

    /// The slot on trial that has passed the most looks, so that one is born soon; of equals, the one that waits for the
    /// longest time.
    pub fn next_trial(&self) -> Option<usize> {
        let trial = (0..MAX_INSTANCES).filter(|&at| self.slots[at].is_on_trial());
        trial.min_by_key(|&at| {
            let slot = &self.slots[at];
            let passed = match slot.stage {
                Stage::Tentative { looks } => looks,
                _ => 0,
            };
            (u8::MAX - passed, slot.looked_us)
        })
    }

    /// The part of the frame to look at for a slot.
    pub fn crop(&self, at: usize, now_us: u64) -> Option<CropBox> {
        let slot = &self.slots[at];
        let kind = self.kind(slot.task)?;
        let place = self.look_place(at, now_us);
        let (width, height) = slot.shape;
        let (width_px, height_px) = (place.side_px * width, place.side_px * height);
        let bbox = BBox {
            x_px: place.x_px - 0.5 * width_px,
            y_px: place.y_px - 0.5 * height_px,
            width_px,
            height_px,
        };
        Some(CropBox::new(bbox, kind.padding, kind.input_px))
    }

    /// The place to look at. One behind another is looked for at the side that is away from it.
    fn look_place(&self, at: usize, now_us: u64) -> Place {
        let slot = &self.slots[at];
        let place = slot.look_place(now_us);
        if slot.overlapped_since_us.is_none() {
            return place;
        }
        let others = self.slots.iter().enumerate().filter(|(index, other)| {
            *index != at && other.task == slot.task && other.stage == Stage::Confirmed
        });
        let nearest = others
            .map(|(_, other)| other.motion.at(now_us))
            .min_by(|a, b| a.distance_px(&place).total_cmp(&b.distance_px(&place)));
        match nearest {
            Some(front) => place.away_from(&front, ASIDE),
            None => place,
        }
    }

    /// Takes a look at a slot's region.
    pub fn absorb(&mut self, at: usize, frame: &FrameInfo, look: &Look) {
        let now_us = frame.captured.mono_us;
        let presence = look.presence;
        let Some(&kind) = self.kind(self.slots[at].task) else {
            return;
        };
        let pose = finite(&look.keypoints);
        let slot = &self.slots[at];
        let keep = match slot.doubts {
            AUDITS.. => kind.presence.keep.max(AUDIT_PRESENCE),
            _ => kind.presence.keep,
        };
        let seen = see(slot.sure, &pose, kind.min_score).filter(|_| presence >= keep);
        let is_gone = seen.as_ref().map_or_else(
            || !is_inside(frame, &slot.motion.at(now_us)),
            |seen| !is_inside(frame, &seen.place),
        );
        let found = pose.iter().filter(|joint| joint.is_found()).count();
        let expected = slot.pose_at(now_us);
        let rivals = self.rivals(at, now_us);
        let (own, is_theirs) = match slot.is_followed() {
            true => {
                let own = claim::own_joints(&pose, &expected, rivals.iter());
                (own, seen.is_some() && !claim::is_enough(own, found))
            }
            false => {
                let is_same =
                    |rival: &Rival| likeness::is_same(kind.joint_table, &pose, &rival.pose);
                (u64::MAX, seen.is_some() && rivals.iter().any(is_same))
            }
        };
        let surprise = claim::surprise(&pose, &expected, &slot.motion.at(now_us));
        let (seen, pose) = match seen {
            Some(seen) if !is_theirs && (own.count_ones() as usize) < found => {
                self.own_part(at, now_us, seen, pose, own)
            }
            seen => (seen, pose),
        };
        let slot = &self.slots[at];
        let region = slot.look_place(now_us).scaled(kind.padding);
        let is_border = share_inside(frame, &region) < BORDER_SHARE;
        let slot = &mut self.slots[at];
        slot.looked_us = now_us;
        if is_gone {
            slot.lose(now_us);
            return;
        }
        let needed = Thresholds {
            birth: match is_border {
                true => kind.presence.birth.max(BORDER_BIRTH),
                false => kind.presence.birth,
            },
            ..kind.presence
        };
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
        let slot = &self.slots[at];
        let others = self.slots.iter().enumerate().filter(|(index, other)| {
            *index != at && other.is_followed() && other.task == slot.task
        });
        let rivals = others.map(|(_, other)| Rival {
            pose: other.pose_at(now_us),
            factor: match other.stage {
                Stage::Confirmed => 1.0,
                _ => 0.5,
            },
        });
        rivals.collect()
    }

    /// What a look of which some joints are another's tells: the own ones have moved the instance, the others are where
    /// they are expected then.
    fn own_part(
        &self,
        at: usize,
        now_us: u64,
        seen: Seen,
        mut pose: Keypoints,
        own: u64,
    ) -> (Option<Seen>, Keypoints) {
        let slot = &self.slots[at];
        let expected = slot.pose_at(now_us);
        let (dx, dy) = claim::shift_px(&pose, &expected, own);
        for (joint, (now, then)) in pose.iter_mut().zip(&expected).enumerate() {
            if own & (1 << joint) == 0 {
                *now = Keypoint {
                    x_px: then.x_px + dx,
                    y_px: then.y_px + dy,
                    score: then.score,
                };
            }
        }
        let place = slot.motion.at(now_us);
        let seen = Seen {
            place: Place {
                x_px: place.x_px + dx,
                y_px: place.y_px + dy,
                ..place
            },
            shape: slot.shape,
            sure: slot.sure & !own | seen.sure & own,
        };
        (Some(seen), pose)
    }

    /// Ends a trial. A lost instance stays lost; another place is not tried again soon.
    fn refuse(&mut self, at: usize, now_us: u64) {
        let slot = &mut self.slots[at];
        let (task, place, score) = (slot.task, slot.motion.at(now_us), slot.offered);
        slot.lose(now_us);
        remember(
            &mut self.refused,
            Timed {
                task,
                place,
                score,
                since_us: now_us,
            },
        );
    }

    /// Numbers count up and skip those in use.
    fn fresh_number(&mut self) -> u16 {
        loop {
            self.last_number = self.last_number.checked_add(1).unwrap_or(1);
            if self
                .slots
                .iter()
                .all(|slot| slot.number != self.last_number)
            {
                return self.last_number;
            }
        }
    }

    /// The hands of a body that was seen in this frame, as candidates.
    pub fn hands_of(
        &self,
        at: usize,
        frame: &FrameInfo,
    ) -> impl Iterator<Item = Candidate> + use<'_> {
        let slot = &self.slots[at];
        let is_seen = slot.is_followed() && slot.seen_us == frame.captured.mono_us;
        let pose = if is_seen { &slot.pose[..] } else { &[] };
        self.wrists(slot.task, pose).map(|wrist| {
            let padding = self.kind(Task::Hand).map_or(1.0, |kind| kind.padding);
            Candidate {
                task: Task::Hand,
                // The rule gives a box with room around the hand.
                bbox: wrist.hand.scaled(1.0 / padding).bbox(),
                score: wrist.score,
                side: Some(wrist.side),
                parent: Some(slot.number),
            }
        })
    }

    fn wrists<'a>(
        &self,
        task: Task,
        pose: &'a [Keypoint],
    ) -> impl Iterator<Item = Wrist> + use<'a> {
        let table = self
            .kind(task)
            .map_or(JointTable::Custom, |kind| kind.joint_table);
        wrists::of(table, pose)
    }

    /// Takes what was found outside the slots' regions. `fits`: there is time for one more of a kind.
    pub fn offer(
        &mut self,
        frame: &FrameInfo,
        candidates: &mut [Candidate],
        fits: impl Fn(&Tracks, Task) -> bool,
    ) {
        let now_us = frame.captured.mono_us;
        // The result does not depend on the order that candidates come in.
        candidates.sort_unstable_by(by_score);
        let mut open: heapless::Vec<(Candidate, Place), MAX_CANDIDATES> = candidates
            .iter()
            .filter_map(|found| Some((*found, self.free_place(frame, found, now_us)?)))
            .take(MAX_CANDIDATES)
            .collect();
        self.revive(&mut open, now_us, &fits);
        for (found, place) in &open {
            if self.is_taken(found.task, place, now_us) {
                continue;
            }
            let free = self.has_room(found.task) && fits(self, found.task);
            match self.free_slot().filter(|_| free) {
                Some(at) => {
                    let mut slot = Slot::tentative(found.task, *place, now_us);
                    slot.offered = found.score;
                    slot.lead = self
                        .finder
                        .filter(|_| found.parent.is_none())
                        .map(|finder| found.score - finder.birth);
                    match (found.parent, found.side) {
                        (Some(parent), Some(side)) => {
                            slot.link = Some(Link {
                                parent,
                                side,
                                looks: 0,
                            });
                        }
                        (None, Some(side)) => slot.side.add(side, FINDER_WEIGHT, now_us),
                        (_, None) => {}
                    }
                    self.slots[at] = slot;
                    self.waiting.retain(|waiting| {
                        waiting.task != found.task || waiting.place.overlap(place) <= SAME
                    });
                }
                None => remember(
                    &mut self.waiting,
                    Timed {
                        task: found.task,
                        place: *place,
                        score: found.score,
                        since_us: now_us,
                    },
                ),
            }
        }
    }

    /// The place of a candidate, unless it is none, is taken, or was refused.
    fn free_place(&self, frame: &FrameInfo, found: &Candidate, now_us: u64) -> Option<Place> {
        let place = Place::of(&found.bbox)?;
        let is_refused = |refused: &Timed| {
            refused.task == found.task
                && refused.place.overlap(&place) > 0.5
                && (found.score < refused.score + RISE || found.score.is_nan())
        };
        let is_place = place.side_px >= MIN_BIRTH_SIDE_PX
            && self.kind(found.task).is_some()
            && is_inside(frame, &place);
        let is_free = !self.is_taken(found.task, &place, now_us);
        (is_place && is_free && !self.refused.iter().any(is_refused)).then_some(place)
    }

    /// An instance of the kind is followed or on trial there.
    fn is_taken(&self, task: Task, place: &Place, now_us: u64) -> bool {
        self.slots.iter().any(|slot| {
            let own = slot.motion.at(now_us);
            slot.is_live()
                && slot.task == task
                && (own.overlap(place) > CROSSING
                    || own.holds(place.x_px, place.y_px)
                    || place.holds(own.x_px, own.y_px))
        })
    }

    /// Lost instances that candidates continue, the best pair first. A pair that is not clear is none.
    fn revive(
        &mut self,
        open: &mut heapless::Vec<(Candidate, Place), MAX_CANDIDATES>,
        now_us: u64,
        fits: &impl Fn(&Tracks, Task) -> bool,
    ) {
        loop {
            let mut best: Option<(f32, usize, usize)> = None;
            for (index, (found, place)) in open.iter().enumerate() {
                for at in 0..MAX_INSTANCES {
                    let score = self.continues(at, found, place);
                    if score > best.map_or(0.0, |(score, ..)| score) {
                        best = Some((score, index, at));
                    }
                }
            }
            let Some((score, index, at)) = best else {
                return;
            };
            let (found, place) = open[index];
            let rivals = (0..MAX_INSTANCES)
                .filter(|&other| other != at)
                .map(|other| self.continues(other, &found, &place))
                .chain(
                    open.iter()
                        .enumerate()
                        // Candidates on top of each other are the same hand or body.
                        .filter(|(_, (_, other))| other.overlap(&place) < SAME)
                        .map(|(_, (found, place))| self.continues(at, found, place)),
                );
            let second = rivals.fold(0.0, f32::max);
            let is_clear = score - second >= pair::CLEAR_LEAD;
            if is_clear && self.has_room(found.task) && fits(self, found.task) {
                let slot = &mut self.slots[at];
                let Stage::Lost { since_us, .. } = slot.stage else {
                    return;
                };
                slot.stage = Stage::Returning { since_us };
                slot.offered = found.score;
                slot.motion = Motion::at_rest(place, now_us);
                open.remove(index);
            } else if is_clear {
                return;
            } else {
                // Nobody can tell which one it is: it gets a new number.
                for other in 0..MAX_INSTANCES {
                    if self.continues(other, &found, &place) > score - pair::CLEAR_LEAD {
                        self.slots[other].stage = Stage::Empty;
                    }
                }
            }
        }
    }

    /// 0 if it does not.
    fn continues(&self, at: usize, found: &Candidate, place: &Place) -> f32 {
        let slot = &self.slots[at];
        let Stage::Lost { is_said: true, .. } = slot.stage else {
            return 0.0;
        };
        if slot.task != found.task {
            return 0.0;
        }
        // It is lost, so it stands still: where it was expected last, and where it was seen last.
        let known = [slot.motion.at(slot.looked_us), slot.lost_at];
        let scores = known
            .iter()
            .filter_map(|known| pair::score((place, found.side), (known, slot.side.shown())));
        scores.fold(0.0, f32::max)
    }

    /// An empty slot, or that of the instance that is lost for the longest time.
    fn free_slot(&self) -> Option<usize> {
        let empty = |slot: &Slot| slot.stage == Stage::Empty;
        let oldest = || {
            let lost = self.slots.iter().enumerate().filter_map(|(at, slot)| {
                let Stage::Lost {
                    since_us,
                    is_said: true,
                } = slot.stage
                else {
                    return None;
                };
                Some((since_us, at))
            });
            lost.min().map(|(_, at)| at)
        };
        self.slots.iter().position(empty).or_else(oldest)
    }

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

    /// Adds the instances to a scene, in the order of their slots.
    pub fn report(&mut self, frame: &FrameInfo, scene: &mut Scene) {
        let now_us = frame.captured.mono_us;
        let mut confirmed = 0;
        for at in 0..MAX_INSTANCES {
            let slot = &self.slots[at];
            let state = match slot.stage {
                Stage::Confirmed if slot.seen_us == now_us => TrackState::Tracked,
                Stage::Confirmed | Stage::Coasting { .. } => TrackState::Predicted,
                Stage::Lost { is_said: false, .. } => TrackState::Lost,
                _ => continue,
            };
            let Some(instance) = self.instance(at, frame, state) else {
                continue;
            };
            confirmed += u8::from(state != TrackState::Lost);
            // There are as many places as slots.
            let _ = scene.instances.push(instance);
            if let Stage::Lost { is_said, .. } = &mut self.slots[at].stage {
                *is_said = true;
            }
        }
        scene.crowd = Some(Crowd {
            confirmed,
            // At most as many as the list has.
            waiting: self.waiting.len() as u8,
        });
    }

    fn instance(&self, at: usize, frame: &FrameInfo, state: TrackState) -> Option<Instance> {
        let now_us = frame.captured.mono_us;
        let slot = &self.slots[at];
        let kind = self.kind(slot.task)?;
        let mut keypoints = slot.pose_at(now_us);
        if state == TrackState::Lost {
            keypoints.fill(Keypoint::default());
        }
        let place = slot.motion.at(now_us).scaled(kind.padding);
        Some(Instance {
            task: slot.task,
            presence: Presence {
                score: slot.presence,
                found: state == TrackState::Tracked,
            },
            keypoints,
            region: Region {
                crop: CropBox::new(place.bbox(), 1.0, kind.input_px),
                origin: Origin::Track,
            },
            track: Some(Track {
                number: slot.number,
                // There are at most MAX_INSTANCES.
                slot: at as u8,
                joint_table: kind.joint_table,
                state,
                parent: slot.parent,
                side: slot.side.side(),
                is_border: share_inside(frame, &place) < WHOLE,
                is_overlapped: slot.overlapped_since_us.is_some(),
                is_unsure: now_us < slot.unsure_until_us,
                is_smoothed: false,
                seen_us: now_us.saturating_sub(slot.confirmed_us),
                look_age_us: now_us.saturating_sub(slot.seen_us),
                held: 0,
            }),
        })
    }
}

/// The most certain first; equal ones by their place, so that there is one order.
fn by_score(a: &Candidate, b: &Candidate) -> Ordering {
    let number = |found: &Candidate| {
        (
            found.task == Task::Body,
            found.parent,
            found.side == Some(Side::Left),
        )
    };
    b.score
        .total_cmp(&a.score)
        .then(a.bbox.x_px.total_cmp(&b.bbox.x_px))
        .then(a.bbox.y_px.total_cmp(&b.bbox.y_px))
        .then(a.bbox.width_px.total_cmp(&b.bbox.width_px))
        .then(a.bbox.height_px.total_cmp(&b.bbox.height_px))
        .then(number(a).cmp(&number(b)))
}

/// Adds a place, which replaces one that it overlaps, or the oldest if the list is full.
fn remember(places: &mut Places, new: Timed) {
    let is_known = |old: &Timed| old.task == new.task && old.place.overlap(&new.place) > 0.5;
    if let Some(old) = places.iter_mut().find(|old| is_known(old)) {
        *old = new;
    } else if places.push(new).is_err()
        && let Some(oldest) = places.iter_mut().min_by_key(|old| old.since_us)
    {
        *oldest = new;
    }
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
    checked.take(crate::limits::MAX_KEYPOINTS).collect()
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
pub(super) fn box_of(pose: &[Keypoint], min_score: f32) -> Option<BBox> {
    let pose = finite(pose);
    let sure = pose
        .iter()
        .filter(|joint| joint.score >= min_score + SURE_ABOVE);
    BBox::around(sure.map(|joint| (joint.x_px, joint.y_px)))
}

fn is_inside(frame: &FrameInfo, place: &Place) -> bool {
    (0.0..frame.width_px as f32).contains(&place.x_px)
        && (0.0..frame.height_px as f32).contains(&place.y_px)
}

fn share_inside(frame: &FrameInfo, place: &Place) -> f32 {
    let whole = BBox::whole(frame.width_px, frame.height_px);
    place.bbox().share_within(&whole)
}
