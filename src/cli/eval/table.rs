//! The figures of clips: a table, the targets, and JSON.

use crate::cli::say;
use crate::mot::SIZES_PX;
use crate::protocol::{Follow, Report};
use serde_json::{Value, json};

/// A clip and a way to follow it.
pub(super) struct Row {
    pub clip: String,
    pub follow: Follow,
    pub report: Report,
}

const HEAD: [&str; 17] = [
    "clip",
    "tracker",
    "swaps",
    "new",
    "false",
    "lock ms",
    "never",
    "recall 24 32 48 96 px",
    "side wrong, changed",
    "predicted %",
    "age p50 p99 ms",
    "MOTA",
    "IDF1",
    "jitter % raw, smooth",
    "lag ms raw, smooth",
    "looks p99 ms",
    "over %",
];

/// The name of a way to follow, in tables.
pub(super) fn name_of(follow: Follow) -> &'static str {
    match follow {
        Follow::One => "one",
        Follow::Several => "several",
        Follow::WithFinder => "finder",
    }
}

/// All clips together, a row for each way to follow.
pub(super) fn totals(rows: &[Row], follows: &[Follow]) -> Vec<Row> {
    let total = |&follow: &Follow| {
        let own = rows.iter().filter(|row| row.follow == follow);
        let clip = format!("all {}", own.clone().count());
        let reports = own.map(|row| row.report.clone());
        let report = reports.reduce(|mut all, next| {
            all.join(next);
            all
        })?;
        Some(Row {
            clip,
            follow,
            report,
        })
    };
    follows.iter().filter_map(total).collect()
}

/// Prints the table in the form of Markdown, and then the targets of the rows.
pub(super) fn print(rows: &[Row], totals: Vec<Row>) {
    let mut lines = vec![HEAD.map(String::from)];
    lines.extend(rows.iter().chain(&totals).map(cells));
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: [usize; HEAD.len()] = std::array::from_fn(width);
    for (at, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        say!("| {} |", cells.join(" | "));
        if at == 0 {
            let rules: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
            say!("| {} |", rules.join(" | "));
        }
    }
    say!("swaps, new numbers, false tracks and sides: events a minute");
    for target in targets(rows) {
        let verdict = if target.is_met { "met" } else { "missed" };
        say!(
            "{}: {}: {} ({verdict})",
            target.tracker,
            target.name,
            target.found
        );
    }
}

fn cells(row: &Row) -> [String; HEAD.len()] {
    let Report {
        score, raw, smooth, ..
    } = &row.report;
    let minute = |count| short(Some(score.per_minute(count)), 1.0, 1);
    let recalls = score.recall.map(|bin| short(bin.recall(), 1.0, 2));
    let ms = |us: u64| format!("{:.0}", us as f64 / 1e3);
    [
        row.clip.clone(),
        name_of(row.follow).into(),
        minute(score.swaps),
        minute(score.new_numbers),
        minute(score.false_tracks),
        score.slowest_lock_us().map_or("-".into(), ms),
        score.never_found.to_string(),
        recalls.join(" "),
        format!(
            "{}, {}",
            minute(score.side_errors),
            minute(score.side_changes)
        ),
        format!("{:.1}", 100.0 * score.predicted_share()),
        format!("{} {}", ms(score.age_us(0.5)), ms(score.age_us(0.99))),
        short(score.mota(), 1.0, 3),
        short(score.idf1(), 1.0, 3),
        format!(
            "{}, {}",
            short(raw.jitter_sides, 100.0, 2),
            short(smooth.jitter_sides, 100.0, 2)
        ),
        format!(
            "{}, {}",
            short(raw.lag_s, 1e3, 0),
            short(smooth.lag_s, 1e3, 0)
        ),
        ms(row.report.spent_us(0.99)),
        format!(
            "{:.1}",
            100.0 * row.report.over_budget as f64 / row.report.spent_us.len().max(1) as f64
        ),
    ]
}

/// A number times a factor, or a dash.
fn short(value: Option<f64>, factor: f64, digits: usize) -> String {
    value.map_or("-".into(), |value| format!("{:.digits$}", factor * value))
}

/// A target of the protocol, over all clips that it is about.
struct Target {
    tracker: &'static str,
    name: &'static str,
    found: String,
    is_met: bool,
}

/// The targets that the rows tell something of.
fn targets(rows: &[Row]) -> Vec<Target> {
    let mut targets = Vec::new();
    for follow in [Follow::One, Follow::Several, Follow::WithFinder] {
        let of = |word: &str| {
            let word = word.to_string();
            let rows = rows.iter().filter(move |row| row.follow == follow);
            rows.filter(move |row| row.clip.contains(&word))
        };
        let mut add = |name, value: Option<f64>, digits: usize, is_met: fn(f64) -> bool| {
            targets.extend(value.map(|value| Target {
                tracker: name_of(follow),
                name,
                found: format!("{value:.digits$}"),
                is_met: is_met(value),
            }));
        };
        let clutter: u64 = of("clutter").map(|row| row.report.score.false_tracks).sum();
        let clutter = of("clutter").next().map(|_| clutter as f64);
        add("0 false tracks in clutter", clutter, 0, |count| {
            count == 0.0
        });
        let locks: Vec<u64> = of("")
            .flat_map(|row| row.report.score.lock_us.iter().copied())
            .collect();
        let late = locks.iter().filter(|&&us| us > 200_000).count();
        let share = (!locks.is_empty()).then(|| late as f64 / locks.len() as f64);
        add("no first lock after 200 ms, share", share, 3, |share| {
            share == 0.0
        });
        let swaps = of("cross").fold((0, 0.0), |(swaps, seconds), row| {
            let score = &row.report.score;
            (swaps + score.swaps, seconds + score.seconds)
        });
        let swaps = (swaps.1 > 0.0).then(|| 60.0 * swaps.0 as f64 / swaps.1);
        add(
            "at most 0.5 swaps a minute in crossings",
            swaps,
            2,
            |rate| rate <= 0.5,
        );
        let linked: u64 = of("").map(|row| row.report.score.linked_side_changes).sum();
        let linked = of("").next().map(|_| linked as f64);
        add("0 changes of a linked hand's side", linked, 0, |count| {
            count == 0.0
        });
        let recalls = of("0.4 to 4 m").filter_map(|row| row.report.score.recall_from(48.0));
        let recall = recalls.reduce(f64::min);
        add(
            "recall of at least 0.9 from 48 px on, 0.4 to 4 m",
            recall,
            3,
            |share| share >= 0.9,
        );
        let rest = of("rest")
            .filter_map(|row| Some(row.report.smooth.jitter_sides? / row.report.raw.jitter_sides?));
        add(
            "at most 0.25 of the jitter at rest",
            rest.reduce(f64::max),
            2,
            |share| share <= 0.25,
        );
        let lags = of("0.5 sides/s").filter_map(|row| row.report.smooth.lag_s);
        let lag_ms = lags.reduce(f64::max).map(|lag_s| 1e3 * lag_s);
        add("at most 35 ms of lag at 0.5 sides/s", lag_ms, 0, |ms| {
            ms <= 35.0
        });
    }
    targets
}

/// All figures of the rows.
pub(super) fn as_json(rows: &[Row]) -> Vec<Value> {
    rows.iter().map(row_json).collect()
}

fn row_json(row: &Row) -> Value {
    let report = &row.report;
    let score = &report.score;
    let recall = SIZES_PX.iter().zip(score.recall).map(
        |(from_px, bin)| json!({ "from_px": from_px, "truths": bin.truths, "found": bin.found }),
    );
    let mut locks_ms: Vec<u64> = score.lock_us.iter().map(|us| us / 1000).collect();
    locks_ms.sort_unstable();
    json!({
        "clip": row.clip,
        "tracker": name_of(row.follow),
        "frames": report.frames,
        "seconds": score.seconds,
        "truths": score.truths,
        "misses": score.misses,
        "false": score.false_sent,
        "swaps": score.swaps,
        "new_numbers": score.new_numbers,
        "false_tracks": score.false_tracks,
        "locks_ms": locks_ms,
        "never_found": score.never_found,
        "recall": recall.collect::<Vec<_>>(),
        "side_errors": score.side_errors,
        "side_changes": score.side_changes,
        "linked_side_changes": score.linked_side_changes,
        "predicted_share": score.predicted_share(),
        "age_p50_us": score.age_us(0.5),
        "age_p99_us": score.age_us(0.99),
        "mota": score.mota(),
        "idf1": score.idf1(),
        "jitter_raw_sides": report.raw.jitter_sides,
        "jitter_smooth_sides": report.smooth.jitter_sides,
        "lag_raw_s": report.raw.lag_s,
        "lag_smooth_s": report.smooth.lag_s,
        "looks_p99_us": report.spent_us(0.99),
        "frames_over_budget": report.over_budget,
    })
}
