//! Exchange between the capture thread and the consumer: the newest frame, and returned buffers.
//!
//! The capture thread never waits for the consumer. A frame that was not taken before the next one comes is counted
//! and goes back to the driver.

use super::formats::Encoding;
use super::node::{Layout, Memory};
use super::unusable::{Tally, Unusable};
use crate::clock;
use crate::frame::Balance;
use crate::limits::MAX_CAMERA_BUFFERS;
use crate::source::SourceCounts;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longer than any stall that the capture thread tolerates.
const LONGEST_SILENCE: Duration = Duration::from_secs(6);

/// A buffer of one opening of the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BufferTicket {
    pub session: u32,
    pub index: usize,
}

/// A picture in the driver's buffer. The holder may read it until it returns the ticket.
pub(super) struct CapturedFrame {
    pub memory: Arc<dyn Memory>,
    pub ticket: BufferTicket,
    pub bytes_used: usize,
    pub captured: clock::Instant,
    /// Index of the picture in the source, from 0.
    pub index: u64,
    pub layout: Layout,
    pub encoding: Encoding,
    /// Table that develops a raw picture.
    pub balance: Balance,
}

impl CapturedFrame {
    /// The bytes that the camera wrote.
    pub(super) fn bytes(&self) -> &[u8] {
        let memory = self.memory.bytes();
        &memory[..self.bytes_used.min(memory.len())]
    }
}

#[derive(Default)]
struct Slot {
    newest: Option<CapturedFrame>,
    /// Time of the last frame.
    filled: Option<Instant>,
    /// Time of the first picture that could not be decoded since the last one that could be used.
    unreadable: Option<Instant>,
    unusable: Tally,
    /// The present opening of the camera.
    session: Option<u32>,
    returned: heapless::Vec<BufferTicket, MAX_CAMERA_BUFFERS>,
    /// The camera is open and its last picture could be used.
    camera: bool,
    counts: SourceCounts,
    stop: bool,
    ended: bool,
}

impl Slot {
    fn usable(&mut self) {
        self.camera = true;
        self.unreadable = None;
        self.unusable.usable_came();
    }
}

/// State that the two threads share.
#[derive(Default)]
pub(super) struct Mailbox {
    slot: Mutex<Slot>,
    /// Signalled when a frame comes; the consumer waits for it.
    filled: Condvar,
    /// Signalled at the end: the capture thread waits for it in pauses, the consumer at the end of the run.
    stopping: Condvar,
}

/// Result of the consumer's request.
pub(super) enum Taken {
    Frame(CapturedFrame),
    Quiet {
        camera: bool,
    },
    /// The capture thread has ended.
    Ended,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        // A panic cannot leave the slot half changed: it is consistent after every statement.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes a newer frame. Returns the previous one if it was not taken.
    pub(super) fn publish(&self, fresh: CapturedFrame) -> Option<CapturedFrame> {
        let mut slot = self.lock();
        slot.filled = Some(Instant::now());
        if fresh.encoding != Encoding::Jpeg {
            slot.usable();
        }
        let passed_over = slot.newest.replace(fresh);
        slot.counts.passed_over += u64::from(passed_over.is_some());
        drop(slot);
        self.filled.notify_one();
        passed_over
    }

    /// A buffer of this session that the consumer returned.
    pub(super) fn take_returned(&self, session: u32) -> Option<usize> {
        let mut slot = self.lock();
        while let Some(ticket) = slot.returned.pop() {
            if ticket.session == session {
                return Some(ticket.index);
            }
        }
        None
    }

    /// A new opening of the camera.
    pub(super) fn begin(&self, session: u32) {
        let mut slot = self.lock();
        slot.session = Some(session);
        slot.unreadable = None;
        slot.unusable.usable_came();
    }

    /// Removes the last frame, because the camera is gone.
    pub(super) fn clear(&self) {
        let mut slot = self.lock();
        slot.newest = None;
        slot.session = None;
        slot.camera = false;
    }

    /// A picture of this opening was decoded.
    pub(super) fn decoded(&self, session: u32) {
        let mut slot = self.lock();
        if slot.session == Some(session) {
            slot.usable();
        }
    }

    /// A picture of this opening could not be decoded.
    pub(super) fn undecodable(&self, name: &str, fresh: &CapturedFrame, why: String) {
        let mut slot = self.lock();
        if slot.session == Some(fresh.ticket.session) {
            slot.unreadable.get_or_insert_with(Instant::now);
        }
        drop(slot);
        self.refuse(name, fresh.index, Unusable::Undecodable(why));
    }

    /// Counts a picture that cannot be used. The log hears of the first of each kind, and then of powers of two.
    pub(super) fn refuse(&self, name: &str, index: u64, why: Unusable) {
        let what = why.to_string();
        let mut slot = self.lock();
        slot.counts.skipped += 1;
        let count = slot.unusable.add(why);
        drop(slot);
        if let Some(count) = count {
            log::warn!("{name}: picture {index}: {what}; skipped ({count} such so far)");
        }
    }

    /// The time since the first undecodable picture after the last usable one.
    pub(super) fn unreadable_for(&self) -> Duration {
        let since = self.lock().unreadable;
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The pictures since the last usable one, for a message.
    pub(super) fn unusable(&self) -> String {
        self.lock().unusable.summary()
    }

    pub(super) fn count<T>(&self, change: impl FnOnce(&mut SourceCounts) -> T) -> T {
        change(&mut self.lock().counts)
    }

    pub(super) fn counts(&self) -> SourceCounts {
        self.lock().counts
    }

    /// Returns a buffer.
    pub(super) fn give_back(&self, ticket: BufferTicket) {
        // There is room: the consumer holds one buffer at a time, and a camera's buffers all fit.
        let _ = self.lock().returned.push(ticket);
    }

    /// The newest frame. Waits for it until `deadline`.
    pub(super) fn take(&self, deadline: Instant) -> Taken {
        let mut slot = self.lock();
        loop {
            if let Some(fresh) = slot.newest.take() {
                return Taken::Frame(fresh);
            }
            if slot.ended {
                return Taken::Ended;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // The capture thread detects a stall itself, unless the driver blocks it.
                let alive = slot
                    .filled
                    .is_some_and(|filled| filled.elapsed() < LONGEST_SILENCE);
                return Taken::Quiet {
                    camera: slot.camera && alive,
                };
            }
            slot = self
                .filled
                .wait_timeout(slot, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.lock().stop
    }

    /// A pause of the capture thread. A stop request ends it early.
    pub(super) fn pause(&self, time: Duration) {
        let slot = self.lock();
        drop(
            self.stopping
                .wait_timeout_while(slot, time, |slot| !slot.stop)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Stops the capture thread. False if it did not end within `patience`.
    pub(super) fn stop(&self, patience: Duration) -> bool {
        let mut slot = self.lock();
        slot.stop = true;
        self.stopping.notify_all();
        slot = self
            .stopping
            .wait_timeout_while(slot, patience, |slot| !slot.ended)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        slot.ended
    }
}

/// Marks the end of the capture thread on drop, also after a panic.
pub(super) struct EndMark(pub Arc<Mailbox>);

impl Drop for EndMark {
    fn drop(&mut self) {
        let mut slot = self.0.lock();
        slot.ended = true;
        slot.camera = false;
        slot.newest = None;
        drop(slot);
        self.0.filled.notify_all();
        self.0.stopping.notify_all();
    }
}
