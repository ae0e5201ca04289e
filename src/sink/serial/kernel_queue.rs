//! The packets in the kernel's queue, and their ages.

use crate::limits::MAX_KERNEL_PACKETS;

/// The queue as the program knows it. Times are microseconds of the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct KernelQueue {
    /// The frames that have not completely left, oldest first.
    frames: heapless::Deque<Held, MAX_KERNEL_PACKETS>,
    /// Bytes in the kernel's queue at the last query or write.
    queued_bytes: usize,
    /// Time since which no write was accepted completely.
    full_since_us: Option<u64>,
}

#[derive(Debug)]
struct Held {
    frame_bytes: usize,
    /// Time at which the sender accepted the packet.
    since_us: u64,
}

impl KernelQueue {
    /// Updates the state: `queued_bytes` are in the kernel. The newest `part_bytes` that it accepted belong to a frame
    /// that it has not accepted completely.
    pub fn look(&mut self, queued_bytes: usize, part_bytes: usize) {
        self.queued_bytes = queued_bytes;
        let frames_bytes = self.frames.iter().map(|held| held.frame_bytes);
        let mut behind_bytes = part_bytes + frames_bytes.sum::<usize>();
        while let Some(held) = self.frames.front() {
            behind_bytes -= held.frame_bytes;
            if queued_bytes > behind_bytes {
                break;
            }
            self.frames.pop_front();
        }
    }

    /// Records a write: the kernel was offered bytes and accepted some.
    pub fn wrote(&mut self, offered_bytes: usize, taken_bytes: usize, now_us: u64) {
        if taken_bytes < offered_bytes {
            self.full_since_us.get_or_insert(now_us);
        } else {
            self.full_since_us = None;
        }
        self.queued_bytes += taken_bytes;
    }

    /// Records that the last write completed a frame.
    pub fn completed(&mut self, frame_bytes: usize, since_us: u64) {
        if self.frames.is_full() {
            self.frames.pop_front();
        }
        // There is room now.
        let _ = self.frames.push_back(Held {
            frame_bytes,
            since_us,
        });
    }

    /// Age of the oldest packet in the kernel. Pseudo-terminals always report an empty queue. If they accept no more
    /// bytes, their contents are at least as old as that refusal.
    pub fn age_us(&self, now_us: u64) -> u64 {
        let oldest_us = self.frames.front().map(|held| held.since_us);
        let since_us = oldest_us.into_iter().chain(self.full_since_us).min();
        now_us.saturating_sub(since_us.unwrap_or(now_us))
    }

    /// True if the kernel holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.queued_bytes == 0
    }

    /// Records that the kernel's queue was discarded. Returns the number of packets in it.
    pub fn discard(&mut self) -> u64 {
        std::mem::take(self).frames.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_left_when_its_last_byte_has() {
        let mut backlog = KernelQueue::default();
        for since_us in [10, 20] {
            backlog.wrote(100, 100, since_us);
            backlog.completed(100, since_us);
        }
        backlog.wrote(100, 30, 30);
        backlog.look(131, 30);
        assert_eq!(backlog.age_us(40), 30);
        backlog.look(130, 30);
        assert_eq!(backlog.age_us(40), 20);
        backlog.look(31, 30);
        assert_eq!(backlog.discard(), 1);
        assert!(backlog.is_empty());
        assert_eq!(backlog.age_us(40), 0);
    }

    #[test]
    fn a_refusing_device_that_says_nothing_is_queued_gets_old() {
        let mut backlog = KernelQueue::default();
        backlog.wrote(100, 0, 100);
        backlog.look(0, 0);
        backlog.wrote(100, 0, 200);
        assert_eq!(backlog.age_us(400), 300);
        backlog.wrote(100, 100, 500);
        backlog.completed(100, 400);
        backlog.look(0, 0);
        assert_eq!(backlog.age_us(500), 0);
    }

    #[test]
    fn the_oldest_of_very_many_is_forgotten() {
        let mut backlog = KernelQueue::default();
        for since_us in 0..100 {
            backlog.completed(9, since_us);
        }
        assert_eq!(backlog.discard(), MAX_KERNEL_PACKETS as u64);
    }
}
