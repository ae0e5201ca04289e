//! Threads of the running program: one row for each role, with its name, stack and priority.
//!
//! In: a [`Role`] and its work. Out: a running thread. All threads start before the sandbox closes.

use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};
use std::borrow::Cow;
use std::io;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};

/// The share of a processor that a thread in the background gets beside others: a tenth.
const BACKGROUND_NICENESS: i32 = 10;

/// How a role is scheduled.
#[derive(Clone, Copy)]
enum Rank {
    /// One step before the main thread.
    BeforeMain,
    WithMain,
    /// Ordinary scheduling: the thread can wait.
    Ordinary,
    /// Ordinary scheduling, after the threads of the stream: the thread computes.
    Background,
}

/// Everything that the program knows of a role.
struct Row {
    /// The thread's name, as the kernel shows it; of a worker, without its number.
    name: &'static str,
    stack_kib: usize,
    rank: Rank,
}

/// A row is the role, the thread's name, the KiB of its stack and its rank. A role without a row cannot be written.
macro_rules! roles {
    ($($(#[$meaning:meta])* $role:ident: $name:literal, $stack_kib:literal, $rank:ident;)*) => {
        /// The job of a thread.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Role {
            $($(#[$meaning])* $role,)*
            /// Runs parts of a network's steps. Workers count from 1.
            Worker(usize),
        }

        impl Role {
            /// All roles with one thread.
            const ALONE: &[Role] = &[$(Role::$role),*];

            const fn row(self) -> Row {
                match self {
                    $(Role::$role => Row {
                        name: $name,
                        stack_kib: $stack_kib,
                        rank: Rank::$rank,
                    },)*
                    Role::Worker(_) => Row {
                        name: "posewire-",
                        stack_kib: 256,
                        rank: Rank::WithMain,
                    },
                }
            }
        }
    };
}

roles! {
    /// Source, networks, decoding and sinks.
    Main: "posewire", 1024, WithMain;
    /// Owns the camera, or drains the pipe of one. It comes first: it has little to do.
    Capture: "capture", 256, BeforeMain;
    /// Logs a stage that hangs.
    StageWatch: "overruns", 128, Ordinary;
    /// Ends the program if a model takes too long to load. It ends when the model is loaded.
    LoadWatch: "loading", 128, Ordinary;
    /// Writes the lines of `--json`.
    Json: "json", 128, Ordinary;
    /// Writes the pictures of `--overlay`.
    Overlay: "overlay", 256, Ordinary;
    /// Writes the files of `--record`.
    Record: "record", 128, Ordinary;
    /// Encodes the pictures of `--preview`, and answers the page.
    Preview: "preview", 256, Background;
    /// Writes the log.
    Log: "log", 128, Ordinary;
    /// Ends a program that was told to end and does not.
    Stop: "stop", 128, WithMain;
}

impl Role {
    /// The thread's name, as the kernel shows it.
    pub fn name(self) -> Cow<'static, str> {
        let name = self.row().name;
        match self {
            Role::Worker(number) => format!("{name}{number}").into(),
            _ => name.into(),
        }
    }

    /// The role of the thread with this name; `None` if the program did not start it.
    pub fn named(name: &str) -> Option<Self> {
        let worker = name.strip_prefix(Role::Worker(0).row().name);
        Role::ALONE
            .iter()
            .copied()
            .find(|role| role.name() == name)
            .or_else(|| worker?.parse().ok().map(Role::Worker))
    }

    /// Bytes of the thread's stack. It is mapped whole, so that stacks can be added up.
    pub const fn stack_bytes(self) -> usize {
        self.row().stack_kib << 10
    }

    /// The thread's SCHED_FIFO priority, if `base` is the main thread's. `None` is ordinary scheduling.
    pub const fn priority(self, base: u8) -> Option<u8> {
        match self.row().rank {
            Rank::BeforeMain => Some(base + 1),
            Rank::WithMain => Some(base),
            Rank::Ordinary | Rank::Background => None,
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
            if matches!(role.row().rank, Rank::Background) {
                // Of this thread alone. The sandbox refuses it later.
                let _ = setpriority_process(None, BACKGROUND_NICENESS);
            }
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
    use std::path::Path;

    fn all() -> impl Iterator<Item = Role> {
        let workers = [Role::Worker(1), Role::Worker(63)];
        Role::ALONE.iter().copied().chain(workers)
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
    fn every_role_is_in_the_table_of_threads() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
        let page = std::fs::read_to_string(page).unwrap();
        let section = page.split("\n## ").find(|part| part.starts_with("Threads"));
        for role in Role::ALONE {
            let name = format!("`{}`", role.name());
            let is_there = section.is_some_and(|section| section.contains(&name));
            assert!(is_there, "docs/architecture.md, Threads, lacks {name}");
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
