//! Durations in buckets of equal relative width: a year of frames in 17 KiB, allocated once.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// 2^7 buckets per doubling: values are accurate to 0.8 %.
const FINE_BITS: u32 = 7;
const FINE: u64 = 1 << FINE_BITS;
/// Longest distinct duration, about 18 minutes.
const MAX_NS: u64 = (1 << 40) - 1;
const BUCKETS: usize = bucket(MAX_NS) + 1;

/// The bucket of a duration. The first 256 buckets are 1 ns wide, the next 128 are 2 ns wide, then 4 ns, and so on.
const fn bucket(ns: u64) -> usize {
    if ns < FINE {
        return ns as usize;
    }
    let shift = ns.ilog2() - FINE_BITS;
    (shift as u64 * FINE + (ns >> shift)) as usize
}

/// The middle of a bucket, in nanoseconds.
const fn middle(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < FINE {
        return bucket;
    }
    let shift = bucket / FINE - 1;
    let width = 1 << shift;
    (bucket % FINE + FINE) * width + width / 2
}

/// Counts of durations.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Box<[u32]>,
    total: u64,
    min_ns: u64,
    max_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        let mut counts = vec![0; BUCKETS];
        // The kernel provides pages at the first write. Writing all of them now keeps resident memory constant later.
        counts.fill(std::hint::black_box(0));
        Histogram {
            counts: counts.into(),
            total: 0,
            min_ns: u64::MAX,
            max_ns: 0,
        }
    }
}

impl Histogram {
    pub fn record(&mut self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let count = &mut self.counts[bucket(ns.min(MAX_NS))];
        *count = count.saturating_add(1);
        self.total += 1;
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
    }

    pub fn clear(&mut self) {
        self.counts.fill(0);
        (self.total, self.min_ns, self.max_ns) = (0, u64::MAX, 0);
    }

    /// `None` if the histogram is empty. A percentile is the smallest value that at least this share does not exceed.
    pub fn summary(&self) -> Option<Summary> {
        if self.total == 0 {
            return None;
        }
        let ms = |ns: u64| ns as f64 / 1e6;
        let percentile = |per_mille: u64| {
            let rank = (self.total * per_mille).div_ceil(1000);
            let mut seen = 0;
            let reached = self.counts.iter().position(|&count| {
                seen += u64::from(count);
                seen >= rank
            });
            let ns = reached.map_or(self.max_ns, middle);
            ms(ns.clamp(self.min_ns, self.max_ns))
        };
        Some(Summary {
            count: self.total,
            min_ms: ms(self.min_ns),
            median_ms: percentile(500),
            p90_ms: percentile(900),
            p99_ms: percentile(990),
            p999_ms: percentile(999),
            max_ms: ms(self.max_ns),
        })
    }
}

/// Order statistics of durations, in milliseconds. Minimum and maximum are exact.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    pub count: u64,
    pub min_ms: f64,
    pub median_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    /// The 99.9th percentile.
    pub p999_ms: f64,
    pub max_ms: f64,
}

impl Summary {
    /// Names of the columns that a summary is shown in.
    pub const COLUMNS: [&str; 6] = ["min", "median", "p90", "p99", "p99.9", "max"];
}

/// The columns, each ten characters wide.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        [
            self.min_ms,
            self.median_ms,
            self.p90_ms,
            self.p99_ms,
            self.p999_ms,
            self.max_ms,
        ]
        .iter()
        .try_for_each(|ms| write!(f, "{ms:>10.3}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_statistics() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.summary(), None);
        for ms in (1..=100).rev() {
            histogram.record(Duration::from_millis(ms));
        }
        let found = histogram.summary().unwrap();
        assert_eq!((found.count, found.min_ms, found.max_ms), (100, 1.0, 100.0));
        for (percentile, expected) in [
            (found.median_ms, 50.0),
            (found.p90_ms, 90.0),
            (found.p99_ms, 99.0),
            (found.p999_ms, 100.0),
        ] {
            assert!((percentile / expected - 1.0).abs() < 0.004, "{found:?}");
        }
        histogram.clear();
        assert_eq!(histogram.summary(), None);
    }

    #[test]
    fn the_longest_time_has_a_bucket() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::MAX);
        histogram.record(Duration::ZERO);
        let found = histogram.summary().unwrap();
        assert_eq!((found.min_ms, found.median_ms), (0.0, 0.0));
        assert!(found.max_ms > 1e12);
    }

    proptest! {
        #[test]
        fn a_bucket_is_near_what_is_in_it(ns in 0..=MAX_NS) {
            let error = middle(bucket(ns)).abs_diff(ns);
            prop_assert!(error * 2 * FINE <= ns.max(FINE * 2), "{ns}: {error}");
        }

        #[test]
        fn buckets_are_in_the_order_of_time(a in 0..=MAX_NS, b in 0..=MAX_NS) {
            prop_assert_eq!(bucket(a) <= bucket(b), a <= b || bucket(a) == bucket(b));
            prop_assert!(bucket(a) < BUCKETS);
        }
    }
}
