//! Receivers: a UDP port or a serial line. Each gives bytes that the caller must check.

use crate::error::{Error, Result};
use crate::limits::MAX_DATAGRAM_BYTES;
use crate::serial::{SerialSpec, Tty};
use crate::wire::{Encoded, cobs};
use std::io;
use std::net::UdpSocket;
use std::ops::Range;
use std::time::Duration;

/// Longest wait of a receiver, so that the loop can check for a stop request.
const POLL: Duration = Duration::from_millis(100);

/// The arrival within [`POLL`].
pub(super) enum Arrival<'a> {
    Nothing,
    Packet(&'a [u8]),
    /// Bytes that are not a packet, and the reason.
    Broken(String),
}

pub(super) trait Receiver {
    /// The origin of packets, for messages.
    fn name(&self) -> &str;

    /// # Errors
    /// [`ErrorKind::Source`](crate::ErrorKind::Source) if nothing will come any more.
    fn receive(&mut self) -> Result<Arrival<'_>>;
}

pub(super) struct UdpReceiver {
    name: String,
    socket: UdpSocket,
    buffer: [u8; MAX_DATAGRAM_BYTES],
}

impl UdpReceiver {
    /// # Errors
    /// [`ErrorKind::Source`](crate::ErrorKind::Source) if the port cannot be had.
    pub fn open(address: &str) -> Result<Self> {
        let name = format!("udp:{address}");
        let fail = |what: String| Error::source(&name, what);
        let socket = UdpSocket::bind(address).map_err(|error| {
            fail(match error.kind() {
                io::ErrorKind::AddrInUse => {
                    "the port is in use: stop the other program or take another port".into()
                }
                _ => format!("cannot listen: {error}"),
            })
        })?;
        socket
            .set_read_timeout(Some(POLL))
            .map_err(|error| fail(error.to_string()))?;
        Ok(UdpReceiver {
            name,
            socket,
            buffer: [0; MAX_DATAGRAM_BYTES],
        })
    }
}

impl Receiver for UdpReceiver {
    fn name(&self) -> &str {
        &self.name
    }

    fn receive(&mut self) -> Result<Arrival<'_>> {
        match self.socket.recv(&mut self.buffer) {
            Ok(length) => Ok(Arrival::Packet(&self.buffer[..length])),
            Err(error) if is_timeout(&error) => Ok(Arrival::Nothing),
            Err(error) => Err(Error::source(&self.name, "cannot receive").because(error)),
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

pub(super) struct SerialReceiver {
    name: String,
    tty: Tty,
    buffer: [u8; MAX_DATAGRAM_BYTES],
    /// The part of the buffer that was read and not yet processed.
    unread: Range<usize>,
    splitter: cobs::Splitter,
    packet: Encoded,
}

impl SerialReceiver {
    /// # Errors
    /// [`ErrorKind::Source`](crate::ErrorKind::Source) if the device is not there, not permitted or not a serial line.
    pub fn open(spec: &SerialSpec) -> Result<Self> {
        let name = spec.to_string();
        let tty = Tty::open(spec).map_err(|why| Error::source(&name, why))?;
        Ok(SerialReceiver {
            name,
            tty,
            buffer: [0; MAX_DATAGRAM_BYTES],
            unread: 0..0,
            splitter: cobs::Splitter::default(),
            packet: Encoded::new(),
        })
    }
}

impl Receiver for SerialReceiver {
    fn name(&self) -> &str {
        &self.name
    }

    fn receive(&mut self) -> Result<Arrival<'_>> {
        if self.unread.is_empty() {
            let length = self
                .tty
                .read(&mut self.buffer, POLL)
                .map_err(|error| Error::source(&self.name, "cannot receive").because(error))?;
            self.unread = 0..length;
        }
        let mut rest = &self.buffer[self.unread.clone()];
        let found = self.splitter.next_frame(&mut rest);
        let found = found.map(|frame| frame.and_then(cobs::decode));
        self.unread.start = self.unread.end - rest.len();
        Ok(match found {
            None => Arrival::Nothing,
            Some(Ok(packet)) => {
                self.packet = packet;
                Arrival::Packet(&self.packet)
            }
            Some(Err(error)) => Arrival::Broken(error.to_string()),
        })
    }
}
