//! A sink for tests that records events, or refuses them.

use super::{Delivery, Event, SendError, Sink};
use crate::clock::Instant;
use crate::wire::Packet;
use std::sync::{Arc, Mutex};

/// A recording sink. Clones share the record.
#[derive(Debug, Clone, Default)]
pub struct RecordingSink {
    packets: Arc<Mutex<Vec<Packet>>>,
    refusal: Option<SendError>,
}

impl RecordingSink {
    /// A sink that records.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sink that records, and then reports that it could not deliver.
    pub fn refusing(refusal: SendError) -> Self {
        RecordingSink {
            refusal: Some(refusal),
            ..Self::default()
        }
    }

    /// The packets so far.
    pub fn packets(&self) -> Vec<Packet> {
        self.packets
            .lock()
            .map_or_else(|held| held.into_inner().clone(), |held| held.clone())
    }
}

impl Sink for RecordingSink {
    fn name(&self) -> &str {
        "recording"
    }

    fn take(&mut self, event: &Event<'_>, _now: Instant) -> Delivery {
        if let Ok(mut packets) = self.packets.lock() {
            packets.extend_from_slice(event.packets);
        }
        self.refusal.clone().map_or(Ok(()), Err)
    }
}
