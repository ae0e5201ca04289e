//! The bytes of a clip: from memory, from a file, or from a pipe or a device, which is read as its bytes come.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Instant;

/// Bytes of one read from a pipe.
const PIPE_READ_BYTES: u64 = 64 << 10;

/// A reader that waits until a deadline at most.
pub(super) enum Reader {
    /// The bytes, and the count of those that were read.
    Memory(Cow<'static, [u8]>, usize),
    File(File),
    /// Opened without waiting for a writer.
    Pipe(File),
}

impl Reader {
    /// # Errors
    /// As the system says, also for a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)?;
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        Ok(if kind.is_file() {
            Reader::File(file)
        } else {
            Reader::Pipe(file)
        })
    }

    /// Appends at most `want` bytes, of a pipe those that are there. Returns their count, which is 0 at the end, or
    /// `None` if nothing came until the deadline.
    pub fn read(
        &mut self,
        to: &mut Vec<u8>,
        want: usize,
        deadline: Instant,
    ) -> io::Result<Option<usize>> {
        match self {
            Reader::Memory(bytes, done) => {
                let rest = bytes.get(*done..).unwrap_or_default();
                let part = &rest[..rest.len().min(want)];
                to.extend(part);
                *done += part.len();
                Ok(Some(part.len()))
            }
            Reader::File(file) => file.take(want as u64).read_to_end(to).map(Some),
            Reader::Pipe(file) => {
                let left = deadline.saturating_duration_since(Instant::now());
                let left = Timespec::try_from(left).map_err(|_| ErrorKind::InvalidInput)?;
                match poll(&mut [PollFd::new(&*file, PollFlags::IN)], Some(&left)) {
                    Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
                    Ok(_) => {}
                    Err(error) => return Err(error.into()),
                }
                let before = to.len();
                match file.take(PIPE_READ_BYTES).read_to_end(to) {
                    // All that was there.
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    read => drop(read?),
                }
                Ok(Some(to.len() - before))
            }
        }
    }
}
