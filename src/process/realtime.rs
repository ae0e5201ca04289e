//! Optional real-time mode: memory that is never paged out, and threads that run before other programs'.
//!
//! In: a priority. Out: every thread of the process under SCHED_FIFO (sched(7)), all memory locked and touched,
//! and a guard that ends the program if a thread computes without a pause for longer than any frame takes. A
//! right that the kernel refuses is logged once, and the run continues without it.

use super::thread::Role;
use crate::error::{Error, Result};
use crate::limits::MAX_PRIORITY;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::io;
use std::time::Duration;

pub const DEFAULT_PRIORITY: u8 = 10;
/// Part of the main thread's stack that is touched: more than its measured use.
const TOUCHED_STACK_BYTES: usize = 512 << 10;
/// Margin above the stage deadline. A thread that computes for longer without waiting is stuck.
const GUARD_MARGIN: Duration = Duration::from_secs(2);

/// The main thread's SCHED_FIFO priority. [`Role::priority`] has the other threads'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priority(u8);

impl Priority {
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if it is out of range.
    pub fn new(priority: u8) -> Result<Self> {
        if (1..=MAX_PRIORITY).contains(&priority) {
            Ok(Priority(priority))
        } else {
            Err(Error::usage(format!(
                "{priority} is not a priority in 1..{MAX_PRIORITY}"
            )))
        }
    }

    /// The priority of the thread with this name. A library's thread gets the main thread's priority.
    fn of(self, thread: &str) -> Option<u8> {
        Role::named(thread).unwrap_or(Role::Main).priority(self.0)
    }
}

/// Enters real-time mode. Call it when all threads run and all memory is allocated. `longest` is the longest
/// time of a stage.
pub fn enter(priority: Priority, longest: Duration) {
    let mut missing = Vec::new();
    if let Err(what) = lock_memory() {
        missing.push(what);
    }
    // The guard comes first: without it no thread may get a real-time priority.
    match guard(longest + GUARD_MARGIN).and_then(|()| set_priorities(priority)) {
        Ok(threads) => log::info!(
            "realtime: {threads} threads at SCHED_FIFO priority {} and {}",
            priority.0,
            priority.0 + 1
        ),
        Err(error) => missing.push(format!("threads have ordinary priority ({error})")),
    }
    if !missing.is_empty() {
        log::warn!(
            "realtime: {}; grant CAP_SYS_NICE and CAP_IPC_LOCK, or set LimitRTPRIO and LimitMEMLOCK \
             in the unit; the run goes on without",
            missing.join(", ")
        );
    }
}

/// Locks present and future memory.
fn lock_memory() -> std::result::Result<(), String> {
    touch_stack();
    let refused =
        |error: rustix::io::Errno| format!("memory is not locked ({})", io::Error::from(error));
    mlockall(MlockAllFlags::CURRENT).map_err(refused)?;
    // Under a limit, a later mapping could fail to lock and end the program.
    let unlimited = getrlimit(Resource::Memlock).current.is_none() || may_lock();
    if !unlimited {
        return Err("memory that is mapped later is not locked (RLIMIT_MEMLOCK)".into());
    }
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE).map_err(refused)
}

fn may_lock() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK))
}

/// The kernel maps pages of a stack at their first use. Locked pages then stay.
#[inline(never)]
fn touch_stack() {
    let mut pages = [0_u8; TOUCHED_STACK_BYTES];
    std::hint::black_box(&mut pages);
}

/// A thread that computes for this long without waiting gets SIGXCPU, which ends the program. A supervisor then
/// restarts it. Without the guard, such a thread could block the whole board.
fn guard(longest: Duration) -> io::Result<()> {
    let limit = u64::try_from(longest.as_micros()).ok();
    let present = getrlimit(Resource::Rttime);
    let current = match (limit, present.maximum) {
        (Some(limit), Some(most)) => Some(limit.min(most)),
        (limit, _) => limit,
    };
    let maximum = present.maximum;
    Ok(setrlimit(Resource::Rttime, Rlimit { current, maximum })?)
}

/// Gives all threads their priorities, and returns the number of real-time threads.
fn set_priorities(priority: Priority) -> io::Result<usize> {
    let mut threads = 0;
    for entry in fs::read_dir("/proc/self/task")? {
        let entry = entry?;
        let Some(id) = entry.file_name().to_str().and_then(|id| id.parse().ok()) else {
            continue;
        };
        let name = fs::read_to_string(entry.path().join("comm"))?;
        if let Some(priority) = priority.of(name.trim_end()) {
            set_fifo(id, priority)?;
            threads += 1;
        }
    }
    Ok(threads)
}

fn set_fifo(thread: libc::pid_t, priority: u8) -> io::Result<()> {
    let parameter = libc::c_int::from(priority);
    // SAFETY: the kernel reads one int, the only member of sched_param. musl's function for this always
    // fails, so the system call is made directly.
    let result = unsafe {
        libc::syscall(
            libc::SYS_sched_setscheduler,
            thread,
            libc::SCHED_FIFO,
            &raw const parameter,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_of_a_library_is_no_later_than_the_main_one() {
        let priority = Priority::new(10).unwrap();
        assert_eq!(priority.of("rayon"), Some(10));
        assert_eq!(priority.of("capture"), Some(11));
    }

    #[test]
    fn priorities_have_a_range() {
        for (number, good) in [(0, false), (1, true), (48, true), (49, false), (255, false)] {
            assert_eq!(Priority::new(number).is_ok(), good, "{number}");
        }
    }
}
