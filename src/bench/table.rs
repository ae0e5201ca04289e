//! A run, its layers and a comparison as lines for a terminal.
//!
//! Names come from model files and reports, and may hold anything: each item is one line, which its writer escapes.

use super::compare::{Ratio, differences};
use super::record::{LayerRecord, Record};
use crate::stats::write_table;

/// The lines of a comparison.
pub fn comparison(first: &Record, second: &Record, ratios: &[Ratio]) -> Vec<String> {
    let mut lines: Vec<String> = differences(first, second)
        .into_iter()
        .map(|difference| format!("note: {difference}"))
        .collect();
    lines.push(format!(
        "{:<8}{:>12}{:>12}{:>8}{:>16}  second against first",
        "stage", "first ms", "second ms", "ratio", "noise"
    ));
    for found in ratios {
        let ([a, b], [low, high]) = (found.medians_ms, found.noise);
        let noise = format!("{low:.3}..{high:.3}");
        let (stage, ratio, verdict) = (&found.stage, found.ratio, found.verdict());
        lines.push(format!(
            "{stage:<8}{a:>12.3}{b:>12.3}{ratio:>8.3}{noise:>16}  {verdict}"
        ));
    }
    lines
}

/// The lines of a run.
pub fn summary(record: &Record) -> Vec<String> {
    let Record {
        frames,
        threads,
        model,
        ..
    } = record;
    let mut stages = String::new();
    let times = record.stages.iter();
    // Writing to a String does not fail.
    let _ = write_table(&mut stages, times.map(|stage| (&*stage.name, stage.ms)));
    let title = format!(
        "{}: {frames} frames on {}, {threads} thread(s)",
        model.name, model.engine
    );
    let mut lines = vec![title];
    lines.extend(stages.lines().map(str::to_string));
    if !record.loads.is_empty() {
        lines.push(format!(
            "{:<8}{:>12}{:>12}{:>13}{:>12}{:>12}{:>12}",
            "threads", "offered 1/s", "sent 1/s", "passed over", "work ms", "age p50", "age p99"
        ));
    }
    lines.extend(record.loads.iter().map(|load| {
        format!(
            "{:<8}{:>12.1}{:>12.1}{:>13}{:>12.2}{:>12.2}{:>12.2}",
            load.threads,
            load.offered_fps,
            load.sent_fps,
            load.passed_over,
            load.work_ms,
            load.age_ms.median_ms,
            load.age_ms.p99_ms
        )
    }));
    lines.extend(
        record
            .disturbed
            .iter()
            .map(|why| format!("not clean: {why}")),
    );
    lines
}

/// A line for each layer, the slowest first.
pub fn layer_table(layers: &[LayerRecord]) -> Vec<String> {
    let total_ms: f64 = layers.iter().map(|layer| layer.median_ms).sum();
    let macs: u64 = layers.iter().map(|layer| layer.macs).sum();
    let mut sorted: Vec<&LayerRecord> = layers.iter().collect();
    sorted.sort_by(|a, b| b.median_ms.total_cmp(&a.median_ms));
    let mut lines = vec![format!(
        "{:>9} {:>6} {:>9} {:>8} {:>6}  layer",
        "ms", "%", "MMAC", "GMAC/s", "% peak"
    )];
    let gmacs = |macs: u64, ms: f64| macs as f64 / 1e6 / ms;
    lines.extend(sorted.into_iter().map(|layer| {
        format!(
            "{:9.3} {:6.1} {:9.1} {:8.1} {:6.0}  {}",
            layer.median_ms,
            100.0 * layer.median_ms / total_ms,
            layer.macs as f64 / 1e6,
            gmacs(layer.macs, layer.median_ms),
            100.0 * layer.peak_share.unwrap_or(0.0),
            layer.name
        )
    }));
    lines.push(format!(
        "{total_ms:9.3} ms in all, {:.2} GMAC, {:.1} GMAC/s; Winograd's method may pass the peak of a core",
        macs as f64 / 1e9,
        gmacs(macs, total_ms)
    ));
    lines
}
