//! All slots. The rules are in the modules below: a frame is [`Tracks::begin`], [`Tracks::absorb`] for each look,
//! [`Tracks::offer`] for what was found elsewhere, [`Tracks::settle`], [`Tracks::report`].

mod absorb;
mod births;
mod report;
mod settle;

pub(super) use absorb::box_of;

use super::kind::{Kind, Thresholds};
use super::place::Place;
use super::slot::{Slot, Stage};
use crate::limits::MAX_INSTANCES;
use crate::scene::{BBox, CropBox, FrameInfo, Task};

/// A candidate belongs to a followed instance from this overlap on. Regions that overlap as much are crossing.
const CROSSING: f32 = 0.3;
/// One behind another is looked for this far aside, in sides. A region that is off by so much costs a network nothing.
const ASIDE: f32 = 0.2;
/// A place where no instance was born is not tried again for this time, unless its score rises.
const REFUSED_US: u64 = 1_000_000;
/// A candidate without a slot counts as waiting for this time. A finder that has little time sees the whole frame every
/// two seconds.
const WAITING_US: u64 = 2_500_000;

#[derive(Debug, Clone, Copy)]
struct Timed {
    task: Task,
    place: Place,
    score: f32,
    since_us: u64,
}

/// A short list, of which a new entry replaces the oldest.
type Places = heapless::Vec<Timed, MAX_INSTANCES>;

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
}

fn is_inside(frame: &FrameInfo, place: &Place) -> bool {
    (0.0..frame.width_px as f32).contains(&place.x_px)
        && (0.0..frame.height_px as f32).contains(&place.y_px)
}

fn share_inside(frame: &FrameInfo, place: &Place) -> f32 {
    let whole = BBox::whole(frame.width_px, frame.height_px);
    place.bbox().share_within(&whole)
}
