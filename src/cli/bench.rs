//! `posewire bench`: the time of each stage, on a picture of its own, and two such measurements compared.

use super::clash::{self, Named};
use super::command::{Accepts, Command, CommandOption, Given};
use super::{layers, say_lines};
use crate::bench::{self, LayerRecord, Plan, Record, Subject};
use crate::error::{Error, Result};
use crate::file;
use crate::limits::MAX_BENCH_FRAMES;
use crate::machine::Files;
use crate::model::ModelFile;
use crate::text::Shown;
use std::path::{Path, PathBuf};

pub const COMMAND: Command = Command {
    name: "bench",
    summary: "measure the time of each stage",
    about: "Measure the time of each stage: a 640 x 480 YUYV frame in, an encoded packet out.",
    usage: &["[OPTIONS]", "--compare FIRST.json --to SECOND.json"],
    positional: None,
    options: &[
        CommandOption {
            name: "frames",
            argument: Some("N"),
            default: Some("100"),
            help: "frames to measure, after some that are not",
        },
        CommandOption {
            name: "layers",
            argument: None,
            default: None,
            help: "print the time of each layer of the network instead, the slowest first, and its speed \
                   against the peak of a core",
        },
        CommandOption {
            name: "sweep",
            argument: None,
            default: None,
            help: "also offer frame rates from a quarter to four times what the program reaches, with one thread, two, \
                   four and so on up to --threads",
        },
        CommandOption {
            name: "report",
            argument: Some("FOLDER"),
            default: None,
            help: "write bench.json, bench.md and plots there: the times, the machine, and what disturbed the run",
        },
        CommandOption {
            name: "compare",
            argument: Some("FIRST.json"),
            default: None,
            help: "compare two reports instead: ratios, and how far the noise reaches",
        },
        CommandOption {
            name: "to",
            argument: Some("SECOND.json"),
            default: None,
            help: "the other report",
        },
        CommandOption::JSON,
    ],
    settings: Accepts::These(&["model", "threads", "pin", "engine"]),
    notes: "A run is not clean if the board slowed itself down, or if other programs had its processor. The report says so.",
    examples: &[
        "--model builtin:hand --frames 200 --json",
        "--model hand.plan --threads 4 --sweep --report results",
        "--compare before/bench.json --to after/bench.json",
    ],
    run,
};

const DEFAULT_FRAMES: u64 = 100;
/// Frames whose layers a record has the times of.
const LAYER_FRAMES: u64 = 50;

fn run(given: Given) -> Result<()> {
    let compared = [given.value::<PathBuf>("compare")?, given.value("to")?];
    match &compared {
        [None, None] => measure(&given),
        [Some(first), Some(second)] => compare(first, second),
        _ => Err(Error::usage(
            "--compare and --to belong together: give two reports",
        )),
    }
}

fn compare(first: &Path, second: &Path) -> Result<()> {
    let (first, second) = (Record::read(first)?, Record::read(second)?);
    let ratios = bench::compare(&first, &second)?;
    say_lines(bench::comparison(&first, &second, &ratios));
    Ok(())
}

fn measure(given: &Given) -> Result<()> {
    let frames = given.value("frames")?.unwrap_or(DEFAULT_FRAMES);
    if !(1..=MAX_BENCH_FRAMES).contains(&frames) {
        return Err(Error::usage(format!(
            "--frames is {frames}, must be in 1..{MAX_BENCH_FRAMES}"
        )));
    }
    let settings = layers::partial(&given.line)?;
    let (path, threads) = (settings.model()?, settings.threads);
    let input = Named {
        role: "--model",
        path,
    };
    let folder: Option<PathBuf> = given.value("report")?;
    let files = folder.as_deref().map(report_files).unwrap_or_default();
    let mut outputs: Vec<Named<'_>> = files
        .iter()
        .map(|path| Named {
            role: "--report",
            path,
        })
        .collect();
    outputs.push(clash::standard_output());
    clash::check(&[input], &outputs)?;
    let (model, hash) = ModelFile::open_hashed(path)?;
    let subject = Subject {
        model: &model,
        hash,
        engine: settings.engine,
        threads,
        min_score: settings.min_score,
    };
    if given.has("layers") {
        return print_layers(&bench::layers(&subject, frames)?, path);
    }
    let doublings = std::iter::successors(Some(1), |count| Some(2 * count));
    let below = doublings.take_while(|&count| count < threads.count);
    let sweep_threads = match given.has("sweep") {
        true => below.chain([threads.count]).collect(),
        false => Vec::new(),
    };
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| Shown::path(Path::new(&argument)).to_string())
        .collect();
    let is_kept = folder.is_some() || given.has("json");
    let plan = Plan {
        frames,
        layer_frames: if is_kept { frames.min(LAYER_FRAMES) } else { 0 },
        sweep_threads,
        command: format!("posewire {}", arguments.join(" ")),
    };
    let record = bench::measure(&subject, &plan, &Files::below("/"))?;
    if let Some(folder) = folder {
        write_report(&folder, &record)?;
    }
    match given.has("json") {
        true => say_lines(record.to_json().trim_end().lines()),
        false => say_lines(bench::summary(&record)),
    }
    Ok(())
}

const RECORD: &str = "bench.json";
const REPORT: &str = "bench.md";
const BLOCKS: &str = "blocks.svg";
const LOADS: &str = "loads.svg";

fn report_files(folder: &Path) -> Vec<PathBuf> {
    [RECORD, REPORT, BLOCKS, LOADS]
        .map(|name| folder.join(name))
        .to_vec()
}

fn write_report(folder: &Path, record: &Record) -> Result<()> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Error::data(folder, "cannot be made").because(error))?;
    let loads = bench::load_plot(record);
    let mut plots = vec![BLOCKS];
    plots.extend(loads.as_ref().map(|_| LOADS));
    let files = [
        (RECORD, Some(record.to_json())),
        (REPORT, Some(bench::report(record, &plots))),
        (BLOCKS, Some(bench::block_plot(record))),
        (LOADS, loads),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        let Some(text) = text else { continue };
        file::replace(&path, text.as_bytes())
            .map_err(|error| Error::data(&path, "cannot be written").because(error))?;
    }
    Ok(())
}

fn print_layers(layers: &[LayerRecord], path: &Path) -> Result<()> {
    if layers.is_empty() {
        return Err(Error::usage(format!(
            "the engine of {} cannot tell the time of its layers",
            Shown::path(path)
        )));
    }
    say_lines(bench::layer_table(layers));
    Ok(())
}
