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
    /// Writes the lines of `--json`.
    Json,
    /// Writes the pictures of `--overlay`.
    Overlay,
    /// Writes the log.
    Log,
    /// Ends a program that was told to end and does not.
    Stop,
}

const WORKER_PREFIX: &str = "posewire-";

impl Role {
    /// All roles with one thread.
    const ALONE: [Role; 8] = [
        Role::Main,
        Role::Capture,
        Role::StageWatch,
        Role::LoadWatch,
        Role::Json,
        Role::Overlay,
        Role::Log,
        Role::Stop,
    ];

    /// The thread's name, as the kernel shows it.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Role::Main => "posewire".into(),
            Role::Worker(number) => format!("{WORKER_PREFIX}{number}").into(),
            Role::Capture => "capture".into(),
            Role::StageWatch => "overruns".into(),
            Role::LoadWatch => "loading".into(),
            Role::Json => "json".into(),
            Role::Overlay => "overlay".into(),
            Role::Log => "log".into(),
            Role::Stop => "stop".into(),
        }
    }

    /// The role of the thread with this name; `None` if the program did not start it.
    pub fn named(name: &str) -> Option<Self> {
        let worker = name.strip_prefix(WORKER_PREFIX);
        Role::ALONE
            .into_iter()
            .find(|role| role.name() == name)
            .or_else(|| worker?.parse().ok().map(Role::Worker))
    }

    /// Bytes of the thread's stack. It is mapped whole, so that stacks can be added up.
    pub const fn stack_bytes(self) -> usize {
        match self {
            Role::Main => 1 << 20,
            Role::Worker(_) | Role::Capture | Role::Overlay => 256 << 10,
            Role::StageWatch | Role::LoadWatch | Role::Json | Role::Log | Role::Stop => 128 << 10,
        }
    }

    /// The thread's SCHED_FIFO priority, if `base` is the main thread's. The camera's thread comes first: it has
    /// little to do. `None` is ordinary scheduling.
    pub const fn priority(self, base: u8) -> Option<u8> {
        match self {
            Role::Main | Role::Worker(_) | Role::Stop => Some(base),
            Role::Capture => Some(base + 1),
            Role::StageWatch | Role::LoadWatch | Role::Json | Role::Overlay | Role::Log => None,
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

    fn all() -> impl Iterator<Item = Role> {
        let workers = [Role::Worker(1), Role::Worker(63)];
        Role::ALONE.into_iter().chain(workers)
    }

    #[test]
    fn a_name_tells_the_role_and_fits_the_kernel() {
        for role in all() {
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
        for role in all() {
            let expected = match role {
                Role::Main | Role::Worker(_) | Role::Stop => Some(10),
                Role::Capture => Some(11),
                _ => None,
            };
            assert_eq!(role.priority(10), expected, "{role:?}");
        }
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
