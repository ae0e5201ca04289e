//! What the sink needs of an operating system, so that a fake can take its place.

use crate::serial::{SerialSpec, Tty};
use std::io;

/// A line that is open. No call waits.
pub(super) trait Port {
    /// How many of the bytes were taken; 0 if there is no room now. An error: the device is gone.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// How many bytes were taken and have not left.
    fn queued_bytes(&mut self) -> io::Result<usize>;

    /// Throws away the bytes that have not left.
    fn discard(&mut self);
}

/// Opens the line, again and again if it must be.
pub(super) trait Opener {
    type Port: Port;

    /// An error is what is wrong, for a message.
    fn open(&mut self) -> Result<Self::Port, String>;
}

/// The real thing.
pub(super) struct TtyOpener(pub SerialSpec);

impl Opener for TtyOpener {
    type Port = Tty;

    fn open(&mut self) -> Result<Tty, String> {
        Tty::open(&self.0)
    }
}

impl Port for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Tty::write(self, bytes)
    }

    fn queued_bytes(&mut self) -> io::Result<usize> {
        Tty::queued_bytes(self)
    }

    fn discard(&mut self) {
        self.discard_output();
    }
}
