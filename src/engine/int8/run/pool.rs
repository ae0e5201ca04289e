//! A pool of threads: each step of a frame is one job that all of them share.
//!
//! An idle worker spins for a moment, since the next step of a frame is
//! microseconds away, and then sleeps until it is woken, since the next frame is milliseconds away.

use crate::engine::Threads;
use crate::process::thread::{Role, spawn};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

/// Checks of a waiting thread before it sleeps or yields: some tens of microseconds.
const SPINS: u32 = if cfg!(miri) { 20 } else { 20_000 };

/// The work of all threads; the argument is the thread's number.
type Job<'a> = dyn Fn(usize) + Sync + 'a;

#[derive(Default)]
struct Shared {
    /// Goes up by one for each job.
    epoch: AtomicU32,
    /// Workers that have not finished the current job.
    pending: AtomicUsize,
    panicked: AtomicBool,
    stop: AtomicBool,
    /// The current job. Written by the owner of the pool while no worker is busy, read by workers
    /// between a change of `epoch` and their count-down of `pending`.
    job: UnsafeCell<Option<&'static Job<'static>>>,
}

// SAFETY: `job` is the only field that is not Sync by itself, and its comment gives the order of its accesses; `epoch` (release, acquire) and `pending` (release, acquire) order the accesses.
unsafe impl Sync for Shared {}
// SAFETY: a reference to a Sync closure may go to another thread.
unsafe impl Send for Shared {}

/// The calling thread and `threads - 1` workers; by default none.
#[derive(Default)]
pub(super) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Pool {
    /// # Errors
    /// The operating system's reason, if a thread cannot be started or pinned.
    pub(super) fn new(threads: Threads) -> std::io::Result<Self> {
        let processors = match threads.pinned {
            true => Some(processors(threads.count)?),
            false => None,
        };
        let mut pool = Pool::default();
        for number in 1..threads.count {
            let shared = Arc::clone(&pool.shared);
            let processor = processors.as_ref().map(|processors| processors[number]);
            let worker = move || {
                if let Some(processor) = processor {
                    // The processor may be taken away meanwhile; the results are the same on any other.
                    let _ = pin(processor);
                }
                work(&shared, number);
            };
            pool.workers.push(spawn(Role::Worker(number), worker)?);
        }
        // Last: threads inherit what their maker may use.
        if let Some(processors) = processors {
            pin(processors[0])?;
        }
        Ok(pool)
    }

    pub(super) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `job` once on each thread, with the numbers 0 to `threads() - 1`, and returns when all
    /// are done. `&mut self`: one job at a time.
    pub(super) fn run(&mut self, job: &Job<'_>) {
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes. Workers use the reference between here and the end of
        // the wait below, which is within the borrow; `Finish` waits even if `job` panics here.
        let job_for_workers =
            unsafe { std::mem::transmute::<&Job<'_>, &'static Job<'static>>(job) };
        shared.pending.store(self.workers.len(), Ordering::Relaxed);
        // SAFETY: no worker is busy: the last job's wait ended with `pending` at 0.
        unsafe { *shared.job.get() = Some(job_for_workers) };
        shared.epoch.fetch_add(1, Ordering::Release);
        for worker in &self.workers {
            worker.thread().unpark();
        }
        let finish = Finish(shared);
        job(0);
        drop(finish);
        assert!(
            !shared.panicked.swap(false, Ordering::Relaxed),
            "a worker thread panicked"
        );
    }
}

/// The first `count` processors that this process may use.
fn processors(count: usize) -> std::io::Result<Vec<usize>> {
    let allowed = sched_getaffinity(None)?;
    let processors: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|&processor| allowed.is_set(processor))
        .take(count)
        .collect();
    if processors.len() < count {
        let what = format!("there are {} processors to pin them to", processors.len());
        return Err(std::io::Error::other(what));
    }
    Ok(processors)
}

fn pin(processor: usize) -> std::io::Result<()> {
    let mut set = CpuSet::new();
    set.set(processor);
    Ok(sched_setaffinity(None, &set)?)
}

/// Waits for the workers when it goes out of scope.
struct Finish<'a>(&'a Shared);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        let mut spins = 0;
        while self.0.pending.load(Ordering::Acquire) > 0 {
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.epoch.fetch_add(1, Ordering::Release);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // The job of a panic has reported it.
            let _ = worker.join();
        }
    }
}

fn work(shared: &Shared, number: usize) {
    let mut seen = 0;
    loop {
        let mut spins = 0;
        let epoch = loop {
            let epoch = shared.epoch.load(Ordering::Acquire);
            if epoch != seen {
                break epoch;
            }
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
            } else {
                thread::park();
            }
        };
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        seen = epoch;
        // SAFETY: `epoch` changed and `pending` has not been counted down: the owner does not touch
        // the job now.
        let job = unsafe { *shared.job.get() };
        if let Some(job) = job {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(number)));
            if done.is_err() {
                shared.panicked.store(true, Ordering::Relaxed);
            }
        }
        shared.pending.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUNDS: usize = if cfg!(miri) { 20 } else { 500 };

    #[test]
    fn every_thread_does_its_part_of_every_job() {
        for threads in 1..=4 {
            let mut pool = Pool::new(threads.into()).unwrap();
            let counts: Vec<AtomicUsize> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
            for round in 0..ROUNDS {
                pool.run(&|number| {
                    counts[number].fetch_add(1, Ordering::Relaxed);
                });
                let each = counts
                    .iter()
                    .all(|count| count.load(Ordering::Relaxed) == round + 1);
                assert!(each, "{threads} threads, round {round}");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no processors to pin threads to")]
    fn pinned_threads_run_where_they_were_put() {
        let count = sched_getaffinity(None).unwrap().count() as usize;
        // On a thread of its own, which the pool pins.
        let places = thread::spawn(move || {
            let mut pool = Pool::new(Threads {
                count,
                pinned: true,
            })
            .unwrap();
            let places: Vec<_> = (0..count).map(|_| AtomicUsize::new(usize::MAX)).collect();
            pool.run(&|number| {
                let allowed = sched_getaffinity(None).unwrap();
                assert_eq!(allowed.count(), 1);
                let place = (0..CpuSet::MAX_CPU).find(|&cpu| allowed.is_set(cpu));
                places[number].store(place.unwrap(), Ordering::Relaxed);
            });
            places
                .into_iter()
                .map(AtomicUsize::into_inner)
                .collect::<Vec<_>>()
        });
        let mut places = places.join().unwrap();
        places.dedup();
        assert_eq!(places.len(), count);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no processors to pin threads to")]
    fn more_pinned_threads_than_processors_are_refused() {
        let threads = Threads {
            count: sched_getaffinity(None).unwrap().count() as usize + 1,
            pinned: true,
        };
        assert!(Pool::new(threads).is_err());
    }

    #[test]
    fn sleeping_workers_are_woken() {
        let mut pool = Pool::new(2.into()).unwrap();
        let count = AtomicUsize::new(0);
        for _ in 0..3 {
            thread::sleep(std::time::Duration::from_millis(30));
            pool.run(&|_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
        assert_eq!(count.into_inner(), 6);
    }

    #[test]
    fn a_panic_on_a_worker_reaches_the_owner_and_the_pool_lives_on() {
        let mut pool = Pool::new(2.into()).unwrap();
        let job = |number: usize| assert_ne!(number, 1, "as the test wants");
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pool.run(&job)));
        assert!(caught.is_err());
        pool.run(&|_| {});
    }
}
