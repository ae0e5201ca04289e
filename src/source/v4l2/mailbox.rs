//! Exchange between the capture thread and the consumer: the newest frame, and returned buffers.
//!
//! The capture thread never waits for the consumer. A frame that was not taken before the next one comes is counted
//! and goes back to the driver.

use super::camera::Encoding;
use super::node::{Layout, Memory};
use crate::clock;
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
    returned: heapless::Vec<BufferTicket, MAX_CAMERA_BUFFERS>,
    camera: bool,
    counts: SourceCounts,
    stop: bool,
    ended: bool,
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
        slot.camera = true;
        slot.filled = Some(Instant::now());
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

    /// Removes the last frame, because the camera is gone.
    pub(super) fn clear(&self) {
        let mut slot = self.lock();
        slot.newest = None;
        slot.camera = false;
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
