//! The rules of sending on a line, without the operating system and the clock.
//!
//! A receiver acts on what it gets, so no packet may get old on the way. The kernel gets only as much as it can
//! send soon. Packets wait for it only briefly, and newer packets displace older ones. Every accepted packet that is
//! dropped is reported exactly once: one by each [`send`](SendQueue::send), the rest by [`close`](SendQueue::close). Packets in
//! the kernel's queue of a device that fails count as dropped.

use super::kernel_queue::KernelQueue;
use super::port::{Opener, Port};
use crate::limits::MAX_INSTANCES;
use crate::serial::BITS_PER_BYTE;
use crate::wire::{LineFrame, MAX_LINE_FRAME_BYTES, RESYNC};
use std::io;

/// A frame goes to the kernel while less than this much line time is queued there. The kernel's whole buffer would
/// be 350 ms at 115200 baud.
const MAX_QUEUED_US: u64 = 50_000;

/// Packets that can wait for room in the kernel's queue. Each waiting packet makes all later ones older. Two are
/// enough for a result and the last packet, which follows at once. The parts of one frame wait together.
const WAITING_PACKETS: usize = 2;
const MAX_WAITING: usize = MAX_INSTANCES + WAITING_PACKETS;

/// Longest wait for the kernel. An older packet is dropped.
const MAX_WAIT_US: u64 = 100_000;

/// A packet older than `JAMMED_US` plus the line time of `JAMMED_BYTES` should have left the kernel. If it has not,
/// the line is jammed, and the kernel's queue is discarded, so that old packets do not come out as fresh later. The
/// bytes are those of a packet and of the buffer of a USB adapter, which reports sent bytes by whole buffers.
const JAMMED_US: u64 = MAX_WAIT_US + MAX_QUEUED_US + 50_000;
const JAMMED_BYTES: u64 = MAX_LINE_FRAME_BYTES as u64 + 512;

/// Interval of the attempts to open a device that is gone.
const REOPEN_EVERY_US: u64 = 1_000_000;

const SLOW: &str = "the line is slower than the packets come";
const JAMMED: &str = "the device sends nothing on";
const GONE: &str = "the device is gone";

/// Which packet is dropped when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    /// Displaces older packets.
    Frame,
    /// Belongs to the packet before it. A newer frame displaces all parts of an older one.
    Part,
    /// No robot acts on it: it displaces no other packet, and is dropped first.
    Stats,
}

struct Outgoing {
    frame: LineFrame,
    rank: Rank,
    since_us: u64,
    /// Bytes that the kernel has accepted.
    sent_bytes: usize,
}

/// A line with its queue. Times are microseconds of the monotonic clock.
pub(super) struct SendQueue<O: Opener> {
    /// Name for the log.
    name: String,
    opener: O,
    port: Option<O::Port>,
    /// Time of the last attempt to open the device.
    tried_us: u64,
    kernel_bytes: usize,
    jammed_us: u64,
    waiting: heapless::Deque<Outgoing, MAX_WAITING>,
    /// A frame that the kernel accepted in part.
    started: Option<Outgoing>,
    backlog: KernelQueue,
    /// Bytes that must precede the next frame.
    resync: &'static [u8],
    /// The log already says that the device is gone.
    gone: bool,
    /// Dropped packets that are not reported yet, and the reason for the last one.
    lost: u64,
    why: &'static str,
}

impl<O: Opener> SendQueue<O> {
    /// # Errors
    /// The opener's.
    pub fn open(name: &str, mut opener: O, baud: u32, now_us: u64) -> Result<Self, String> {
        let port = opener.open()?;
        let line_us = |bytes: u64| bytes * u64::from(BITS_PER_BYTE) * 1_000_000 / u64::from(baud);
        let kernel_bytes = u64::from(baud / BITS_PER_BYTE) * MAX_QUEUED_US / 1_000_000;
        Ok(SendQueue {
            name: name.into(),
            opener,
            port: Some(port),
            tried_us: now_us,
            // At the slowest rates the queue must be empty.
            kernel_bytes: usize::try_from(kernel_bytes).unwrap_or(usize::MAX).max(1),
            jammed_us: JAMMED_US + line_us(JAMMED_BYTES),
            waiting: heapless::Deque::new(),
            started: None,
            backlog: KernelQueue::default(),
            resync: &RESYNC,
            gone: false,
            lost: 0,
            why: SLOW,
        })
    }

    /// Accepts a frame, and gives the kernel as much as the rules allow. It never waits for the line.
    ///
    /// # Errors
    /// The reason why a packet was dropped, this one or an earlier one. One error per packet.
    pub fn send(&mut self, frame: &LineFrame, rank: Rank, now_us: u64) -> Result<(), &'static str> {
        self.reopen(now_us);
        if self.port.is_some() {
            // Waiting packets go first, which may make room.
            let before = self.pump(now_us);
            self.queue(frame, rank, now_us);
            if let Err(error) = before.and_then(|()| self.pump(now_us)) {
                self.fail(&error);
            }
        } else {
            self.lose(1, GONE);
        }
        if self.lost == 0 {
            return Ok(());
        }
        self.lost -= 1;
        Err(self.why)
    }

    /// Continues to send accepted packets. True when all have left, or cannot leave.
    pub fn is_done(&mut self, now_us: u64) -> bool {
        if let Err(error) = self.pump(now_us) {
            self.fail(&error);
        }
        self.waiting.is_empty() && self.started.is_none() && self.backlog.is_empty()
    }

    /// Closes the device without waiting. Returns the number of lost packets that no error reported.
    pub fn close(&mut self) -> u64 {
        // Packets that left since the last query are not lost. A device that cannot be queried is gone.
        let _ = self.queued_bytes();
        // Bytes that left the kernel's queue may still be in the hardware's. They are discarded only if packets are
        // stuck before them.
        if !self.backlog.is_empty() || self.started.is_some() {
            self.discard(GONE);
        }
        self.lose(self.waiting.len() as u64, GONE);
        self.waiting.clear();
        self.port = None;
        std::mem::take(&mut self.lost)
    }

    fn reopen(&mut self, now_us: u64) {
        if self.port.is_some() || now_us.saturating_sub(self.tried_us) < REOPEN_EVERY_US {
            return;
        }
        self.tried_us = now_us;
        match self.opener.open() {
            Ok(port) => self.port = Some(port),
            Err(why) => log::debug!("{}: {why}", self.name),
        }
    }

    fn queue(&mut self, frame: &LineFrame, rank: Rank, now_us: u64) {
        let is_part = |waiting: &Outgoing| waiting.rank == Rank::Part;
        if rank == Rank::Frame && self.waiting.iter().any(is_part) {
            let before = self.waiting.len();
            self.waiting.retain(|waiting| waiting.rank == Rank::Stats);
            self.lose((before - self.waiting.len()) as u64, SLOW);
        } else if rank != Rank::Part && self.waiting.len() >= WAITING_PACKETS {
            self.lose(1, SLOW);
            if rank == Rank::Stats {
                return;
            }
            let is_extra = |waiting: &Outgoing| waiting.rank == Rank::Stats;
            let given_up = self.waiting.iter().position(is_extra).unwrap_or(0);
            let mut index = 0..;
            self.waiting.retain(|_| index.next() != Some(given_up));
        }
        let outgoing = Outgoing {
            frame: frame.clone(),
            rank,
            since_us: now_us,
            sent_bytes: 0,
        };
        if self.waiting.push_back(outgoing).is_err() {
            self.lose(1, SLOW);
        }
    }

    /// Gives the kernel as much as the rules allow.
    fn pump(&mut self, now_us: u64) -> io::Result<()> {
        let Some(mut queued_bytes) = self.queued_bytes()? else {
            return Ok(());
        };
        let started_us = self.started.as_ref().map_or(now_us, |part| part.since_us);
        let age_us = now_us.saturating_sub(started_us);
        if self.backlog.age_us(now_us).max(age_us) > self.jammed_us {
            self.discard(JAMMED);
            queued_bytes = 0;
        }
        if !self.finish_started(now_us)? {
            return Ok(());
        }
        while let Some(next) = self.waiting.front() {
            if now_us.saturating_sub(next.since_us) > MAX_WAIT_US {
                self.waiting.pop_front();
                self.lose(1, SLOW);
                continue;
            }
            if queued_bytes >= self.kernel_bytes || !self.write_resync(now_us)? {
                break;
            }
            self.started = self.waiting.pop_front();
            if !self.finish_started(now_us)? {
                break;
            }
            queued_bytes = self.queued_bytes()?.unwrap_or(0);
        }
        Ok(())
    }

    /// `None` if the device is closed.
    fn queued_bytes(&mut self) -> io::Result<Option<usize>> {
        let Some(port) = &mut self.port else {
            return Ok(None);
        };
        let queued_bytes = port.queued_bytes()?;
        let part_bytes = self.started.as_ref().map_or(0, |part| part.sent_bytes);
        self.backlog.look(queued_bytes, part_bytes);
        Ok(Some(queued_bytes))
    }

    /// True if all of it is written.
    fn write_resync(&mut self, now_us: u64) -> io::Result<bool> {
        if !self.resync.is_empty() {
            let taken = self.write(self.resync, now_us)?;
            self.resync = &self.resync[taken..];
        }
        Ok(self.resync.is_empty())
    }

    /// True if no frame is written in part.
    fn finish_started(&mut self, now_us: u64) -> io::Result<bool> {
        let Some(mut started) = self.started.take() else {
            return Ok(true);
        };
        let taken = self.write(&started.frame[started.sent_bytes..], now_us);
        started.sent_bytes += *taken.as_ref().unwrap_or(&0);
        if started.sent_bytes == started.frame.len() {
            self.backlog
                .completed(started.frame.len(), started.since_us);
            return Ok(true);
        }
        if started.sent_bytes > 0 || taken.is_err() {
            self.started = Some(started);
        } else {
            // The receiver has seen no byte of this frame, so a newer one may still displace it. The frame
            // came from this queue, so there is room.
            let _ = self.waiting.push_front(started);
        }
        taken.map(|_| false)
    }

    fn write(&mut self, bytes: &[u8], now_us: u64) -> io::Result<usize> {
        let Some(port) = &mut self.port else {
            return Ok(0);
        };
        let taken = port.write(bytes)?.min(bytes.len());
        self.backlog.wrote(bytes.len(), taken, now_us);
        if self.gone && taken > 0 {
            self.gone = false;
            log::info!("{} is back", self.name);
        }
        Ok(taken)
    }

    /// Discards the kernel's queue and the partly written frame.
    fn discard(&mut self, why: &'static str) {
        if let Some(port) = &mut self.port {
            port.discard();
        }
        let started = u64::from(self.started.take().is_some());
        let held = self.backlog.discard();
        self.lose(started + held, why);
        self.resync = &RESYNC;
    }

    fn fail(&mut self, error: &io::Error) {
        if !self.gone {
            self.gone = true;
            log::warn!("{}: {error}; opening it again", self.name);
        }
        // Closing would wait for a jammed device, so the kernel's queue must be empty.
        self.discard(GONE);
        self.lose(self.waiting.len() as u64, GONE);
        self.waiting.clear();
        self.port = None;
    }

    fn lose(&mut self, packets: u64, why: &'static str) {
        if packets > 0 {
            self.lost += packets;
            self.why = why;
        }
    }
}
