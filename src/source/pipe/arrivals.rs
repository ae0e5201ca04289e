//! The earliest time at which bytes of a pipe could be read.
//!
//! In: the times of looks into the pipe, and the count of bytes that each read took. Out: a time in microseconds of
//! `CLOCK_MONOTONIC` that is never after the true one, so that no age is too small. A pipe stamps nothing. What is
//! known:
//!
//! - A byte came after the last look that found the pipe empty.
//! - A thread that slept in the pipe was woken by the first byte. It may have waited for a processor since then.
//! - A pipe holds a bounded number of bytes, so a byte came after the read that made room for it began.
//!
//! Bytes that were there at the first look came at a time that nobody knows.

/// The largest pipe: the default of `fs.pipe-max-size`. An ordinary pipe has 64 KiB.
const MOST_PIPE_BYTES: u64 = 1 << 20;
/// Bytes between two remembered reads.
const MARK_BYTES: u64 = 64 << 10;
/// More than the marks of a full pipe.
const MARKS: usize = 32;

/// Looks and reads so far.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// Bytes that were read so far.
    total: u64,
    /// All bytes from `total` on came after this time; `None` before the pipe was seen empty.
    since_us: Option<u64>,
    /// The beginning of the read that took byte `n * MARK_BYTES`, at `n` modulo the length.
    marks: [u64; MARKS],
}

impl Arrivals {
    pub(super) fn new() -> Self {
        Arrivals {
            total: 0,
            since_us: None,
            marks: [0; MARKS],
        }
    }

    /// A look that began at this time found nothing, or the first byte woke the thread not before this time.
    pub(super) fn nothing_before(&mut self, us: u64) {
        self.since_us = self.since_us.max(Some(us));
    }

    /// A read that began at this time took `count` bytes. Returns the earliest time at which the first of them could
    /// be read, if it is known.
    pub(super) fn read(&mut self, begun_us: u64, count: usize) -> Option<u64> {
        let first = self.total;
        self.total += count as u64;
        for mark in first.div_ceil(MARK_BYTES)..self.total.div_ceil(MARK_BYTES) {
            self.marks[mark as usize % MARKS] = begun_us;
        }
        let made_room = first
            .checked_sub(MOST_PIPE_BYTES)
            .map(|byte| self.marks[(byte / MARK_BYTES) as usize % MARKS]);
        self.since_us.max(made_room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[test]
    fn what_waited_before_the_first_look_has_no_time() {
        let mut arrivals = Arrivals::new();
        assert_eq!(arrivals.read(5, 1000), None);
        arrivals.nothing_before(7);
        assert_eq!(arrivals.read(9, 1), Some(7));
        arrivals.nothing_before(20);
        // A wake that is known less well than the last look.
        arrivals.nothing_before(19);
        assert_eq!(arrivals.read(21, 1), Some(20));
    }

    #[test]
    fn a_pipe_that_is_never_empty_holds_no_more_than_it_can() {
        let mut arrivals = Arrivals::new();
        arrivals.nothing_before(1);
        let read = MARK_BYTES as usize;
        for index in 0..100 {
            let found = arrivals.read(10 + index, read);
            let expected = match index {
                0..=15 => 1,
                // The read of a mebibyte before began then.
                _ => 10 + index - 16,
            };
            assert_eq!(found, Some(expected));
        }
    }

    proptest! {
        /// A model of a pipe whose bytes have times of arrival: no answer is after the truth.
        #[test]
        fn no_byte_is_said_to_come_later_than_it_did(
            steps in prop::collection::vec((any::<bool>(), 1..300_000_usize, 1..50_u64), 1..200),
            capacity in prop::sample::select(vec![4096_usize, 64 << 10, 1 << 20]),
            waits in any::<bool>(),
        ) {
            let mut arrivals = Arrivals::new();
            // Bytes in the pipe: runs with one time of arrival.
            let mut pipe: VecDeque<(usize, u64)> = VecDeque::new();
            let mut now = 100;
            if waits {
                pipe.push_back((capacity / 2, now));
            }
            for (writes, count, time) in steps {
                now += time;
                let held: usize = pipe.iter().map(|(count, _)| count).sum();
                if writes {
                    let fits = count.min(capacity - held);
                    if fits > 0 {
                        pipe.push_back((fits, now));
                    }
                    continue;
                }
                if held == 0 {
                    arrivals.nothing_before(now);
                    continue;
                }
                let mut left = count.min(held);
                let truth = pipe[0].1;
                let found = arrivals.read(now, left);
                prop_assert!(found.is_none_or(|found| found <= truth), "{found:?} {truth}");
                while left > 0 {
                    let (run, _) = &mut pipe[0];
                    let part = left.min(*run);
                    *run -= part;
                    left -= part;
                    if *run == 0 {
                        pipe.pop_front();
                    }
                }
            }
        }
    }
}
