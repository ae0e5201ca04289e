//! The cost of one layer, for reports.

use std::time::Duration;

/// One layer's work and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerTime {
    /// The graph node it came from.
    pub name: String,
    /// Multiply-accumulates.
    pub macs: u64,
    /// From the start of the layer to its end, on all threads.
    pub time: Duration,
}
