//! How many packets came, and by their sequence numbers how many did not.

use crate::wire::{Kind, Packet};
use std::fmt;

/// What was received, judged by the sequence numbers.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub valid: u64,
    keypoints: u64,
    stats: u64,
    lost: u64,
    late: u64,
    pub invalid: u64,
    pub replayed: u64,
    sessions: u64,
    /// Session and next sequence number of the sender heard last.
    expected: Option<(u32, u32)>,
}

impl Counts {
    pub fn take(&mut self, packet: &Packet) {
        self.valid += 1;
        self.keypoints += u64::from(packet.kind() == Kind::Keypoints);
        self.stats += u64::from(packet.kind() == Kind::Stats);
        if let Some((session, next)) = self.expected
            && session == packet.session
        {
            // Sequence numbers wrap: the nearer way round says which side of the gap this is.
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
        self.expected = Some((packet.session, packet.sequence.wrapping_add(1)));
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} packets ({} keypoints, {} heartbeats, {} stats), {} lost, {} out of order, {} invalid, {} replayed, {} session(s)",
            self.valid,
            self.keypoints,
            self.valid - self.keypoints - self.stats,
            self.stats,
            self.lost,
            self.late,
            self.invalid,
            self.replayed,
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
}
