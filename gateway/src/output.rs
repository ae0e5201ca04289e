//! An output, and the thread that feeds it.
//!
//! In: a [`Mailbox`], and the table of boards. Out: calls of an [`Output`], which knows one protocol. The thread drops
//! packets that waited too long, keeps packets and news while nobody can be reached, and tells everything again
//! when somebody can. So a broker that was restarted knows all boards at once.

use crate::fleet::{Fleet, Report, State};
use crate::limits::MAX_WAIT_US;
use crate::mailbox::{Mailbox, Message};
use posewire::clock::steady_us;
use posewire::stats::{Histogram, Repeated, Summary};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The longest wait of an output's thread: its housekeeping goes on.
const TURN: Duration = Duration::from_millis(20);
/// Time between two reports of a board of which there is no news.
const REPORT_US: u64 = 10_000_000;

/// Outcome of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Published,
    /// Nobody wants it, or the output publishes fewer packets than come.
    LeftOut,
    /// It could not be published.
    Lost,
}

/// A protocol. Its calls come from one thread, and must not wait for long.
pub trait Output: Send {
    /// The word in options, figures and the log.
    fn name(&self) -> &'static str;

    /// True while somebody can be reached.
    fn is_up(&mut self) -> bool;

    /// Publishes the state of a board. False: the same board is offered again in the next turn. Each board comes here
    /// before its packets.
    fn board(&mut self, place: u16, report: &Report) -> bool;

    /// Publishes a packet.
    fn packet(&mut self, message: &Message) -> Outcome;

    /// Says goodbye.
    fn end(&mut self) {}
}

/// Counts of an output.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    pub published: u64,
    pub left_out: u64,
    pub lost: u64,
    /// Packets that waited too long.
    pub outdated: u64,
    /// Times that somebody could be reached again.
    pub connects: u64,
    pub is_up: bool,
    /// Time from a packet's arrival until it is published, in this minute and the one before.
    pub delay: Option<Summary>,
}

/// An output at work.
pub struct Worker {
    pub name: &'static str,
    pub mailbox: Arc<Mailbox>,
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    figures: Figures,
    delays: Delays,
}

/// Delays of two periods, so that old ones are forgotten.
#[derive(Debug, Default)]
struct Delays {
    now: Histogram,
    before: Option<Summary>,
    begun_us: u64,
}

impl Delays {
    const PERIOD_US: u64 = 60_000_000;

    fn record(&mut self, delay_us: u64, now_us: u64) {
        if now_us.saturating_sub(self.begun_us) > Self::PERIOD_US {
            self.before = self.now.summary();
            self.now.clear();
            self.begun_us = now_us;
        }
        self.now.record(Duration::from_micros(delay_us));
    }

    /// Of the present period if it has enough values.
    fn summary(&self) -> Option<Summary> {
        let now = self.now.summary();
        match (now, self.before) {
            (Some(now), Some(before)) if now.count < 1000 => Some(before),
            (Some(now), _) => Some(now),
            (None, before) => before,
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Worker {
    /// Starts the thread of an output.
    ///
    /// # Errors
    /// The system has no thread.
    pub fn start(
        output: Box<dyn Output>,
        fleet: Arc<Mutex<Fleet>>,
        boards: usize,
    ) -> std::io::Result<Self> {
        let mailbox = Arc::new(Mailbox::new(boards));
        let shared = Arc::default();
        let name = output.name();
        let mut turns = Turns::new(output, fleet, Arc::clone(&mailbox), Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                while turns.turn(TURN) {}
                turns.output.end();
            })?;
        Ok(Worker {
            name,
            mailbox,
            shared,
            thread: Some(thread),
        })
    }

    /// Counts so far.
    pub fn figures(&self) -> Figures {
        let shared = locked(&self.shared);
        Figures {
            delay: shared.delays.summary(),
            ..shared.figures
        }
    }

    /// Ends the thread, after it published what waits. An output that nobody can reach has nothing more to do.
    pub fn finish(&mut self) {
        self.mailbox.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread of an output, turn by turn.
struct Turns {
    output: Box<dyn Output>,
    fleet: Arc<Mutex<Fleet>>,
    mailbox: Arc<Mailbox>,
    shared: Arc<Mutex<Shared>>,
    messages: VecDeque<Message>,
    places: Vec<u16>,
    /// Generation of the board that the output knows at each place.
    known: Vec<Option<u32>>,
    was_up: bool,
    reported_us: u64,
    faults: Repeated,
}

impl Turns {
    fn new(
        output: Box<dyn Output>,
        fleet: Arc<Mutex<Fleet>>,
        mailbox: Arc<Mailbox>,
        shared: Arc<Mutex<Shared>>,
    ) -> Self {
        Turns {
            output,
            fleet,
            mailbox,
            shared,
            messages: VecDeque::new(),
            places: Vec::new(),
            known: Vec::new(),
            was_up: false,
            reported_us: steady_us(),
            faults: Repeated::default(),
        }
    }

    /// Waits for work, and does it. False at the end.
    fn turn(&mut self, patience: Duration) -> bool {
        let is_up = self.output.is_up();
        if is_up != self.was_up {
            self.was_up = is_up;
            self.turned(is_up);
        }
        self.report_all();
        if !is_up {
            // Packets stay in the ring, where the newest win, and news stays in its bits.
            std::thread::sleep(patience);
            return !self.mailbox.is_closed();
        }
        let is_open = self
            .mailbox
            .take(Some(&mut self.messages), &mut self.places, patience);
        let places = std::mem::take(&mut self.places);
        for &place in &places {
            if !self.tell(place) {
                self.mailbox.tell(place);
            }
        }
        self.places = places;
        if !self.messages.is_empty() {
            self.publish();
        }
        is_open
    }

    /// Says that the output is up or down. After a break all boards are told of again.
    fn turned(&mut self, is_up: bool) {
        let mut shared = locked(&self.shared);
        shared.figures.is_up = is_up;
        shared.figures.connects += u64::from(is_up);
        drop(shared);
        let name = self.output.name();
        if is_up {
            log::info!("{name}: up");
            let boards = locked(&self.fleet).count();
            self.mailbox.tell_all(boards);
        } else if let Some(count) = self.faults.again() {
            log::warn!("{name}: nobody can be reached; trying again ({count} times so far)");
        }
    }

    /// Figures that changed without news.
    fn report_all(&mut self) {
        let now_us = steady_us();
        if now_us.saturating_sub(self.reported_us) < REPORT_US {
            return;
        }
        self.reported_us = now_us;
        let fleet = locked(&self.fleet);
        for place in 0..fleet.count() {
            let place = place as u16;
            if fleet
                .report(place)
                .is_some_and(|report| report.state == State::Live)
            {
                self.mailbox.tell(place);
            }
        }
    }

    /// Tells the output of a board. True if it took it.
    fn tell(&mut self, place: u16) -> bool {
        let report = locked(&self.fleet).report(place).cloned();
        let Some(report) = report else {
            return true;
        };
        if !self.output.board(place, &report) {
            return false;
        }
        let index = usize::from(place);
        if self.known.len() <= index {
            self.known.resize(index + 1, None);
        }
        self.known[index] = Some(report.generation);
        true
    }

    fn publish(&mut self) {
        let mut messages = std::mem::take(&mut self.messages);
        let mut figures = Figures::default();
        let mut delays_us: heapless::Vec<u64, 256> = heapless::Vec::new();
        for message in messages.drain(..) {
            let waited_us = steady_us().saturating_sub(message.received_steady_us);
            if waited_us > MAX_WAIT_US {
                figures.outdated += 1;
                continue;
            }
            let known = self.known.get(usize::from(message.place)).copied();
            if known.flatten() != Some(message.generation) && !self.tell(message.place) {
                figures.lost += 1;
                continue;
            }
            match self.output.packet(&message) {
                Outcome::LeftOut => figures.left_out += 1,
                Outcome::Lost => figures.lost += 1,
                Outcome::Published => {
                    figures.published += 1;
                    let delay_us = steady_us().saturating_sub(message.received_steady_us);
                    if delays_us.push(delay_us).is_err() {
                        self.record(&mut delays_us);
                        let _ = delays_us.push(delay_us);
                    }
                }
            }
        }
        self.messages = messages;
        self.record(&mut delays_us);
        let mut shared = locked(&self.shared);
        let total = &mut shared.figures;
        total.published += figures.published;
        total.left_out += figures.left_out;
        total.lost += figures.lost;
        total.outdated += figures.outdated;
    }

    fn record(&self, delays_us: &mut heapless::Vec<u64, 256>) {
        let now_us = steady_us();
        let mut shared = locked(&self.shared);
        for &delay_us in delays_us.iter() {
            shared.delays.record(delay_us, now_us);
        }
        delays_us.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use crate::fleet::Sender;
    use crate::limits::QUEUE_PACKETS;
    use crate::name::Name;
    use std::net::{IpAddr, Ipv4Addr};

    struct Bench {
        fake: Fake,
        fleet: Arc<Mutex<Fleet>>,
        turns: Turns,
    }

    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    impl Bench {
        fn new() -> Self {
            let fake = Fake::default();
            let fleet = Arc::new(Mutex::new(Fleet::new(4)));
            let mailbox = Arc::new(Mailbox::new(4));
            let output = Box::new(fake.clone());
            let turns = Turns::new(output, Arc::clone(&fleet), mailbox, Arc::default());
            Bench { fake, fleet, turns }
        }

        fn add(&self, instance: u8) -> u16 {
            let mut fleet = locked(&self.fleet);
            let sender = Sender::Address(ADDRESS);
            let name = || Name::of(ADDRESS);
            fleet.place(sender, instance, ADDRESS, name, 0).unwrap()
        }

        fn push(&self, place: u16, generation: u32, age_us: u64) {
            self.turns.mailbox.push(Message {
                place,
                generation,
                received_steady_us: steady_us() - age_us,
                bytes: heapless::Vec::new(),
            });
        }

        fn turn(&mut self) -> bool {
            self.turns.turn(Duration::ZERO)
        }

        fn figures(&self) -> Figures {
            locked(&self.turns.shared).figures
        }
    }

    #[test]
    fn a_board_comes_before_its_packets_and_old_packets_do_not_come() {
        let mut bench = Bench::new();
        let place = bench.add(3);
        bench.push(place, 0, 0);
        bench.push(place, 0, MAX_WAIT_US + 1);
        assert!(bench.turn());
        let script = bench.fake.script();
        assert_eq!(script.packets.len(), 1);
        assert_eq!(script.reports[0].1, 3);
        drop(script);
        let figures = bench.figures();
        assert_eq!((figures.published, figures.outdated), (1, 1));
        assert_eq!(
            locked(&bench.turns.shared).delays.summary().unwrap().count,
            1
        );
    }

    #[test]
    fn a_break_keeps_the_newest_packets_and_tells_of_all_boards_again() {
        let mut bench = Bench::new();
        let places = [bench.add(0), bench.add(1)];
        bench.fake.script().is_down = true;
        for index in 0..QUEUE_PACKETS as u64 + 7 {
            bench.push(places[0], 0, 0);
            if index % 5000 == 0 {
                bench.turn();
            }
        }
        assert_eq!(bench.fake.script().packets.len(), 0);
        assert!(!bench.figures().is_up);
        bench.fake.script().is_down = false;
        bench.turn();
        assert_eq!(bench.turns.mailbox.counts(), (0, 7), "seven had no room");
        let figures = bench.figures();
        assert_eq!((figures.is_up, figures.connects), (true, 1));
        // What a slow machine made outdated is counted too.
        let taken = figures.published + figures.outdated;
        assert_eq!(taken, QUEUE_PACKETS as u64);
        assert_eq!(bench.fake.script().reports.len(), 2);
        for is_down in [true, false] {
            bench.fake.script().is_down = is_down;
            bench.turn();
        }
        assert_eq!(bench.fake.script().reports.len(), 4);
    }

    #[test]
    fn news_that_is_not_taken_comes_again() {
        let mut bench = Bench::new();
        let place = bench.add(0);
        bench.fake.script().is_full = true;
        bench.turns.mailbox.tell(place);
        bench.push(place, 0, 0);
        bench.turn();
        assert_eq!(bench.figures().lost, 1, "a packet of an unknown board");
        bench.fake.script().is_full = false;
        bench.turn();
        assert_eq!(bench.fake.script().reports.len(), 1);
    }

    #[test]
    fn the_end_publishes_what_waits() {
        let fake = Fake::default();
        let bench = Bench::new();
        let place = bench.add(0);
        let output = Box::new(fake.clone());
        let mut worker = Worker::start(output, Arc::clone(&bench.fleet), 4).unwrap();
        worker.mailbox.push(Message {
            place,
            generation: 0,
            received_steady_us: steady_us(),
            bytes: heapless::Vec::new(),
        });
        worker.finish();
        let script = fake.script();
        assert_eq!((script.packets.len(), script.has_ended), (1, true));
    }
}
