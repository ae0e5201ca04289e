//! The wire format, version 1: one datagram for each frame, heartbeats when there are none, and now and
//! then the sender's own figures.
//!
//! [`Packet`] is what a sink is given; [`encode`](Packet::encode) writes it into a fixed buffer, and
//! [`PacketView`] reads bytes from a network. On a serial line packets are [`line_frame`]s, which
//! [`FrameSplitter`] and [`unstuff`] take apart. A [`Key`] seals packets against forgery. None of them allocates, and no bytes make them panic.
//! The byte table with worked examples is docs/wire.md.

mod cobs;
mod epoch;
mod instances;
mod keypoint;
mod layout;
mod packet;
mod seal;
mod sender;
mod session;
mod stats;
mod view;

pub use cobs::{
    CobsError, FrameSplitter, LineFrame, MAX_LINE_FRAME_BYTES, RESYNC, line_frame, unstuff,
};
pub use epoch::EpochSource;
pub use instances::{
    FrameCounts, InstanceFlags, InstancePart, InstanceState, MAX_INSTANCE_JOINTS, WireInstance,
    WireJoint, instance_parts,
};
pub use keypoint::{FixedPoint, WireKeypoint};
pub use layout::{Encoded, MAX_PACKET_BYTES, VERSION};
#[cfg(test)]
pub(crate) use packet::test_packet;
pub use packet::{Body, Flags, Kind, Packet};
pub use seal::{Key, SealError, TAG_BYTES, encode};
pub use sender::{Sender, StreamId};
pub use session::{Refusal, Sealed, Sessions, Stamp, UNORDERED_EPOCH, Verdict};
pub use stats::{WireStage, WireStats};
pub use view::{PacketView, WireError};
