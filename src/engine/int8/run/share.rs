//! Memory that threads share, and each thread's share of a step.
//!
//! A pointer is made here and nowhere else in `run`, behind an assertion that its range lies within the
//! memory.

use crate::engine::int8::plan::Buffer;
use std::ops::Range;

const OUT_OF_RANGE: &str = "a step's range is outside of its memory";

/// Memory that the threads share, each writing where no other one does.
#[derive(Debug)]
pub(super) struct SharedSlice<T> {
    start: *mut T,
    count: usize,
}

impl<T> Clone for SharedSlice<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SharedSlice<T> {}

// SAFETY: a pointer and a length; every access through them is unsafe and states its conditions.
unsafe impl<T: Send> Send for SharedSlice<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SharedSlice<T> {}

impl<T> SharedSlice<T> {
    pub(super) fn of(memory: &mut [T]) -> Self {
        SharedSlice {
            start: memory.as_mut_ptr(),
            count: memory.len(),
        }
    }

    /// The first of `count` values, all of them within the memory.
    #[inline]
    pub(super) fn at(self, offset: usize, count: usize) -> *mut T {
        let room = self.count.checked_sub(offset);
        assert!(room.is_some_and(|room| count <= room), "{OUT_OF_RANGE}");
        self.start.wrapping_add(offset)
    }

    /// # Safety
    /// The memory lives that long, and no thread writes to the range while the slice lives.
    pub(super) unsafe fn read<'a>(self, offset: usize, count: usize) -> &'a [T] {
        // SAFETY: `at` checks the range; the rest is guaranteed by the caller.
        unsafe { std::slice::from_raw_parts(self.at(offset, count), count) }
    }

    /// # Safety
    /// The memory lives that long, and no other thread touches the range while the slice lives.
    pub(super) unsafe fn write<'a>(self, offset: usize, count: usize) -> &'a mut [T] {
        // SAFETY: `at` checks the range; the rest is guaranteed by the caller.
        unsafe { std::slice::from_raw_parts_mut(self.at(offset, count), count) }
    }
}

/// An activation of which every pixel lies within the arena.
#[derive(Debug, Clone, Copy)]
pub(super) struct Picture {
    /// The first pixel, behind the border.
    start: *mut i8,
    row_bytes: usize,
    stride: usize,
    size: [usize; 2],
}

impl SharedSlice<i8> {
    pub(super) fn picture(self, buffer: &Buffer) -> Picture {
        let start = self.at(buffer.offset, buffer.bytes());
        Picture {
            start: start.wrapping_add(buffer.border[0] * buffer.stride),
            row_bytes: buffer.row_bytes(),
            stride: buffer.stride,
            size: [buffer.height, buffer.width],
        }
    }
}

impl Picture {
    /// The first channel of a pixel. Within the picture all of the pixel's bytes are in the arena.
    #[inline]
    pub(super) fn at(&self, y: usize, x: usize) -> *mut i8 {
        debug_assert!(y < self.size[0] && x < self.size[1]);
        self.start
            .wrapping_add(y * self.row_bytes + x * self.stride)
    }

    /// Asserts that this row and column are within the picture, and so all before them.
    pub(super) fn assert_holds(&self, [y, x]: [usize; 2]) {
        assert!(y < self.size[0] && x < self.size[1], "{OUT_OF_RANGE}");
    }
}

/// One thread's share of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThreadShare {
    pub index: usize,
    pub of: usize,
}

impl ThreadShare {
    /// The range of this thread among `count` items.
    pub(super) fn range(self, count: usize) -> Range<usize> {
        let start = |index: usize| (count as u64 * index as u64 / self.of as u64) as usize;
        start(self.index)..start(self.index + 1)
    }
}
