//! The stacks: one size for each kind of thread, so that they can be added up.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};

/// The threads of a running program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stack {
    /// Source, network, decoding and sinks.
    Main,
    /// A helper of the network.
    Worker,
    /// Owns the camera.
    Capture,
    /// Watches the stages.
    Overruns,
}

impl Stack {
    pub const fn bytes(self) -> usize {
        match self {
            Stack::Main => 1 << 20,
            Stack::Worker | Stack::Capture => 256 << 10,
            Stack::Overruns => 128 << 10,
        }
    }
}

/// Starts a thread with such a stack, and waits until it does its work: what a thread needs of the kernel
/// to begin with is not allowed any more once the sandbox is closed.
///
/// # Errors
/// The operating system's reason.
pub fn spawn(
    stack: Stack,
    name: impl Into<String>,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let (begun, has_begun) = sync_channel::<()>(0);
    let thread = thread::Builder::new()
        .name(name.into())
        .stack_size(stack.bytes())
        .spawn(move || {
            drop(begun);
            work();
        })?;
    // Nothing is sent: the other end is dropped.
    let _ = has_begun.recv();
    Ok(thread)
}

/// From here on the kernel does not let the main thread's stack grow above its size. The other threads'
/// stacks are mapped in their sizes.
pub fn limit_main_stack() {
    let present = getrlimit(Resource::Stack);
    let limit = Rlimit {
        current: Some(Stack::Main.bytes() as u64),
        maximum: present.maximum,
    };
    if let Err(error) = setrlimit(Resource::Stack, limit) {
        log::warn!("the stack cannot be limited: {error}");
    }
}
