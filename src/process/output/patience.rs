//! How long a caller waits for a slow reader or disk: one rule for every queue.

use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A reader that reads nothing for this long stalls.
pub const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Treatment of what finds its queue full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// It is lost: the next frame does not wait.
    None,
    /// It waits while the reader reads. A reader that reads nothing for 100 ms costs lines until it reads again.
    UntilRead,
}

impl Patience {
    /// Calls `put` until it finds room: each time that `emptied` wakes, and for `longest` at most. A wait in vain sets
    /// `is_stalled`, and then nothing waits until the reader's thread clears it. Returns whether there was room.
    pub fn put<'a, S>(
        self,
        longest: Duration,
        emptied: &Condvar,
        mut state: MutexGuard<'a, S>,
        is_stalled: impl Fn(&mut S) -> &mut bool,
        mut put: impl FnMut(&mut S) -> bool,
    ) -> (MutexGuard<'a, S>, bool) {
        let until = Instant::now() + longest;
        loop {
            if put(&mut state) {
                return (state, true);
            }
            if self == Patience::None || *is_stalled(&mut state) {
                return (state, false);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                *is_stalled(&mut state) = true;
                return (state, false);
            }
            state = emptied
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Default)]
    struct Slot {
        is_full: bool,
        is_stalled: bool,
    }

    type Queue = (Mutex<Slot>, Condvar);

    fn put(queue: &Queue, patience: Patience, longest: Duration) -> bool {
        let fill = |slot: &mut Slot| !std::mem::replace(&mut slot.is_full, true);
        let state = queue.0.lock().unwrap();
        patience
            .put(longest, &queue.1, state, |slot| &mut slot.is_stalled, fill)
            .1
    }

    #[test]
    fn only_patience_waits_and_once() {
        let queue = Queue::default();
        assert!(put(&queue, Patience::None, Duration::ZERO));
        // With an hour of patience this would not return.
        let hour = Duration::from_secs(3600);
        assert!(!put(&queue, Patience::None, hour));
        assert!(!put(&queue, Patience::UntilRead, Duration::from_millis(1)));
        assert!(queue.0.lock().unwrap().is_stalled);
        assert!(!put(&queue, Patience::UntilRead, hour));
    }

    #[test]
    fn a_reader_ends_the_wait() {
        let queue = Arc::new(Queue::default());
        queue.0.lock().unwrap().is_full = true;
        let theirs = Arc::clone(&queue);
        let reader = std::thread::spawn(move || {
            theirs.0.lock().unwrap().is_full = false;
            theirs.1.notify_all();
        });
        assert!(put(&queue, Patience::UntilRead, Duration::from_secs(3600)));
        reader.join().unwrap();
    }
}
