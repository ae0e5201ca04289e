//! Times of each stage, the running stage, and the health of the program and its board.
//!
//! In: the start and the end of each stage. Out: order statistics in milliseconds, of the whole run and of the
//! current stats period. Memory is allocated once. A recording costs two clock readings.

mod health;
mod histogram;
mod repeated;
mod stage_watch;

pub use health::{Health, Probe, Radio};
pub use histogram::{Histogram, Summary};
pub use repeated::Repeated;
pub use stage_watch::{StageClock, StageWatch};

use std::fmt;
use std::time::{Duration, Instant};

/// The stages of a frame, in order. The wire uses the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for and reading the frame.
    Source,
    /// Crop, scale and normalise.
    Crop,
    /// The network.
    Infer,
    /// Heatmaps to keypoints, and the next region.
    Decode,
    /// Encoding and all sinks.
    Send,
    /// Not a stage: the whole time from the capture of a frame to its sending.
    Age,
}

impl Stage {
    pub const ALL: [Stage; 6] = [
        Stage::Source,
        Stage::Crop,
        Stage::Infer,
        Stage::Decode,
        Stage::Send,
        Stage::Age,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Stage::Source => "source",
            Stage::Crop => "crop",
            Stage::Infer => "infer",
            Stage::Decode => "decode",
            Stage::Send => "send",
            Stage::Age => "age",
        }
    }
}

/// A running stage.
#[derive(Debug)]
#[must_use]
pub struct StageTimer {
    stage: Stage,
    at: Instant,
}

/// Durations of every stage.
#[derive(Debug, Clone, Default)]
pub struct StageTimes {
    all: [Histogram; Stage::ALL.len()],
    recent: [Histogram; Stage::ALL.len()],
    latest: [Duration; Stage::ALL.len()],
    clock: StageClock,
}

impl StageTimes {
    pub fn begin(&mut self, stage: Stage) -> StageTimer {
        self.clock.enter(stage);
        StageTimer {
            stage,
            at: Instant::now(),
        }
    }

    pub fn end(&mut self, begun: StageTimer) {
        self.clock.leave();
        self.record(begun.stage, begun.at.elapsed());
    }

    /// Ends one part of a stage. The parts of a stage are recorded together.
    pub fn stop_unrecorded(&mut self, _begun: StageTimer) {
        self.clock.leave();
    }

    pub fn record(&mut self, stage: Stage, duration: Duration) {
        self.all[stage as usize].record(duration);
        self.recent[stage as usize].record(duration);
        self.latest[stage as usize] += duration;
    }

    /// A frame is there, with which times begin anew.
    pub fn begin_frame(&mut self) {
        self.latest = Default::default();
    }

    /// The time that a stage took since [`begin_frame`](StageTimes::begin_frame), in all its parts.
    pub fn latest(&self, stage: Stage) -> Duration {
        self.latest[stage as usize]
    }

    /// Statistics of the whole run; `None` if the stage never ran.
    pub fn summary(&self, stage: Stage) -> Option<Summary> {
        self.all[stage as usize].summary()
    }

    /// Statistics since [`forget_recent`](StageTimes::forget_recent).
    pub fn recent(&self, stage: Stage) -> Option<Summary> {
        self.recent[stage as usize].summary()
    }

    pub fn forget_recent(&mut self) {
        self.recent.iter_mut().for_each(Histogram::clear);
    }

    /// The running stage, for another thread.
    pub fn clock(&self) -> StageClock {
        self.clock.clone()
    }
}

impl fmt::Display for StageTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Stage::ALL
            .into_iter()
            .filter_map(|stage| Some((stage.name(), self.summary(stage)?)));
        write_table(f, found)
    }
}

/// A heading, and a line for each stage.
///
/// # Errors
/// Those of the writer.
pub fn write_table<'a>(
    out: &mut dyn fmt::Write,
    stages: impl IntoIterator<Item = (&'a str, Summary)>,
) -> fmt::Result {
    write!(out, "{:<8}", "stage")?;
    for column in Summary::COLUMNS {
        write!(out, "{column:>10}")?;
    }
    out.write_str("  ms")?;
    for (name, summary) in stages {
        write!(out, "\n{name:<8}{summary}")?;
    }
    Ok(())
}

/// One line for the current period: frames per second, and median, 99th percentile and maximum of each stage.
pub struct RecentLine<'a> {
    pub times: &'a StageTimes,
    pub period: Duration,
}

impl fmt::Display for RecentLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = self.times.recent(Stage::Infer).map_or(0, |s| s.count);
        let rate = frames as f64 / self.period.as_secs_f64().max(1e-3);
        write!(f, "{rate:.1} frames/s")?;
        let mut before = "; median/p99/max ms: ";
        for stage in Stage::ALL {
            if let Some(s) = self.times.recent(stage) {
                let (name, median, p99, max) = (stage.name(), s.median_ms, s.p99_ms, s.max_ms);
                let before = std::mem::replace(&mut before, " ");
                write!(f, "{before}{name} {median:.2}/{p99:.2}/{max:.2}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_while_is_forgotten_and_the_whole_is_not() {
        let mut times = StageTimes::default();
        times.record(Stage::Infer, Duration::from_millis(8));
        times.forget_recent();
        times.record(Stage::Infer, Duration::from_millis(2));
        assert_eq!(times.summary(Stage::Infer).unwrap().count, 2);
        assert_eq!(times.recent(Stage::Infer).unwrap().max_ms, 2.0);
        assert_eq!(times.summary(Stage::Send), None);
        let line = RecentLine {
            times: &times,
            period: Duration::from_millis(500),
        };
        assert_eq!(
            line.to_string(),
            "2.0 frames/s; median/p99/max ms: infer 2.00/2.00/2.00"
        );
    }

    #[test]
    fn a_stage_that_runs_twice_for_a_frame_counts_with_both() {
        let mut times = StageTimes::default();
        times.record(Stage::Infer, Duration::from_millis(9));
        times.begin_frame();
        times.record(Stage::Infer, Duration::from_millis(2));
        times.record(Stage::Infer, Duration::from_millis(3));
        assert_eq!(times.latest(Stage::Infer), Duration::from_millis(5));
        assert_eq!(times.latest(Stage::Send), Duration::ZERO);
    }

    #[test]
    fn a_stage_is_timed_from_its_begin_to_its_end() {
        let mut times = StageTimes::default();
        let begun = times.begin(Stage::Crop);
        std::thread::sleep(Duration::from_millis(3));
        times.end(begun);
        assert!(times.summary(Stage::Crop).unwrap().min_ms >= 3.0);
    }
}
