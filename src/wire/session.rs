//! The order of sealed packets: decides whether a packet is new, a recording, held back, or of another sender.
//!
//! In: the authenticated fields of a packet ([`Sealed`]), and the time on a steady clock, in microseconds. Out: a
//! [`Verdict`]. [`Sessions`] owns the state, which has a fixed size for each of the 256 instances; an [`Order`] is that
//! of one instance. The code reads no clock, allocates nothing, and panics for no order of packets.
//!
//! Two numbers order all packets of an instance: first the epoch of the sender's start, then the time of sending.
//! Both have 64 bits, so neither wraps. docs/wire.md has the rule in words, docs/threats.md its attack table.

use super::layout::{INSTANCES, STAMP_BYTES};

/// The epoch of a sender that has neither a clock nor a file. Its starts have no order.
pub const UNORDERED_EPOCH: u64 = 0;

/// Lateness, relative to the quickest packet of the session, from which a packet is refused.
const MAX_LATE_US: i128 = 500_000;
/// Time in which the quickest delay may grow by 1 us: 200 ppm, for two crystals that drift apart.
const DRIFT_STEP_US: u64 = 5_000;
/// Time that a receiver learns after its start before it acts.
const PROBATION_US: u64 = 1_000_000;
/// Silence after which a session of epoch 0 is over.
const SILENCE_US: u64 = 1_000_000;

/// Position of a packet in its sender's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Stamp {
    /// Higher with each start of the sender, or [`UNORDERED_EPOCH`].
    pub epoch: u64,
    /// Time on a steady clock, from an arbitrary zero before the start. It increases with each packet.
    pub sent_us: u64,
}

impl Stamp {
    pub(super) fn to_bytes(self) -> [u8; STAMP_BYTES] {
        let mut bytes = [0; STAMP_BYTES];
        let (epoch, sent_us) = bytes.split_at_mut(STAMP_BYTES / 2);
        epoch.copy_from_slice(&self.epoch.to_le_bytes());
        sent_us.copy_from_slice(&self.sent_us.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; STAMP_BYTES]) -> Self {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        Stamp {
            epoch: word(0),
            sent_us: word(STAMP_BYTES / 2),
        }
    }
}

/// The fields of a packet that the rule uses, after its tag is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// Number of the stream.
    pub instance: u8,
    /// The sender's random number of this start.
    pub session: u32,
    /// Order of the packet.
    pub stamp: Stamp,
}

/// A receiver's decision on a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The packet is new.
    Act,
    /// The packet is new, but the receiver has just started and only learns from it.
    Learn,
    /// The packet is discarded.
    Refuse(Refusal),
}

/// Reason for refusing a packet. A refused packet changes no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not newer than an accepted packet.
    Old,
    /// The epoch of the present session, but another session: two senders share key and instance.
    OtherSession,
    /// Held back on the way.
    Late {
        /// Time beyond the limit.
        by_us: u64,
    },
    /// Epoch 0, which this receiver does not accept, or does not accept while another session of epoch 0 is heard.
    Unordered,
}

impl Refusal {
    /// The reason for the log.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::Old => "not newer than the last one",
            Refusal::OtherSession => "of a second sender with this key and instance",
            Refusal::Late { .. } => "held back on the way",
            Refusal::Unordered => "of a sender whose starts have no order",
        }
    }
}

/// Conditions for all instances of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Start of the probation.
    pub started_us: u64,
    /// Senders of epoch 0 are admitted. Their recordings are detected only while the sender is heard.
    pub takes_unordered: bool,
}

/// A receiver's memory of one instance under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order(State);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Unheard,
    /// From an earlier run of this receiver.
    Restored(Stamp),
    Heard(Heard),
}

/// The present session of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heard {
    session: u32,
    newest: Stamp,
    newest_at_us: u64,
    /// The smallest delay (arrival minus `sent_us`), and its time. The two clocks have different zeros, so only
    /// differences of delays have a meaning.
    base_us: i128,
    base_at_us: u64,
}

impl Heard {
    /// The smallest delay, plus the drift allowed until `now_us`.
    fn base_us(&self, now_us: u64) -> i128 {
        let since_us = now_us.saturating_sub(self.base_at_us);
        self.base_us + i128::from(since_us / DRIFT_STEP_US)
    }
}

/// A receiver's memory of all instances under one key, about 24 KiB.
#[derive(Debug, Clone)]
pub struct Sessions {
    rule: Rule,
    orders: [Order; INSTANCES],
}

impl Sessions {
    /// `now_us` is the start of the probation. `takes_unordered` admits senders of epoch 0, whose recordings are
    /// detected only while the sender is heard.
    pub fn new(now_us: u64, takes_unordered: bool) -> Self {
        Sessions {
            rule: Rule {
                started_us: now_us,
                takes_unordered,
            },
            orders: [Order::default(); INSTANCES],
        }
    }

    /// Restores a stamp that an earlier run stored (see [`newest`](Self::newest)), of an epoch other than 0. Probation
    /// still applies: a session may have been recorded while this receiver was off.
    pub fn restore(&mut self, instance: u8, newest: Stamp) {
        if newest.epoch != UNORDERED_EPOCH {
            self.orders[usize::from(instance)] = Order(State::Restored(newest));
        }
    }

    /// The newest packet of an instance, to store for the next run.
    pub fn newest(&self, instance: u8) -> Option<Stamp> {
        match self.orders[usize::from(instance)].0 {
            State::Unheard => None,
            State::Restored(newest) | State::Heard(Heard { newest, .. }) => Some(newest),
        }
    }

    /// Judges a packet that arrived at `now_us`, and remembers it unless it is refused.
    pub fn take(&mut self, packet: &Sealed, now_us: u64) -> Verdict {
        self.orders[usize::from(packet.instance)].take(packet, &self.rule, now_us)
    }
}

impl Order {
    /// Judges a packet of this instance that arrived at `now_us`, and remembers it unless it is refused.
    pub fn take(&mut self, packet: &Sealed, rule: &Rule, now_us: u64) -> Verdict {
        let present = match self.present(packet, rule, now_us) {
            Ok(present) => present,
            Err(refusal) => return Verdict::Refuse(refusal),
        };
        let delay_us = i128::from(now_us) - i128::from(packet.stamp.sent_us);
        let (mut base_us, mut base_at_us) = (delay_us, now_us);
        if let Some(heard) = present {
            let base_now_us = heard.base_us(now_us);
            let late_us = delay_us - base_now_us;
            if late_us > MAX_LATE_US {
                let by_us = u64::try_from(late_us).unwrap_or(u64::MAX);
                return Verdict::Refuse(Refusal::Late { by_us });
            }
            if late_us >= 0 {
                (base_us, base_at_us) = (heard.base_us, heard.base_at_us);
            }
        }
        self.0 = State::Heard(Heard {
            session: packet.session,
            newest: packet.stamp,
            newest_at_us: now_us,
            base_us,
            base_at_us,
        });
        if now_us.saturating_sub(rule.started_us) < PROBATION_US {
            return Verdict::Learn;
        }
        Verdict::Act
    }

    /// The session that the packet continues, or `None` if it begins one.
    fn present(&self, packet: &Sealed, rule: &Rule, now_us: u64) -> Result<Option<Heard>, Refusal> {
        let is_unordered = packet.stamp.epoch == UNORDERED_EPOCH;
        if is_unordered && !rule.takes_unordered {
            return Err(Refusal::Unordered);
        }
        let heard = match self.0 {
            State::Unheard => return Ok(None),
            State::Restored(newest) if packet.stamp > newest => return Ok(None),
            State::Restored(_) => return Err(Refusal::Old),
            State::Heard(heard) => heard,
        };
        let is_same_epoch = packet.stamp.epoch == heard.newest.epoch;
        if is_same_epoch && packet.session != heard.session {
            let silent_us = now_us.saturating_sub(heard.newest_at_us);
            return match is_unordered {
                true if silent_us >= SILENCE_US => Ok(None),
                true => Err(Refusal::Unordered),
                false => Err(Refusal::OtherSession),
            };
        }
        if packet.stamp <= heard.newest {
            return Err(Refusal::Old);
        }
        Ok(is_same_epoch.then_some(heard))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: u64 = 1_000_000;
    const MS: u64 = 1_000;
    /// Unix time, in microseconds: the epoch of senders with a clock.
    const DAY: u64 = 1_700_000_000 * S;

    /// A sender whose packets can be recorded. Times are those of a simulated clock.
    #[derive(Clone)]
    struct Sender {
        instance: u8,
        session: u32,
        epoch: u64,
        /// Parts in a million that its clock is fast.
        drift_ppm: i64,
    }

    impl Sender {
        fn new(epoch: u64) -> Self {
            Sender {
                instance: 0,
                session: (epoch ^ 0x5eed) as u32,
                epoch,
                drift_ppm: 0,
            }
        }

        fn instance(mut self, instance: u8) -> Self {
            self.instance = instance;
            self
        }

        fn packet(&self, at_us: u64) -> Sealed {
            let drift_us = i128::from(at_us) * i128::from(self.drift_ppm) / 1_000_000;
            Sealed {
                instance: self.instance,
                session: self.session,
                stamp: Stamp {
                    epoch: self.epoch,
                    sent_us: u64::try_from(i128::from(at_us) + drift_us).unwrap(),
                },
            }
        }

        fn recorded(&self, from_us: u64, count: u64) -> Vec<Sealed> {
            (0..count)
                .map(|n| self.packet(from_us + n * 50 * MS))
                .collect()
        }
    }

    fn receiver(started_us: u64) -> Sessions {
        Sessions::new(started_us, false)
    }

    /// The number of packets acted on, of 20 a second with a transit time of 10 ms.
    fn stream(sessions: &mut Sessions, sender: &Sender, from_us: u64, seconds: u64) -> u64 {
        (0..20 * seconds)
            .map(|n| from_us + n * 50 * MS)
            .map(|at| sessions.take(&sender.packet(at), at + 10 * MS))
            .filter(|&verdict| verdict == Verdict::Act)
            .count() as u64
    }

    fn acted(sessions: &mut Sessions, packets: &[Sealed], at_us: u64) -> u64 {
        packets
            .iter()
            .filter(|packet| sessions.take(packet, at_us) == Verdict::Act)
            .count() as u64
    }

    #[test]
    fn a_replay_in_the_session_is_refused() {
        let (sender, mut sessions) = (Sender::new(DAY), receiver(0));
        assert_eq!(stream(&mut sessions, &sender, 10 * S, 2), 40);
        let old = sender.recorded(10 * S, 40);
        assert_eq!(acted(&mut sessions, &old, 12 * S), 0);
        assert_eq!(stream(&mut sessions, &sender, 12 * S, 2), 40);
    }

    #[test]
    fn old_sessions_that_were_not_heard_are_refused_however_many_they_are() {
        let mut sessions = receiver(0);
        let sender = Sender::new(DAY + 2000);
        assert_eq!(stream(&mut sessions, &sender, 10 * S, 2), 40);
        let before = sessions.clone();
        for start in 0..1000 {
            let old = Sender::new(DAY + start).recorded(start, 3);
            assert_eq!(acted(&mut sessions, &old, 12 * S), 0);
        }
        assert_eq!(sessions.orders, before.orders);
        assert_eq!(stream(&mut sessions, &sender, 12 * S, 2), 40);
    }

    #[test]
    fn packets_that_change_places_are_taken_in_order_only() {
        let (sender, mut sessions) = (Sender::new(DAY), receiver(0));
        let packets = sender.recorded(10 * S, 20);
        let taken: Vec<usize> = (0..20)
            .map(|n| n ^ 1)
            .filter(|&n| sessions.take(&packets[n], 11 * S) == Verdict::Act)
            .collect();
        assert_eq!(taken, (0..20).filter(|n| n % 2 == 1).collect::<Vec<_>>());
    }

    #[test]
    fn packets_held_back_for_5_s_are_refused_and_the_stream_goes_on() {
        let (sender, mut sessions) = (Sender::new(DAY), receiver(0));
        stream(&mut sessions, &sender, 10 * S, 2);
        let held = sender.recorded(12 * S, 100);
        let late = held
            .iter()
            .filter(|packet| packet.stamp.sent_us < 16_400 * MS);
        for packet in late {
            let verdict = sessions.take(packet, 17 * S);
            assert!(matches!(verdict, Verdict::Refuse(Refusal::Late { .. })));
        }
        assert_eq!(stream(&mut sessions, &sender, 17 * S, 1), 20);
    }

    #[test]
    fn instances_are_apart() {
        let (one, two) = (
            Sender::new(DAY).instance(1),
            Sender::new(DAY + 5).instance(2),
        );
        let mut sessions = receiver(0);
        let both = one
            .recorded(10 * S, 40)
            .into_iter()
            .zip(two.recorded(10 * S, 40));
        for packet in both.flat_map(|(one, two)| [one, two]) {
            assert_eq!(
                sessions.take(&packet, packet.stamp.sent_us + 9),
                Verdict::Act
            );
        }
    }

    #[test]
    fn of_two_senders_with_one_instance_the_later_start_is_heard() {
        let (first, second) = (Sender::new(DAY), Sender::new(DAY + 5));
        let mut sessions = receiver(0);
        assert_eq!(stream(&mut sessions, &first, 10 * S, 2), 40);
        assert_eq!(stream(&mut sessions, &second, 12 * S, 1), 20);
        assert_eq!(stream(&mut sessions, &first, 13 * S, 1), 0);
        assert_eq!(stream(&mut sessions, &second, 14 * S, 1), 20);
        let twin = Sender {
            session: 1,
            ..second
        };
        let verdict = sessions.take(&twin.packet(15 * S), 15 * S);
        assert_eq!(verdict, Verdict::Refuse(Refusal::OtherSession));
    }

    #[test]
    fn restarts_with_a_higher_epoch_are_taken_at_once_whatever_their_clock() {
        let mut sessions = receiver(0);
        // Their boards restarted: the times of sending begin at 0 again.
        for epoch in [1, 2, 3, DAY, DAY + 1, u64::MAX] {
            let begins = 10 * S + epoch % 1000;
            let packets = Sender::new(epoch).recorded(0, 40);
            for (n, packet) in packets.iter().enumerate() {
                let at = begins + n as u64 * 50 * MS;
                assert_eq!(sessions.take(packet, at), Verdict::Act, "epoch {epoch}");
            }
        }
    }

    #[test]
    fn a_receiver_that_restarts_does_not_keep_to_a_recording() {
        let old = Sender::new(DAY).recorded(0, 40);
        let sender = Sender::new(DAY + 100);
        let mut sessions = receiver(200 * S);
        assert_eq!(acted(&mut sessions, &old, 200_100 * MS), 0);
        assert_eq!(stream(&mut sessions, &sender, 200_500 * MS, 5), 90);
        assert_eq!(acted(&mut sessions, &old, 206 * S), 0);
    }

    #[test]
    fn a_receiver_with_state_takes_no_recording_while_the_sender_is_silent() {
        let old = Sender::new(DAY);
        let sender = Sender::new(DAY + 100);
        let present = sender.recorded(100 * S, 30);
        let mut sessions = receiver(200 * S);
        sessions.restore(0, present[10].stamp);
        assert_eq!(sessions.newest(0), Some(present[10].stamp));
        assert_eq!(acted(&mut sessions, &old.recorded(0, 40), 300 * S), 0);
        assert_eq!(acted(&mut sessions, &present[..11], 300 * S), 0);
        // The residue: recordings newer than the state.
        assert_eq!(acted(&mut sessions, &present[11..12], 300 * S), 1);
        assert_eq!(stream(&mut sessions, &sender, 301 * S, 5), 100);
    }

    #[test]
    fn a_session_recorded_while_the_receiver_was_off_gets_no_further_than_probation() {
        let mut sessions = receiver(200 * S);
        sessions.restore(0, Sender::new(DAY).packet(0).stamp);
        let recorded = Sender::new(DAY + 50).recorded(50 * S, 20);
        assert_eq!(acted(&mut sessions, &recorded, 200_100 * MS), 0);
        let live = Sender::new(DAY + 100);
        assert_eq!(stream(&mut sessions, &live, 200_200 * MS, 2), 24);
        assert_eq!(acted(&mut sessions, &recorded, 203 * S), 0);
    }

    #[test]
    fn epoch_0_is_taken_only_when_told_to_and_only_after_silence() {
        let sender = Sender::new(UNORDERED_EPOCH);
        let refused = Verdict::Refuse(Refusal::Unordered);
        assert_eq!(receiver(0).take(&sender.packet(10 * S), 10 * S), refused);

        let mut sessions = Sessions::new(0, true);
        assert_eq!(stream(&mut sessions, &sender, 10 * S, 2), 40);
        let old = Sender {
            session: 7,
            ..sender.clone()
        }
        .recorded(0, 20);
        assert_eq!(sessions.take(&old[0], 12 * S), refused);
        assert_eq!(stream(&mut sessions, &sender, 12 * S, 2), 40);
        let restarted = Sender {
            session: 8,
            ..sender
        };
        assert_eq!(stream(&mut sessions, &restarted, 20 * S, 2), 40);
        // A session that comes back begins anew, whatever it sent before.
        assert_eq!(stream(&mut sessions, &sender, 24 * S, 1), 20);
        let back = restarted.recorded(5 * S, 2);
        assert_eq!(acted(&mut sessions, &back, 26 * S), 2);
        // A sender with an epoch takes the place at once, and epoch 0 never takes it back.
        let ordered = Sender::new(1);
        assert_eq!(stream(&mut sessions, &ordered, 27 * S, 1), 20);
        let verdict = sessions.take(&restarted.packet(60 * S), 60 * S);
        assert_eq!(verdict, Verdict::Refuse(Refusal::Old));
    }

    #[test]
    fn crystals_may_drift_apart_for_a_month() {
        for drift_ppm in [-200, 200] {
            let sender = Sender {
                drift_ppm,
                ..Sender::new(DAY)
            };
            let mut sessions = receiver(0);
            // Delays of 5 to 105 ms, in an order without a pattern.
            let delays = (1_u64..).map(|n| 5 * MS + n.wrapping_mul(0x9E37_79B9) % (100 * MS));
            let refused = (10..30 * 86_400_u64)
                .zip(delays)
                .map(|(at_s, delay_us)| {
                    sessions.take(&sender.packet(at_s * S), at_s * S + delay_us)
                })
                .filter(|&verdict| verdict != Verdict::Act)
                .count();
            assert_eq!(refused, 0, "{drift_ppm}");
        }
    }

    #[test]
    fn pauses_of_an_hour_and_a_late_first_packet_cost_nothing_later() {
        let (sender, mut sessions) = (Sender::new(DAY), receiver(0));
        assert_eq!(sessions.take(&sender.packet(10 * S), 13 * S), Verdict::Act);
        assert_eq!(stream(&mut sessions, &sender, 14 * S, 2), 40);
        assert_eq!(stream(&mut sessions, &sender, 3600 * S, 2), 40);
        let late = sessions.take(&sender.packet(3602 * S), 3602 * S + 520 * MS);
        assert!(
            matches!(late, Verdict::Refuse(Refusal::Late { .. })),
            "{late:?}"
        );
    }

    #[test]
    fn the_ends_of_all_ranges_are_ordinary_numbers() {
        let mut sessions = receiver(u64::MAX);
        let at = |epoch, sent_us| Sealed {
            instance: u8::MAX,
            session: 1,
            stamp: Stamp { epoch, sent_us },
        };
        // A receiver's clock that stands still, or is set back by a fault, ends no session.
        assert_eq!(sessions.take(&at(1, u64::MAX), 0), Verdict::Learn);
        assert_eq!(sessions.take(&at(u64::MAX, 0), u64::MAX), Verdict::Learn);
        let last = at(u64::MAX, u64::MAX);
        assert_eq!(sessions.take(&last, u64::MAX), Verdict::Learn);
        assert_eq!(
            sessions.take(&last, u64::MAX),
            Verdict::Refuse(Refusal::Old)
        );
    }

    /// The rule by its definition: it remembers every accepted packet.
    #[derive(Default)]
    struct Model {
        taken: Vec<(Sealed, u64)>,
        takes_unordered: bool,
    }

    impl Model {
        fn take(&mut self, packet: &Sealed, now_us: u64) -> bool {
            let epoch = packet.stamp.epoch;
            let own: Vec<&(Sealed, u64)> = self
                .taken
                .iter()
                .filter(|(taken, _)| taken.instance == packet.instance)
                .collect();
            let last = own.last().copied();
            let is_restart_without_order = epoch == 0
                && last.is_some_and(|(taken, at)| {
                    taken.stamp.epoch == 0 && taken.session != packet.session && now_us - at >= S
                });
            // The session that the packet continues: a session of epoch 0 that comes back after another one begins anew.
            let is_own =
                |taken: &Sealed| (taken.stamp.epoch, taken.session) == (epoch, packet.session);
            let present: Vec<_> = own
                .iter()
                .rev()
                .take_while(|(taken, _)| is_own(taken))
                .collect();
            let is_newer = present
                .iter()
                .all(|(taken, _)| taken.stamp.sent_us < packet.stamp.sent_us)
                && own[..own.len() - present.len()]
                    .iter()
                    .all(|(taken, _)| taken.stamp.epoch < epoch || taken.stamp.epoch + epoch == 0);
            let replaces = last.is_none_or(|(taken, _)| {
                taken.stamp.epoch != epoch || taken.session == packet.session
            });
            let delay = |packet: &Sealed, at: u64| at as i128 - packet.stamp.sent_us as i128;
            let quickest = present
                .iter()
                .map(|(taken, at)| delay(taken, *at) + (now_us - at) as i128 / 5_000)
                .min();
            let is_late =
                quickest.is_some_and(|quickest| delay(packet, now_us) > quickest + 500_000);
            let is_taken = (epoch != 0 || self.takes_unordered)
                && (is_restart_without_order || (is_newer && replaces && !is_late));
            if is_taken {
                self.taken.push((*packet, now_us));
            }
            is_taken
        }
    }

    /// Packets of few senders, and times between them. Repeats, late packets and restarts are frequent. All times are
    /// multiples of 5 ms, so that the allowed drift is a whole number.
    fn arrivals() -> impl Strategy<Value = Vec<(Sealed, u64)>> {
        let packet = (0_u8..2, 0_u64..4, 0_u32..2, 0_u64..400).prop_map(
            |(instance, epoch, session, sent)| Sealed {
                instance,
                session,
                stamp: Stamp {
                    epoch,
                    sent_us: sent * 5 * MS,
                },
            },
        );
        let pause = prop_oneof![4 => 0_u64..20, 1 => 0_u64..400].prop_map(|pause| pause * 5 * MS);
        proptest::collection::vec((packet, pause), 1..80)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn it_is_the_rule(arrivals in arrivals(), takes_unordered: bool) {
            let mut sessions = Sessions::new(0, takes_unordered);
            let mut model = Model { takes_unordered, ..Model::default() };
            let mut now_us = 10 * S;
            for (packet, pause_us) in &arrivals {
                now_us += pause_us;
                let before = sessions.clone();
                let verdict = sessions.take(packet, now_us);
                prop_assert_eq!(verdict == Verdict::Act, model.take(packet, now_us), "{:?}", packet);
                if let Verdict::Refuse(_) = verdict {
                    prop_assert_eq!(sessions.orders, before.orders);
                }
            }
        }

        /// Whatever was recorded, and whenever it is sent again: every live packet that arrives in time is accepted, and
        /// no recorded one.
        #[test]
        fn no_recording_is_taken_and_none_keeps_the_live_sender_out(
            recorded in proptest::collection::vec((0_u64..4, 0_usize..60), 0..200),
            delays_ms in proptest::collection::vec(0_u64..45, 60),
            seed: u32,
        ) {
            let old: Vec<Vec<Sealed>> = (0..3)
                .map(|n| Sender::new(DAY + n * 1000).recorded(n * 100 * S, 60))
                .collect();
            let live = Sender::new(DAY + 3000);
            let mut sessions = receiver(0);
            let mut taken = Vec::new();
            for (n, delay_ms) in delays_ms.iter().enumerate() {
                let sent_us = 500 * S + n as u64 * 50 * MS;
                let packet = live.packet(sent_us);
                let arrival_us = sent_us + delay_ms * MS;
                prop_assert_eq!(sessions.take(&packet, arrival_us), Verdict::Act);
                taken.push(packet);
                for (which, index) in &recorded {
                    if (*index + n + seed as usize).is_multiple_of(7) {
                        let replayed = match old.get(*which as usize) {
                            Some(session) => session[*index],
                            None => taken[*index % taken.len()],
                        };
                        let verdict = sessions.take(&replayed, arrival_us + 1);
                        prop_assert_eq!(verdict, Verdict::Refuse(Refusal::Old));
                    }
                }
            }
        }
    }
}
