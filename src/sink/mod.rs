//! Receivers of the stream's events: robots, files, supervisors.
//!
//! In: an [`Event`] with its packets, and the time. A sink never waits for a reader or a disk in the frame path: what
//! may block has a thread of its own ([`output`](crate::process::output)). It never ends the program because a receiver is gone: a packet that cannot be delivered is dropped, and the caller
//! counts it.

#![warn(missing_docs)]

mod bones;
mod draw;
mod event;
mod fake;
#[cfg(feature = "pictures")]
mod jpeg;
mod json;
mod kind;
mod mavlink;
mod overlay;
mod picture_thread;
mod preview;
mod record;
mod serial;
#[cfg(feature = "pictures")]
mod small_picture;
mod supervise;
mod udp;
mod watch;

pub use bones::bones;
pub use draw::{Canvas, draw_number, draw_skeleton};
pub use event::{Event, What};
pub use fake::RecordingSink;
pub use json::{JsonSink, STANDARD_OUTPUT, json_line};
pub use kind::{Context, Kind, SinkSpec, When};
pub use mavlink::MavlinkSink;
pub use overlay::OverlaySink;
#[cfg(feature = "preview")]
pub use preview::PreviewSink;
pub use record::{PACKET_ENCODING, RecordOptions, Recorder, folder_of};
pub use serial::SerialSink;
pub use supervise::{Systemd, WatchdogDevice};
pub use udp::UdpSink;
pub use watch::{Figures, Wish};

use crate::clock::Instant;
use crate::error::Result;
use crate::process::output;

/// Every kind of sink. A new one is a file and a line here.
pub static KINDS: &[Kind] = &[
    udp::KIND,
    serial::KIND,
    mavlink::KIND,
    json::KIND,
    overlay::KIND,
    record::KIND,
    preview::KIND,
    supervise::WATCHDOG,
];

/// Reason why a packet was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// One packet was lost, this one or an earlier accepted one. Later packets may arrive.
    Dropped(String),
    /// So many packets were lost, this one or earlier accepted ones.
    Lost(u64, String),
    /// The reader of the output went away, so the sink is of no use any more.
    Closed,
}

/// The outcome of one event.
pub type Delivery = std::result::Result<(), SendError>;

impl From<output::Lost> for SendError {
    fn from(lost: output::Lost) -> Self {
        SendError::Lost(lost.lines, lost.why)
    }
}

/// A receiver of events.
///
/// ```
/// use posewire::clock::Instant;
/// use posewire::sink::{Delivery, Event, Sink, What};
///
/// /// Counts frames with an instance.
/// struct Counter(u64);
///
/// impl Sink for Counter {
///     fn name(&self) -> &str {
///         "counter"
///     }
///
///     fn take(&mut self, event: &Event<'_>, _now: Instant) -> Delivery {
///         if let What::Scene { scene, .. } = event.what {
///             self.0 += u64::from(scene.has_found());
///         }
///         Ok(())
///     }
/// }
///
/// let mut counter = Counter(0);
/// let last = Event { what: What::Last, packets: &[] };
/// assert_eq!(counter.take(&last, Instant::now()), Ok(()));
/// assert_eq!(counter.0, 0);
/// ```
pub trait Sink {
    /// The receiver, for messages.
    fn name(&self) -> &str;

    /// Starts the sink's thread, if it has one: after the rights are dropped, and before the first event.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if it cannot be started.
    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    /// Packets go out here. A supervisor only hears that there are some.
    fn carries_packets(&self) -> bool {
        true
    }

    /// Called by the loop at least every 100 ms or so, also when no event comes.
    ///
    /// # Errors
    /// As for [`take`](Sink::take).
    fn tick(&mut self, _now: Instant) -> Delivery {
        Ok(())
    }

    /// Called after [`tick`](Sink::tick), for sinks that show the run to a person: they see its figures, and pass on what
    /// the person wishes.
    fn watch(&mut self, _figures: &Figures) -> Option<Wish> {
        None
    }

    /// Waits after the last event for what is not written yet, until `gives_up` says so.
    ///
    /// # Errors
    /// As for [`take`](Sink::take).
    fn finish(&mut self, _gives_up: &dyn Fn() -> bool) -> Delivery {
        Ok(())
    }

    /// Delivers an event. `now` is the time in the stamps of its packets.
    ///
    /// # Errors
    /// The reason why a packet was not delivered; at most one per event.
    fn take(&mut self, event: &Event<'_>, now: Instant) -> Delivery;
}
