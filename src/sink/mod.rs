//! Where packets go.
//!
//! In: a [`Packet`] and, if it reports one, the frame it is about. A sink never blocks the frame
//! path for longer than a write takes, and never ends the program because a receiver is gone: what
//! cannot be delivered is dropped, and counted by the caller.

mod draw;
mod fake;
mod json;
mod overlay;
mod serial;
mod supervise;
mod udp;

pub use draw::{Canvas, draw_skeleton};
pub use fake::RecordingSink;
pub use json::{JsonSink, json_line};
pub use overlay::OverlaySink;
pub use serial::SerialSink;
pub use supervise::{Systemd, WatchdogDevice};
pub use udp::UdpSink;

use crate::frame::Frame;
use crate::wire::Packet;

/// Why a packet was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSent {
    /// One packet was lost, this one or one that had been taken before; later ones may arrive.
    Dropped(String),
    /// The reader of the output went away: there is no use in going on.
    Closed,
}

/// What became of one packet.
pub type Delivery = Result<(), NotSent>;

/// A receiver of packets.
pub trait Sink {
    /// Where the packets go, for messages.
    fn name(&self) -> &str;

    fn send(&mut self, packet: &Packet, frame: Option<&Frame<'_>>) -> Delivery;
}
