//! Outputs that may block: pipes, terminals, sockets, disks that hang.
//!
//! In: lines. Out: whole lines, each at most once, to a descriptor. The caller never waits for a reader: a
//! [`LineThread`] waits in its stead, and a [`NoWait`] refuses what has no room.

mod line;
mod no_wait;
mod patience;
mod queue;
mod thread;

pub use line::LineWriter;
pub use no_wait::NoWait;
pub use patience::{LONGEST_WAIT, Patience};
pub use thread::{LineThread, Lost};
