//! The operations that the sink needs from the operating system. Tests use a fake.

use crate::serial::{SerialSpec, Tty};
use std::io;

/// An open line. No call waits.
pub(super) trait Port {
    /// Number of accepted bytes; 0 if there is no room. An error means that the device is gone.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Accepted bytes that have not left.
    fn queued_bytes(&mut self) -> io::Result<usize>;

    /// Discards the bytes that have not left.
    fn discard(&mut self);
}

/// Opens the line, as often as necessary.
pub(super) trait Opener {
    type Port: Port;

    /// Opens the line. The error is the problem, for a message.
    fn open(&mut self) -> Result<Self::Port, String>;
}

/// The real opener.
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
