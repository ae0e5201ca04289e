//! The writer: messages become chunks, and chunks a file. All memory is there from the start.

use super::{CHUNK_HEADER_BYTES, MAGIC, RECORD_BYTES, op};
use std::io::{self, Write};
use std::ops::Range;

/// Name and version of the program that writes.
const LIBRARY: &str = concat!("posewire ", env!("CARGO_PKG_VERSION"));
/// Bytes of a message beyond its data: kind, length, channel, number and two times.
const MESSAGE_BYTES: usize = RECORD_BYTES + 22;
/// Bytes of one entry of a chunk's index.
const ENTRY_BYTES: usize = 16;
/// Bytes of a chunk's entry in the file's index: at most 4 channels.
const CHUNK_INDEX_BYTES: u64 = RECORD_BYTES as u64 + 60 + 4 * 10;
/// Bytes of the file's index beyond its chunks and its channels.
const SUMMARY_BYTES: u64 = 512;
/// Channels of a file.
const MAX_CHANNELS: usize = 4;

/// A channel and its schema. Both have its number plus 1.
#[derive(Debug, Clone, Copy)]
pub struct Channel {
    /// Name of the channel.
    pub topic: &'static str,
    /// Encoding of the messages.
    pub message_encoding: &'static str,
    /// Name of the schema.
    pub schema_name: &'static str,
    /// Language of the schema; empty if there is none.
    pub schema_encoding: &'static str,
    /// Text of the schema.
    pub schema: &'static str,
    /// A key and a value about the channel.
    pub metadata: Option<(&'static str, &'static str)>,
}

/// A chunk in the file.
#[derive(Debug, Clone, Copy)]
struct Written {
    /// Times of its first and its last message.
    times_ns: [u64; 2],
    at: u64,
    record_bytes: u32,
    /// Messages of each channel.
    counts: [u32; MAX_CHANNELS],
}

/// The file in the making: a chunk in memory, and the index of those that are written.
#[derive(Debug)]
pub struct Writer {
    channels: &'static [Channel],
    /// The record of the chunk, with room for its header.
    chunk: Vec<u8>,
    /// Bytes of a chunk's records.
    max_chunk_bytes: usize,
    /// Time and place in the chunk of each message, for each channel.
    entries: Vec<Vec<(u64, u64)>>,
    times_ns: [u64; 2],
    chunks: Vec<Written>,
    /// Bytes that are written.
    position: u64,
    sequences: [u32; MAX_CHANNELS],
}

impl Writer {
    /// A writer of files with these channels, at most 4. A chunk has at most `max_chunk_bytes` of records, and for each
    /// channel `max_entries` messages; a file has at most `max_chunks`.
    pub fn new(
        channels: &'static [Channel],
        max_chunk_bytes: usize,
        max_entries: usize,
        max_chunks: usize,
    ) -> Self {
        assert!(channels.len() <= MAX_CHANNELS, "too many channels");
        let max_index = channels.len() * (RECORD_BYTES + 6 + ENTRY_BYTES * max_entries);
        let chunk =
            Vec::with_capacity(RECORD_BYTES + CHUNK_HEADER_BYTES + max_chunk_bytes + max_index);
        let entries = channels.iter().map(|_| Vec::with_capacity(max_entries));
        Writer {
            channels,
            chunk,
            max_chunk_bytes,
            entries: entries.collect(),
            times_ns: [0; 2],
            chunks: Vec::with_capacity(max_chunks),
            position: 0,
            sequences: [0; MAX_CHANNELS],
        }
    }

    /// Bytes of memory of such a writer.
    pub const fn heap_bytes(
        channels: usize,
        max_chunk_bytes: usize,
        max_entries: usize,
        max_chunks: usize,
    ) -> usize {
        let index = channels * (RECORD_BYTES + 6 + ENTRY_BYTES * max_entries);
        let chunk = RECORD_BYTES + CHUNK_HEADER_BYTES + max_chunk_bytes + index;
        chunk + channels * ENTRY_BYTES * max_entries + max_chunks * size_of::<Written>()
    }

    /// Begins a file. A chunk that was not flushed is dropped.
    ///
    /// # Errors
    /// As the output says.
    pub fn begin(&mut self, to: &mut impl Write) -> io::Result<()> {
        self.chunk.clear();
        self.chunks.clear();
        self.position = 0;
        self.sequences = [0; MAX_CHANNELS];
        self.entries.iter_mut().for_each(Vec::clear);
        self.chunk.extend(MAGIC);
        record(&mut self.chunk, op::HEADER, |content| {
            string(content, "");
            string(content, LIBRARY);
        });
        self.describe();
        self.put(to)?;
        Ok(())
    }

    /// Adds a message to the chunk; `parts` together are its data. False if there is no room: flush first.
    pub fn message(&mut self, channel: usize, time_ns: u64, parts: &[&[u8]]) -> bool {
        let data_bytes: usize = parts.iter().map(|part| part.len()).sum();
        self.open_chunk();
        let used = self.chunk.len() - RECORD_BYTES - CHUNK_HEADER_BYTES;
        let entries = &mut self.entries[channel];
        if used + MESSAGE_BYTES + data_bytes > self.max_chunk_bytes
            || entries.len() == entries.capacity()
        {
            return false;
        }
        let [first_ns, last_ns] = self.times_ns;
        self.times_ns = match used {
            0 => [time_ns; 2],
            _ => [first_ns.min(time_ns), last_ns.max(time_ns)],
        };
        entries.push((time_ns, used as u64));
        let sequence = &mut self.sequences[channel];
        record(&mut self.chunk, op::MESSAGE, |content| {
            content.extend(id(channel));
            content.extend(sequence.to_le_bytes());
            content.extend(time_ns.to_le_bytes());
            content.extend(time_ns.to_le_bytes());
            parts
                .iter()
                .for_each(|part| content.extend_from_slice(part));
        });
        *sequence = sequence.wrapping_add(1);
        true
    }

    /// Writes the chunk, if it has messages. If that fails, bytes beyond [`Writer::position`] may be in the file, and
    /// the chunk is still here.
    ///
    /// # Errors
    /// As the output says.
    pub fn flush(&mut self, to: &mut impl Write) -> io::Result<()> {
        if !self.has_messages() {
            return Ok(());
        }
        let record_bytes = self.chunk.len();
        let (head, records) = self.chunk.split_at_mut(RECORD_BYTES + CHUNK_HEADER_BYTES);
        let size = (records.len() as u64).to_le_bytes();
        let mut fields = head.iter_mut();
        let [first_ns, last_ns] = self.times_ns;
        let content = (CHUNK_HEADER_BYTES + records.len()) as u64;
        let values = [op::CHUNK]
            .into_iter()
            .chain(content.to_le_bytes())
            .chain(first_ns.to_le_bytes())
            .chain(last_ns.to_le_bytes())
            .chain(size)
            .chain(crc32fast::hash(records).to_le_bytes())
            // No compression.
            .chain([0; 4])
            .chain(size);
        values.for_each(|value| *fields.next().expect("the header's bytes") = value);
        let mut counts = [0; MAX_CHANNELS];
        for (channel, entries) in self.entries.iter().enumerate() {
            // No more than a chunk has bytes.
            counts[channel] = entries.len() as u32;
            if entries.is_empty() {
                continue;
            }
            record(&mut self.chunk, op::MESSAGE_INDEX, |content| {
                content.extend(id(channel));
                array(content, |content| {
                    for (time_ns, at) in entries {
                        content.extend(time_ns.to_le_bytes());
                        content.extend(at.to_le_bytes());
                    }
                });
            });
        }
        let written = Written {
            times_ns: self.times_ns,
            at: self.position,
            record_bytes: record_bytes as u32,
            counts,
        };
        if let Err(error) = to.write_all(&self.chunk) {
            self.chunk.truncate(record_bytes);
            return Err(error);
        }
        self.position += self.chunk.len() as u64;
        self.chunk.clear();
        self.entries.iter_mut().for_each(Vec::clear);
        if self.chunks.len() < self.chunks.capacity() {
            self.chunks.push(written);
        }
        Ok(())
    }

    /// Writes the end of the file: its index. A chunk that was not flushed is dropped.
    ///
    /// # Errors
    /// As the output says.
    pub fn end(&mut self, to: &mut impl Write) -> io::Result<()> {
        self.chunk.clear();
        record(&mut self.chunk, op::DATA_END, |content| {
            // No checksum: each chunk has one.
            content.extend([0; 4]);
        });
        self.put(to)?;
        let start = self.position;
        let mut crc = crc32fast::Hasher::new();
        self.describe();
        let channels = self.put_summed(to, &mut crc)?;
        self.count();
        let statistics = self.put_summed(to, &mut crc)?;
        for index in 0..self.chunks.len() {
            let written = self.chunks[index];
            self.list(&written);
            self.put_summed(to, &mut crc)?;
        }
        let chunks = statistics.end..self.position;
        let groups = self.position;
        for (kind, group) in [(op::STATISTICS, statistics), (op::CHUNK_INDEX, chunks)] {
            if !group.is_empty() {
                record(&mut self.chunk, op::SUMMARY_OFFSET, |content| {
                    content.push(kind);
                    content.extend(group.start.to_le_bytes());
                    content.extend((group.end - group.start).to_le_bytes());
                });
            }
        }
        debug_assert_eq!(channels.start, start, "channels are first");
        self.put_summed(to, &mut crc)?;
        record(&mut self.chunk, op::FOOTER, |content| {
            content.extend(start.to_le_bytes());
            content.extend(groups.to_le_bytes());
            content.extend([0; 4]);
        });
        let unsummed = self.chunk.len() - 4;
        crc.update(&self.chunk[..unsummed]);
        self.chunk.truncate(unsummed);
        self.chunk.extend(crc.finalize().to_le_bytes());
        self.chunk.extend(MAGIC);
        self.put(to)?;
        Ok(())
    }

    /// The chunk has messages.
    pub fn has_messages(&self) -> bool {
        self.entries.iter().any(|entries| !entries.is_empty())
    }

    /// Bytes of the file so far, without the chunk in memory.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Bytes of the file if it ends after one more chunk, at most.
    pub fn bytes_after_next(&self) -> u64 {
        let texts = self
            .channels
            .iter()
            .map(|channel| channel.schema.len() as u64 + 512);
        let index = CHUNK_INDEX_BYTES * (self.chunks.len() as u64 + 1);
        self.position + self.chunk.capacity() as u64 + texts.sum::<u64>() + index + SUMMARY_BYTES
    }

    /// The file has as many chunks as its index holds.
    pub fn is_full(&self) -> bool {
        self.chunks.len() == self.chunks.capacity()
    }

    fn open_chunk(&mut self) {
        if self.chunk.is_empty() {
            self.chunk.extend([0; RECORD_BYTES + CHUNK_HEADER_BYTES]);
        }
    }

    /// Schemas and channels.
    fn describe(&mut self) {
        for (index, channel) in self.channels.iter().enumerate() {
            record(&mut self.chunk, op::SCHEMA, |content| {
                content.extend(id(index));
                string(content, channel.schema_name);
                string(content, channel.schema_encoding);
                string(content, channel.schema);
            });
        }
        for (index, channel) in self.channels.iter().enumerate() {
            record(&mut self.chunk, op::CHANNEL, |content| {
                content.extend(id(index));
                content.extend(id(index));
                string(content, channel.topic);
                string(content, channel.message_encoding);
                array(content, |content| {
                    if let Some((key, value)) = channel.metadata {
                        string(content, key);
                        string(content, value);
                    }
                });
            });
        }
    }

    /// Counts of the whole file.
    fn count(&mut self) {
        let mut counts = [0_u64; MAX_CHANNELS];
        for chunk in &self.chunks {
            for (sum, count) in counts.iter_mut().zip(chunk.counts) {
                *sum += u64::from(count);
            }
        }
        let first_ns = self.chunks.iter().map(|chunk| chunk.times_ns[0]).min();
        let last_ns = self.chunks.iter().map(|chunk| chunk.times_ns[1]).max();
        let (channels, chunks) = (self.channels.len(), self.chunks.len() as u32);
        record(&mut self.chunk, op::STATISTICS, |content| {
            content.extend(counts.iter().sum::<u64>().to_le_bytes());
            content.extend((channels as u16).to_le_bytes());
            content.extend((channels as u32).to_le_bytes());
            // Attachments and metadata.
            content.extend([0; 8]);
            content.extend(chunks.to_le_bytes());
            content.extend(first_ns.unwrap_or(0).to_le_bytes());
            content.extend(last_ns.unwrap_or(0).to_le_bytes());
            array(content, |content| {
                for (channel, count) in counts.iter().take(channels).enumerate() {
                    content.extend(id(channel));
                    content.extend(count.to_le_bytes());
                }
            });
        });
    }

    /// A chunk's entry in the file's index.
    fn list(&mut self, chunk: &Written) {
        let records = u64::from(chunk.record_bytes) - (RECORD_BYTES + CHUNK_HEADER_BYTES) as u64;
        let first_index = chunk.at + u64::from(chunk.record_bytes);
        record(&mut self.chunk, op::CHUNK_INDEX, |content| {
            content.extend(chunk.times_ns[0].to_le_bytes());
            content.extend(chunk.times_ns[1].to_le_bytes());
            content.extend(chunk.at.to_le_bytes());
            content.extend(u64::from(chunk.record_bytes).to_le_bytes());
            let mut at = first_index;
            array(content, |content| {
                for (channel, &count) in chunk.counts.iter().enumerate() {
                    if count > 0 {
                        content.extend(id(channel));
                        content.extend(at.to_le_bytes());
                        at += (RECORD_BYTES + 6) as u64 + ENTRY_BYTES as u64 * u64::from(count);
                    }
                }
            });
            content.extend((at - first_index).to_le_bytes());
            string(content, "");
            content.extend(records.to_le_bytes());
            content.extend(records.to_le_bytes());
        });
    }

    /// Writes what was composed in the place of the chunk.
    fn put(&mut self, to: &mut impl Write) -> io::Result<Range<u64>> {
        to.write_all(&self.chunk)?;
        let start = self.position;
        self.position += self.chunk.len() as u64;
        self.chunk.clear();
        Ok(start..self.position)
    }

    fn put_summed(
        &mut self,
        to: &mut impl Write,
        crc: &mut crc32fast::Hasher,
    ) -> io::Result<Range<u64>> {
        crc.update(&self.chunk);
        self.put(to)
    }
}

fn id(index: usize) -> [u8; 2] {
    // At most MAX_CHANNELS.
    (index as u16 + 1).to_le_bytes()
}

/// Appends a record whose content `fill` appends.
fn record(to: &mut Vec<u8>, kind: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    to.push(kind);
    to.extend([0; 8]);
    let start = to.len();
    fill(to);
    let length = (to.len() - start) as u64;
    to[start - 8..start].copy_from_slice(&length.to_le_bytes());
}

fn string(to: &mut Vec<u8>, text: &str) {
    array(to, |to| to.extend_from_slice(text.as_bytes()));
}

/// Appends bytes behind their number.
fn array(to: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    to.extend([0; 4]);
    let start = to.len();
    fill(to);
    let length = (to.len() - start) as u32;
    to[start - 4..start].copy_from_slice(&length.to_le_bytes());
}
