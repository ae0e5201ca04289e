//! Periodic statistics: one log line and one stats packet per period.
//!
//! In: the totals, the times of the stages, and the kernel's figures of the process. Out: [`WireStats`]. Nothing is
//! allocated after the start.

use super::totals::Totals;
use crate::source::SourceCounts;
use crate::stats::{Health, Probe, RecentLine, Repeated, Stage, StageTimes, Summary};
use crate::wire::{WireRadio, WireStage, WireStats};
use std::fmt;
use std::time::{Duration, Instant};

/// The state of the current period.
#[derive(Debug)]
pub(super) struct Reporter {
    every: Duration,
    started: Instant,
    /// Time of the last report.
    told: Instant,
    probe: Probe,
    /// Counts of the source at the last report.
    source: SourceCounts,
    /// Frames of this period, and those that were marked stale.
    frames: u64,
    stale: u64,
    /// Periods of which every frame was stale.
    stale_periods: Repeated,
}

impl Reporter {
    pub fn new(every: Duration) -> Self {
        let now = Instant::now();
        Reporter {
            every,
            started: now,
            told: now,
            probe: Probe::open(),
            source: SourceCounts::default(),
            frames: 0,
            stale: 0,
            stale_periods: Repeated::default(),
        }
    }

    /// Counts a frame that was sent.
    pub fn count(&mut self, stale: bool) {
        self.frames += 1;
        self.stale += u64::from(stale);
    }

    pub fn is_due(&self) -> bool {
        self.told.elapsed() >= self.every
    }

    /// Writes the log line, returns the statistics, and starts a new period.
    pub fn take(&mut self, totals: &Totals, times: &mut StageTimes) -> WireStats {
        let now = Instant::now();
        let period = now - std::mem::replace(&mut self.told, now);
        let before = std::mem::replace(&mut self.source, totals.source);
        log::info!(
            "{}{}",
            RecentLine { times, period },
            NotUsed {
                now: &totals.source,
                before: &before
            }
        );
        if let Some(periods) = self.end_of_stale() {
            log::warn!(
                "every frame of the last period was stale when it was sent: the camera's clock is wrong, or the \
                 pictures wait somewhere ({periods} such periods so far)"
            );
        }
        let stats = wire_stats(
            totals,
            times,
            &self.probe.read(),
            now - self.started,
            period,
        );
        times.forget_recent();
        stats
    }

    /// Starts a new period. Returns the count of periods with stale frames only, if the log should hear of this one.
    fn end_of_stale(&mut self) -> Option<u64> {
        let all = self.frames > 0 && self.stale == self.frames;
        (self.frames, self.stale) = (0, 0);
        if all {
            self.stale_periods.again()
        } else {
            None
        }
    }
}

/// Pictures of the period that were not used; nothing if all were.
struct NotUsed<'a> {
    now: &'a SourceCounts,
    before: &'a SourceCounts,
}

impl fmt::Display for NotUsed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, before) = (self.now, self.before);
        let counts = [
            ("skipped", now.skipped, before.skipped),
            ("passed over", now.passed_over, before.passed_over),
            ("lost", now.lost, before.lost),
        ];
        let mut separator = "; pictures";
        for (name, now, before) in counts {
            if now > before {
                write!(f, "{separator} {name} {}", now - before)?;
                separator = ",";
            }
        }
        Ok(())
    }
}

fn wire_stats(
    totals: &Totals,
    times: &StageTimes,
    health: &Health,
    uptime: Duration,
    period: Duration,
) -> WireStats {
    // The wire's counters wrap.
    let counter = |count: u64| count as u32;
    let most = |figure: u64| u32::try_from(figure).unwrap_or(u32::MAX);
    // The largest value means "not known".
    let known = |figure: u64| most(figure).min(u32::MAX - 1);
    let ms = |duration: Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
    let stage = |stage: Stage| {
        let figures = |summary: Summary| WireStage {
            count: most(summary.count),
            median_us: us(summary.median_ms),
            p99_us: us(summary.p99_ms),
            max_us: us(summary.max_ms),
        };
        times.recent(stage).map_or_else(WireStage::default, figures)
    };
    WireStats {
        uptime_s: most(uptime.as_secs()),
        period_ms: ms(period),
        frames: counter(totals.frames),
        found: counter(totals.found),
        failed: counter(totals.failed),
        heartbeats: counter(totals.heartbeats),
        dropped: counter(totals.dropped),
        skipped: counter(totals.source.skipped),
        passed_over: counter(totals.source.passed_over),
        lost: counter(totals.source.lost),
        reopened: counter(totals.source.reopened),
        heap_bytes: health.heap.map(|heap| known(heap.live_bytes)),
        heap_most_bytes: health.heap.map(|heap| known(heap.most_bytes)),
        allocations: health.heap.map(|heap| known(heap.allocations)),
        resident_kib: health.resident_kib.map(known),
        processor_ms: ms(health.processor),
        stages: Stage::ALL.map(stage),
        hottest_decicelsius: health.hottest_decicelsius,
        radio: health.radio.map(|radio| WireRadio {
            state: radio.state,
            network: radio.network,
            signal_dbm: radio.signal_dbm,
            joined: radio.joined,
        }),
    }
}

/// `as` saturates.
fn us(ms: f64) -> u32 {
    (ms * 1000.0).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::memory::HeapStats;
    use crate::stats::Radio;

    #[test]
    fn every_figure_goes_to_its_field() {
        let totals = Totals {
            frames: (1 << 32) + 1,
            found: 2,
            heartbeats: 3,
            failed: 4,
            dropped: 5,
            source: SourceCounts {
                skipped: 6,
                passed_over: 7,
                lost: 8,
                reopened: 9,
            },
        };
        let mut times = StageTimes::default();
        times.record(Stage::Infer, Duration::from_micros(1_500));
        times.record(Stage::Age, Duration::from_secs(90_000));
        let health = Health {
            heap: Some(HeapStats {
                live_bytes: 10,
                most_bytes: u64::MAX,
                limit_bytes: None,
                allocations: 11,
            }),
            resident_kib: Some(12),
            processor: Duration::from_millis(13),
            hottest_decicelsius: Some(14),
            radio: Some(Radio {
                state: 3,
                network: 1,
                signal_dbm: Some(-54),
                joined: 2,
            }),
        };
        let (uptime, period) = (Duration::from_millis(15_900), Duration::from_millis(16));
        let mut expected = WireStats {
            uptime_s: 15,
            period_ms: 16,
            frames: 1,
            found: 2,
            failed: 4,
            heartbeats: 3,
            dropped: 5,
            skipped: 6,
            passed_over: 7,
            lost: 8,
            reopened: 9,
            heap_bytes: Some(10),
            heap_most_bytes: Some(u32::MAX - 1),
            allocations: Some(11),
            resident_kib: Some(12),
            processor_ms: 13,
            stages: [WireStage::default(); 6],
            hottest_decicelsius: Some(14),
            radio: Some(WireRadio {
                state: 3,
                network: 1,
                signal_dbm: Some(-54),
                joined: 2,
            }),
        };
        let times_of = |count, us| WireStage {
            count,
            median_us: us,
            p99_us: us,
            max_us: us,
        };
        expected.stages[2] = times_of(1, 1_500);
        // Times over 71 minutes saturate.
        expected.stages[5] = times_of(1, u32::MAX);
        let found = wire_stats(&totals, &times, &health, uptime, period);
        assert_eq!(found, expected);
    }

    #[test]
    fn pictures_that_were_not_used_are_those_of_the_period() {
        let counts = |skipped, passed_over, lost| SourceCounts {
            skipped,
            passed_over,
            lost,
            reopened: 1,
        };
        let line = |now, before| {
            NotUsed {
                now: &now,
                before: &before,
            }
            .to_string()
        };
        assert_eq!(line(counts(7, 2, 3), counts(7, 2, 3)), "");
        assert_eq!(
            line(counts(9, 2, 3), counts(7, 2, 3)),
            "; pictures skipped 2"
        );
        assert_eq!(
            line(counts(1, 20, 300), counts(0, 0, 0)),
            "; pictures skipped 1, passed over 20, lost 300"
        );
    }

    #[test]
    fn a_period_with_stale_frames_only_is_said_at_powers_of_two() {
        let mut reporter = Reporter::new(Duration::from_secs(3600));
        let mut period = |frames: &[bool]| {
            frames.iter().for_each(|&stale| reporter.count(stale));
            reporter.end_of_stale()
        };
        assert_eq!(period(&[]), None);
        assert_eq!(period(&[true, false, true]), None);
        assert_eq!(period(&[true, true]), Some(1));
        assert_eq!(period(&[false]), None);
        assert_eq!(period(&[true]), Some(2));
        assert_eq!(period(&[true]), None);
        assert_eq!(period(&[true]), Some(4));
    }

    #[test]
    fn a_period_begins_where_the_last_one_ended() {
        let period = Duration::from_secs(3600);
        let mut reporter = Reporter::new(period);
        assert!(!reporter.is_due());
        reporter.told -= period;
        assert!(reporter.is_due());
        let mut times = StageTimes::default();
        times.record(Stage::Crop, Duration::from_millis(1));
        let first = reporter.take(&Totals::default(), &mut times);
        assert!(!reporter.is_due() && first.period_ms >= 3_600_000);
        assert_eq!(first.stages[Stage::Crop as usize].count, 1);
        let second = reporter.take(&Totals::default(), &mut times);
        assert_eq!(second.stages[Stage::Crop as usize].count, 0);
    }
}
