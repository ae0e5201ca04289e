//! Names a stage that takes too long while it still runs, from a second thread, because its own thread hangs.

use super::Stage;
use crate::clock;
use crate::process::thread::{Role, spawn};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::sync::{Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Interval of the checks: short enough for deadlines of seconds, at negligible load.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// No stage is running.
const IDLE: u64 = 0;
/// The low bits hold the stage, the other bits its start time.
const STAGE_BITS: u32 = 3;

/// The running stage and its start time. Clones share the value.
#[derive(Debug, Clone, Default)]
pub struct StageClock(Arc<AtomicU64>);

impl StageClock {
    pub(super) fn enter(&self, stage: Stage) {
        let since_us = clock::Instant::now().mono_us;
        let number = stage as u64 + 1;
        // The value guards no other data.
        self.0
            .store(since_us << STAGE_BITS | number, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }

    /// The stage and its start, in microseconds of the monotonic clock.
    fn running(&self) -> Option<(Stage, u64)> {
        let state = self.0.load(Ordering::Relaxed);
        let number = (state & ((1 << STAGE_BITS) - 1)) as usize;
        let stage = *Stage::ALL.get(number.checked_sub(1)?)?;
        Some((stage, state >> STAGE_BITS))
    }
}

/// A message for the log.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    StillRuns(Stage),
    WentOn(Stage),
}

/// State of the watch over one clock.
#[derive(Debug, Default)]
struct Watch {
    overrun: Option<(Stage, u64)>,
}

impl Watch {
    /// The message that is due now. Each overrun is reported once, and its end once.
    fn look(
        &mut self,
        running: Option<(Stage, u64)>,
        now_us: u64,
        deadline: Duration,
    ) -> Option<Said> {
        if let Some((stage, _)) = self.overrun {
            if running == self.overrun {
                return None;
            }
            self.overrun = None;
            return Some(Said::WentOn(stage));
        }
        let (stage, since_us) = running?;
        if u128::from(now_us.saturating_sub(since_us)) <= deadline.as_micros() {
            return None;
        }
        self.overrun = running;
        Some(Said::StillRuns(stage))
    }
}

/// A thread that names stages that overrun their deadline, until it is dropped.
pub struct StageWatch {
    stop: Arc<(AtomicBool, Mutex<()>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl StageWatch {
    /// Starts the thread. If it cannot start, the log says so and stages are not watched.
    pub fn watch(clock: StageClock, deadline: Duration) -> Self {
        let stop = Arc::new((AtomicBool::new(false), Mutex::new(()), Condvar::new()));
        let shared = Arc::clone(&stop);
        let spawned = spawn(Role::StageWatch, move || {
            let (stop, lock, wake) = &*shared;
            let mut watch = Watch::default();
            let mut held = lock.lock().unwrap_or_else(PoisonError::into_inner);
            while !stop.load(Ordering::Relaxed) {
                let now_us = clock::Instant::now().mono_us;
                match watch.look(clock.running(), now_us, deadline) {
                    Some(Said::StillRuns(stage)) => log::warn!(
                        "the stage {} has been running for more than {:.1} s",
                        stage.name(),
                        deadline.as_secs_f64()
                    ),
                    Some(Said::WentOn(stage)) => {
                        log::warn!("the stage {} went on", stage.name());
                    }
                    None => {}
                }
                held = wake
                    .wait_timeout(held, LOOK_EVERY)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
        });
        if let Err(error) = &spawned {
            log::warn!("no thread to watch the stages: {error}");
        }
        StageWatch {
            stop,
            thread: spawned.ok(),
        }
    }
}

impl Drop for StageWatch {
    fn drop(&mut self) {
        let (stop, lock, wake) = &*self.stop;
        {
            let _held = lock.lock().unwrap_or_else(PoisonError::into_inner);
            stop.store(true, Ordering::Relaxed);
        }
        wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // The thread only reads a clock and logs, so a panic in it needs no handling.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_millis(5);

    #[test]
    fn the_clock_tells_the_stage_and_its_begin() {
        let clock = StageClock::default();
        assert_eq!(clock.running(), None);
        let before_us = clock::Instant::now().mono_us;
        clock.enter(Stage::Send);
        let (stage, since_us) = clock.running().unwrap();
        assert_eq!(stage, Stage::Send);
        assert!((before_us..=clock::Instant::now().mono_us).contains(&since_us));
        clock.leave();
        assert_eq!(clock.running(), None);
    }

    #[test]
    fn an_overrun_is_said_once_and_so_is_its_end() {
        let mut watch = Watch::default();
        let infer = Some((Stage::Infer, 1_000));
        assert_eq!(watch.look(infer, 6_000, DEADLINE), None);
        let said = watch.look(infer, 6_001, DEADLINE);
        assert_eq!(said, Some(Said::StillRuns(Stage::Infer)));
        assert_eq!(watch.look(infer, 90_000, DEADLINE), None);
        // The same stage of a later frame is another run.
        let next = Some((Stage::Infer, 90_000));
        let said = watch.look(next, 90_001, DEADLINE);
        assert_eq!(said, Some(Said::WentOn(Stage::Infer)));
        assert_eq!(watch.look(next, 90_002, DEADLINE), None);
        assert_eq!(watch.look(None, 200_000, DEADLINE), None);
    }

    #[test]
    fn the_watching_thread_ends_at_once() {
        // The fastest of three: a busy machine may run the thread late. A thread that is not woken always takes
        // most of the interval.
        let fastest = (0..3).map(|_| {
            let overruns = StageWatch::watch(StageClock::default(), DEADLINE);
            std::thread::sleep(Duration::from_millis(20));
            let start = std::time::Instant::now();
            drop(overruns);
            start.elapsed()
        });
        let fastest = fastest.min().unwrap();
        assert!(fastest < LOOK_EVERY / 2, "{fastest:?}");
    }
}
