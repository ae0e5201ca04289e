//! Lost, late and repeated packets, by their sequence numbers.
//!
//! In: instance, session and sequence number of each packet, in the order of arrival. Out: a [`Loss`]
//! summed over all instances. [`Losses`] owns its memory, a fixed size for each of the 256 instances.
//!
//! The rule is that of docs/wire.md; the receivers in `clients/` follow it too.

use super::layout::INSTANCES;
use super::view::Numbers;

/// Counts of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loss {
    /// Missing numbers that have not come since.
    pub lost: u64,
    /// Packets that came after a newer one.
    pub late: u64,
    /// Packets that came more than once.
    pub repeated: u64,
    /// Sessions, of all instances.
    pub sessions: u64,
}

/// The newest number of a session.
#[derive(Debug, Clone, Copy)]
struct Newest {
    session: u32,
    sequence: u32,
    /// Bit n is set if the number n before the newest one is missing.
    missing: u64,
}

/// A receiver's memory of the sequence numbers of one instance.
#[derive(Debug, Clone, Default)]
pub struct StreamLosses {
    newest: Option<Newest>,
    total: Loss,
}

impl StreamLosses {
    /// Counts a packet of this instance.
    pub fn take(&mut self, packet: Numbers) {
        count(&mut self.newest, &mut self.total, packet);
    }

    /// The counts so far.
    pub fn total(&self) -> Loss {
        self.total
    }
}

/// A receiver's memory of the sequence numbers of all instances.
#[derive(Debug, Clone)]
pub struct Losses {
    newest: [Option<Newest>; INSTANCES],
    total: Loss,
}

impl Default for Losses {
    fn default() -> Self {
        Losses {
            newest: [None; INSTANCES],
            total: Loss::default(),
        }
    }
}

impl Losses {
    /// Counts a packet.
    pub fn take(&mut self, packet: Numbers) {
        let newest = &mut self.newest[usize::from(packet.instance)];
        count(newest, &mut self.total, packet);
    }

    /// The counts so far.
    pub fn total(&self) -> Loss {
        self.total
    }
}

fn count(newest: &mut Option<Newest>, total: &mut Loss, packet: Numbers) {
    let Numbers {
        session, sequence, ..
    } = packet;
    let Some(newest) = newest.as_mut().filter(|newest| newest.session == session) else {
        total.sessions += 1;
        *newest = Some(Newest {
            session,
            sequence,
            missing: 0,
        });
        return;
    };
    // Numbers wrap: the shorter way round decides whether the packet is ahead or behind.
    let ahead = sequence.wrapping_sub(newest.sequence);
    if ahead != 0 && ahead <= u32::MAX / 2 {
        total.lost += u64::from(ahead - 1);
        newest.sequence = sequence;
        newest.missing = newest.missing.checked_shl(ahead).unwrap_or(0) | gap(ahead);
        return;
    }
    let bit = 1_u64
        .checked_shl(newest.sequence.wrapping_sub(sequence))
        .unwrap_or(0);
    if newest.missing & bit == 0 {
        total.repeated += 1;
        return;
    }
    newest.missing &= !bit;
    total.lost -= 1;
    total.late += 1;
}

/// The bits of the numbers between the newest one and the one that was the newest before, `ahead` numbers back.
fn gap(ahead: u32) -> u64 {
    let between = 1_u64.checked_shl(ahead).unwrap_or(0).wrapping_sub(1);
    between & !1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn numbers(instance: u8, session: u32, sequence: u32) -> Numbers {
        Numbers {
            instance,
            session,
            sequence,
        }
    }

    fn count(packets: &[(u32, u32)]) -> (u64, u64, u64, u64) {
        let mut losses = Losses::default();
        for &(session, sequence) in packets {
            losses.take(numbers(0, session, sequence));
        }
        let Loss {
            lost,
            late,
            repeated,
            sessions,
        } = losses.total();
        (lost, late, repeated, sessions)
    }

    #[test]
    fn gaps_late_packets_restarts_and_wrapping() {
        assert_eq!(count(&[(1, 5), (1, 6), (1, 7)]), (0, 0, 0, 1));
        assert_eq!(count(&[(1, 0), (1, 4)]), (3, 0, 0, 1));
        assert_eq!(count(&[(1, 0), (1, 2), (1, 1), (1, 3)]), (0, 1, 0, 1));
        assert_eq!(count(&[(1, 0), (1, 2), (1, 2), (1, 0)]), (1, 0, 2, 1));
        assert_eq!(count(&[(1, u32::MAX), (1, 0), (1, 1)]), (0, 0, 0, 1));
        assert_eq!(count(&[(1, u32::MAX), (1, 1), (1, 0)]), (0, 1, 0, 1));
        assert_eq!(count(&[(1, 9), (2, 0), (2, 1)]), (0, 0, 0, 2));
    }

    #[test]
    fn the_window_ends_at_64_numbers() {
        for (ahead, late) in [(63, 1), (64, 1), (65, 0), (66, 0)] {
            // Number 1 is missing, and comes when the newest number is `ahead`.
            let packets = [(1, 0), (1, 2), (1, ahead), (1, 1)];
            assert_eq!(count(&packets).1, late, "{ahead}");
        }
        assert_eq!(count(&[(1, 0), (1, 1 << 31), (1, 0)]), (0, 0, 2, 1));
        assert_eq!(count(&[(1, 0), (1, (1 << 31) - 1)]).0, (1 << 31) - 2);
    }

    #[test]
    fn instances_are_apart() {
        let mut losses = Losses::default();
        for sequence in 0..10 {
            for instance in [0, 1, 255] {
                losses.take(numbers(instance, 100 + u32::from(instance), sequence));
            }
        }
        let three = Loss {
            sessions: 3,
            ..Loss::default()
        };
        assert_eq!(losses.total(), three);
    }

    proptest! {
        // A line that loses, repeats and delays by less than the window.
        #[test]
        fn what_is_lost_and_late_is_counted(
            start: u32,
            moves in proptest::collection::vec((0_u32..30, 0_u8..4), 1..200),
        ) {
            let mut arrivals: Vec<(u32, u32)> = moves
                .iter()
                .enumerate()
                .flat_map(|(index, &(delay, copies))| {
                    let number = index as u32 + 1;
                    std::iter::repeat_n((number + delay, number), usize::from(copies.min(2)))
                })
                .collect();
            arrivals.sort();
            let mut losses = Losses::default();
            losses.take(numbers(9, 1, start));
            let (mut seen, mut newest, mut late, mut repeated) = (BTreeSet::from([0]), 0, 0, 0);
            for (_, number) in arrivals {
                losses.take(numbers(9, 1, start.wrapping_add(number)));
                let is_new = seen.insert(number);
                repeated += u64::from(!is_new);
                late += u64::from(is_new && number < newest);
                newest = newest.max(number);
            }
            let lost = u64::from(newest) + 1 - seen.len() as u64;
            prop_assert_eq!(losses.total(), Loss { lost, late, repeated, sessions: 1 });
        }
    }
}
