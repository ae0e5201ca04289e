//! Running a plan: step after step on one arena, each step shared by a pool of threads.
//!
//! In: a bound [`Plan`](super::plan::Plan), a kernel of its family, and float planes. Out: float planes.
//! The [`Workspace`] owns all memory that a frame writes to, and the threads.

mod aligned;
mod conv;
mod depthwise;
mod elementwise;
mod float;
mod float_conv;
mod pool;
mod share;
mod winograd;
mod workspace;

pub use workspace::{Workspace, WorkspaceSize};
