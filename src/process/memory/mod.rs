//! Memory of the program: added up before the first frame, and limited while it runs.
//!
//! In: mapped, measured and reserved sizes. Out: the table of a [`Budget`], and a limit that the [`Heap`]
//! enforces. All sizes are bytes. Mappings count in whole pages, resident or not, so that the sum is never below
//! the program's use.

mod budget;
mod heap;
mod program;

pub use budget::{Budget, Parts, parse_bytes};
pub use heap::{Heap, HeapStats, LoadingLimit, Meter, heap_stats, mark_steady, set_limit, trim};
pub use program::mapped_bytes;

/// The smallest page of the kernels of all boards, the unit of mapped sizes.
pub const PAGE_BYTES: u64 = 4096;

/// Bytes rounded up to whole pages.
pub fn pages(bytes: u64) -> u64 {
    bytes.next_multiple_of(PAGE_BYTES)
}
