//! Capture times of one opening of a camera, checked.
//!
//! In: a driver's stamps on `CLOCK_MONOTONIC`, in microseconds. Out: times that a frame can have. A driver that gave
//! one impossible stamp is not trusted until the camera is opened again: its frames count as taken when they were
//! dequeued.

use crate::clock::Instant;

/// Drivers compute a stamp from the camera's clock or from the end of the exposure, so it may be slightly off.
const MARGIN_US: u64 = 100_000;

/// The judge of one opening's stamps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamps {
    started_us: u64,
    /// The first impossible stamp.
    fault: Option<&'static str>,
}

impl Stamps {
    /// The camera was started at this time.
    pub(super) fn since(started_us: u64) -> Self {
        Stamps {
            started_us,
            fault: None,
        }
    }

    /// The time at which a frame was taken that is dequeued now. A driver without stamps gives `None`.
    pub(super) fn captured(&mut self, stamp_us: Option<u64>, now: Instant) -> Instant {
        let Some(stamp_us) = stamp_us else {
            return now;
        };
        self.fault = self.fault.or_else(|| self.judge(stamp_us, now.mono_us));
        match self.fault {
            None => Instant::from_mono_us(stamp_us),
            Some(_) => now,
        }
    }

    fn judge(&self, stamp_us: u64, now_us: u64) -> Option<&'static str> {
        if stamp_us == 0 {
            Some("are 0")
        } else if stamp_us.saturating_add(MARGIN_US) < self.started_us {
            Some("lie before its start")
        } else if stamp_us > now_us.saturating_add(MARGIN_US) {
            Some("lie in the future")
        } else {
            None
        }
    }

    /// Why the stamps are not trusted.
    pub(super) fn fault(&self) -> Option<&'static str> {
        self.fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STARTED_US: u64 = 50_000_000;
    const NOW: Instant = Instant {
        mono_us: 60_000_000,
        wall_us: 1_700_000_000_000_000,
    };

    fn age_us(stamp_us: Option<u64>) -> (u64, Option<&'static str>) {
        let mut stamps = Stamps::since(STARTED_US);
        // `from_mono_us` asks the clock for its wall time, but keeps the stamp.
        let now = Instant::now();
        let shift = now.mono_us - NOW.mono_us.min(now.mono_us);
        let stamp = stamp_us.map(|stamp| if stamp == 0 { 0 } else { stamp + shift });
        stamps.started_us += shift;
        let now = Instant {
            mono_us: NOW.mono_us + shift,
            ..now
        };
        let captured = stamps.captured(stamp, now);
        (captured.age_us(now), stamps.fault())
    }

    #[test]
    fn impossible_stamps_are_the_time_of_dequeuing() {
        assert_eq!(age_us(None), (0, None));
        assert_eq!(age_us(Some(0)), (0, Some("are 0")));
        assert_eq!(
            age_us(Some(STARTED_US - MARGIN_US - 1)),
            (0, Some("lie before its start"))
        );
        assert_eq!(
            age_us(Some(NOW.mono_us + MARGIN_US + 1)).1,
            Some("lie in the future")
        );
        assert_eq!(age_us(Some(u64::MAX / 2)).1, Some("lie in the future"));
        assert_eq!(age_us(Some(NOW.mono_us + MARGIN_US)).1, None);
        assert_eq!(age_us(Some(NOW.mono_us - 5_000)), (5_000, None));
    }

    #[test]
    fn one_impossible_stamp_makes_the_driver_untrusted() {
        let now = Instant::now();
        let mut stamps = Stamps::since(now.mono_us);
        let late = |by_us| Instant {
            mono_us: now.mono_us + by_us,
            ..now
        };
        // A clock that is a second behind: after a second its stamps look possible.
        for by_us in [1_000, 500_000, 2_000_000] {
            let now = late(by_us);
            let stamp = now.mono_us - 1_000_000;
            assert_eq!(stamps.captured(Some(stamp), now), now);
        }
    }

    proptest! {
        #[test]
        fn no_stamp_gives_a_time_in_the_future_or_before_the_start(
            stamps in proptest::collection::vec(any::<Option<u64>>(), 1..8),
        ) {
            let now = Instant::now();
            let started_us = now.mono_us.saturating_sub(1_000_000);
            let mut judge = Stamps::since(started_us);
            for stamp in stamps {
                let captured = judge.captured(stamp, now).mono_us;
                prop_assert!(captured <= Instant::now().mono_us);
                prop_assert!(captured + MARGIN_US >= started_us);
            }
        }
    }
}
