//! Recordings: packets and what they show, in MCAP files for Foxglove and for `posewire replay`.
//!
//! In: packets as they are on the wire, without a seal, and frames for pictures. Out: files, each complete in itself. [`Recorder`] is the
//! caller's end of a bounded queue; its thread writes. What is older than a second is on the disk.
//!
//! A recording that fails (the disk is full, or gone) ends with its last whole chunk. It says so once and does not begin
//! again before the next start: a file that goes on later would have a hole that nobody sees.

mod annotations;
mod disk;
mod files;
mod options;
#[cfg(feature = "pictures")]
mod pictures;
mod queue;
mod recorder;
#[cfg(test)]
mod tests;

pub use disk::folder_of;
pub use options::RecordOptions;
pub use recorder::Recorder;

use super::{Context, Delivery, Event, Kind, Sink, What, When};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::mcap::{Channel, Writer};
use crate::process::sandbox::Access;
use crate::process::thread::Role;
use std::path::Path;

/// Encoding of the messages that are packets.
pub const PACKET_ENCODING: &str = "posewire";

/// Bytes of packets that wait for the disk: 20 s of a camera's.
const QUEUE_BYTES: usize = 128 << 10;
/// Bytes of the records of a chunk. Half a second of a camera has a tenth.
const CHUNK_BYTES: usize = 256 << 10;
/// Messages of a channel in a chunk.
const CHUNK_MESSAGES: usize = 1024;
/// Chunks of a file: more than an hour of them.
const FILE_CHUNKS: usize = 8192;

const CHANNELS: &[Channel] = &[
    Channel {
        topic: "/posewire/packets",
        message_encoding: PACKET_ENCODING,
        schema_name: "posewire.Packet",
        schema_encoding: "",
        schema: "",
        metadata: Some(("format", "docs/wire.md")),
    },
    Channel {
        topic: "/posewire/keypoints",
        message_encoding: "json",
        schema_name: "foxglove.ImageAnnotations",
        schema_encoding: "jsonschema",
        schema: include_str!("image_annotations.json"),
        metadata: None,
    },
    Channel {
        topic: "/posewire/picture",
        message_encoding: "json",
        schema_name: "foxglove.CompressedImage",
        schema_encoding: "jsonschema",
        schema: include_str!("compressed_image.json"),
        metadata: None,
    },
];
const PACKETS: usize = 0;
const ANNOTATIONS: usize = 1;
/// The last one: a recording without pictures has the channels before it.
const PICTURES: usize = 2;

/// A recording.
pub(super) const KIND: Kind = Kind {
    name: "record",
    argument: "FILE",
    example: "run.mcap",
    help: "record packets and drawn keypoints in an MCAP file for Foxglove and `posewire replay`; an existing file \
           is kept, and FILE-2 is written, FILE-3 and so on",
    check: |path| match Path::new(path).file_name() {
        Some(_) => Ok(()),
        None => Err(format!("{path:?} names no file")),
    },
    heap_bytes: (QUEUE_BYTES
        + 2 * annotations::TEXT_BYTES
        + Writer::heap_bytes(CHANNELS.len(), CHUNK_BYTES, CHUNK_MESSAGES, FILE_CHUNKS))
        as u64,
    thread: Some(Role::Record),
    writes: |path| Some(Path::new(path)),
    access: |path| Access {
        create_in: vec![disk::folder_of(Path::new(path)).into()],
        ..Access::default()
    },
    prepare: |_| Ok(()),
    when: When::First,
    open: |path, context: &Context<'_>| {
        let recorder = Recorder::open(Path::new(path), context.record, context.patience)?;
        Ok(Box::new(RecordSink(recorder)))
    },
};

/// The packets of a stream, recorded.
struct RecordSink(Recorder);

impl Sink for RecordSink {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn start(&mut self) -> Result<()> {
        self.0
            .start()
            .map_err(|error| Error::sink(self.0.name(), "no thread").because(error))
    }

    fn take(&mut self, event: &Event<'_>, now: Instant) -> Delivery {
        let mut delivery = Ok(());
        if let What::Scene { frame, .. } = event.what {
            self.0.put_picture(frame, now);
        }
        for packet in event.packets {
            if let Err(lost) = self.0.put(&packet.encode(), now) {
                delivery = Err(lost.into());
            }
        }
        delivery
    }

    fn finish(&mut self, gives_up: &dyn Fn() -> bool) -> Delivery {
        Ok(self.0.finish(gives_up)?)
    }
}
