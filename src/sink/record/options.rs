//! Options of a recording.

use std::time::Duration;

/// Bounds of one file of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordOptions {
    /// Most bytes of a file.
    pub file_bytes: u64,
    /// Longest time of a file.
    pub file_time: Duration,
    /// The most pictures of a second; `None` for none.
    pub pictures_per_second: Option<u32>,
}

impl RecordOptions {
    /// Bytes of the memory for pictures.
    pub fn heap_bytes(&self) -> u64 {
        match self.pictures_per_second {
            #[cfg(feature = "pictures")]
            Some(_) => super::pictures::HEAP_BYTES as u64,
            _ => 0,
        }
    }
}

impl Default for RecordOptions {
    fn default() -> Self {
        RecordOptions {
            file_bytes: 256 << 20,
            file_time: Duration::from_secs(600),
            pictures_per_second: None,
        }
    }
}
