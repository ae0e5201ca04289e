//! The heap: the system's allocator, counted and limited.
//!
//! Each allocation counts with its header and rounding. An allocation that would exceed the limit ends the
//! process with its own exit code. A supervisor can act on that code, and the kernel's out-of-memory killer, which
//! might pick another program, is not needed.

use super::pages;
use crate::error::ErrorKind;
use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Header that the C libraries put before a block.
const HEADER_BYTES: usize = 16;
/// Both glibc and musl map blocks from this size on separately.
const MAPPED_FROM_BYTES: usize = 128 << 10;

static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);
static MOST_BYTES: AtomicUsize = AtomicUsize::new(0);
static LIMIT_BYTES: AtomicUsize = AtomicUsize::new(usize::MAX);
static LOADING_LIMIT_BYTES: AtomicUsize = AtomicUsize::new(usize::MAX);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static ALLOCATIONS_AT_WARM_UP: AtomicU64 = AtomicU64::new(u64::MAX);

/// The allocator of the program and of tests that count. Without it all figures are 0.
pub struct Heap;

/// Memory that a block of this size takes from the system.
fn footprint(bytes: usize) -> usize {
    if bytes < MAPPED_FROM_BYTES {
        (bytes + HEADER_BYTES).next_multiple_of(HEADER_BYTES)
    } else {
        pages((bytes + HEADER_BYTES) as u64) as usize
    }
}

fn taken(bytes: usize) {
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    let bytes = footprint(bytes);
    let live = LIVE_BYTES.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST_BYTES.fetch_max(live, Ordering::Relaxed);
    let limit = LIMIT_BYTES.load(Ordering::Relaxed);
    if live > limit {
        end(live, limit, Limit::Budget);
    }
    let limit = LOADING_LIMIT_BYTES.load(Ordering::Relaxed);
    if live > limit {
        end(live, limit, Limit::Loading);
    }
}

fn given_back(bytes: usize) {
    LIVE_BYTES.fetch_sub(footprint(bytes), Ordering::Relaxed);
}

// SAFETY: every call goes unchanged to the system's allocator. The counting touches no memory that the
// allocator manages.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: the caller guarantees what the system's allocator requires.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        given_back(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_bytes: usize) -> *mut u8 {
        taken(new_bytes);
        given_back(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_bytes) }
    }
}

/// The limit that the heap exceeds.
#[derive(Clone, Copy)]
enum Limit {
    Budget,
    Loading,
}

/// Prints the reason and ends the process at once. No code that could allocate may run any more.
fn end(live_bytes: usize, limit_bytes: usize, limit: Limit) {
    static SAID: AtomicBool = AtomicBool::new(false);
    let (live_kib, limit_kib) = (live_bytes.div_ceil(1024), limit_bytes / 1024);
    if !SAID.swap(true, Ordering::Relaxed) {
        let mut line = heapless::String::<256>::new();
        // A line that does not fit is cut off.
        let _ = match limit {
            Limit::Budget => writeln!(
                line,
                "posewire: error: memory: the heap would take {live_kib} KiB, the memory budget leaves it \
                 {limit_kib} KiB: raise --memory-budget, or compile the model to a plan"
            ),
            Limit::Loading => writeln!(
                line,
                "posewire: error: model: the heap would take {live_kib} KiB while it loads, a network in a file \
                 of its size takes less than {limit_kib} KiB: export it again"
            ),
        };
        // Standard error may have no reader.
        let _ = rustix::io::write(std::io::stderr(), line.as_bytes());
    }
    let kind = match limit {
        Limit::Budget => ErrorKind::Memory,
        Limit::Loading => ErrorKind::Model,
    };
    // SAFETY: `_exit` ends the process without running any of its code.
    unsafe { libc::_exit(kind as i32) }
}

/// A second limit of the heap, while it lives: a model that takes more to load ends the process.
pub struct LoadingLimit(());

impl LoadingLimit {
    /// `bytes` more than the heap has now.
    pub fn new(bytes: u64) -> Self {
        let live = LIVE_BYTES.load(Ordering::Relaxed);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        LOADING_LIMIT_BYTES.store(live.saturating_add(bytes), Ordering::Relaxed);
        LoadingLimit(())
    }
}

impl Drop for LoadingLimit {
    fn drop(&mut self) {
        LOADING_LIMIT_BYTES.store(usize::MAX, Ordering::Relaxed);
    }
}

/// The heap in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeapStats {
    pub live_bytes: u64,
    /// The peak since the start, or since a [`Meter`] last started.
    pub most_bytes: u64,
    /// `None` if there is no limit.
    pub limit_bytes: Option<u64>,
    /// Allocations since [`mark_steady`]; 0 before that.
    pub allocations: u64,
}

pub fn heap_stats() -> HeapStats {
    let limit = LIMIT_BYTES.load(Ordering::Relaxed);
    HeapStats {
        live_bytes: LIVE_BYTES.load(Ordering::Relaxed) as u64,
        most_bytes: MOST_BYTES.load(Ordering::Relaxed) as u64,
        limit_bytes: (limit != usize::MAX).then_some(limit as u64),
        allocations: ALLOCATIONS
            .load(Ordering::Relaxed)
            .saturating_sub(ALLOCATIONS_AT_WARM_UP.load(Ordering::Relaxed)),
    }
}

/// Sets the limit of the heap.
pub fn set_limit(bytes: u64) {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    LIMIT_BYTES.store(bytes, Ordering::Relaxed);
}

/// Restarts the count of allocations, when caches and buffers are filled.
pub fn mark_steady() {
    ALLOCATIONS_AT_WARM_UP.store(ALLOCATIONS.load(Ordering::Relaxed), Ordering::Relaxed);
}

/// Returns freed memory to the system, and stops the C library from keeping freed memory later: one heap for
/// all threads, and fixed thresholds.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: these calls only set parameters of glibc's allocator and return free pages.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM_BYTES as i32);
        libc::mallopt(libc::M_TRIM_THRESHOLD, MAPPED_FROM_BYTES as i32);
        libc::malloc_trim(0);
    }
}

/// Heap use of several pieces of work, added up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Meter {
    kept_bytes: u64,
    most_bytes: u64,
}

impl Meter {
    /// Runs a piece of work and measures it. The pieces of one meter belong together: one may free what another
    /// allocated.
    pub fn measure<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = LIVE_BYTES.load(Ordering::Relaxed) as u64;
        MOST_BYTES.store(before as usize, Ordering::Relaxed);
        let result = work();
        let figures = heap_stats();
        let most = self.kept_bytes + figures.most_bytes.saturating_sub(before);
        self.most_bytes = self.most_bytes.max(most);
        self.kept_bytes = (self.kept_bytes + figures.live_bytes).saturating_sub(before);
        result
    }

    /// Bytes that are still allocated.
    pub fn kept_bytes(&self) -> u64 {
        self.kept_bytes
    }

    /// Peak bytes.
    pub fn most_bytes(&self) -> u64 {
        self.most_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_takes_more_than_its_bytes() {
        assert_eq!(footprint(0), 16);
        assert_eq!(footprint(1), 32);
        assert_eq!(footprint(16), 32);
        assert_eq!(footprint(128 << 10), (128 << 10) + 4096);
    }
}
