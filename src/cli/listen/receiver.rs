//! Receivers: a UDP port or a serial line. Each gives bytes that the caller must check.

use crate::address::{HostPort, receiving_socket};
use crate::error::{Error, Result};
use crate::limits::{MAX_ADDRESSES, MAX_DATAGRAM_BYTES};
use crate::serial::{SerialSpec, Tty};
use crate::wire::{Encoded, cobs};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::net::{SocketAddr, UdpSocket};
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

/// The sockets of all addresses of a name, or of one address.
pub(super) struct UdpReceiver {
    name: String,
    sockets: Vec<UdpSocket>,
    /// The socket that is read next, so that none waits for the others.
    next: usize,
    buffer: [u8; MAX_DATAGRAM_BYTES],
}

impl UdpReceiver {
    /// # Errors
    /// [`ErrorKind::Source`](crate::ErrorKind::Source) if the text is no address, or the port cannot be had.
    pub fn open(address: &str) -> Result<Self> {
        let name = format!("udp:{address}");
        let fail = |what: String| Error::source(&name, what);
        let host: HostPort = address.parse().map_err(fail)?;
        let found = host
            .look_up()
            .map_err(|error| fail("the host is not known".into()).because(error))?;
        let mut sockets = Vec::new();
        let mut fault = None;
        for address in found {
            let socket = receiving_socket(address).and_then(|socket| {
                socket.set_nonblocking(true)?;
                Ok(socket)
            });
            match socket {
                Ok(socket) => sockets.push(socket),
                Err(error) => {
                    let what = why_not_received(address, &error);
                    // A port that another program has would lose packets without a word.
                    if error.kind() == io::ErrorKind::AddrInUse {
                        return Err(fail(what));
                    }
                    fault.get_or_insert(what);
                }
            }
        }
        if let (true, Some(what)) = (sockets.is_empty(), fault) {
            return Err(fail(what));
        }
        Ok(UdpReceiver {
            name,
            sockets,
            next: 0,
            buffer: [0; MAX_DATAGRAM_BYTES],
        })
    }

    /// A socket with a datagram, waiting for it at most [`POLL`].
    fn ready(&self) -> io::Result<Option<usize>> {
        let timeout = Timespec::try_from(POLL).map_err(io::Error::other)?;
        let mut fds: heapless::Vec<PollFd<'_>, MAX_ADDRESSES> = self
            .sockets
            .iter()
            .map(|socket| PollFd::new(socket, PollFlags::IN))
            .collect();
        match poll(&mut fds, Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => return Ok(None),
            Err(errno) => return Err(errno.into()),
            Ok(_) => {}
        }
        let count = fds.len();
        let mut turns = (0..count).map(|turn| (self.next + turn) % count);
        Ok(turns.find(|&index| !fds[index].revents().is_empty()))
    }

    fn read(&mut self) -> io::Result<Option<usize>> {
        let Some(index) = self.ready()? else {
            return Ok(None);
        };
        self.next = index + 1;
        match self.sockets[index].recv(&mut self.buffer) {
            Ok(length) => Ok(Some(length)),
            // A datagram with a wrong checksum wakes the socket, and is gone.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn why_not_received(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is in use: stop the other program or take another port".into()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have the address: give one of its own, or 0.0.0.0".into()
        }
        _ if address.ip().is_multicast() => format!(
            "cannot join the group: {error}: is there a route to it (ip route add 224.0.0.0/4 dev eth0)?"
        ),
        _ => format!("cannot listen: {error}"),
    }
}

impl Receiver for UdpReceiver {
    fn name(&self) -> &str {
        &self.name
    }

    fn receive(&mut self) -> Result<Arrival<'_>> {
        match self.read() {
            Ok(Some(length)) => Ok(Arrival::Packet(&self.buffer[..length])),
            Ok(None) => Ok(Arrival::Nothing),
            Err(error) => Err(Error::source(&self.name, "cannot receive").because(error)),
        }
    }
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
