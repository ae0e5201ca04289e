//! MCAP files (<https://mcap.dev/spec>): an append-only log of messages in chunks, with an index at its end.
//!
//! In: messages with their times, or the bytes of a file. Out: bytes, or messages. [`Writer`] owns all memory from the
//! start, and writes into whatever the caller has. [`Reader`] bounds every length, and gives what a file that was cut
//! off still has.
//!
//! It is written here because the crate `mcap` (0.24) keeps the index of each chunk, with a map of its own, until the file
//! ends, so that a recording grows. Compression is left out: a second of packets is some kilobytes.

#![warn(missing_docs)]

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::{Message, NotMcap, Reader};
pub use write::{Channel, Writer};

/// First and last bytes of a file.
const MAGIC: [u8; 8] = *b"\x89MCAP0\r\n";

/// Kinds of record.
mod op {
    pub const HEADER: u8 = 0x01;
    pub const FOOTER: u8 = 0x02;
    pub const SCHEMA: u8 = 0x03;
    pub const CHANNEL: u8 = 0x04;
    pub const MESSAGE: u8 = 0x05;
    pub const CHUNK: u8 = 0x06;
    pub const MESSAGE_INDEX: u8 = 0x07;
    pub const CHUNK_INDEX: u8 = 0x08;
    pub const STATISTICS: u8 = 0x0B;
    pub const SUMMARY_OFFSET: u8 = 0x0E;
    pub const DATA_END: u8 = 0x0F;
}

/// Bytes of a record before its content: its kind and its length.
const RECORD_BYTES: usize = 9;
/// Bytes of a chunk's content before its records: times, size, checksum, no compression, length.
const CHUNK_HEADER_BYTES: usize = 40;
