//! An event that all sinks get.

use crate::frame::Frame;
use crate::scene::Scene;
use crate::wire::Packet;

/// An event of the stream, and its packets. All sinks see the same packets, with the same sequence numbers.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// The kind of event.
    pub what: What<'a>,
    /// The packets that report it: one for one instance.
    pub packets: &'a [Packet],
}

/// A kind of event, with the data of that kind.
#[derive(Debug, Clone, Copy)]
pub enum What<'a> {
    /// The network processed a frame.
    Scene {
        /// Instances in the frame.
        scene: &'a Scene,
        /// Its pixels, borrowed from the source.
        frame: &'a Frame<'a>,
    },
    /// The network failed on a frame.
    Failed,
    /// No frame came in time.
    Idle,
    /// Statistics are due.
    Stats,
    /// The stream ends.
    Last,
}
