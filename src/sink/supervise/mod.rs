//! Supervisors that restart a program that hangs: systemd, and the board's own watchdog.
//!
//! Both are sinks. Only the loop that sends packets feeds them, each by its own time, so they starve when it hangs in the
//! source, in the network or in another sink. Nothing is allocated after the first packet.

mod device;
mod support;
mod systemd;

pub(super) use device::KIND as WATCHDOG;
pub use device::WatchdogDevice;
pub use systemd::Systemd;

use crate::clock::Instant;
use std::time::Duration;

/// A rate limit.
#[derive(Debug)]
struct Every {
    period: Duration,
    last: Option<Instant>,
}

impl Every {
    fn new(period: Duration) -> Self {
        Every { period, last: None }
    }

    /// True the first time, and then once per period.
    fn is_due(&mut self, now: Instant) -> bool {
        let due = self
            .last
            .is_none_or(|last| last.elapsed_until(now) >= self.period);
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
        let due: Vec<u64> = (0..30)
            .filter(|&ms| {
                every.is_due(Instant {
                    mono_us: 1000 * ms,
                    wall_us: 0,
                })
            })
            .collect();
        assert_eq!(due, [0, 10, 20]);
    }
}
