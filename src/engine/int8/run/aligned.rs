//! Memory that starts with a cache line: no vector of 32 or 64 bytes then lies across two lines, which would
//! take two accesses.

use std::ops::{Deref, DerefMut};

const LINE_BYTES: usize = 64;

/// `count` numbers, zero at first, allocated by [`Aligned::new`] alone.
pub(super) struct Aligned<T> {
    memory: Vec<T>,
    start: usize,
    count: usize,
}

impl<T: Copy + Default> Aligned<T> {
    pub(super) fn new(count: usize) -> Self {
        let memory = vec![T::default(); count + LINE_BYTES / size_of::<T>()];
        Aligned {
            start: memory.as_ptr().align_offset(LINE_BYTES),
            memory,
            count,
        }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.memory[self.start..][..self.count]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.start..][..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_starts_with_a_line_and_is_as_long_as_was_asked_for() {
        for count in [0, 1, 64, 1000] {
            let mut memory = Aligned::<i16>::new(count);
            assert_eq!(memory.as_ptr().addr() % LINE_BYTES, 0);
            assert_eq!(memory.len(), count);
            memory.fill(7);
            assert!(memory.iter().all(|&number| number == 7));
        }
    }
}
