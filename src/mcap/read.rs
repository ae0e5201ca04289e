//! The reader: bytes of anyone to messages. Every length is compared with its bound before memory is spent on it.

use super::{CHUNK_HEADER_BYTES, MAGIC, RECORD_BYTES, op};
use crate::limits::{
    MAX_RECORDED_MESSAGE_BYTES, MAX_RECORDING_CHANNELS, MAX_RECORDING_CHUNK_BYTES,
};
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;

/// The file does not begin as an MCAP file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotMcap;

impl fmt::Display for NotMcap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is no MCAP file: give one that --record wrote")
    }
}

impl std::error::Error for NotMcap {}

impl From<NotMcap> for io::Error {
    fn from(error: NotMcap) -> Self {
        io::Error::new(ErrorKind::InvalidData, error)
    }
}

/// A message of a channel with the encoding that is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Time of recording.
    pub time_ns: u64,
    /// The bytes that were recorded.
    pub data: &'a [u8],
}

/// Reads a file once, from its beginning. The index at its end is not needed.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    encoding: &'static str,
    /// Channels with the encoding.
    channels: heapless::Vec<u16, MAX_RECORDING_CHANNELS>,
    buffer: Vec<u8>,
    /// The part of the buffer with records of a chunk that were not read yet.
    inner: Range<usize>,
    is_over: bool,
    /// The end of the data was seen: nothing is missing.
    pub is_whole: bool,
    /// Chunks that were passed over: damaged, compressed or too large.
    pub unreadable_chunks: u64,
}

/// The bytes of a record, or of as much of it as there is.
enum Content {
    Whole,
    CutOff,
    /// More than the bound; they were passed over.
    TooLarge,
}

impl<R: Read> Reader<R> {
    /// A reader of the channels whose messages have this encoding.
    ///
    /// # Errors
    /// As the file says; [`NotMcap`] within it if the bytes are something else.
    pub fn new(mut from: R, encoding: &'static str) -> io::Result<Self> {
        let mut magic = [0; MAGIC.len()];
        match from.read_exact(&mut magic) {
            Ok(()) if magic == MAGIC => {}
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Err(error),
            _ => return Err(NotMcap.into()),
        }
        Ok(Reader {
            from,
            encoding,
            channels: heapless::Vec::new(),
            buffer: Vec::new(),
            inner: 0..0,
            is_over: false,
            is_whole: false,
            unreadable_chunks: 0,
        })
    }

    /// The next message, `None` at the end of what can be read.
    ///
    /// # Errors
    /// As the file says.
    pub fn next_message(&mut self) -> io::Result<Option<Message<'_>>> {
        let found = loop {
            if let Some(found) = self.next_inner() {
                break Some(found);
            }
            if self.is_over {
                break None;
            }
            if let Some(found) = self.next_outer()? {
                break Some(found);
            }
        };
        Ok(found.map(|(time_ns, data)| Message {
            time_ns,
            data: &self.buffer[data],
        }))
    }

    /// Takes the next record of the file. A message that is in no chunk is returned.
    fn next_outer(&mut self) -> io::Result<Option<(u64, Range<usize>)>> {
        let mut head = [0; RECORD_BYTES];
        let read = fill(&mut self.from, &mut head)?;
        let [kind, length @ ..] = head;
        let length = u64::from_le_bytes(length);
        // After a power cut, zeros can be in the place of what was not written.
        if read < RECORD_BYTES || kind == 0 {
            self.is_over = true;
            return Ok(None);
        }
        match kind {
            op::CHUNK => {
                let content = self.content(length, MAX_RECORDING_CHUNK_BYTES)?;
                self.open_chunk(&content);
            }
            op::CHANNEL | op::MESSAGE => {
                if let Content::Whole = self.content(length, MAX_RECORDED_MESSAGE_BYTES)? {
                    return Ok(self.take(kind, 0..self.buffer.len()));
                }
            }
            op::DATA_END | op::FOOTER => (self.is_whole, self.is_over) = (true, true),
            _ => self.pass_over(length)?,
        }
        Ok(None)
    }

    /// Reads the content of a record into the buffer.
    fn content(&mut self, length: u64, limit: u64) -> io::Result<Content> {
        self.buffer.clear();
        if length > limit {
            self.pass_over(length)?;
            return Ok(Content::TooLarge);
        }
        // It grows with the bytes that are there, not with those that a length claims.
        let read = (&mut self.from)
            .take(length)
            .read_to_end(&mut self.buffer)?;
        if (read as u64) < length {
            self.is_over = true;
            return Ok(Content::CutOff);
        }
        Ok(Content::Whole)
    }

    /// Bytes of the buffer.
    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    fn pass_over(&mut self, length: u64) -> io::Result<()> {
        let passed = io::copy(&mut (&mut self.from).take(length), &mut io::sink())?;
        self.is_over |= passed < length;
        Ok(())
    }

    /// Begins to read the chunk in the buffer.
    fn open_chunk(&mut self, content: &Content) {
        let records = CHUNK_HEADER_BYTES..self.buffer.len();
        let is_readable = match content {
            Content::TooLarge => false,
            // Its messages have checksums of their own.
            Content::CutOff => is_uncompressed(&self.buffer),
            Content::Whole => {
                is_uncompressed(&self.buffer) && {
                    let (head, records) = self.buffer.split_at(CHUNK_HEADER_BYTES);
                    let size = (records.len() as u64).to_le_bytes();
                    let crc: [u8; 4] = std::array::from_fn(|index| head[24 + index]);
                    head[16..24] == size
                        && head[32..40] == size
                        && (crc == [0; 4] || crc == crc32fast::hash(records).to_le_bytes())
                }
            }
        };
        if is_readable {
            self.inner = records;
        } else {
            self.unreadable_chunks += 1;
        }
    }

    /// The next message of the chunk.
    fn next_inner(&mut self) -> Option<(u64, Range<usize>)> {
        while !self.inner.is_empty() {
            let rest = &self.buffer[self.inner.clone()];
            let record = rest.split_first_chunk::<RECORD_BYTES>();
            let Some((&[kind, length @ ..], content)) = record else {
                self.inner = 0..0;
                return None;
            };
            let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
            if length > content.len() {
                self.inner = 0..0;
                return None;
            }
            let start = self.inner.start + RECORD_BYTES;
            self.inner.start = start + length;
            let found = self.take(kind, start..start + length);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Takes a record in the buffer: a channel is remembered, a message of a known channel is returned.
    fn take(&mut self, kind: u8, content: Range<usize>) -> Option<(u64, Range<usize>)> {
        let bytes = &self.buffer[content.clone()];
        match kind {
            op::CHANNEL => {
                if let Some((id, encoding)) = channel(bytes) {
                    let is_ours = encoding == self.encoding.as_bytes();
                    self.channels.retain(|&known| known != id);
                    if is_ours {
                        // More channels than a recording has are not read.
                        let _ = self.channels.push(id);
                    }
                }
                None
            }
            op::MESSAGE => {
                let (id, rest) = bytes.split_first_chunk::<2>()?;
                let (_sequence, rest) = rest.split_first_chunk::<4>()?;
                let (time, rest) = rest.split_first_chunk::<8>()?;
                let (_published, data) = rest.split_first_chunk::<8>()?;
                let is_ours = self.channels.contains(&u16::from_le_bytes(*id));
                is_ours.then(|| {
                    (
                        u64::from_le_bytes(*time),
                        content.end - data.len()..content.end,
                    )
                })
            }
            _ => None,
        }
    }
}

/// The whole header of a chunk is there, and says that the records are as they are.
fn is_uncompressed(chunk: &[u8]) -> bool {
    chunk.len() >= CHUNK_HEADER_BYTES && chunk[28..32] == [0; 4]
}

/// Number and message encoding of a channel.
fn channel(content: &[u8]) -> Option<(u16, &[u8])> {
    let (id, rest) = content.split_first_chunk::<2>()?;
    let (_schema, rest) = rest.split_first_chunk::<2>()?;
    let (_topic, rest) = string(rest)?;
    let (encoding, _metadata) = string(rest)?;
    Some((u16::from_le_bytes(*id), encoding))
}

fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

/// Reads until `to` is full or the file ends; returns the number of bytes.
fn fill(from: &mut impl Read, to: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < to.len() {
        match from.read(&mut to[read..]) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
