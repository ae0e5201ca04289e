//! The decision on each datagram: whose it is, whether it is new, and who hears of it.
//!
//! In: a datagram's bytes, its sender's address and its time of arrival. Out: the table of boards, and messages in the
//! outputs' mailboxes. No datagram makes it panic, wait, or keep more memory than the table has.

use crate::fleet::{Fleet, Sender};
use crate::keyring::Keyring;
use crate::mailbox::{Mailbox, Message};
use crate::name::Name;
use posewire::stats::Repeated;
use posewire::wire::{Arrived, Invalid, PacketView, Rule, Verdict, without_seal};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Lines of the log about boards that fall silent at once: a switch without power takes many.
const MAX_SILENCE_LINES: usize = 8;

/// Counts of datagrams that belong to no board.
#[derive(Debug, Default)]
pub struct Totals {
    pub datagrams: AtomicU64,
    /// Not a packet.
    pub invalid: AtomicU64,
    /// Not sealed with a known key.
    pub bad_seal: AtomicU64,
    /// From new boards while all places were taken.
    pub turned_away: AtomicU64,
}

/// The judge of datagrams.
pub struct Gate {
    pub keyring: Option<Keyring>,
    /// Names of boards without a key.
    pub names: HashMap<IpAddr, Name>,
    pub rule: Rule,
    /// Silence after which a board is said to be silent.
    pub silent_us: u64,
    pub fleet: Arc<Mutex<Fleet>>,
    pub mailboxes: Vec<Arc<Mailbox>>,
    pub totals: Arc<Totals>,
    pub faults: Repeated,
}

impl Gate {
    /// Judges a datagram.
    pub fn take(&mut self, bytes: &[u8], from: SocketAddr, now_us: u64) {
        let add = |count: &AtomicU64| count.fetch_add(1, Ordering::Relaxed);
        add(&self.totals.datagrams);
        let address = from.ip().to_canonical();
        let opened = match &mut self.keyring {
            Some(keyring) => keyring
                .open(bytes, from, now_us)
                .map(|(key, arrived)| (Sender::Key(key), arrived)),
            None => Arrived::check(bytes, None).map(|arrived| (Sender::Address(address), arrived)),
        };
        let (sender, arrived) = match opened {
            Ok(opened) => opened,
            Err(why) => {
                match why {
                    Invalid::Packet(_) => add(&self.totals.invalid),
                    Invalid::Seal(_) => add(&self.totals.bad_seal),
                };
                self.blame(bytes, from, why);
                return;
            }
        };
        let instance = arrived.numbers.instance;
        let mut fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        let name = || match (sender, &self.keyring) {
            (Sender::Key(key), Some(keyring)) => keyring.name(key),
            _ => match self.names.get(&address) {
                Some(name) => name.clone(),
                None => Name::of(address),
            },
        };
        let Some(place) = fleet.place(sender, instance, address, name, now_us) else {
            add(&self.totals.turned_away);
            return;
        };
        let taken = fleet.take(place, &arrived, address, &self.rule, now_us);
        let report = fleet.report(place);
        let (Some(taken), Some(report)) = (taken, report) else {
            return;
        };
        if taken.is_news {
            log::debug!("{}/{instance}: {}", report.name, report.state.name());
        }
        let generation = report.generation;
        if let Verdict::Refuse(why) = taken.verdict
            && let Some(count) = self.faults.again()
        {
            log::warn!(
                "{}/{instance}: packet {} from {from} is {} ({count} refused so far, of all boards)",
                report.name,
                arrived.numbers.sequence,
                why.name()
            );
        }
        drop(fleet);
        for mailbox in &self.mailboxes {
            if taken.is_news {
                mailbox.tell(place);
            }
            if taken.verdict == Verdict::Act
                && let Ok(bytes) = heapless::Vec::from_slice(arrived.bytes)
            {
                mailbox.push(Message {
                    place,
                    generation,
                    received_steady_us: now_us,
                    bytes,
                });
            }
        }
    }

    /// Counts a datagram that is no packet, or not sealed, where the board of this address is known.
    fn blame(&mut self, bytes: &[u8], from: SocketAddr, why: Invalid) {
        if let (Invalid::Seal(_), Some(keyring)) = (why, &self.keyring)
            && let Some(key) = keyring.last(from)
            // The instance is what the packet claims.
            && let Ok(claim) = PacketView::new(without_seal(bytes))
        {
            let mut fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
            let instance = claim.numbers().instance;
            if let Some(place) = fleet.find(Sender::Key(key), instance) {
                fleet.bad_seal(place);
            }
        }
        if let Some(count) = self.faults.again() {
            log::warn!("not a packet from {from}: {why} ({count} so far)");
        }
    }

    /// Finds boards that fell silent, and wakes the outputs.
    pub fn watch(&mut self, now_us: u64) {
        let mailboxes = &self.mailboxes;
        let silent_us = self.silent_us;
        let mut found = 0_usize;
        let mut fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        fleet.watch(now_us, silent_us, |place, report| {
            for mailbox in mailboxes {
                mailbox.tell(place);
            }
            found += 1;
            if found <= MAX_SILENCE_LINES {
                log::warn!(
                    "{}/{}: silent: nothing came for {} ms",
                    report.name,
                    report.instance,
                    now_us.saturating_sub(report.heard_us) / 1000
                );
            }
        });
        if found > MAX_SILENCE_LINES {
            log::warn!("{} more boards are silent", found - MAX_SILENCE_LINES);
        }
    }

    /// Wakes the outputs.
    pub fn flush(&self) {
        for mailbox in &self.mailboxes {
            mailbox.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::State;
    use crate::sample::Board;
    use posewire::wire::WireStats;
    use std::collections::VecDeque;
    use std::time::Duration;

    fn gate(keys: u8, boards: usize) -> Gate {
        let named = |index: u8| (Name::new(&format!("b{index}")).unwrap(), Board::key(index));
        Gate {
            keyring: (keys > 0).then(|| Keyring::new((0..keys).map(named).collect())),
            names: HashMap::new(),
            rule: Rule {
                started_us: 0,
                takes_unordered: false,
            },
            silent_us: 300_000,
            fleet: Arc::new(Mutex::new(Fleet::new(boards))),
            mailboxes: vec![Arc::new(Mailbox::new(boards))],
            totals: Arc::default(),
            faults: Repeated::default(),
        }
    }

    fn from(host: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, host], 9))
    }

    /// Packets, and places of which there is news.
    fn taken(gate: &Gate) -> (Vec<Message>, Vec<u16>) {
        let (mut messages, mut places) = (VecDeque::new(), Vec::new());
        gate.mailboxes[0].take(Some(&mut messages), &mut places, Duration::ZERO);
        (messages.into(), places)
    }

    fn state(gate: &Gate, place: u16) -> State {
        let fleet = gate.fleet.lock().unwrap();
        fleet.report(place).unwrap().state
    }

    #[test]
    fn boards_and_instances_are_apart() {
        let mut gate = gate(0, 9);
        let mut boards = [
            (from(1), Board::new(7, 0, None)),
            (from(1), Board::new(7, 1, None)),
            (from(2), Board::new(7, 0, None)),
        ];
        for round in 0..3 {
            for (from, board) in &mut boards {
                let packet = board.frame(true);
                // The third board loses its second packet.
                if round != 1 || from.ip() != self::from(2).ip() {
                    gate.take(&packet, *from, 1000 * round);
                }
            }
        }
        let (messages, places) = taken(&gate);
        assert_eq!((messages.len(), places), (8, vec![0, 1, 2]));
        let fleet = gate.fleet.lock().unwrap();
        let lost: Vec<u64> = (0..3)
            .map(|place| fleet.report(place).unwrap().loss.lost)
            .collect();
        assert_eq!(lost, [0, 0, 1]);
        assert_eq!(fleet.report(1).unwrap().instance, 1);
        assert_eq!(fleet.report(2).unwrap().name.as_str(), "10.0.0.2");
    }

    #[test]
    fn a_recording_is_refused_wherever_it_comes_from_and_keeps_no_board_alive() {
        let mut gate = gate(2, 9);
        let mut board = Board::sealed(1, 1);
        let recorded = board.frame(true);
        gate.take(&recorded, from(1), 2_000_000);
        gate.take(&board.frame(true), from(1), 2_033_000);
        assert_eq!(taken(&gate).0.len(), 2);
        for from in [from(1), from(66)] {
            gate.take(&recorded, from, 2_300_000);
        }
        gate.watch(2_350_000);
        let (messages, places) = taken(&gate);
        assert_eq!((messages.len(), places), (0, vec![0]));
        assert_eq!(state(&gate, 0), State::Silent);
        let fleet = gate.fleet.lock().unwrap();
        let report = fleet.report(0).unwrap();
        assert_eq!((report.counts.old, report.counts.silences), (2, 1));
        assert_eq!(report.name.as_str(), "b1");
        assert_eq!(fleet.count(), 1);
    }

    #[test]
    fn in_the_first_second_sealed_packets_are_learned() {
        let mut gate = gate(2, 9);
        let mut board = Board::sealed(1, 1);
        gate.take(&board.frame(true), from(1), 999_999);
        let (messages, places) = taken(&gate);
        assert_eq!(
            (messages.len(), places),
            (0, vec![0]),
            "heard, but not acted on"
        );
    }

    #[test]
    fn a_foreign_seal_counts_where_it_comes_from() {
        let mut gate = gate(2, 9);
        let mut board = Board::sealed(1, 1);
        gate.take(&board.frame(true), from(1), 2_000_000);
        for from in [from(1), from(2)] {
            gate.take(&Board::sealed(9, 1).frame(true), from, 2_000_001);
        }
        gate.take(&Board::open(1).frame(true), from(1), 2_000_002);
        gate.take(b"GET / HTTP/1.1", from(1), 2_000_003);
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        assert_eq!(count(&gate.totals.bad_seal), 3);
        assert_eq!(count(&gate.totals.invalid), 1);
        assert_eq!(count(&gate.totals.datagrams), 5);
        let fleet = gate.fleet.lock().unwrap();
        assert_eq!(
            (fleet.count(), fleet.report(0).unwrap().counts.bad_seal),
            (1, 2)
        );
    }

    #[test]
    fn silence_goodbye_and_return_are_news() {
        let mut gate = gate(0, 9);
        let mut board = Board::open(1);
        gate.take(&board.heartbeat(), from(1), 0);
        assert_eq!(taken(&gate).1, [0]);
        gate.take(&board.heartbeat(), from(1), 100_000);
        gate.watch(400_000);
        assert_eq!(taken(&gate).1, [0; 0], "not longer than the limit");
        gate.watch(400_001);
        gate.watch(420_000);
        assert_eq!((taken(&gate).1, state(&gate, 0)), (vec![0], State::Silent));
        gate.take(&board.heartbeat(), from(1), 500_000);
        assert_eq!((taken(&gate).1, state(&gate, 0)), (vec![0], State::Live));
        gate.take(&board.last(), from(1), 510_000);
        assert_eq!((taken(&gate).1, state(&gate, 0)), (vec![0], State::Stopped));
        gate.watch(9_000_000);
        assert_eq!(
            taken(&gate).1,
            [0; 0],
            "a board that said goodbye is not missed"
        );
        let stats = WireStats {
            uptime_s: 77,
            ..WireStats::default()
        };
        gate.take(&Board::open(2).stats(stats), from(1), 9_000_001);
        assert_eq!(taken(&gate).1, [0]);
        let fleet = gate.fleet.lock().unwrap();
        let stats = fleet.report(0).unwrap().stats.as_ref();
        assert_eq!(stats.unwrap().uptime_s, 77);
    }

    #[test]
    fn a_full_table_turns_new_boards_away_until_one_is_silent_for_long() {
        let mut gate = gate(0, 2);
        for host in 1..=3 {
            gate.take(&Board::open(1).heartbeat(), from(host), 0);
        }
        assert_eq!(gate.totals.turned_away.load(Ordering::Relaxed), 1);
        gate.watch(1_000_000);
        gate.take(&Board::open(1).heartbeat(), from(2), 30_000_000);
        gate.take(&Board::open(1).heartbeat(), from(3), 59_000_000);
        assert_eq!(gate.totals.turned_away.load(Ordering::Relaxed), 2);
        gate.take(&Board::open(1).heartbeat(), from(3), 61_000_000);
        let fleet = gate.fleet.lock().unwrap();
        assert_eq!(fleet.count(), 2);
        let report = fleet.report(0).unwrap();
        assert_eq!((report.name.as_str(), report.generation), ("10.0.0.3", 2));
    }
}
