//! Time that a thread waited for a processor, from the kernel.
//!
//! The second number of `schedstat` counts the nanoseconds that the thread could run and did not. So the time at which a
//! sleeping thread was woken is the time at which it runs, less what it waited. A hypervisor that takes the processor
//! away is not counted.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// The file of the calling thread, open.
#[derive(Debug)]
pub(super) struct Waits(File);

/// Three numbers of 64 bits.
const LINE_BYTES: usize = 64;

impl Waits {
    /// `None` if the kernel does not count.
    pub(super) fn of_this_thread() -> Option<Self> {
        let waits = Waits(File::open("/proc/thread-self/schedstat").ok()?);
        // A kernel that counts has counted something: the thread ran to get here.
        waits.read().map(|_| waits)
    }

    /// Microseconds so far, rounded up.
    pub(super) fn us(&self) -> Option<u64> {
        self.read().map(|ns| ns.div_ceil(1000))
    }

    fn read(&self) -> Option<u64> {
        let mut line = [0; LINE_BYTES];
        let length = self.0.read_at(&mut line, 0).ok()?;
        waited_ns(&line[..length])
    }
}

/// The lines is `ran waited slices`.
fn waited_ns(line: &[u8]) -> Option<u64> {
    let mut words = str::from_utf8(line).ok()?.split_ascii_whitespace();
    let slices: u64 = words.clone().nth(2)?.parse().ok()?;
    words.nth(1)?.parse().ok().filter(|_| slices > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_line_is_read() {
        assert_eq!(waited_ns(b"81233 3719619 12\n"), Some(3_719_619));
        // A kernel that does not count, and other texts.
        for line in [&b"0 0 0\n"[..], b"", b"1 2", b"a b c", b"1 -2 3"] {
            assert_eq!(waited_ns(line), None);
        }
    }

    #[test]
    fn the_time_of_this_thread_does_not_go_back() {
        // Emulators and some kernels have no such file.
        let Some(waits) = Waits::of_this_thread() else {
            return;
        };
        let first = waits.us().unwrap();
        assert!(waits.us().unwrap() >= first);
    }
}
