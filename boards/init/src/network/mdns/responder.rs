//! A host's name in multicast DNS, without sockets and clocks: it is probed for, announced, answered and defended.
//!
//! In: the time, and datagrams of anyone on the link. Out: datagrams. RFC 6762: three probes a quarter of a second
//! apart (section 8.1), a tie is lost to the larger address (8.2), two announcements (8.3), one answer to all in a
//! second (6), and a name that another host has is given up for the next one (9).

use super::message::{self, Asked, Message};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const PROBES: u32 = 3;
const PROBE_EVERY: Duration = Duration::from_millis(250);
const ANNOUNCEMENTS: u32 = 2;
const ANNOUNCE_EVERY: Duration = Duration::from_secs(1);
/// The loser of a tie waits.
const TIE_PAUSE: Duration = Duration::from_secs(1);
/// After as many names that others have, probes become rare.
const MAX_QUICK_NAMES: u32 = 15;
const RARE_PAUSE: Duration = Duration::from_secs(5);
/// Of answers to all. A probe that hears nothing for 250 ms takes the name, so it is answered sooner.
const ANSWER_EVERY: Duration = Duration::from_secs(1);
const DEFEND_EVERY: Duration = Duration::from_millis(250);
/// Answers to one asker alone, in a second.
const MAX_ALONE: u32 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Probing { sent: u32 },
    Announcing { sent: u32 },
    Held,
}

/// The receiver of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    All,
    Asker,
}

#[derive(Debug)]
pub struct Responder {
    first_host: String,
    host: String,
    own: Ipv4Addr,
    phase: Phase,
    next: Instant,
    /// Names that others have.
    taken: u32,
    told_all: Option<Instant>,
    /// Start of the second whose answers are counted.
    second: Instant,
    alone: u32,
}

impl Responder {
    pub fn new(host: &str, own: Ipv4Addr, now: Instant) -> Self {
        Responder {
            first_host: host.into(),
            host: host.into(),
            own,
            phase: Phase::Probing { sent: 0 },
            next: now,
            taken: 0,
            told_all: None,
            second: now,
            alone: 0,
        }
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the name is this host's, as far as the others on the link have not objected.
    pub fn is_named(&self) -> bool {
        !matches!(self.phase, Phase::Probing { .. })
    }

    /// The probe or announcement that is due, for all.
    pub fn due(&mut self, now: Instant) -> Option<Vec<u8>> {
        if now < self.next {
            return None;
        }
        if self.phase == (Phase::Probing { sent: PROBES }) {
            self.phase = Phase::Announcing { sent: 0 };
        }
        match &mut self.phase {
            Phase::Probing { sent } => {
                *sent += 1;
                self.next = now + PROBE_EVERY;
                Some(message::probe(&self.host, self.own))
            }
            Phase::Announcing { sent } => {
                *sent += 1;
                self.next = now + ANNOUNCE_EVERY;
                if *sent == ANNOUNCEMENTS {
                    self.phase = Phase::Held;
                }
                self.told_all = Some(now);
                Some(message::announcement(&self.host, self.own))
            }
            Phase::Held => None,
        }
    }

    /// The answer to a datagram. `legacy` says that its sender knows only DNS; `is_own` tells addresses of this host.
    pub fn take(
        &mut self,
        bytes: &[u8],
        legacy: bool,
        is_own: impl Fn(Ipv4Addr) -> bool,
        now: Instant,
    ) -> Option<(Vec<u8>, To)> {
        match message::read(bytes, &self.host, is_own)? {
            Message::Claimed(_) => {
                match self.phase {
                    Phase::Probing { .. } => self.take_next_name(now),
                    // Who is right is found out by probes: the other one may have just been joined to this link.
                    Phase::Announcing { .. } | Phase::Held => self.probe_again(now),
                }
                None
            }
            Message::Probed(_, address) if !self.is_named() => {
                // Both would have one address record: its bytes decide.
                if address.octets() > self.own.octets() {
                    self.phase = Phase::Probing { sent: 0 };
                    self.next = now + TIE_PAUSE;
                }
                None
            }
            Message::Asked(asked) | Message::Probed(asked, _) => self.answer(&asked, legacy, now),
        }
    }

    fn answer(&mut self, asked: &Asked, legacy: bool, now: Instant) -> Option<(Vec<u8>, To)> {
        if !self.is_named() {
            return None;
        }
        let to = match legacy || asked.unicast && !asked.is_probe {
            true => To::Asker,
            false => To::All,
        };
        let may = match to {
            To::Asker => self.may_answer_alone(now),
            To::All => self.may_answer_all(asked.is_probe, now),
        };
        may.then(|| (message::answer(asked, &self.host, self.own, legacy), to))
    }

    fn may_answer_all(&mut self, is_probe: bool, now: Instant) -> bool {
        let pause = if is_probe { DEFEND_EVERY } else { ANSWER_EVERY };
        let may = self
            .told_all
            .is_none_or(|told| now.saturating_duration_since(told) >= pause);
        if may {
            self.told_all = Some(now);
        }
        may
    }

    fn may_answer_alone(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.alone = 0;
        }
        // Not counted on for ever.
        self.alone = self.alone.saturating_add(1);
        self.alone <= MAX_ALONE
    }

    fn take_next_name(&mut self, now: Instant) {
        self.taken = self.taken.saturating_add(1);
        self.host = format!("{}-{}", self.first_host, self.taken.saturating_add(1));
        self.probe_again(now);
    }

    fn probe_again(&mut self, now: Instant) {
        self.phase = Phase::Probing { sent: 0 };
        self.next = match self.taken < MAX_QUICK_NAMES {
            true => now + PROBE_EVERY,
            false => now + RARE_PAUSE,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::question;
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const HOST: &str = "posewire-12ab";
    const OWN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 50);
    const LARGER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 51);
    const SMALLER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 49);

    fn is_own(address: Ipv4Addr) -> bool {
        address == OWN
    }

    /// Lets time pass in steps of 50 ms. Times of what is sent, in milliseconds.
    fn pass(responder: &mut Responder, start: Instant, ms: std::ops::Range<u64>) -> Vec<u64> {
        ms.step_by(50)
            .filter(|&ms| responder.due(start + Duration::from_millis(ms)).is_some())
            .collect()
    }

    fn named() -> (Responder, Instant) {
        let start = Instant::now();
        let mut responder = Responder::new(HOST, OWN, start);
        pass(&mut responder, start, 0..3000);
        (responder, start + Duration::from_secs(10))
    }

    #[test]
    fn a_name_is_probed_for_then_announced_and_answered_only_then() {
        let start = Instant::now();
        let mut responder = Responder::new(HOST, OWN, start);
        assert_eq!(pass(&mut responder, start, 0..700), [0, 250, 500]);
        let now = start + Duration::from_millis(700);
        assert_eq!(responder.take(&question(HOST), false, is_own, now), None);
        assert_eq!(pass(&mut responder, start, 750..10_000), [750, 1750]);
        let now = start + Duration::from_secs(10);
        let (bytes, to) = responder.take(&question(HOST), false, is_own, now).unwrap();
        assert_eq!((bytes, to), (message::announcement(HOST, OWN), To::All));
    }

    #[test]
    fn a_name_that_another_host_has_is_given_up_for_the_next() {
        let start = Instant::now();
        let mut responder = Responder::new(HOST, OWN, start);
        responder.due(start);
        responder.take(&message::announcement(HOST, LARGER), false, is_own, start);
        assert_eq!(responder.host(), "posewire-12ab-2");
        assert_eq!(
            pass(&mut responder, start, 0..3000),
            [250, 500, 750, 1000, 2000]
        );
        // Of the old name nothing is said any more.
        let now = start + Duration::from_secs(5);
        assert_eq!(responder.take(&question(HOST), false, is_own, now), None);
        assert!(
            responder
                .take(&question("posewire-12ab-2"), false, is_own, now)
                .is_some()
        );
    }

    #[test]
    fn a_name_in_use_is_defended_and_probed_for_again_when_another_has_it_too() {
        let (mut responder, now) = named();
        let defence = responder.take(&message::probe(HOST, LARGER), false, is_own, now);
        assert_eq!(defence, Some((message::announcement(HOST, OWN), To::All)));
        responder.take(&message::announcement(HOST, LARGER), false, is_own, now);
        assert!(!responder.is_named());
        assert_eq!(responder.host(), HOST);
        responder.take(&message::announcement(HOST, LARGER), false, is_own, now);
        assert_eq!(responder.host(), "posewire-12ab-2");
    }

    #[test]
    fn a_tie_is_lost_to_the_larger_address() {
        for (other, expected) in [
            (SMALLER, vec![250, 500, 750]),
            (LARGER, vec![1000, 1250, 1500]),
        ] {
            let start = Instant::now();
            let mut responder = Responder::new(HOST, OWN, start);
            responder.due(start);
            responder.take(&message::probe(HOST, other), false, is_own, start);
            assert_eq!(pass(&mut responder, start, 50..1700)[..3], expected);
            assert_eq!(responder.host(), HOST);
        }
    }

    #[test]
    fn a_flood_of_questions_is_not_answered_by_one_of_answers() {
        let (mut responder, start) = named();
        let mut flood = |bytes: &[u8], legacy| {
            let at = |ms| start + Duration::from_millis(ms);
            let answered =
                (0..3000).filter(|&ms| responder.take(bytes, legacy, is_own, at(ms)).is_some());
            answered.count()
        };
        assert_eq!(flood(&question(HOST), true), 30);
        assert_eq!(flood(&question(HOST), false), 3);
    }

    proptest! {
        #[test]
        fn nothing_that_comes_breaks_it_or_makes_it_talk(
            all in vec((0..4_usize, vec(any::<u8>(), 0..80), 0..60_u64, any::<bool>()), 0..200),
        ) {
            let start = Instant::now();
            let mut responder = Responder::new(HOST, OWN, start);
            let (mut ms, mut sent) = (0, 0);
            for (which, bytes, pause_ms, legacy) in all {
                ms += pause_ms;
                let now = start + Duration::from_millis(ms);
                sent += usize::from(responder.due(now).is_some());
                let host = responder.host().to_string();
                let bytes = match which {
                    0 => bytes,
                    1 => question(&host),
                    2 => message::probe(&host, LARGER),
                    _ => message::announcement(&host, SMALLER),
                };
                sent += usize::from(responder.take(&bytes, legacy, is_own, now).is_some());
            }
            prop_assert!(responder.host().len() <= 63);
            // Four probes or defences a second, and ten answers to single askers.
            prop_assert!(sent as u64 <= 14 * (ms / 1000 + 2), "{} in {} ms", sent, ms);
        }
    }
}
