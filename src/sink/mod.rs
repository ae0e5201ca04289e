//! Receivers of the stream's events: robots, files, supervisors.
//!
//! In: an [`Event`] with its packets, and the time. A sink never blocks the frame path for longer than a write takes. It
//! never ends the program because a receiver is gone: a packet that cannot be delivered is dropped, and the caller
//! counts it.

mod draw;
mod event;
mod fake;
mod json;
mod kind;
mod overlay;
mod serial;
mod supervise;
mod udp;

pub use draw::{Canvas, draw_skeleton};
pub use event::{Event, What};
pub use fake::RecordingSink;
pub use json::{JsonSink, json_line};
pub use kind::{Context, Kind, SinkSpec, When};
pub use overlay::OverlaySink;
pub use serial::SerialSink;
pub use supervise::{Systemd, WatchdogDevice};
pub use udp::UdpSink;

use crate::clock::Instant;

/// Every kind of sink. A new one is a file and a line here.
pub static KINDS: &[Kind] = &[
    udp::KIND,
    serial::KIND,
    json::KIND,
    overlay::KIND,
    supervise::WATCHDOG,
];

/// Reason why a packet was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// One packet was lost, this one or an earlier accepted one. Later packets may arrive.
    Dropped(String),
    /// The reader of the output went away, so the run can end.
    Closed,
}

/// The outcome of one event.
pub type Delivery = Result<(), SendError>;

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

    /// Delivers an event. `now` is the time in the stamps of its packets.
    ///
    /// # Errors
    /// The reason why a packet was not delivered; at most one per event.
    fn take(&mut self, event: &Event<'_>, now: Instant) -> Delivery;
}
