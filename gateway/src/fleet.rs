//! The table of boards: what is known of each, in a fixed number of places.
//!
//! In: checked packets and the time. Out: decisions, changes of state, and [`Report`]s for the outputs. A board here is
//! a sender and one of its streams (`instance`): each has its own sessions, numbers, figures and state. The table grows to
//! its limit and no further; who is silent for long makes room for who is new.

use crate::limits::FORGET_US;
use crate::name::Name;
use posewire::wire::{Arrived, Body, Flags, Kind, Loss, Refusal, Rule, Stream, Verdict, WireStats};
use std::collections::HashMap;
use std::net::IpAddr;

/// Who sent a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The holder of a key, by its place in the keyring.
    Key(u16),
    /// The holder of an address.
    Address(IpAddr),
}

/// Whether packets come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// They come.
    Live,
    /// None came for longer than the limit.
    Silent,
    /// The board said goodbye.
    Stopped,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Live => "live",
            State::Silent => "silent",
            State::Stopped => "stopped",
        }
    }
}

/// Counts of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub keypoints: u64,
    pub heartbeats: u64,
    pub stats: u64,
    pub instances: u64,
    /// Of kinds that this version does not know.
    pub unknown: u64,
    /// Taken in the first second, in which a receiver with keys only learns.
    pub learned: u64,
    /// Refused: not newer than one before.
    pub old: u64,
    /// Refused: another session of the same epoch.
    pub other_session: u64,
    /// Refused: held back on the way.
    pub held_back: u64,
    /// Refused: its starts have no order.
    pub unordered: u64,
    /// From the board's address and port, but not sealed with a key of this gateway.
    pub bad_seal: u64,
    /// Silences, and goodbyes.
    pub silences: u64,
}

/// A board as an output shows it.
#[derive(Debug, Clone)]
pub struct Report {
    pub name: Name,
    pub instance: u8,
    /// Tells a board from the one that had its place before.
    pub generation: u32,
    pub state: State,
    /// Arrival of the newest packet, on the steady clock.
    pub heard_us: u64,
    pub address: IpAddr,
    pub counts: Counts,
    pub loss: Loss,
    /// Of the newest packet.
    pub flags: Flags,
    pub age_us: u32,
    /// The board's own figures, once it sent some.
    pub stats: Option<WireStats>,
}

#[derive(Debug)]
struct Board {
    sender: Sender,
    report: Report,
    stream: Stream,
}

/// Outcome of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    pub verdict: Verdict,
    /// The outputs must hear of the board: it is new, it is back, it stopped, or it sent figures.
    pub is_news: bool,
}

/// All boards.
#[derive(Debug)]
pub struct Fleet {
    boards: Vec<Board>,
    places: HashMap<(Sender, u8), u16>,
    limit: usize,
    next_generation: u32,
    /// No place becomes free before this time.
    full_until_us: u64,
}

impl Fleet {
    pub fn new(limit: usize) -> Self {
        Fleet {
            boards: Vec::new(),
            places: HashMap::new(),
            limit,
            next_generation: 0,
            full_until_us: 0,
        }
    }

    /// Boards in the table.
    pub fn count(&self) -> usize {
        self.boards.len()
    }

    /// The place of a stream, if it is known.
    pub fn find(&self, sender: Sender, instance: u8) -> Option<u16> {
        self.places.get(&(sender, instance)).copied()
    }

    /// The place of a stream, a new one if need be. `None` if all places are taken by boards that were heard lately.
    pub fn place(
        &mut self,
        sender: Sender,
        instance: u8,
        address: IpAddr,
        name: impl FnOnce() -> Name,
        now_us: u64,
    ) -> Option<u16> {
        if let Some(place) = self.find(sender, instance) {
            return Some(place);
        }
        let place = if self.boards.len() < self.limit {
            self.boards.len()
        } else {
            self.quietest(now_us)?
        };
        let board = Board {
            sender,
            report: Report {
                name: name(),
                instance,
                generation: self.next_generation,
                // The first packet makes it live, which is news.
                state: State::Silent,
                heard_us: now_us,
                address,
                counts: Counts::default(),
                loss: Loss::default(),
                flags: Flags::default(),
                age_us: u32::MAX,
                stats: None,
            },
            stream: Stream::default(),
        };
        self.next_generation = self.next_generation.wrapping_add(1);
        match self.boards.get_mut(place) {
            Some(old) => {
                self.places.remove(&(old.sender, old.report.instance));
                *old = board;
            }
            None => self.boards.push(board),
        }
        // The limit is below 65,536.
        let place = place as u16;
        self.places.insert((sender, instance), place);
        Some(place)
    }

    /// The place of the board that is silent for longest, if it may be forgotten.
    fn quietest(&mut self, now_us: u64) -> Option<usize> {
        if now_us < self.full_until_us {
            return None;
        }
        let boards = self.boards.iter().enumerate();
        let (place, board) = boards
            .filter(|(_, board)| board.report.state != State::Live)
            .min_by_key(|(_, board)| board.report.heard_us)?;
        let free_at_us = board.report.heard_us.saturating_add(FORGET_US);
        if now_us < free_at_us {
            // Looking again for each new board would take long.
            self.full_until_us = free_at_us.min(now_us + 1_000_000);
            return None;
        }
        Some(place)
    }

    /// Judges a packet of the board at `place`.
    pub fn take(
        &mut self,
        place: u16,
        arrived: &Arrived<'_>,
        address: IpAddr,
        rule: &Rule,
        now_us: u64,
    ) -> Option<Taken> {
        let board = self.boards.get_mut(usize::from(place))?;
        let verdict = board.stream.take(arrived, rule, now_us);
        let report = &mut board.report;
        let counts = &mut report.counts;
        if let Verdict::Refuse(why) = verdict {
            *match why {
                Refusal::Old => &mut counts.old,
                Refusal::OtherSession => &mut counts.other_session,
                Refusal::Late { .. } => &mut counts.held_back,
                Refusal::Unordered => &mut counts.unordered,
            } += 1;
            return Some(Taken {
                verdict,
                is_news: false,
            });
        }
        counts.learned += u64::from(verdict == Verdict::Learn);
        let mut is_news = false;
        let mut is_last = false;
        match &arrived.view {
            None => counts.unknown += 1,
            Some(view) => {
                *match view.kind() {
                    Kind::Keypoints => &mut counts.keypoints,
                    Kind::Heartbeat => &mut counts.heartbeats,
                    Kind::Stats => &mut counts.stats,
                    Kind::Instances => &mut counts.instances,
                } += 1;
                report.flags = view.flags();
                is_last = report.flags.contains(Flags::LAST);
                report.age_us = view.age_us();
                if view.kind() == Kind::Stats
                    && let Body::Stats(stats) = view.to_packet().body
                {
                    report.stats = Some(stats);
                    is_news = true;
                }
            }
        }
        report.heard_us = now_us;
        report.address = address;
        report.loss = board.stream.loss();
        let state = if is_last { State::Stopped } else { State::Live };
        if report.state != state {
            report.state = state;
            is_news = true;
            report.counts.silences += u64::from(state == State::Stopped);
        }
        Some(Taken { verdict, is_news })
    }

    /// Counts a packet from a board's own address that no key opens.
    pub fn bad_seal(&mut self, place: u16) {
        if let Some(board) = self.boards.get_mut(usize::from(place)) {
            board.report.counts.bad_seal += 1;
        }
    }

    /// Finds boards of which nothing came since `limit_us`, and says so to `tell`.
    pub fn watch(&mut self, now_us: u64, limit_us: u64, mut tell: impl FnMut(u16, &Report)) {
        for (place, board) in self.boards.iter_mut().enumerate() {
            let report = &mut board.report;
            if report.state == State::Live && now_us.saturating_sub(report.heard_us) > limit_us {
                report.state = State::Silent;
                report.counts.silences += 1;
                tell(place as u16, report);
            }
        }
    }

    /// The board at a place.
    pub fn report(&self, place: u16) -> Option<&Report> {
        self.boards
            .get(usize::from(place))
            .map(|board| &board.report)
    }

    /// Boards that are live.
    pub fn live(&self) -> usize {
        let is_live = |board: &&Board| board.report.state == State::Live;
        self.boards.iter().filter(is_live).count()
    }
}
