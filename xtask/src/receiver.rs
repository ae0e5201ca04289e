//! A receiver like a robot's: it takes packets from the network, checks each, and notes when it came.

use crate::tools::Outcome;
use posewire::wire::{Flags, Kind, Packet, PacketView};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(50);

pub struct Seen {
    pub at: Instant,
    pub packet: Packet,
}

impl Seen {
    pub fn is_keypoints(&self) -> bool {
        self.packet.kind() == Kind::Keypoints
    }

    /// True if its keypoints are not stale.
    pub fn is_fresh(&self) -> bool {
        self.is_keypoints() && !self.has(Flags::STALE)
    }

    /// Send time in microseconds of the board's monotonic clock, so that delays of this machine do not count. `None`
    /// before the run's first frame.
    pub fn sent_us(&self) -> Option<u64> {
        let age_us = Some(self.packet.age_us).filter(|&age_us| age_us != u32::MAX)?;
        Some(self.packet.captured.mono_us + u64::from(age_us))
    }

    pub fn has(&self, flag: Flags) -> bool {
        self.packet.flags.contains(flag)
    }
}

/// A socket with a thread of its own, so that packets are timed on arrival and none is lost while a scenario is busy.
pub struct Receiver {
    pub port: u16,
    packets: mpsc::Receiver<Outcome<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Binds a free port, or the given one.
    pub fn start(port: u16) -> Outcome<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))
            .and_then(|socket| {
                socket.set_read_timeout(Some(LOOK_EVERY))?;
                Ok(socket)
            })
            .map_err(|error| format!("listening to packets: {error}"))?;
        let port = socket.local_addr().map_err(|e| e.to_string())?.port();
        let (sender, packets) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                let mut bytes = [0; 2048];
                while !stop.load(Ordering::Relaxed) {
                    let seen = match socket.recv(&mut bytes) {
                        Ok(length) => PacketView::new(&bytes[..length])
                            .map(|view| Seen {
                                at: Instant::now(),
                                packet: view.to_packet(),
                            })
                            .map_err(|error| format!("a bad packet: {error}")),
                        Err(error)
                            if matches!(
                                error.kind(),
                                ErrorKind::WouldBlock | ErrorKind::TimedOut
                            ) =>
                        {
                            continue;
                        }
                        Err(error) => Err(format!("receiving: {error}")),
                    };
                    if sender.send(seen).is_err() {
                        return;
                    }
                }
            })
        };
        Ok(Receiver {
            port,
            packets,
            stop,
            thread: Some(thread),
        })
    }

    /// The next packet within a time limit.
    pub fn next(&self, limit: Duration) -> Outcome<Option<Seen>> {
        match self.packets.recv_timeout(limit) {
            Ok(seen) => seen.map(Some),
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err("the receiver stopped".into()),
        }
    }

    /// Packets up to the first that matches.
    pub fn until(
        &self,
        what: &str,
        limit: Duration,
        mut wanted: impl FnMut(&Seen) -> bool,
    ) -> Outcome<Vec<Seen>> {
        let start = Instant::now();
        let mut all = Vec::new();
        while let Some(left) = limit.checked_sub(start.elapsed()) {
            let Some(seen) = self.next(left)? else { break };
            let found = wanted(&seen);
            all.push(seen);
            if found {
                return Ok(all);
            }
        }
        Err(format!(
            "no {what} within {:.1} s ({} other packets)",
            limit.as_secs_f64(),
            all.len()
        ))
    }

    /// The first packet that matches.
    pub fn wait_for(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl FnMut(&Seen) -> bool,
    ) -> Outcome<Seen> {
        self.until(what, limit, wanted)?
            .pop()
            .ok_or_else(|| format!("no {what}"))
    }

    /// All packets so far.
    pub fn drain(&self) -> Outcome<Vec<Seen>> {
        self.packets.try_iter().collect()
    }

    /// All packets of a period.
    pub fn collect(&self, time: Duration) -> Outcome<Vec<Seen>> {
        let start = Instant::now();
        let mut all = Vec::new();
        while let Some(left) = time.checked_sub(start.elapsed()) {
            all.extend(self.next(left)?);
        }
        Ok(all)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its value is valid also after a panic.
            let _ = thread.join();
        }
    }
}
