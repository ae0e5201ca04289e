//! Time as the wire carries it: the monotonic clock and the wall clock, both in microseconds.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// One moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Instant {
    /// `CLOCK_MONOTONIC`, the clock of V4L2 capture times. It is never set back, and stops in suspend.
    pub mono_us: u64,
    /// Unix time. It jumps when the board's clock is set.
    pub wall_us: u64,
}

impl Instant {
    pub fn now() -> Self {
        Instant {
            mono_us: read_us(ClockId::Monotonic),
            wall_us: read_us(ClockId::Realtime),
        }
    }

    /// The moment with this monotonic time. Its wall time is the present wall time minus the time since then. A
    /// time in the future counts as now.
    pub fn from_mono_us(mono_us: u64) -> Self {
        let now = Self::now();
        let age_us = now.mono_us.saturating_sub(mono_us);
        Instant {
            mono_us: now.mono_us - age_us,
            wall_us: now.wall_us.saturating_sub(age_us),
        }
    }

    /// The time from this moment to `later`; 0 if it is not later.
    pub fn elapsed_until(&self, later: Instant) -> Duration {
        Duration::from_micros(self.age_us(later))
    }

    /// Microseconds from this moment to `later`; 0 if it is not later.
    pub fn age_us(&self, later: Instant) -> u64 {
        later.mono_us.saturating_sub(self.mono_us)
    }
}

/// A steady clock for intervals between two machines, in microseconds: it counts suspend, and no time server
/// speeds it up or slows it down, unlike `CLOCK_MONOTONIC` and `CLOCK_BOOTTIME` (chrony by up to 8 %).
pub fn steady_us() -> u64 {
    let suspended_us = read_us(ClockId::Boottime).saturating_sub(read_us(ClockId::Monotonic));
    read_us(ClockId::MonotonicRaw) + suspended_us
}

fn read_us(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steady_clock_does_not_go_back() {
        let first = Instant::now();
        let second = Instant::now();
        assert!(second.mono_us >= first.mono_us);
        assert_eq!(second.age_us(first), 0);
    }

    #[test]
    fn the_clock_for_two_machines_goes_as_fast_as_the_steady_one() {
        let (steady, mono) = (steady_us(), Instant::now().mono_us);
        std::thread::sleep(std::time::Duration::from_millis(20));
        let (steady_ran, mono_ran) = (steady_us() - steady, Instant::now().mono_us - mono);
        assert!(
            steady_ran.abs_diff(mono_ran) < 10_000,
            "{steady_ran} {mono_ran}"
        );
    }

    #[test]
    fn a_past_capture_time_gets_its_own_wall_clock() {
        let now = Instant::now();
        let past = Instant::from_mono_us(now.mono_us - 40_000);
        assert_eq!(past.mono_us, now.mono_us - 40_000);
        let wall_age_us = now.wall_us.abs_diff(past.wall_us);
        assert!((39_000..60_000).contains(&wall_age_us), "{wall_age_us}");
    }

    #[test]
    fn a_capture_time_in_the_future_is_now() {
        let future = Instant::from_mono_us(u64::MAX);
        assert!(future.mono_us <= Instant::now().mono_us);
    }
}
