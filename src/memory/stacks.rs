//! The stacks: one size for each kind of thread, so that they can be added up.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

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
