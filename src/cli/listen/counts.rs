//! Counts of received packets, and of lost ones by their sequence numbers.

use crate::stats::Repeated;
use crate::wire::{Kind, Packet, Refusal};
use std::fmt;

const INSTANCES: usize = 1 << u8::BITS;

/// Packets by kind, and losses by the sequence numbers of each instance.
#[derive(Debug)]
pub(super) struct Counts {
    pub valid: u64,
    keypoints: u64,
    heartbeats: u64,
    stats: u64,
    instances: u64,
    lost: u64,
    late: u64,
    pub invalid: Repeated,
    /// Sealed packets that are not new, and sealed packets that were held back.
    replayed: Repeated,
    held_back: Repeated,
    sessions: u64,
    /// Session and next sequence number, for each instance that was heard.
    expected: Box<[Option<(u32, u32)>; INSTANCES]>,
}

impl Default for Counts {
    fn default() -> Self {
        Counts {
            valid: 0,
            keypoints: 0,
            heartbeats: 0,
            stats: 0,
            instances: 0,
            lost: 0,
            late: 0,
            invalid: Repeated::default(),
            replayed: Repeated::default(),
            held_back: Repeated::default(),
            sessions: 0,
            expected: Box::new([None; INSTANCES]),
        }
    }
}

impl Counts {
    /// The counter of packets that are refused for this reason.
    pub fn refused(&mut self, why: Refusal) -> &mut Repeated {
        match why {
            Refusal::Old | Refusal::OtherSession | Refusal::Unordered => &mut self.replayed,
            Refusal::Late { .. } => &mut self.held_back,
        }
    }

    pub fn take(&mut self, packet: &Packet) {
        self.valid += 1;
        let of_kind = match packet.kind() {
            Kind::Keypoints => &mut self.keypoints,
            Kind::Heartbeat => &mut self.heartbeats,
            Kind::Stats => &mut self.stats,
            Kind::Instances => &mut self.instances,
        };
        *of_kind += 1;
        let expected = &mut self.expected[usize::from(packet.instance)];
        if let Some((session, next)) = *expected
            && session == packet.session
        {
            // Sequence numbers wrap: the shorter distance decides whether the packet is ahead or behind.
            let ahead = packet.sequence.wrapping_sub(next);
            if ahead > u32::MAX / 2 {
                self.late += 1;
                self.lost = self.lost.saturating_sub(1);
                return;
            }
            self.lost += u64::from(ahead);
        } else {
            self.sessions += 1;
        }
        *expected = Some((packet.session, packet.sequence.wrapping_add(1)));
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} packets ({} keypoints, {} heartbeats, {} stats",
            self.valid, self.keypoints, self.heartbeats, self.stats
        )?;
        if self.instances > 0 {
            write!(f, ", {} instances", self.instances)?;
        }
        write!(
            f,
            "), {} lost, {} out of order, {} invalid, {} replayed, {} held back, {} session(s)",
            self.lost,
            self.late,
            self.invalid.count(),
            self.replayed.count(),
            self.held_back.count(),
            self.sessions
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Flags, test_packet};

    fn packet(session: u32, sequence: u32) -> Packet {
        Packet {
            session,
            sequence,
            ..test_packet(Flags::default())
        }
    }

    fn counts(packets: &[(u32, u32)]) -> (u64, u64, u64) {
        let mut counts = Counts::default();
        for &(session, sequence) in packets {
            counts.take(&packet(session, sequence));
        }
        (counts.lost, counts.late, counts.sessions)
    }

    #[test]
    fn gaps_late_packets_restarts_and_wrapping() {
        assert_eq!(counts(&[(1, 5), (1, 6), (1, 7)]), (0, 0, 1));
        assert_eq!(counts(&[(1, 0), (1, 4)]), (3, 0, 1));
        assert_eq!(counts(&[(1, 0), (1, 2), (1, 1), (1, 3)]), (0, 1, 1));
        assert_eq!(counts(&[(1, u32::MAX), (1, 0), (1, 1)]), (0, 0, 1));
        assert_eq!(counts(&[(1, 9), (2, 0), (2, 1)]), (0, 0, 2));
    }

    #[test]
    fn instances_are_apart() {
        let mut counts = Counts::default();
        for sequence in 0..10 {
            for instance in [0, 1, 255] {
                counts.take(&Packet {
                    instance,
                    ..packet(100 + u32::from(instance), sequence)
                });
            }
        }
        assert_eq!((counts.lost, counts.late, counts.sessions), (0, 0, 3));
    }
}
