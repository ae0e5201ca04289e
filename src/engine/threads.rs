//! The threads that networks run on.

/// The calling thread, and helpers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads {
    /// At least 1.
    pub count: usize,
    /// Each on a processor of its own: of those that the process may use, the first `count`.
    pub pinned: bool,
}

impl From<usize> for Threads {
    fn from(count: usize) -> Self {
        Threads {
            count,
            pinned: false,
        }
    }
}
