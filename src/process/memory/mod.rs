//! How much memory the program takes: added up before the first frame, and held to while it runs.
//!
//! In: what is mapped, measured and reserved. Out: the table of a [`Budget`], and a limit that the
//! [`Heap`] enforces. All sizes are bytes; what is mapped is counted in whole pages, resident or not, so
//! that the sum is never less than what the program takes.

mod budget;
mod heap;
mod program;

pub use budget::{Budget, Shares, parse_bytes};
pub use heap::{Figures, Heap, Meter, figures, set_limit, tidy, warmed_up};
pub use program::mapped_bytes;

/// The kernel's smallest page on every board: what is mapped is counted in these.
pub const PAGE_BYTES: u64 = 4096;

/// Whole pages for so many bytes.
pub fn pages(bytes: u64) -> u64 {
    bytes.next_multiple_of(PAGE_BYTES)
}
