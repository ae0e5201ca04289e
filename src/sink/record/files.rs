//! A recording without its thread: packets and pictures to chunks, chunks to files, with the times of both.

use super::annotations::Annotator;
use super::disk::Disk;
use super::options::RecordOptions;
#[cfg(feature = "pictures")]
use super::pictures::{JPEG_BYTES, Timed};
use super::{ANNOTATIONS, CHANNELS, CHUNK_BYTES, CHUNK_MESSAGES, FILE_CHUNKS, PACKETS, PICTURES};
#[cfg(feature = "pictures")]
use crate::base64;
use crate::mcap::Writer;
#[cfg(feature = "pictures")]
use crate::sink::jpeg;
use crate::wire::PacketView;
#[cfg(feature = "pictures")]
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

/// Time of a chunk. It is on the disk well within a second of its first packet.
pub(super) const CHUNK_TIME: Duration = Duration::from_millis(500);

#[cfg(feature = "pictures")]
const NS_PER_S: u64 = 1_000_000_000;
const CHUNK_NS: u64 = CHUNK_TIME.as_nanos() as u64;

/// The files of a recording.
pub(super) struct Files<D> {
    disk: D,
    writer: Writer,
    annotator: Annotator,
    /// A picture's JPEG, and the same as text.
    #[cfg(feature = "pictures")]
    jpeg: Vec<u8>,
    #[cfg(feature = "pictures")]
    text: Vec<u8>,
    options: RecordOptions,
    /// A file is open, and has a beginning.
    is_open: bool,
    /// Times of the first packet of the file and of the chunk.
    file_from_ns: Option<u64>,
    chunk_from_ns: Option<u64>,
}

/// The open file as an output.
struct Output<'a, D>(&'a mut D);

impl<D: Disk> Write for Output<'_, D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<D: Disk> Files<D> {
    /// Creates the first file.
    pub fn begin(disk: D, options: RecordOptions) -> io::Result<Self> {
        let has_pictures = options.pictures_per_second.is_some();
        let channels = if has_pictures {
            CHANNELS
        } else {
            &CHANNELS[..PICTURES]
        };
        let mut files = Files {
            disk,
            writer: Writer::new(channels, CHUNK_BYTES, CHUNK_MESSAGES, FILE_CHUNKS),
            annotator: Annotator::new(has_pictures),
            #[cfg(feature = "pictures")]
            jpeg: Vec::with_capacity(if has_pictures { JPEG_BYTES } else { 0 }),
            #[cfg(feature = "pictures")]
            text: Vec::with_capacity(if has_pictures {
                base64::text_bytes(JPEG_BYTES)
            } else {
                0
            }),
            options,
            is_open: false,
            file_from_ns: None,
            chunk_from_ns: None,
        };
        files.open()?;
        Ok(files)
    }

    /// The name of the present file.
    pub fn name(&self) -> &[u8] {
        self.disk.name()
    }

    /// Records a packet. Times do not go back. True if a new file was begun.
    pub fn take(&mut self, packet: &[u8], time_ns: u64) -> io::Result<bool> {
        let is_new = self.make_room(time_ns)?;
        self.add(PACKETS, time_ns, &[packet])?;
        // What a later version means is recorded, and not drawn.
        if let Ok(view) = PacketView::new(packet) {
            self.annotate(&view, time_ns)?;
        }
        Ok(is_new)
    }

    /// Records a picture as a JPEG. True if a new file was begun.
    #[cfg(feature = "pictures")]
    pub fn take_picture(&mut self, timed: &Timed) -> io::Result<bool> {
        let picture = &timed.picture;
        self.jpeg.clear();
        if picture.rgb().is_empty()
            || !jpeg::append(picture.rgb(), picture.size_px(), &mut self.jpeg)
        {
            return Ok(false);
        }
        self.text.clear();
        base64::append(&self.jpeg, &mut self.text);
        let mut head = heapless::String::<96>::new();
        let (seconds, rest) = (timed.captured_ns / NS_PER_S, timed.captured_ns % NS_PER_S);
        // It fits: both numbers have bounds.
        let _ = write!(
            head,
            r#"{{"timestamp":{{"sec":{seconds},"nsec":{rest}}},"frame_id":"camera","data":""#
        );
        let is_new = self.make_room(timed.time_ns)?;
        let text = std::mem::take(&mut self.text);
        let parts = [head.as_bytes(), &text, br#"","format":"jpeg"}"#];
        let added = self.add(PICTURES, timed.time_ns, &parts);
        self.text = text;
        added.map(|()| is_new)
    }

    /// Ends the chunk or the file if it is time for that. True if a new file was begun.
    fn make_room(&mut self, time_ns: u64) -> io::Result<bool> {
        if self.chunk_due(time_ns) {
            self.flush()?;
        }
        let is_new = !self.is_open || self.file_is_over(time_ns);
        if is_new {
            self.end()?;
            self.open()?;
        }
        self.file_from_ns.get_or_insert(time_ns);
        self.chunk_from_ns.get_or_insert(time_ns);
        Ok(is_new)
    }

    fn annotate(&mut self, packet: &PacketView<'_>, time_ns: u64) -> io::Result<()> {
        let packet = packet.to_packet();
        // The annotator is moved out, because it calls back.
        let mut annotator = std::mem::take(&mut self.annotator);
        let mut added = Ok(());
        annotator.take(&packet, time_ns, |time_ns, text| {
            if added.is_ok() {
                added = self.add(ANNOTATIONS, time_ns, text);
            }
        });
        self.annotator = annotator;
        added
    }

    /// Adds a message to the chunk, after the chunk is written if it has no room.
    fn add(&mut self, channel: usize, time_ns: u64, parts: &[&[u8]]) -> io::Result<()> {
        if !self.writer.message(channel, time_ns, parts) {
            self.flush()?;
            self.chunk_from_ns = Some(time_ns);
            // No packet, no text and no picture is longer than a chunk.
            self.writer.message(channel, time_ns, parts);
        }
        Ok(())
    }

    /// The chunk is old enough to be written.
    pub fn chunk_due(&self, now_ns: u64) -> bool {
        self.chunk_from_ns
            .is_some_and(|from_ns| now_ns.saturating_sub(from_ns) >= CHUNK_NS)
    }

    /// Writes the chunk to the disk.
    pub fn flush(&mut self) -> io::Result<()> {
        self.chunk_from_ns = None;
        if !self.writer.has_messages() {
            return Ok(());
        }
        self.writer.flush(&mut Output(&mut self.disk))?;
        self.disk.sync()
    }

    fn file_is_over(&self, time_ns: u64) -> bool {
        let Some(from_ns) = self.file_from_ns else {
            return false;
        };
        let is_old =
            u128::from(time_ns.saturating_sub(from_ns)) >= self.options.file_time.as_nanos();
        is_old || self.writer.is_full() || self.writer.bytes_after_next() > self.options.file_bytes
    }

    fn open(&mut self) -> io::Result<()> {
        self.disk.create()?;
        self.writer.begin(&mut Output(&mut self.disk))?;
        self.is_open = true;
        Ok(())
    }

    /// Ends the file with its index. A file without a packet is removed.
    pub fn end(&mut self) -> io::Result<()> {
        if !self.is_open {
            return Ok(());
        }
        self.flush()?;
        self.is_open = false;
        if self.file_from_ns.take().is_none() {
            self.disk.remove();
            return Ok(());
        }
        self.writer.end(&mut Output(&mut self.disk))?;
        self.disk.sync()
    }

    /// Ends a file on a disk that failed: the last whole chunk stays, and the index if there is room for it.
    pub fn give_up(&mut self) {
        if !self.is_open {
            return;
        }
        self.is_open = false;
        let whole = self.writer.position();
        let _ = self.disk.truncate(whole);
        let ended = self.writer.end(&mut Output(&mut self.disk));
        if ended.and_then(|()| self.disk.sync()).is_err() {
            let _ = self.disk.truncate(whole);
        }
    }
}
