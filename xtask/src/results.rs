//! `cargo xtask results`: RESULTS.md from stored reports.
//!
//! In: records of `posewire bench --report` and tables of `benches/peers.py --report` in `benches/reports`, and the counts
//! in `benches`. Out: the page. It has no figure of its own, and says of each table whether it was measured, counted or
//! computed.

use crate::tools::{Outcome, at, repository};
use posewire::bench::{Record, compare};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "RESULTS.md";
const REPORTS: &str = "benches/reports";
const INSTRUCTIONS: &str = "benches/instructions.json";
const CYCLES: &str = "benches/cycles.json";
/// In the name of a record, of a second run of the one without it.
const AGAIN: &str = ".again";
/// The network's stage, and that which all of a frame is part of.
const NETWORK_AND_WHOLE: [&str; 2] = ["infer", "age"];

/// Millions of instructions and cycles of a frame on one core.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cycles {
    network: String,
    core: String,
    /// The processor of llvm-mca.
    model: String,
    instructions: f64,
    cycles: f64,
}

/// Two programs in turns on the same network.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Peers {
    network: String,
    machine: String,
    threads: usize,
    rounds: usize,
    programs: Vec<Program>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    name: String,
    least_ms: f64,
    median_ms: f64,
    /// posewire's times by its, within each round.
    median_ratio: f64,
}

/// Writes the page.
pub fn main() -> Outcome<bool> {
    let path = repository()?.join(PAGE);
    fs::write(&path, page(repository()?)?).map_err(at(&path))?;
    Ok(true)
}

/// A line, if the page is not what the reports give.
pub fn faults(root: &Path) -> Outcome<Vec<String>> {
    let path = root.join(PAGE);
    let written = fs::read_to_string(&path).map_err(at(&path))?;
    let fault = format!("{PAGE}: is not what the reports give: cargo xtask results");
    Ok((written != page(root)?)
        .then_some(fault)
        .into_iter()
        .collect())
}

fn page(root: &Path) -> Outcome<String> {
    let mut records = BTreeMap::new();
    let mut peers: Vec<Peers> = Vec::new();
    for path in reports(&root.join(REPORTS))? {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with("peers-") {
            peers.push(read(&path)?);
        } else {
            let record = Record::read(&path).map_err(|error| error.to_string())?;
            records.insert(name, record);
        }
    }
    let mut text = String::from(
        "# Results\n\nThis page is made by `cargo xtask results` from the reports in `benches/reports` and the counts in \
         `benches`;\n`cargo xtask check` fails if it differs from them. **Measured** figures are times of a machine. \
         **Counted** ones are exact\nand do not depend on the machine. **Computed** ones come from a model, and are no \
         times.\n",
    );
    for (name, record) in &records {
        let again = records.get(&format!("{name}{AGAIN}"));
        if !name.ends_with(AGAIN) {
            stages(&mut text, name, record, again)?;
            loads(&mut text, record);
        }
    }
    for peers in &peers {
        programs(&mut text, peers);
    }
    counts(&mut text, &read(&root.join(INSTRUCTIONS))?);
    cycles(&mut text, &read::<Vec<Cycles>>(&root.join(CYCLES))?);
    Ok(text)
}

/// JSON files, by name.
fn reports(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(at(folder))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(at(folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Outcome<T> {
    let bytes = fs::read(path).map_err(at(path))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// Times of stages, and of a second run.
fn stages(text: &mut String, name: &str, record: &Record, again: Option<&Record>) -> Outcome<()> {
    let machine = &record.machine;
    let processor = machine.processor.as_deref().unwrap_or("unknown processor");
    let _ = write!(
        text,
        "\n## {name}: stages, measured\n\n`{}`, {} on {processor}, {} frames. {}\n\n",
        record.command,
        record.model.engine,
        record.frames,
        disturbances(record)
    );
    let ratios = match again {
        None => Vec::new(),
        Some(again) => compare(record, again).map_err(|error| error.to_string())?,
    };
    text.push_str("| stage | median ms | 99 % ms | second run by first | noise | |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for stage in &record.stages {
        let ratio = ratios.iter().find(|ratio| ratio.stage == stage.name);
        let second = ratio.map_or_else(
            || " | |".to_owned(),
            |ratio| {
                let [low, high] = ratio.noise;
                format!(
                    "{:.2} | {low:.2} to {high:.2} | {}",
                    ratio.ratio,
                    ratio.verdict()
                )
            },
        );
        let _ = writeln!(
            text,
            "| {} | {:.3} | {:.3} | {second} |",
            stage.name, stage.ms.median_ms, stage.ms.p99_ms
        );
    }
    let rest: f64 = record
        .stages
        .iter()
        .filter(|stage| !NETWORK_AND_WHOLE.contains(&stage.name.as_str()))
        .map(|stage| stage.ms.median_ms)
        .sum();
    let _ = writeln!(
        text,
        "\nAll but the network, the sum of medians: {rest:.2} ms."
    );
    if let Some(again) = again {
        let _ = writeln!(text, "The second run: {}", disturbances(again));
    }
    Ok(())
}

fn disturbances(record: &Record) -> String {
    match record.disturbed.as_slice() {
        [] => "Clean.".into(),
        disturbed => format!("Disturbed: {}.", disturbed.join("; ")),
    }
}

/// Frame rates that were offered.
fn loads(text: &mut String, record: &Record) {
    if record.loads.is_empty() {
        return;
    }
    text.push_str(
        "\n| threads | offered a second | sent a second | work ms | age ms, median | 99 % | median age by work |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for load in &record.loads {
        let _ = writeln!(
            text,
            "| {} | {:.1} | {:.1} | {:.2} | {:.2} | {:.2} | {:.2} |",
            load.threads,
            load.offered_fps,
            load.sent_fps,
            load.work_ms,
            load.age_ms.median_ms,
            load.age_ms.p99_ms,
            load.age_ms.median_ms / load.work_ms
        );
    }
    if let [Some(first), Some(last)] = record.resident_kib {
        let _ = writeln!(
            text,
            "\nResident memory: {first} KiB after the warm-up, {last} KiB at the end."
        );
    }
}

fn programs(text: &mut String, peers: &Peers) {
    let _ = write!(
        text,
        "\n## {} against other programs, measured\n\n`benches/peers.py`, {}, {} thread(s), {} rounds in turns.\n\n\
         | program | least ms | median ms | posewire's least by its | median of ratios within a round |\n\
         |---|---|---|---|---|\n",
        peers.network, peers.machine, peers.threads, peers.rounds
    );
    let ours = peers
        .programs
        .iter()
        .find(|program| program.name == "posewire");
    for program in &peers.programs {
        let least = ours.map_or(f64::NAN, |ours| ours.least_ms / program.least_ms);
        let _ = writeln!(
            text,
            "| {} | {:.1} | {:.1} | {least:.2} | {:.2} |",
            program.name, program.least_ms, program.median_ms, program.median_ratio
        );
    }
}

fn counts(text: &mut String, counts: &BTreeMap<String, BTreeMap<String, u64>>) {
    text.push_str(
        "\n## ARM instructions of a frame of the shipped networks, counted\n\n`cargo xtask guard`, in millions.\n\n\
         | processor | network | instructions |\n|---|---|---|\n",
    );
    for (processor, networks) in counts {
        for (network, &count) in networks {
            let _ = writeln!(
                text,
                "| {processor} | {network} | {:.1} |",
                count as f64 / 1e6
            );
        }
    }
}

fn cycles(text: &mut String, rows: &[Cycles]) {
    text.push_str(
        "\n## ARM cycles of a frame of the full-size networks, computed\n\nMillions, one thread. Instructions are counted \
         under qemu-user. Cycles are llvm-mca's of each block of code, times how\noften it ran: without cache misses, \
         and no times.\n\n| network | core | model of llvm-mca | instructions, counted | cycles, computed |\n\
         |---|---|---|---|---|\n",
    );
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.0} | {:.0} |",
            row.network, row.core, row.model, row.instructions, row.cycles
        );
    }
}
