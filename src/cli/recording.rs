//! A recording of `--record`, read packet by packet.

use crate::error::{Error, Result};
use crate::file;
use crate::mcap::Reader;
use crate::sink::PACKET_ENCODING;
use crate::text::Shown;
use crate::wire::{Packet, PacketView, WireError};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// An open recording. It takes the memory of one chunk, whatever the file claims.
pub(super) struct Recording {
    path: PathBuf,
    reader: Reader<BufReader<File>>,
    /// Packets of kinds of a later version, and bytes that are no packet.
    unknown: u64,
    invalid: u64,
}

impl Recording {
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if it is no recording.
    pub fn open(path: &Path) -> Result<Self> {
        let (file, _) =
            file::open_plain(path).map_err(|error| Error::data(path, error.to_string()))?;
        let reader = Reader::new(BufReader::new(file), PACKET_ENCODING)
            .map_err(|error| Error::data(path, error.to_string()))?;
        Ok(Recording {
            path: path.into(),
            reader,
            unknown: 0,
            invalid: 0,
        })
    }

    /// The next packet and the time at which it was recorded, in nanoseconds.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if the file cannot be read.
    pub fn next_packet(&mut self) -> Result<Option<(u64, Packet)>> {
        loop {
            let message = self
                .reader
                .next_message()
                .map_err(|error| Error::data(&self.path, error.to_string()))?;
            let Some(message) = message else {
                return Ok(None);
            };
            match PacketView::new(message.data) {
                Ok(view) => return Ok(Some((message.time_ns, view.to_packet()))),
                Err(WireError::Kind { .. }) => self.unknown += 1,
                Err(_) => self.invalid += 1,
            }
        }
    }

    /// Says in the log what was not read.
    pub fn say_end(&self) {
        let path = Shown::path(&self.path);
        if self.unknown + self.invalid > 0 {
            log::warn!(
                "{path}: {} packets of unknown kinds and {} damaged ones passed over",
                self.unknown,
                self.invalid
            );
        }
        if self.reader.unreadable_chunks > 0 {
            log::warn!(
                "{path}: {} damaged, compressed or too large chunks passed over",
                self.reader.unreadable_chunks
            );
        }
        if !self.reader.is_whole {
            log::warn!("{path}: the file is cut off; all that it has was read");
        }
    }
}
