//! The sockets, and the loop that reads them.
//!
//! In: datagrams of all boards. Out: calls of the [`Gate`] with each, and a look for silent boards every 20 ms. Many packets
//! are read in one go: while thousands come each second, the loop sleeps half a millisecond between two reads, which
//! saves most of the system calls and costs that much delay.

use crate::gate::Gate;
use crate::limits::MAX_SOCKETS;
use posewire::address::{HostPort, receiving_socket};
use posewire::clock::steady_us;
use posewire::limits::MAX_DATAGRAM_BYTES;
use posewire::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The socket's buffer: half a second of 1,000 boards, as the kernel counts its memory.
const BUFFER_BYTES: usize = 16 << 20;
/// Time between two looks for silent boards.
const WATCH_US: u64 = 20_000;
/// Datagrams that are read between two looks at the clock of silence.
const BURST: usize = 4096;
/// Packets in a look's time from which the loop collects them: 2,000 a second.
const BUSY_PACKETS: usize = 40;
/// Sleep between two reads of a busy socket.
const COLLECT: Duration = Duration::from_micros(500);

/// The sockets of all addresses.
pub struct Intake {
    sockets: Vec<UdpSocket>,
}

impl Intake {
    /// Opens the addresses.
    ///
    /// # Errors
    /// A text is no address, or its port cannot be had.
    pub fn open(addresses: &[String]) -> Result<Self> {
        let mut sockets = Vec::new();
        for text in addresses {
            let fail = |what: String| Error::source(format!("udp:{text}"), what);
            let host: HostPort = text.parse().map_err(fail)?;
            let found = host
                .look_up()
                .map_err(|error| fail("the host is not known".into()).because(error))?;
            for address in found {
                if sockets.len() == MAX_SOCKETS {
                    return Err(fail(format!(
                        "more than {MAX_SOCKETS} addresses to listen on"
                    )));
                }
                let socket = Self::socket(address).map_err(|error| {
                    fail(format!("cannot listen on {address}: is the port in use?")).because(error)
                })?;
                sockets.push(socket);
            }
        }
        Ok(Intake { sockets })
    }

    fn socket(address: SocketAddr) -> io::Result<UdpSocket> {
        let socket = receiving_socket(address)?;
        socket.set_nonblocking(true)?;
        // The second way obeys net.core.rmem_max, the first needs a right.
        if sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER_BYTES).is_err() {
            sockopt::set_socket_recv_buffer_size(&socket, BUFFER_BYTES)?;
        }
        let bytes = sockopt::socket_recv_buffer_size(&socket)?;
        if bytes < BUFFER_BYTES {
            log::warn!(
                "{address}: a buffer of {} KiB holds a few hundred packets: for many boards, sysctl \
                 net.core.rmem_max={BUFFER_BYTES}",
                bytes / 1024
            );
        }
        Ok(socket)
    }

    /// Reads until `stop`.
    ///
    /// # Errors
    /// A socket is broken.
    pub fn run(&self, gate: &mut Gate, stop: &AtomicBool) -> Result<()> {
        let broken = |error: io::Error| Error::source("udp", "cannot receive").because(error);
        let mut watched_us = steady_us();
        let mut lately = 0;
        let mut was_busy = false;
        while !stop.load(Ordering::Relaxed) {
            let is_busy = was_busy || lately >= BUSY_PACKETS;
            if is_busy {
                std::thread::sleep(COLLECT);
            } else {
                self.wait(Duration::from_micros(WATCH_US)).map_err(broken)?;
            }
            lately += self.read(gate).map_err(broken)?;
            let now_us = steady_us();
            if now_us.saturating_sub(watched_us) >= WATCH_US {
                gate.watch(now_us);
                watched_us = now_us;
                was_busy = lately >= BUSY_PACKETS;
                lately = 0;
            }
            gate.flush();
        }
        Ok(())
    }

    fn wait(&self, patience: Duration) -> io::Result<()> {
        let timeout = Timespec::try_from(patience).map_err(io::Error::other)?;
        let sockets = self.sockets.iter();
        let mut fds: heapless::Vec<PollFd<'_>, MAX_SOCKETS> = sockets
            .map(|socket| PollFd::new(socket, PollFlags::IN))
            .collect();
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Reads what is there, a burst at most.
    fn read(&self, gate: &mut Gate) -> io::Result<usize> {
        // A longer datagram than any packet is noticed.
        let mut buffer = [0; MAX_DATAGRAM_BYTES];
        let mut count = 0;
        for socket in &self.sockets {
            for _ in 0..BURST / self.sockets.len() {
                match socket.recv_from(&mut buffer) {
                    Ok((length, from)) => {
                        count += 1;
                        gate.take(&buffer[..length], from, steady_us());
                    }
                    Err(error) => match error.kind() {
                        io::ErrorKind::WouldBlock => break,
                        // An answer of the network to someone else's packet.
                        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionRefused => {}
                        _ => return Err(error),
                    },
                }
            }
        }
        Ok(count)
    }
}
