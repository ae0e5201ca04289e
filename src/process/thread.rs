//! Threads of the running program: one row for each role, with its name, stack and priority.
//!
//! In: a [`Role`] and its work. Out: a running thread. All threads start before the sandbox closes.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::borrow::Cow;
use std::io;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};

/// The job of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Source, networks, decoding and sinks.
    Main,
    /// Runs parts of a network's steps. Workers count from 1.
    Worker(usize),
    /// Owns the camera.
    Capture,
    /// Logs a stage that hangs.
    StageWatch,
    /// Ends the program if a model takes too long to load. It ends when the model is loaded.
    LoadWatch,
}

const WORKER_PREFIX: &str = "posewire-";

impl Role {
    /// The thread's name, as the kernel shows it.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Role::Main => "posewire".into(),
            Role::Worker(number) => format!("{WORKER_PREFIX}{number}").into(),
            Role::Capture => "capture".into(),
            Role::StageWatch => "overruns".into(),
            Role::LoadWatch => "loading".into(),
        }
    }

    /// The role of the thread with this name; `None` if the program did not start it.
    pub fn named(name: &str) -> Option<Self> {
        let worker = name.strip_prefix(WORKER_PREFIX);
        [Role::Main, Role::Capture, Role::StageWatch, Role::LoadWatch]
            .into_iter()
            .find(|role| role.name() == name)
            .or_else(|| worker?.parse().ok().map(Role::Worker))
    }

    /// Bytes of the thread's stack. It is mapped whole, so that stacks can be added up.
    pub const fn stack_bytes(self) -> usize {
        match self {
            Role::Main => 1 << 20,
            Role::Worker(_) | Role::Capture => 256 << 10,
            Role::StageWatch | Role::LoadWatch => 128 << 10,
        }
    }

    /// The thread's SCHED_FIFO priority, if `base` is the main thread's. The camera's thread comes first: it has
    /// little to do. `None` is ordinary scheduling.
    pub const fn priority(self, base: u8) -> Option<u8> {
        match self {
            Role::Main | Role::Worker(_) => Some(base),
            Role::Capture => Some(base + 1),
            Role::StageWatch | Role::LoadWatch => None,
        }
    }
}

/// Starts a thread and waits until it does its work: the closed sandbox refuses the system calls that begin a
/// thread.
///
/// # Errors
/// The operating system's reason.
pub fn spawn(role: Role, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let (begun, has_begun) = sync_channel::<()>(0);
    let thread = thread::Builder::new()
        .name(role.name().into_owned())
        .stack_size(role.stack_bytes())
        .spawn(move || {
            drop(begun);
            work();
        })?;
    // The thread drops its end without sending.
    let _ = has_begun.recv();
    Ok(thread)
}

/// Tells the kernel to let the main thread's stack grow to its size and no further.
pub fn limit_main_stack() {
    let present = getrlimit(Resource::Stack);
    let limit = Rlimit {
        current: Some(Role::Main.stack_bytes() as u64),
        maximum: present.maximum,
    };
    if let Err(error) = setrlimit(Resource::Stack, limit) {
        log::warn!("the stack cannot be limited: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Role; 6] = [
        Role::Main,
        Role::Worker(1),
        Role::Worker(63),
        Role::Capture,
        Role::StageWatch,
        Role::LoadWatch,
    ];

    #[test]
    fn a_name_tells_the_role_and_fits_the_kernel() {
        for role in ALL {
            assert_eq!(Role::named(&role.name()), Some(role));
            // The kernel keeps 15 bytes of a thread's name.
            assert!(role.name().len() <= 15, "{role:?}");
        }
        for other in ["", "posewire-", "posewire-x", "rayon", "captures"] {
            assert_eq!(Role::named(other), None, "{other}");
        }
    }

    #[test]
    fn the_camera_comes_first_and_the_watch_can_wait() {
        let priorities = ALL.map(|role| role.priority(10));
        let [main, worker, last_worker, capture, watch, loading] = priorities;
        assert_eq!([main, worker, last_worker], [Some(10); 3]);
        assert_eq!(capture, Some(11));
        assert_eq!([watch, loading], [None; 2]);
    }

    #[test]
    fn a_thread_has_its_name() {
        let (send, receive) = sync_channel(1);
        let thread = spawn(Role::Worker(7), move || {
            let _ = send.send(thread::current().name().map(str::to_owned));
        });
        assert_eq!(receive.recv().unwrap().as_deref(), Some("posewire-7"));
        thread.unwrap().join().unwrap();
    }
}
