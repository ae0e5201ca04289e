//! The budget in time: what a look costs, how long a frame may take, and whether one more instance fits.

/// Looks that the mean cost is taken of.
const LOOKS: usize = 32;
/// Share of the camera's period that a frame may take.
const SHARE: f32 = 0.85;
/// The camera's period until it is known.
const FIRST_PERIOD_US: u64 = 33_333;
/// The longest time between two looks at an instance. At 30 sides/s^2 its region is off by 0.2 sides then.
const LONGEST_ROUND_US: u64 = 115_000;
/// Weight of a new frame in the mean period.
const PERIOD_WEIGHT: f32 = 1.0 / 16.0;

/// Mean time of the last looks of one network.
#[derive(Debug, Clone)]
pub(super) struct Cost {
    last_us: [u32; LOOKS],
    count: usize,
}

impl Default for Cost {
    fn default() -> Self {
        Cost {
            last_us: [0; LOOKS],
            count: 0,
        }
    }
}

impl Cost {
    pub fn record(&mut self, took_us: u64) {
        self.last_us[self.count % LOOKS] = u32::try_from(took_us).unwrap_or(u32::MAX);
        self.count += 1;
    }

    pub fn is_known(&self) -> bool {
        self.count > 0
    }

    /// 0 before the first look.
    pub fn mean_us(&self) -> u64 {
        let known = self.count.min(LOOKS);
        let sum: u64 = self.last_us[..known].iter().map(|&us| u64::from(us)).sum();
        sum / known.max(1) as u64
    }
}

/// The camera's period, and the time for a frame.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    given_us: Option<u64>,
    period_us: f32,
    last: Option<(u64, u64)>,
}

impl Pace {
    pub fn new(given_us: Option<u64>) -> Pace {
        Pace {
            given_us,
            period_us: FIRST_PERIOD_US as f32,
            last: None,
        }
    }

    /// Takes the index and the capture time of a frame. Skipped frames count in the index, so that a slow
    /// program does not take itself for a slow camera.
    pub fn frame(&mut self, index: u64, captured_us: u64) {
        if let Some((last_index, last_us)) = self.last
            && index > last_index
            && captured_us > last_us
        {
            let period = (captured_us - last_us) as f32 / (index - last_index) as f32;
            // A pause is not a period.
            if period < 1e6 {
                self.period_us += PERIOD_WEIGHT * (period - self.period_us);
            }
        }
        self.last = Some((index, captured_us));
    }

    pub fn budget_us(&self) -> u64 {
        let own = (SHARE * self.period_us) as u64;
        self.given_us.unwrap_or(own)
    }

    /// Whether looks of this time in all can be repeated often enough. One look is always allowed.
    pub fn allows(&self, looks: usize, cost_us: u64) -> bool {
        let frames = cost_us.div_ceil(self.budget_us().max(1));
        let round_us = (frames as f32 * self.period_us).max(cost_us as f32);
        looks <= 1 || round_us <= LONGEST_ROUND_US as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_the_mean_of_the_last_32() {
        let mut cost = Cost::default();
        assert_eq!(cost.mean_us(), 0);
        cost.record(3000);
        assert_eq!(cost.mean_us(), 3000);
        for _ in 0..LOOKS {
            cost.record(5000);
        }
        assert_eq!(cost.mean_us(), 5000);
        cost.record(u64::MAX);
        assert!(cost.mean_us() > 100_000_000);
    }

    #[test]
    fn the_period_is_the_cameras_although_frames_are_skipped() {
        let mut pace = Pace::new(None);
        assert_eq!(pace.budget_us(), 28_333);
        for frame in 0..300 {
            pace.frame(3 * frame, 3 * frame * 20_000);
        }
        assert!((16_900..17_100).contains(&pace.budget_us()));
        // Stamps that stand still or jump back, and a pause, change nothing.
        for (index, us) in [(900, 1), (901, 1), (902, 90_000_000)] {
            pace.frame(index, us);
        }
        assert!((16_900..17_100).contains(&pace.budget_us()));
        assert_eq!(Pace::new(Some(5000)).budget_us(), 5000);
    }

    #[test]
    fn one_more_is_admitted_only_if_all_are_looked_at_often_enough() {
        let pace = Pace::new(None);
        assert!(pace.allows(8, 8 * 7_000));
        assert!(pace.allows(8, 3 * 28_000));
        assert!(!pace.allows(8, 4 * 28_333));
        // A large network on a small board follows one.
        assert!(pace.allows(1, 500_000));
        assert!(!pace.allows(2, 500_000));
    }
}
