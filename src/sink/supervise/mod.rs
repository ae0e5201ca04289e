//! Those who restart a program that hangs: systemd, and the board's own watchdog.
//!
//! Both are sinks, so they are told by the loop that sends packets and by nothing else: when it hangs, in
//! the camera's source, in the network or in another sink, they hear no more of it. Nothing is allocated
//! after the first packet.

mod device;
mod systemd;

pub use device::WatchdogDevice;
pub use systemd::Systemd;

use std::time::{Duration, Instant};

/// Lets something happen at most once in a while.
#[derive(Debug)]
struct Every {
    period: Duration,
    last: Option<Instant>,
}

impl Every {
    fn new(period: Duration) -> Self {
        Every { period, last: None }
    }

    /// True the first time, and then when a period has passed since it was last true.
    fn is_due(&mut self, now: Instant) -> bool {
        let due = self.last.is_none_or(|last| now - last >= self.period);
        if due {
            self.last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_due_once_a_period() {
        let mut every = Every::new(Duration::from_millis(10));
        let start = Instant::now();
        let due: Vec<u64> = (0..30)
            .filter(|&ms| every.is_due(start + Duration::from_millis(ms)))
            .collect();
        assert_eq!(due, [0, 10, 20]);
    }
}
