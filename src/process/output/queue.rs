//! Lines that wait for a writer, in memory of fixed size.

use std::collections::VecDeque;

/// Whole lines in order. It allocates once.
#[derive(Debug)]
pub(super) struct LineQueue {
    bytes: VecDeque<u8>,
    capacity: usize,
    lines: u64,
}

impl LineQueue {
    pub fn new(capacity: usize) -> Self {
        LineQueue {
            bytes: VecDeque::with_capacity(capacity),
            capacity,
            lines: 0,
        }
    }

    /// Takes a line that ends with a newline and has no other. False if there is no room for it.
    pub fn push(&mut self, line: &[u8]) -> bool {
        let fits = line.len() <= self.capacity - self.bytes.len();
        if fits {
            self.bytes.extend(line);
            self.lines += 1;
        }
        fits
    }

    /// Moves the oldest line to `line`. False if there is none.
    pub fn pop(&mut self, line: &mut Vec<u8>) -> bool {
        line.clear();
        let Some(end) = self.bytes.iter().position(|&byte| byte == b'\n') else {
            return false;
        };
        line.extend(self.bytes.drain(..=end));
        self.lines -= 1;
        true
    }

    /// Lines that wait.
    pub fn lines(&self) -> u64 {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_come_out_as_they_went_in_and_the_memory_is_fixed(
            steps in prop::collection::vec(prop::option::of(0..40_usize), 0..200),
        ) {
            let (mut queue, mut model) = (LineQueue::new(100), VecDeque::<Vec<u8>>::new());
            let capacity = queue.bytes.capacity();
            let mut line = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                if let Some(length) = step {
                    let mut pushed = vec![b'a' + (number % 26) as u8; length];
                    pushed.push(b'\n');
                    let used: usize = model.iter().map(Vec::len).sum();
                    prop_assert_eq!(queue.push(&pushed), used + pushed.len() <= 100);
                    if used + pushed.len() <= 100 {
                        model.push_back(pushed);
                    }
                } else {
                    let expected = model.pop_front();
                    prop_assert_eq!(queue.pop(&mut line), expected.is_some());
                    prop_assert_eq!(&line, &expected.unwrap_or_default());
                }
                prop_assert_eq!(queue.lines(), model.len() as u64);
                prop_assert_eq!(queue.bytes.capacity(), capacity);
            }
        }
    }
}
