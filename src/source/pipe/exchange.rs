//! Hand-over of the newest picture from the thread that drains the pipe to the consumer.
//!
//! There are three pictures in memory: one fills, one is the newest, one is lent. They change places, so that no byte is
//! copied and neither side waits for the other.

use crate::source::SourceCounts;
use crate::stats::Repeated;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The bytes of a picture. The memory is longer than most JPEGs.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub memory: Box<[u8]>,
    pub length: usize,
    /// Time at which its first byte could be read, on `CLOCK_MONOTONIC`.
    pub captured_us: u64,
    /// Index of the picture in the source, from 0.
    pub index: u64,
}

impl Picture {
    pub(super) fn with_room(bytes: usize) -> Self {
        Picture {
            memory: vec![0; bytes].into(),
            ..Picture::default()
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.memory[..self.length]
    }
}

#[derive(Debug)]
struct Slot {
    newest: Picture,
    is_fresh: bool,
    /// Time of the last picture that could be used, from the present producer.
    good: Option<Instant>,
    counts: SourceCounts,
    skipped: Repeated,
    stop: bool,
    /// Why no picture can ever come again.
    failed: Option<String>,
    /// The thread has ended.
    ended: bool,
}

/// State that the two threads share.
#[derive(Debug)]
pub(super) struct Exchange {
    name: String,
    slot: Mutex<Slot>,
    /// Signalled when a picture comes, or the end.
    filled: Condvar,
    /// Signalled at the end: the thread waits for it in pauses, the consumer at the end of the run.
    stopping: Condvar,
}

/// Result of the consumer's request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The picture is in the consumer's place.
    Picture,
    /// Nothing came; the time since the last picture that could be used, if there is one.
    Quiet(Option<Duration>),
    /// No picture can ever come again.
    Failed(String),
}

impl Exchange {
    pub(super) fn new(name: String, frame_bytes: usize) -> Self {
        Exchange {
            name,
            slot: Mutex::new(Slot {
                newest: Picture::with_room(frame_bytes),
                is_fresh: false,
                good: None,
                counts: SourceCounts::default(),
                skipped: Repeated::default(),
                stop: false,
                failed: None,
                ended: false,
            }),
            filled: Condvar::new(),
            stopping: Condvar::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn lock(&self) -> MutexGuard<'_, Slot> {
        // A panic cannot leave the slot half changed: it is consistent after every statement.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes the picture, and gives a place for the next one.
    pub(super) fn publish(&self, filled: &mut Picture) {
        let mut slot = self.lock();
        std::mem::swap(&mut slot.newest, filled);
        let passed_over = std::mem::replace(&mut slot.is_fresh, true);
        slot.counts.passed_over += u64::from(passed_over);
        drop(slot);
        self.filled.notify_one();
    }

    /// The newest picture, in exchange for the one that was lent. Waits for it until `deadline`.
    pub(super) fn take(&self, lent: &mut Picture, deadline: Instant) -> Taken {
        let mut slot = self.lock();
        loop {
            if std::mem::take(&mut slot.is_fresh) {
                std::mem::swap(&mut slot.newest, lent);
                return Taken::Picture;
            }
            if let Some(why) = &slot.failed {
                return Taken::Failed(why.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Taken::Quiet(slot.good.map(|good| good.elapsed()));
            }
            slot = self
                .filled
                .wait_timeout(slot, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// The last picture could be used.
    pub(super) fn good(&self) {
        self.lock().good = Some(Instant::now());
    }

    /// The time since the last picture that could be used, from the present producer.
    pub(super) fn good_for(&self) -> Option<Duration> {
        self.lock().good.map(|good| good.elapsed())
    }

    /// The producer is gone, and its last picture is old.
    pub(super) fn clear(&self) {
        let mut slot = self.lock();
        slot.good = None;
        let unseen = std::mem::take(&mut slot.is_fresh);
        slot.counts.passed_over += u64::from(unseen);
    }

    /// Counts a picture that cannot be used. The log hears of powers of two.
    pub(super) fn skip(&self, index: u64, why: &str) {
        let mut slot = self.lock();
        slot.counts.skipped += 1;
        let count = slot.skipped.again();
        drop(slot);
        if let Some(count) = count {
            log::warn!(
                "{}: picture {index}: {why}; skipped ({count} so far)",
                self.name
            );
        }
    }

    pub(super) fn count<T>(&self, change: impl FnOnce(&mut SourceCounts) -> T) -> T {
        change(&mut self.lock().counts)
    }

    pub(super) fn counts(&self) -> SourceCounts {
        self.lock().counts
    }

    /// No picture can ever come again.
    pub(super) fn fail(&self, why: String) {
        self.lock().failed.get_or_insert(why);
        self.filled.notify_all();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.lock().stop
    }

    /// A pause of the thread. A stop request ends it early.
    pub(super) fn pause(&self, time: Duration) {
        let slot = self.lock();
        drop(
            self.stopping
                .wait_timeout_while(slot, time, |slot| !slot.stop)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Stops the thread. False if it did not end within `patience`.
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

/// Marks the end of the thread on drop, also after a panic.
pub(super) struct EndMark(pub Arc<Exchange>);

impl Drop for EndMark {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the thread that reads has ended".into());
        }
        self.0.lock().ended = true;
        self.0.stopping.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_picture_is_taken_and_the_places_go_round() {
        let exchange = Exchange::new("pipe".into(), 4);
        let (mut filling, mut lent) = (Picture::with_room(4), Picture::with_room(4));
        let mut places: Vec<usize> = Vec::new();
        for index in 0..20 {
            places.push(filling.memory.as_ptr() as usize);
            filling.length = 4;
            filling.index = index;
            exchange.publish(&mut filling);
            if index % 3 == 2 {
                assert_eq!(exchange.take(&mut lent, Instant::now()), Taken::Picture);
                assert_eq!(lent.index, index);
            }
        }
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 3);
        assert_eq!(exchange.counts().passed_over, 13);
        // The last one was not taken when the producer went away.
        exchange.good();
        exchange.clear();
        assert_eq!(exchange.counts().passed_over, 14);
        assert_eq!(exchange.take(&mut lent, Instant::now()), Taken::Quiet(None));
        exchange.fail("over".into());
        assert_eq!(
            exchange.take(&mut lent, Instant::now()),
            Taken::Failed("over".into())
        );
    }

    #[test]
    fn a_thread_that_panics_is_the_end() {
        let exchange = Arc::new(Exchange::new("pipe".into(), 4));
        let mark = EndMark(Arc::clone(&exchange));
        let thread = std::thread::spawn(move || {
            let _mark = mark;
            panic!("a bug")
        });
        assert!(thread.join().is_err());
        assert!(exchange.stop(Duration::ZERO));
        let taken = exchange.take(&mut Picture::default(), Instant::now());
        assert!(matches!(taken, Taken::Failed(_)));
    }
}
