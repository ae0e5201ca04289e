//! The page of figures, in Prometheus' text format.
//!
//! In: the table of boards, and the outputs' counts. Out: the text, piece by piece: one board is locked at a time, so that
//! a slow reader holds nobody up.

use crate::fleet::{Fleet, Report, State};
use crate::gate::Totals;
use crate::output::Figures;
use posewire::clock::steady_us;
use posewire::stats::Stage;
use std::fmt::{self, Write};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// An output's name, its counts, packets that wait, and packets that had no room.
pub type OutputFigures = (&'static str, Figures, usize, u64);
/// The figures of all outputs.
pub type Outputs = Box<dyn Fn() -> Vec<OutputFigures> + Send>;
/// Takes further labels, and a value.
type Put<'a> = &'a mut dyn FnMut(&str, f64);

/// Sources of the page's figures.
pub struct Sources {
    pub fleet: Arc<Mutex<Fleet>>,
    pub totals: Arc<Totals>,
    pub outputs: Outputs,
}

/// One figure of all boards: its name, type and help, and the values of a board.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    values: fn(&Report, u64, Put<'_>),
}

macro_rules! family {
    ($name:literal, $kind:literal, $help:literal, $values:expr) => {
        Family {
            name: $name,
            kind: $kind,
            help: $help,
            values: $values,
        }
    };
}

/// All figures of boards. Counts of a board's own statistics are those of its present run.
const FAMILIES: &[Family] = &[
    family!(
        "posewire_up",
        "gauge",
        "1 while packets come",
        |report, _, put| {
            put("", f64::from(u8::from(report.state == State::Live)));
        }
    ),
    family!(
        "posewire_last_seen_seconds",
        "gauge",
        "time since the newest packet",
        |report, now_us, put| {
            put("", now_us.saturating_sub(report.heard_us) as f64 / 1e6);
        }
    ),
    family!(
        "posewire_packets_total",
        "counter",
        "packets by kind",
        |report, _, put| {
            let counts = &report.counts;
            put(",kind=\"keypoints\"", counts.keypoints as f64);
            put(",kind=\"instances\"", counts.instances as f64);
            put(",kind=\"heartbeat\"", counts.heartbeats as f64);
            put(",kind=\"stats\"", counts.stats as f64);
            put(",kind=\"unknown\"", counts.unknown as f64);
        }
    ),
    family!(
        "posewire_learned_packets_total",
        "counter",
        "packets of the first second, in which a gateway with keys publishes none",
        |report, _, put| {
            put("", report.counts.learned as f64);
        }
    ),
    family!(
        "posewire_lost_packets",
        "gauge",
        "missing numbers that have not come since",
        |report, _, put| {
            put("", report.loss.lost as f64);
        }
    ),
    family!(
        "posewire_late_packets_total",
        "counter",
        "packets that came after a newer one",
        |report, _, put| {
            put("", report.loss.late as f64);
        }
    ),
    family!(
        "posewire_repeated_packets_total",
        "counter",
        "packets that came more than once",
        |report, _, put| {
            put("", report.loss.repeated as f64);
        }
    ),
    family!(
        "posewire_sessions_total",
        "counter",
        "starts of the board",
        |report, _, put| {
            put("", report.loss.sessions as f64);
        }
    ),
    family!(
        "posewire_refused_packets_total",
        "counter",
        "packets that were refused",
        |report, _, put| {
            let counts = &report.counts;
            put(",reason=\"old\"", counts.old as f64);
            put(",reason=\"second_sender\"", counts.other_session as f64);
            put(",reason=\"held_back\"", counts.held_back as f64);
            put(",reason=\"unordered\"", counts.unordered as f64);
            put(",reason=\"seal\"", counts.bad_seal as f64);
        }
    ),
    family!(
        "posewire_silences_total",
        "counter",
        "times that the board fell silent or stopped",
        |report, _, put| {
            put("", report.counts.silences as f64);
        }
    ),
    family!(
        "posewire_flags",
        "gauge",
        "flags of the newest packet: docs/wire.md",
        |report, _, put| {
            put("", f64::from(report.flags.0));
        }
    ),
    family!(
        "posewire_board_uptime_seconds",
        "gauge",
        "time since the board's program started",
        |report, _, put| {
            if let Some(stats) = &report.stats {
                put("", f64::from(stats.uptime_s));
            }
        }
    ),
    family!(
        "posewire_board_frames_total",
        "counter",
        "frames, and what became of them",
        |report, _, put| {
            if let Some(stats) = &report.stats {
                put(",what=\"processed\"", f64::from(stats.frames));
                put(",what=\"found\"", f64::from(stats.found));
                put(",what=\"failed\"", f64::from(stats.failed));
                put(",what=\"skipped\"", f64::from(stats.skipped));
                put(",what=\"passed_over\"", f64::from(stats.passed_over));
                put(",what=\"lost\"", f64::from(stats.lost));
            }
        }
    ),
    family!(
        "posewire_board_dropped_packets_total",
        "counter",
        "packets that the board could not deliver",
        |report, _, put| {
            if let Some(stats) = &report.stats {
                put("", f64::from(stats.dropped));
            }
        }
    ),
    family!(
        "posewire_board_camera_reopened_total",
        "counter",
        "times that the camera was opened again",
        |report, _, put| {
            if let Some(stats) = &report.stats {
                put("", f64::from(stats.reopened));
            }
        }
    ),
    family!(
        "posewire_board_stage_seconds",
        "gauge",
        "times of a stage in the board's last period",
        |report, _, put| {
            let Some(stats) = &report.stats else { return };
            for (stage, times) in Stage::ALL.into_iter().zip(&stats.stages) {
                let name = stage.name();
                for (quantile, us) in [
                    ("0.5", times.median_us),
                    ("0.99", times.p99_us),
                    ("1", times.max_us),
                ] {
                    if times.count > 0 {
                        put(
                            &format!(",stage=\"{name}\",quantile=\"{quantile}\""),
                            f64::from(us) / 1e6,
                        );
                    }
                }
            }
        }
    ),
    family!(
        "posewire_board_busy_ratio",
        "gauge",
        "processor time of the board's program, 1 is a core",
        |report, _, put| {
            if let Some(stats) = report.stats.as_ref().filter(|stats| stats.period_ms > 0) {
                put(
                    "",
                    f64::from(stats.processor_ms) / f64::from(stats.period_ms),
                );
            }
        }
    ),
    family!(
        "posewire_board_resident_bytes",
        "gauge",
        "memory of the board's program",
        |report, _, put| {
            if let Some(kib) = report.stats.as_ref().and_then(|stats| stats.resident_kib) {
                put("", 1024.0 * f64::from(kib));
            }
        }
    ),
    family!(
        "posewire_board_temperature_celsius",
        "gauge",
        "the board's hottest thermal zone",
        |report, _, put| {
            if let Some(tenths) = report
                .stats
                .as_ref()
                .and_then(|stats| stats.hottest_decicelsius)
            {
                put("", f64::from(tenths) / 10.0);
            }
        }
    ),
];

/// Bytes of text that are written at once.
const PIECE_BYTES: usize = 32 << 10;

/// Writes the page.
///
/// # Errors
/// Those of the writer.
pub fn write(sources: &Sources, out: &mut dyn io::Write) -> io::Result<()> {
    let mut text = String::with_capacity(2 * PIECE_BYTES);
    // Writing to a text never fails.
    let _ = own(sources, &mut text);
    let now_us = steady_us();
    for family in FAMILIES {
        let _ = head(&mut text, family.name, family.kind, family.help);
        for place in 0..=u16::MAX {
            let report = {
                let fleet = sources.fleet.lock().unwrap_or_else(PoisonError::into_inner);
                match fleet.report(place) {
                    Some(report) => report.clone(),
                    None => break,
                }
            };
            (family.values)(&report, now_us, &mut |labels, value| {
                let _ = writeln!(
                    text,
                    "{}{{board=\"{}\",instance=\"{}\"{labels}}} {value}",
                    family.name, report.name, report.instance
                );
            });
            if text.len() >= PIECE_BYTES {
                out.write_all(text.as_bytes())?;
                text.clear();
            }
        }
    }
    out.write_all(text.as_bytes())
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

/// Figures of the gateway itself.
fn own(sources: &Sources, text: &mut String) -> fmt::Result {
    let totals = &sources.totals;
    let (known, live) = {
        let fleet = sources.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        (fleet.count(), fleet.live())
    };
    head(
        text,
        "posewire_gateway_boards",
        "gauge",
        "boards in the table",
    )?;
    writeln!(text, "posewire_gateway_boards{{state=\"known\"}} {known}")?;
    writeln!(text, "posewire_gateway_boards{{state=\"live\"}} {live}")?;
    let name = "posewire_gateway_datagrams_total";
    head(text, name, "counter", "datagrams that came")?;
    writeln!(text, "{name} {}", totals.datagrams.load(Ordering::Relaxed))?;
    let name = "posewire_gateway_discarded_total";
    head(text, name, "counter", "datagrams of no board")?;
    for (reason, count) in [
        ("invalid", &totals.invalid),
        ("seal", &totals.bad_seal),
        ("table_full", &totals.turned_away),
    ] {
        let count = count.load(Ordering::Relaxed);
        writeln!(text, "{name}{{reason=\"{reason}\"}} {count}")?;
    }
    let outputs = (sources.outputs)();
    let name = "posewire_gateway_output_up";
    head(text, name, "gauge", "1 while somebody can be reached")?;
    for (output, figures, ..) in &outputs {
        writeln!(
            text,
            "{name}{{output=\"{output}\"}} {}",
            u8::from(figures.is_up)
        )?;
    }
    let name = "posewire_gateway_output_connects_total";
    head(
        text,
        name,
        "counter",
        "times that somebody could be reached again",
    )?;
    for (output, figures, ..) in &outputs {
        writeln!(text, "{name}{{output=\"{output}\"}} {}", figures.connects)?;
    }
    let name = "posewire_gateway_output_packets_total";
    head(text, name, "counter", "packets, and what became of them")?;
    for (output, figures, _, pushed_out) in &outputs {
        for (what, count) in [
            ("published", figures.published),
            ("left_out", figures.left_out),
            ("lost", figures.lost),
            ("outdated", figures.outdated),
            ("no_room", *pushed_out),
        ] {
            writeln!(
                text,
                "{name}{{output=\"{output}\",what=\"{what}\"}} {count}"
            )?;
        }
    }
    let name = "posewire_gateway_output_queue";
    head(text, name, "gauge", "packets that wait")?;
    for (output, _, waiting, _) in &outputs {
        writeln!(text, "{name}{{output=\"{output}\"}} {waiting}")?;
    }
    let name = "posewire_gateway_publish_delay_seconds";
    head(
        text,
        name,
        "gauge",
        "time from a packet's arrival until it is published, in the last minute",
    )?;
    for (output, figures, ..) in &outputs {
        let Some(delay) = figures.delay else { continue };
        for (quantile, ms) in [
            ("0.5", delay.median_ms),
            ("0.99", delay.p99_ms),
            ("0.999", delay.p999_ms),
            ("1", delay.max_ms),
        ] {
            let seconds = ms / 1000.0;
            writeln!(
                text,
                "{name}{{output=\"{output}\",quantile=\"{quantile}\"}} {seconds}"
            )?;
        }
    }
    Ok(())
}
