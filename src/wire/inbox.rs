//! A receiver's decision on bytes that arrived: the checks of docs/wire.md in their order.
//!
//! In: the bytes of a datagram or of a frame from a serial line, and their time on a steady clock, in microseconds.
//! Out: [`Received`]. [`Inbox`] owns the memory of sessions and sequence numbers; nothing grows.

use super::layout::{VERSION, VERSION_AT};
use super::losses::{Loss, Losses};
use super::packet::Packet;
use super::seal::{Key, SealError};
use super::session::{Refusal, Sealed, Sessions, Verdict};
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
        let (bytes, stamp) = match self.gate.as_ref().map(|gate| gate.key.open(bytes)) {
            None => (bytes, None),
            Some(Ok((bytes, stamp))) => (bytes, Some(stamp)),
            Some(Err(error)) => return Received::Invalid(Invalid::Seal(error)),
        };
        // Packets of version 1 have a seal without order.
        if stamp.is_some()
            && let Some(&version) = bytes.get(VERSION_AT)
            && version != VERSION
        {
            return Received::Invalid(Invalid::Packet(WireError::Version { version }));
        }
        let (numbers, packet) = match PacketView::new(bytes) {
            Ok(view) => (view.numbers(), Some(view.to_packet())),
            Err(WireError::Kind { numbers, .. }) => (numbers, None),
            Err(error) => return Received::Invalid(Invalid::Packet(error)),
        };
        let verdict = match (&mut self.gate, stamp) {
            (Some(gate), Some(stamp)) => gate.sessions.take(
                &Sealed {
                    instance: numbers.instance,
                    session: numbers.session,
                    stamp,
                },
                now_us,
            ),
            _ => Verdict::Act,
        };
        if let Verdict::Refuse(why) = verdict {
            return Received::Refused { numbers, why };
        }
        self.losses.take(numbers);
        match (verdict, packet) {
            (Verdict::Learn, _) => Received::Learned,
            (_, Some(packet)) => Received::Packet(Box::new(packet)),
            (_, None) => Received::Unknown,
        }
    }

    /// Lost, late and repeated packets so far.
    pub fn loss(&self) -> Loss {
        self.losses.total()
    }
}
