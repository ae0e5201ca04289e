//! New instances: candidates get a slot, continue a lost instance, or wait.

use super::{CROSSING, Places, Timed, Tracks, is_inside};
use crate::limits::MAX_INSTANCES;
use crate::scene::{FrameInfo, JointTable, Keypoint, Side, Task};
use crate::track::motion::Motion;
use crate::track::pair;
use crate::track::place::{Candidate, MAX_CANDIDATES, MIN_BIRTH_SIDE_PX, Place};
use crate::track::side::FINDER_WEIGHT;
use crate::track::slot::{Link, Slot, Stage};
use crate::track::wrists::{self, Wrist};
use std::cmp::Ordering;

/// Candidates that overlap by more are one.
const SAME: f32 = 0.4;
const RISE: f32 = 0.1;

impl Tracks {
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

    pub(super) fn wrists<'a>(
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
pub(super) fn remember(places: &mut Places, new: Timed) {
    let is_known = |old: &Timed| old.task == new.task && old.place.overlap(&new.place) > 0.5;
    if let Some(old) = places.iter_mut().find(|old| is_known(old)) {
        *old = new;
    } else if places.push(new).is_err()
        && let Some(oldest) = places.iter_mut().min_by_key(|old| old.since_us)
    {
        *oldest = new;
    }
}
