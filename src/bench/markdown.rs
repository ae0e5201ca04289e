//! A record as Markdown, and its plots as SVG.

use super::plot::{Line, Plot};
use super::record::Record;
use crate::machine::State;
use crate::stats::Summary;
use crate::text::Shown;
use std::fmt::Write;

/// Layers of the report: the slowest ones.
const LAYERS: usize = 10;
/// Plots show ages up to this many times the time of a frame's work. Beyond, the queue alone grows.
const SHOWN_AGES: f64 = 6.0;

/// The report of a run. `plots` are file names of its plots.
pub fn report(record: &Record, plots: &[&str]) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write(record, plots, &mut text);
    text
}

fn write(record: &Record, plots: &[&str], text: &mut String) -> std::fmt::Result {
    writeln!(text, "# posewire bench\n")?;
    match &record.disturbed[..] {
        [] => writeln!(text, "The run is clean.\n")?,
        why => {
            writeln!(text, "**The run is not clean:**\n")?;
            for why in why {
                writeln!(text, "- {why}")?;
            }
            writeln!(text)?;
        }
    }
    let unknown = "unknown";
    let machine = &record.machine;
    let or_unknown = |fact: &Option<String>| fact.clone().unwrap_or_else(|| unknown.to_string());
    let governors = match &machine.governors[..] {
        [] => "not scaled by Linux".to_string(),
        names => names.join(", "),
    };
    let memory = |kib: Option<u64>| kib.map_or(unknown.to_string(), |kib| format!("{kib} KiB"));
    let [first, last] = record.resident_kib.map(memory);
    let rows = [
        ("board", or_unknown(&machine.board)),
        ("processor", or_unknown(&machine.processor)),
        ("cores", machine.cores.to_string()),
        ("instructions", machine.instructions.join(" ")),
        ("kernel", or_unknown(&machine.kernel)),
        ("governor", governors),
        ("before", moment(&record.before)),
        ("after", moment(&record.after)),
        (
            "model",
            format!("{}, {} bytes", record.model.name, record.model.bytes),
        ),
        ("SHA-256", format!("`{}`", record.model.sha256)),
        (
            "engine",
            format!("{}, {} thread(s)", record.model.engine, record.threads),
        ),
        (
            "resident memory",
            format!("{first} after the warm-up, {last} at the end"),
        ),
        (
            "energy a frame",
            record
                .energy_mj
                .map_or(unknown.into(), |energy_mj| format!("{energy_mj:.1} mJ")),
        ),
        ("posewire", record.version.clone()),
        ("command", format!("`{}`", record.command)),
    ];
    writeln!(text, "| | |\n|---|---|")?;
    for (name, value) in rows {
        writeln!(text, "| {name} | {} |", cell(&value))?;
    }
    writeln!(
        text,
        "\n{} frames of 640 x 480 YUYV, one after another. Times in ms. `infer` is the bare network, `age` the whole \
         pipeline from a frame to its packet.\n\n| stage | min | p50 | p90 | p99 | p99.9 | max |\n|---|---|---|---|---|---|---|",
        record.frames
    )?;
    for stage in &record.stages {
        let Summary {
            min_ms,
            median_ms,
            p90_ms,
            p99_ms,
            p999_ms,
            max_ms,
            ..
        } = stage.ms;
        writeln!(
            text,
            "| {} | {min_ms:.3} | {median_ms:.3} | {p90_ms:.3} | {p99_ms:.3} | {p999_ms:.3} | {max_ms:.3} |",
            cell(&stage.name)
        )?;
    }
    for plot in plots {
        writeln!(text, "\n![{plot}]({plot})")?;
    }
    if !record.layers.is_empty() {
        let mut layers: Vec<_> = record.layers.iter().collect();
        layers.sort_by(|a, b| b.median_ms.total_cmp(&a.median_ms));
        writeln!(
            text,
            "\nThe slowest layers of {}; Winograd's method may pass the peak.\n\n\
             | layer | ms | MMAC | share of a core's peak |\n|---|---|---|---|",
            layers.len()
        )?;
        for layer in layers.into_iter().take(LAYERS) {
            let share = layer
                .peak_share
                .map_or(String::new(), |share| format!("{:.0} %", 100.0 * share));
            let mmac = layer.macs as f64 / 1e6;
            writeln!(
                text,
                "| {} | {:.3} | {mmac:.1} | {share} |",
                cell(&layer.name),
                layer.median_ms
            )?;
        }
    }
    if !record.loads.is_empty() {
        writeln!(
            text,
            "\nUnder given frame rates; the newest frame is taken, older ones are passed over.\n\n\
             | threads | offered 1/s | sent 1/s | passed over | work ms | age p50 ms | age p99 ms | age max ms |\n\
             |---|---|---|---|---|---|---|---|"
        )?;
        for load in &record.loads {
            writeln!(
                text,
                "| {} | {:.1} | {:.1} | {} | {:.2} | {:.2} | {:.2} | {:.2} |",
                load.threads,
                load.offered_fps,
                load.sent_fps,
                load.passed_over,
                load.work_ms,
                load.age_ms.median_ms,
                load.age_ms.p99_ms,
                load.age_ms.max_ms
            )?;
        }
    }
    Ok(())
}

/// A cell of a table: text of others ends no row and begins no cell.
fn cell(text: &str) -> String {
    Shown(text).to_string().replace('|', "\\|")
}

fn moment(state: &State) -> String {
    let known = [
        state
            .clock_mhz
            .map(|clock_mhz| format!("{clock_mhz:.0} MHz")),
        state
            .hottest_c
            .map(|hottest_c| format!("{hottest_c:.0} °C")),
        state.power_mw.map(|power_mw| format!("{power_mw:.0} mW")),
    ];
    let known: Vec<String> = known.into_iter().flatten().collect();
    match known.is_empty() {
        true => "clock, temperature and power unknown".to_string(),
        false => known.join(", "),
    }
}

/// Medians of the blocks over the run: heat and other programs show as slopes and steps.
pub fn block_plot(record: &Record) -> String {
    let shown = record
        .stages
        .iter()
        .filter(|stage| ["infer", "age"].contains(&stage.name.as_str()));
    let blocks = record.stages.first();
    let blocks = blocks.map_or(1, |stage| stage.block_medians_ms.len());
    let line = |name: &str, medians: &[f64]| {
        let points = medians.iter().enumerate();
        Line {
            name: name.to_string(),
            points: points
                .map(|(block, &ms)| ((block + 1) as f64, ms))
                .collect(),
        }
    };
    Plot {
        title: "Median times over the run".into(),
        x_label: format!("block of {} frames", record.frames / blocks.max(1) as u64),
        y_label: "ms".into(),
        lines: shown
            .map(|stage| line(&stage.name, &stage.block_medians_ms))
            .collect(),
        y_most: None,
    }
    .to_svg()
}

/// Age at sending over the offered frame rate; `None` without a sweep.
pub fn load_plot(record: &Record) -> Option<String> {
    let mut counts: Vec<usize> = record.loads.iter().map(|load| load.threads).collect();
    counts.dedup();
    let slowest_ms = record
        .loads
        .iter()
        .map(|load| load.work_ms)
        .fold(0.0, f64::max);
    let lines = counts.iter().flat_map(|&threads| {
        let loads = || {
            record
                .loads
                .iter()
                .filter(move |load| load.threads == threads)
        };
        [
            Line {
                name: format!("p50, {threads} thread(s)"),
                points: loads()
                    .map(|load| (load.offered_fps, load.age_ms.median_ms))
                    .collect(),
            },
            Line {
                name: format!("p99, {threads} thread(s)"),
                points: loads()
                    .map(|load| (load.offered_fps, load.age_ms.p99_ms))
                    .collect(),
            },
        ]
    });
    let plot = Plot {
        title: "Age of a frame when its packet is sent".into(),
        x_label: "frames a second that the camera takes".into(),
        y_label: "ms".into(),
        lines: lines.collect(),
        y_most: Some(SHOWN_AGES * slowest_ms),
    };
    (!record.loads.is_empty()).then(|| plot.to_svg())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::record::tests::record;

    #[test]
    fn tables_are_whole_whatever_the_names_are() {
        let mut record = record(&[1.0, 2.0]);
        record.disturbed.push("it was hot".into());
        let text = report(&record, &["blocks.svg"]);
        for line in text.lines().filter(|line| line.starts_with('|')) {
            assert!(line.ends_with('|'), "{line}");
        }
        assert!(text.contains("**The run is not clean:**") && text.contains("- it was hot"));
        assert!(
            text.contains("| conv \\| 1 | 1.000 | 0.0 | 50 % |"),
            "{text}"
        );
        assert!(text.contains("![blocks.svg](blocks.svg)"));
    }

    #[test]
    fn a_cell_holds_no_column_and_no_line_of_its_own() {
        assert_eq!(cell("a|b\n|c\x1b[2J"), "a\\|b\\n\\|c\\x1b[2J");
    }
}
