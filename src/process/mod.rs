//! Resources and privileges of the process: memory, scheduling, threads, sandbox.
//!
//! In: limits from the settings. Out: limits that the kernel and the allocator enforce while the program
//! runs.

pub mod memory;
pub mod output;
pub mod realtime;
pub mod sandbox;
pub mod thread;
