//! Counts of a run.

use crate::source::SourceCounts;

/// Frames, packets and pictures of a run so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Frames that the network processed.
    pub frames: u64,
    /// Frames with an instance.
    pub found: u64,
    /// Packets without a frame.
    pub heartbeats: u64,
    /// Frames on which the network failed.
    pub failed: u64,
    /// Packets that a sink could not deliver, counted for each sink.
    pub dropped: u64,
    /// Pictures that the source did not deliver.
    pub source: SourceCounts,
}
