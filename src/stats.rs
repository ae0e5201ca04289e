//! How long each stage took.

use std::fmt;
use std::time::Duration;

/// The stages of a frame, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for and reading the frame.
    Source,
    /// Crop, scale and normalise.
    Crop,
    /// The network.
    Infer,
    /// Heatmaps to keypoints, and where to look next.
    Decode,
    /// Encoding and all sinks.
    Send,
}

impl Stage {
    pub const ALL: [Stage; 5] = [
        Stage::Source,
        Stage::Crop,
        Stage::Infer,
        Stage::Decode,
        Stage::Send,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Stage::Source => "source",
            Stage::Crop => "crop",
            Stage::Infer => "infer",
            Stage::Decode => "decode",
            Stage::Send => "send",
        }
    }
}

/// The last durations of one stage, in a ring of fixed size.
#[derive(Debug, Clone)]
struct Ring {
    nanoseconds: Vec<u64>,
    next: usize,
}

/// Durations of every stage over the last `capacity` frames. Allocated once.
#[derive(Debug, Clone)]
pub struct StageTimes {
    capacity: usize,
    rings: [Ring; Stage::ALL.len()],
}

impl StageTimes {
    /// Panics if `capacity` is 0.
    pub fn new(capacity: usize) -> Self {
        assert!(capacity > 0);
        StageTimes {
            capacity,
            rings: std::array::from_fn(|_| Ring {
                nanoseconds: Vec::with_capacity(capacity),
                next: 0,
            }),
        }
    }

    pub fn record(&mut self, stage: Stage, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let ring = &mut self.rings[stage as usize];
        if ring.nanoseconds.len() < self.capacity {
            ring.nanoseconds.push(nanoseconds);
        } else {
            ring.nanoseconds[ring.next] = nanoseconds;
        }
        ring.next = (ring.next + 1) % self.capacity;
    }

    /// `None` if the stage never ran.
    pub fn summary(&self, stage: Stage) -> Option<Summary> {
        Summary::of(&self.rings[stage as usize].nanoseconds)
    }
}

/// Order statistics of a set of durations, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    pub count: usize,
    pub min_ms: f64,
    pub median_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

impl Summary {
    /// `None` for an empty set. A percentile is the smallest value that so many do not exceed.
    fn of(nanoseconds: &[u64]) -> Option<Self> {
        let mut sorted = nanoseconds.to_vec();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
            sorted.get(rank).map(|&ns| ns as f64 / 1e6)
        };
        Some(Summary {
            count: sorted.len(),
            min_ms: at(0)?,
            median_ms: at(50)?,
            p95_ms: at(95)?,
            p99_ms: at(99)?,
            max_ms: at(100)?,
        })
    }
}

impl fmt::Display for StageTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<8}{:>10}{:>10}{:>10}{:>10}{:>10}  ms",
            "stage", "min", "median", "p95", "p99", "max"
        )?;
        for stage in Stage::ALL {
            if let Some(s) = self.summary(stage) {
                write!(
                    f,
                    "\n{:<8}{:>10.3}{:>10.3}{:>10.3}{:>10.3}{:>10.3}",
                    stage.name(),
                    s.min_ms,
                    s.median_ms,
                    s.p95_ms,
                    s.p99_ms,
                    s.max_ms
                )?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_statistics() {
        let mut times = StageTimes::new(100);
        for ms in (1..=100).rev() {
            times.record(Stage::Infer, Duration::from_millis(ms));
        }
        let summary = times.summary(Stage::Infer).unwrap();
        assert_eq!((summary.min_ms, summary.median_ms), (1.0, 50.0));
        assert_eq!(
            (summary.p95_ms, summary.p99_ms, summary.max_ms),
            (95.0, 99.0, 100.0)
        );
        assert_eq!(times.summary(Stage::Send), None);
    }

    #[test]
    fn the_oldest_make_room() {
        let mut times = StageTimes::new(4);
        for ms in 1..=6 {
            times.record(Stage::Crop, Duration::from_millis(ms));
        }
        let summary = times.summary(Stage::Crop).unwrap();
        assert_eq!(
            (summary.count, summary.min_ms, summary.max_ms),
            (4, 3.0, 6.0)
        );
    }
}
