//! A descriptor of others (standard output, the log) that is written without waiting.
//!
//! `O_NONBLOCK` belongs to the open file, which other programs share. So a pipe or a terminal is opened once more through
//! `/proc/self/fd`. What cannot be opened again, as a socket, is polled and written in pieces that do not wait.

use crate::file;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags, open};
use std::io::{self, Write};

/// A writer that fails with `WouldBlock` where others wait.
#[derive(Debug)]
pub struct NoWait(Way);

#[derive(Debug)]
enum Way {
    /// A pipe or a terminal, opened again with `O_NONBLOCK`.
    Own(OwnedFd),
    /// A pipe, a terminal or a socket that cannot be opened again, with the bytes that have room where one has.
    Polled(BorrowedFd<'static>, usize),
    /// A file, which other writers share, so that its position is shared too.
    File(BorrowedFd<'static>),
}

/// A pipe or a socket that has room for a byte has room for so many.
const PIPE_BYTES: usize = 4096;

impl NoWait {
    /// A writer to this descriptor, which stays open for the life of the program.
    pub fn new(to: BorrowedFd<'static>) -> Self {
        let again = || {
            let name = format!("/proc/self/fd/{}", to.as_raw_fd());
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            open(name, flags, Mode::empty())
        };
        NoWait(match file::kind_of(to) {
            Some(FileType::Fifo) => again().map_or(Way::Polled(to, PIPE_BYTES), Way::Own),
            Some(FileType::CharacterDevice) if rustix::termios::isatty(to) => {
                // A terminal has room for one byte when it says that it has some.
                again().map_or(Way::Polled(to, 1), Way::Own)
            }
            Some(FileType::Socket) => Way::Polled(to, PIPE_BYTES),
            _ => Way::File(to),
        })
    }

    /// The room is used up, and there may be more later.
    fn poll(to: BorrowedFd<'_>) -> io::Result<()> {
        let mut stream = [PollFd::new(&to, PollFlags::OUT)];
        match poll(&mut stream, Some(&Timespec::default())) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(()),
        }
    }
}

impl Write for NoWait {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Way::Own(to) => rustix::io::write(to, bytes),
            Way::File(to) => rustix::io::write(to, bytes),
            Way::Polled(to, room) => {
                Self::poll(to.as_fd())?;
                rustix::io::write(to, &bytes[..bytes.len().min(*room)])
            }
        }
        .map_err(io::Error::from)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::LineWriter;
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    fn leaked(to: impl Into<OwnedFd>) -> BorrowedFd<'static> {
        let to: &'static OwnedFd = Box::leak(Box::new(to.into()));
        to.as_fd()
    }

    /// Writes until nothing more fits, and returns the count of whole lines.
    fn fill(to: BorrowedFd<'static>, line: &[u8]) -> usize {
        let mut lines = LineWriter::new(NoWait::new(to));
        let begun = std::time::Instant::now();
        let mut count = 0;
        loop {
            match lines.write(line) {
                Ok(()) => count += 1,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
                    break;
                }
            }
            assert!(begun.elapsed().as_secs() < 10, "{count} lines");
        }
        count
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri cannot open pipes again")]
    fn a_reader_that_does_not_read_is_not_waited_for() {
        let (mut reader, writer) = io::pipe().unwrap();
        let line = b"0123456789abcde\n";
        let count = fill(leaked(writer), line);
        let mut read = vec![0; count * line.len()];
        reader.read_exact(&mut read).unwrap();
        assert!(read.chunks(line.len()).all(|chunk| chunk == line));
        let (_reader, writer) = UnixStream::pair().unwrap();
        assert!(fill(leaked(writer), line) > 0);
        let controller =
            rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY)
                .unwrap();
        rustix::pty::grantpt(&controller).unwrap();
        rustix::pty::unlockpt(&controller).unwrap();
        let name = rustix::pty::ptsname(&controller, Vec::new()).unwrap();
        let terminal = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let terminal = leaked(terminal);
        assert!(fill(terminal, line) > 0);
        // The same terminal, as if it could not be opened again.
        let mut polled = LineWriter::new(NoWait(Way::Polled(terminal, 1)));
        assert!(polled.write(line).is_err());
    }

    #[test]
    fn a_reader_that_went_away_is_an_error() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let error = NoWait::new(leaked(writer)).write(b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
