//! The machine: its name and processor, and its clock, temperature and power at this moment.
//!
//! In: the kernel's small text files below a root, which tests replace by a folder. Out: [`Identity`], which stays the
//! same, and [`State`], one reading of what changes. Unknown facts are `None`. Readings allocate: they are not for the
//! frame path (`stats` has a probe for it).

mod files;
mod identity;
mod state;

pub use files::Files;
pub use identity::{Identity, governors};
pub use state::{State, Throttling, hottest_c};
