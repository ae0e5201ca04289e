//! A receiver's decision on bytes that arrived: the checks of docs/wire.md in their order.
//!
//! In: the bytes of a datagram or of a frame from a serial line, and their time on a steady clock, in microseconds.
//! Out: [`Received`]. [`Inbox`] owns the memory of sessions and sequence numbers; nothing grows. A receiver of many
//! senders calls the two halves itself: [`Arrived::check`] for the bytes, and the [`Stream`] that they belong to.

use super::layout::{VERSION, VERSION_AT};
use super::losses::{Loss, Losses, StreamLosses};
use super::packet::Packet;
use super::seal::{Key, SealError};
use super::session::{Order, Refusal, Rule, Sealed, Sessions, Stamp, Verdict};
use super::view::{Numbers, PacketView, WireError};
use std::fmt;

/// Reason why bytes are not a packet for this receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// They are not sealed with the key.
    Seal(SealError),
    /// They are not a packet.
    Packet(WireError),
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::Seal(error) => error.fmt(f),
            Invalid::Packet(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Invalid {}

/// A receiver's decision on bytes that arrived.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// A packet. Whether a robot acts on it depends on its kind and its flags.
    Packet(Box<Packet>),
    /// A new packet in the time in which a receiver with a key only learns. Do not act on it.
    Learned,
    /// A packet of a kind that this version does not know. Its number is counted.
    Unknown,
    /// A sealed packet that is not new, or was held back.
    Refused {
        /// Stream, session and number of the packet.
        numbers: Numbers,
        /// The reason.
        why: Refusal,
    },
    /// Not a packet.
    Invalid(Invalid),
}

/// A whole packet of the right sender. It may still be an old one.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// Its bytes, without a seal.
    pub bytes: &'a [u8],
    /// Its place in its stream.
    pub numbers: Numbers,
    /// Its fields; `None` for a kind that this version does not know.
    pub view: Option<PacketView<'a>>,
    stamp: Option<Stamp>,
}

impl<'a> Arrived<'a> {
    /// Checks the seal if there is a key, then the packet.
    ///
    /// # Errors
    /// The bytes are no packet, or not sealed with the key.
    pub fn check(bytes: &'a [u8], key: Option<&Key>) -> Result<Self, Invalid> {
        let (bytes, stamp) = match key.map(|key| key.open(bytes)) {
            None => (bytes, None),
            Some(Ok((bytes, stamp))) => (bytes, Some(stamp)),
            Some(Err(error)) => return Err(Invalid::Seal(error)),
        };
        // Packets of version 1 have a seal without order.
        if stamp.is_some()
            && let Some(&version) = bytes.get(VERSION_AT)
            && version != VERSION
        {
            return Err(Invalid::Packet(WireError::Version { version }));
        }
        let (numbers, view) = match PacketView::new(bytes) {
            Ok(view) => (view.numbers(), Some(view)),
            Err(WireError::Kind { numbers, .. }) => (numbers, None),
            Err(error) => return Err(Invalid::Packet(error)),
        };
        Ok(Arrived {
            bytes,
            numbers,
            view,
            stamp,
        })
    }

    /// The fields that order it; `None` without a key.
    fn sealed(&self) -> Option<Sealed> {
        self.stamp.map(|stamp| Sealed {
            instance: self.numbers.instance,
            session: self.numbers.session,
            stamp,
        })
    }
}

/// A receiver's memory of one instance of one sender, about 150 bytes.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    order: Order,
    losses: StreamLosses,
}

impl Stream {
    /// Judges a packet of this stream that arrived at `now_us`, and counts it unless it is refused.
    pub fn take(&mut self, arrived: &Arrived<'_>, rule: &Rule, now_us: u64) -> Verdict {
        let verdict = match arrived.sealed() {
            Some(sealed) => self.order.take(&sealed, rule, now_us),
            None => Verdict::Act,
        };
        if !matches!(verdict, Verdict::Refuse(_)) {
            self.losses.take(arrived.numbers);
        }
        verdict
    }

    /// Lost, late and repeated packets so far.
    pub fn loss(&self) -> Loss {
        self.losses.total()
    }
}

/// A receiver without its socket.
#[derive(Debug)]
pub struct Inbox {
    gate: Option<Gate>,
    losses: Losses,
}

/// Passes packets that are sealed with the key, and new.
#[derive(Debug)]
struct Gate {
    key: Key,
    sessions: Sessions,
}

impl Inbox {
    /// Takes every valid packet.
    pub fn open() -> Self {
        Inbox {
            gate: None,
            losses: Losses::default(),
        }
    }

    /// Takes packets that are sealed with `key` and pass `sessions`.
    pub fn sealed(key: Key, sessions: Sessions) -> Self {
        Inbox {
            gate: Some(Gate { key, sessions }),
            losses: Losses::default(),
        }
    }

    /// Judges the bytes of one packet, which arrived at `now_us`.
    pub fn take(&mut self, bytes: &[u8], now_us: u64) -> Received {
        let key = self.gate.as_ref().map(|gate| &gate.key);
        let arrived = match Arrived::check(bytes, key) {
            Ok(arrived) => arrived,
            Err(why) => return Received::Invalid(why),
        };
        let numbers = arrived.numbers;
        let verdict = match (&mut self.gate, arrived.sealed()) {
            (Some(gate), Some(sealed)) => gate.sessions.take(&sealed, now_us),
            _ => Verdict::Act,
        };
        if let Verdict::Refuse(why) = verdict {
            return Received::Refused { numbers, why };
        }
        self.losses.take(numbers);
        match (verdict, arrived.view) {
            (Verdict::Learn, _) => Received::Learned,
            (_, Some(view)) => Received::Packet(Box::new(view.to_packet())),
            (_, None) => Received::Unknown,
        }
    }

    /// Lost, late and repeated packets so far.
    pub fn loss(&self) -> Loss {
        self.losses.total()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Flags, Sealer, test_packet};

    /// A receiver of many senders comes to the same decisions as one of a single sender.
    #[test]
    fn a_stream_decides_as_an_inbox() {
        let key = Key::new(&[7; 32]);
        let mut sealer = Sealer::new(key.clone(), 5);
        let mut bytes: Vec<Vec<u8>> = Vec::new();
        for sequence in [0, 1, 3, 2, 4] {
            let mut packet = test_packet(Flags::default());
            packet.sequence = sequence;
            let sealed = sealer.seal(packet.encode(), 100 + u64::from(sequence));
            bytes.push(sealed.to_vec());
        }
        // A recording, a packet without a seal, and one of another key.
        bytes.push(bytes[1].clone());
        bytes.push(test_packet(Flags::default()).encode().to_vec());
        let foreign =
            Sealer::new(Key::new(&[8; 32]), 5).seal(test_packet(Flags::default()).encode(), 900);
        bytes.push(foreign.to_vec());
        let rule = Rule {
            started_us: 0,
            takes_unordered: false,
        };
        let mut stream = Stream::default();
        let mut inbox = Inbox::sealed(key.clone(), Sessions::new(0, false));
        for (index, bytes) in bytes.iter().enumerate() {
            let now_us = 999_998 + index as u64;
            let same = match Arrived::check(bytes, Some(&key)) {
                Err(why) => Received::Invalid(why),
                Ok(arrived) => match stream.take(&arrived, &rule, now_us) {
                    Verdict::Learn => Received::Learned,
                    Verdict::Refuse(why) => Received::Refused {
                        numbers: arrived.numbers,
                        why,
                    },
                    Verdict::Act => Received::Packet(Box::new(arrived.view.unwrap().to_packet())),
                },
            };
            assert_eq!(same, inbox.take(bytes, now_us), "{index}");
        }
        assert_eq!(stream.loss(), inbox.loss());
        assert_eq!(stream.loss().late, 1);
    }
}
