//! All sinks of a stream. Each gets every event.

use super::totals::Totals;
use crate::clock::Instant;
use crate::sink::SendError;
use crate::sink::{Event, Sink};

/// Any number of sinks.
pub(super) struct Outlets<'a> {
    sinks: Vec<Box<dyn Sink + 'a>>,
    /// True if the reader of an output went away.
    pub is_closed: bool,
}

impl<'a> Outlets<'a> {
    pub fn new(sinks: Vec<Box<dyn Sink + 'a>>) -> Self {
        Outlets {
            sinks,
            is_closed: false,
        }
    }

    /// Gives an event to each sink, and counts packets that were not delivered.
    pub fn tell(&mut self, event: &Event<'_>, now: Instant, totals: &mut Totals) {
        for sink in &mut self.sinks {
            match sink.take(event, now) {
                Ok(()) => {}
                Err(SendError::Closed) => self.is_closed = true,
                Err(SendError::Dropped(why)) => {
                    // Logged at each power of two, so that a receiver that is away for a year does not
                    // fill the log.
                    totals.dropped += 1;
                    if totals.dropped.is_power_of_two() {
                        let sequence = event.packets.first().map_or(0, |packet| packet.sequence);
                        log::warn!(
                            "{}: packet {sequence} dropped: {why} ({} so far)",
                            sink.name(),
                            totals.dropped
                        );
                    }
                }
            }
        }
    }
}
