//! The wire format, version 2: one datagram for each frame, heartbeats without frames, and periodic statistics of
//! the sender.
//!
//! A sink gets a [`Packet`]. [`encode`] writes it into a fixed buffer, and [`PacketView`] reads bytes from a network.
//! [`instance_parts`] splits several instances over packets. [`cobs`] makes frames of them for a
//! serial line, and finds packets in its bytes. A [`Sealer`] seals packets against forgery, an [`EpochSource`] orders
//! its starts, and [`Sessions`] tells new packets from recordings. An [`Inbox`] is a whole receiver without its socket. None of them allocates after the start, and no bytes
//! make them panic. The byte tables are in docs/wire.md.

#![warn(missing_docs)]

pub mod cobs;
mod crowd;
mod epoch;
mod inbox;
mod instances;
mod keypoint;
mod layout;
mod losses;
mod packet;
mod seal;
mod sender;
mod session;
mod stats;
mod view;

pub use cobs::{CobsError, LineFrame, MAX_LINE_FRAME_BYTES, RESYNC};
pub use epoch::EpochSource;
pub use inbox::{Arrived, Inbox, Invalid, Received, Stream};
pub use instances::{
    FrameCounts, InstanceFlags, InstancePart, InstanceState, MAX_INSTANCE_JOINTS, WireInstance,
    WireJoint, instance_parts,
};
pub use keypoint::{FixedPoint, WireKeypoint};
pub use layout::{Encoded, MAX_PACKET_BYTES, SEAL_BYTES, VERSION};
pub use losses::{Loss, Losses, StreamLosses};
#[cfg(test)]
pub(crate) use packet::test_packet;
pub use packet::{Body, Flags, Kind, Packet};
pub use seal::{Key, SealError, Sealer, encode};
pub use sender::{Sender, StreamId};
pub use session::{Order, Refusal, Rule, Sealed, Sessions, Stamp, UNORDERED_EPOCH, Verdict};
pub use stats::{WireRadio, WireStage, WireStats};
pub use view::{Numbers, PacketView, WireError, without_seal};
