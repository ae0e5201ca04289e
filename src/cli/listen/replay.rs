//! Sealed packets that were heard before are refused: whoever records them could send them again.

/// So many earlier sessions are remembered; a sender that is restarted more often has other troubles.
const REMEMBERED: usize = 64;

/// What was heard under one key.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// Session and sequence number of the newest packet.
    newest: Option<(u32, u32)>,
    /// Sessions that another one came after.
    over: heapless::Deque<u32, REMEMBERED>,
}

impl Replay {
    /// Whether a packet is newer than all that were accepted; if so it is the newest now. One that the
    /// network delivers late is refused too: it cannot be told from a recorded one.
    pub fn accepts(&mut self, session: u32, sequence: u32) -> bool {
        match self.newest {
            Some((current, last)) if current == session => {
                // Sequence numbers wrap: what is less than half a turn ahead is newer.
                let ahead = sequence.wrapping_sub(last);
                if ahead == 0 || ahead > u32::MAX / 2 {
                    return false;
                }
            }
            _ if self.over.iter().any(|&over| over == session) => return false,
            Some((current, _)) => {
                if self.over.is_full() {
                    self.over.pop_front();
                }
                // There is room now.
                let _ = self.over.push_back(current);
            }
            None => {}
        }
        self.newest = Some((session, sequence));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(packets: &[(u32, u32)]) -> Vec<bool> {
        let mut replay = Replay::default();
        packets
            .iter()
            .map(|&(session, sequence)| replay.accepts(session, sequence))
            .collect()
    }

    #[test]
    fn each_packet_once_and_only_forward() {
        let heard = [(1, 5), (1, 6), (1, 6), (1, 5), (1, 9), (1, 8)];
        assert_eq!(accepted(&heard), [true, true, false, false, true, false]);
        let wrapped = [(1, u32::MAX), (1, 0), (1, u32::MAX)];
        assert_eq!(accepted(&wrapped), [true, true, false]);
    }

    #[test]
    fn a_session_that_is_over_does_not_come_back() {
        let heard = [(1, 5), (2, 0), (1, 6), (2, 1), (3, 0), (2, 2), (1, 7)];
        let expected = [true, true, false, true, true, false, false];
        assert_eq!(accepted(&heard), expected);
    }

    #[test]
    fn the_oldest_of_very_many_sessions_is_forgotten() {
        let mut replay = Replay::default();
        for session in 0..1000 {
            assert!(replay.accepts(session, 0));
        }
        assert!(!replay.accepts(999 - REMEMBERED as u32, 1));
    }
}
