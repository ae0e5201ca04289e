//! Options of a recording.

use std::time::Duration;

/// Bounds of one file of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordOptions {
    /// Most bytes of a file.
    pub file_bytes: u64,
    /// Longest time of a file.
    pub file_time: Duration,
}

impl Default for RecordOptions {
    fn default() -> Self {
        RecordOptions {
            file_bytes: 256 << 20,
            file_time: Duration::from_secs(600),
        }
    }
}
