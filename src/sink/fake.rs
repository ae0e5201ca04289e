//! A sink that keeps what it is given, or refuses it, for tests.

use super::{Delivery, NotSent, Sink};
use crate::frame::Frame;
use crate::wire::Packet;
use std::sync::{Arc, Mutex};

/// Clones share what was recorded.
#[derive(Debug, Clone, Default)]
pub struct RecordingSink {
    packets: Arc<Mutex<Vec<Packet>>>,
    refusal: Option<NotSent>,
}

impl RecordingSink {
    pub fn new() -> Self {
        Self::default()
    }

    /// A sink that records, and then says that it could not deliver.
    pub fn refusing(refusal: NotSent) -> Self {
        RecordingSink {
            refusal: Some(refusal),
            ..Self::default()
        }
    }

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

    fn send(&mut self, packet: &Packet, _frame: Option<&Frame<'_>>) -> Delivery {
        if let Ok(mut packets) = self.packets.lock() {
            packets.push(packet.clone());
        }
        self.refusal.clone().map_or(Ok(()), Err)
    }
}
