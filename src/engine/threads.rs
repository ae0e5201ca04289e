//! The threads that networks run on.

/// The calling thread, and helpers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads {
    /// At least 1.
    pub count: usize,
    /// True pins each thread to its own processor: the first `count` that the process may use.
    pub pinned: bool,
}

impl Default for Threads {
    fn default() -> Self {
        Threads::from(1)
    }
}

impl From<usize> for Threads {
    fn from(count: usize) -> Self {
        Threads {
            count,
            pinned: false,
        }
    }
}
