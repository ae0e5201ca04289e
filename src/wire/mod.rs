//! The wire format, version 1: one datagram for each frame, and heartbeats when there are none.
//!
//! [`Packet`] is what a sink is given; [`encode`](Packet::encode) writes it into a fixed buffer, and
//! [`PacketView`] reads bytes from a network. Neither allocates, and no bytes make the view panic.
//! The byte table with worked examples is docs/wire.md.

mod layout;
mod packet;
mod view;

pub use layout::{MAX_PACKET_BYTES, VERSION};
pub use packet::{Encoded, FixedPoint, Flags, Kind, Packet, WireKeypoint};
pub use view::{PacketView, WireError};
