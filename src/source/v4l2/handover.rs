//! Between the capture thread and the consumer: one newest frame, and buffers on their way back.
//!
//! The capture thread never waits for the consumer. A frame that was not taken when the next one
//! comes goes straight back to the driver and is counted.

use super::camera::Encoding;
use super::node::{Layout, Memory};
use crate::clock;
use crate::limits::MAX_CAMERA_BUFFERS;
use crate::source::SourceCounts;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longer than any stall that the capture thread puts up with.
const LONGEST_SILENCE: Duration = Duration::from_secs(6);

/// Which buffer of which opening of the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub session: u32,
    pub index: usize,
}

/// A picture in the driver's own buffer, which the holder may read until it gives the ticket back.
pub(super) struct Fresh {
    pub memory: Arc<dyn Memory>,
    pub ticket: Ticket,
    pub bytes_used: usize,
    pub captured: clock::Instant,
    /// Counts the source's pictures from 0.
    pub index: u64,
    pub layout: Layout,
    pub encoding: Encoding,
}

impl Fresh {
    /// What the camera wrote.
    pub(super) fn bytes(&self) -> &[u8] {
        let memory = self.memory.bytes();
        &memory[..self.bytes_used.min(memory.len())]
    }
}

#[derive(Default)]
struct Slot {
    newest: Option<Fresh>,
    /// When the last frame came.
    filled: Option<Instant>,
    returned: heapless::Vec<Ticket, MAX_CAMERA_BUFFERS>,
    camera: bool,
    counts: SourceCounts,
    stop: bool,
    ended: bool,
}

/// Shared by the two threads.
#[derive(Default)]
pub(super) struct Handover {
    slot: Mutex<Slot>,
    /// The consumer waits for a frame.
    filled: Condvar,
    /// The capture thread waits to try again, the consumer for its end.
    stopping: Condvar,
}

/// What the consumer got.
pub(super) enum Taken {
    Frame(Fresh),
    Quiet {
        camera: bool,
    },
    /// The capture thread is not there any more.
    Ended,
}

impl Handover {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        // A slot is whole between any two statements that hold the lock.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The capture thread has a newer frame. Gives back the one that nobody took.
    pub(super) fn publish(&self, fresh: Fresh) -> Option<Fresh> {
        let mut slot = self.lock();
        slot.camera = true;
        slot.filled = Some(Instant::now());
        let passed_over = slot.newest.replace(fresh);
        slot.counts.passed_over += u64::from(passed_over.is_some());
        drop(slot);
        self.filled.notify_one();
        passed_over
    }

    /// A buffer of this session that the consumer has done with.
    pub(super) fn take_returned(&self, session: u32) -> Option<usize> {
        let mut slot = self.lock();
        while let Some(ticket) = slot.returned.pop() {
            if ticket.session == session {
                return Some(ticket.index);
            }
        }
        None
    }

    /// The camera is gone, and what it showed last with it.
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

    /// Gives a buffer back.
    pub(super) fn give_back(&self, ticket: Ticket) {
        // There is room: the consumer holds one buffer at a time, and a camera has no more than fit.
        let _ = self.lock().returned.push(ticket);
    }

    /// The newest frame, waiting for it until `deadline`.
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
                // The capture thread notices a stall itself, unless the driver holds it up.
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

    /// The capture thread's pause, cut short when it should stop.
    pub(super) fn pause(&self, time: Duration) {
        let slot = self.lock();
        drop(
            self.stopping
                .wait_timeout_while(slot, time, |slot| !slot.stop)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Ends the capture thread; false if it did not end within `patience`.
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

/// Says that the capture thread has ended, however it did.
pub(super) struct EndMark(pub Arc<Handover>);

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
