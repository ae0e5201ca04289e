//! A board in a box: Debian's kernel on an emulated 64-bit ARM machine, with virtual cameras, under
//! the program as it ships.
//!
//! In: this repository and the machine's package sources. Out: a line for each scenario with its
//! figures. Everything that is fetched or built lies in the build folder, under `board`.

pub mod build;
pub mod cpio;
mod initramfs;
mod link;
mod machine;
pub mod modules;
pub mod packages;
mod pictures;
pub mod receiver;
mod running;
mod scenarios;
mod serial;

use crate::image::scenarios::CARD_SCENARIOS;
use running::{Board, Files};
use scenarios::{SCENARIOS, Scenario};
use std::fmt::Display;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

pub use crate::tools::Outcome;

const LINES_OF_AN_ERROR: usize = 3;

/// Runs the scenarios that `args` name, or all. Whether all passed.
pub fn main(args: &[String]) -> Outcome<bool> {
    let (options, names): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|arg| arg.starts_with("--"));
    let mut shell = false;
    for option in options {
        match option.as_str() {
            "--list" => {
                for (name, about) in all() {
                    println!("{name:<16} {about}");
                }
                return Ok(true);
            }
            "--shell" => shell = true,
            other => return Err(format!("unknown option {other}: try cargo xtask")),
        }
    }
    for name in &names {
        if !all().any(|(known, _)| known == *name) {
            return Err(format!("there is no scenario {name}: try --list"));
        }
    }
    let is_chosen =
        |name: &str| (names.is_empty() && !shell) || names.iter().any(|chosen| *chosen == name);
    let start = Instant::now();
    let (mut passed, mut failed) = (0, 0);
    let mut count = |report: Outcome<String>| match report {
        Ok(_) => passed += 1,
        Err(_) => failed += 1,
    };
    let mut board = None;
    if shell || SCENARIOS.iter().any(|scenario| is_chosen(scenario.name)) {
        let files = build::prepare()?;
        for scenario in SCENARIOS.iter().filter(|chosen| is_chosen(chosen.name)) {
            count(run_one(scenario, &files, &mut board));
        }
        if shell {
            board = Some(board.map_or_else(|| Board::start(&files), Ok)?);
        }
    }
    if !shell {
        board = None;
    }
    for scenario in CARD_SCENARIOS
        .iter()
        .filter(|chosen| is_chosen(chosen.name))
    {
        let start = Instant::now();
        count(tell(scenario.name, start, (scenario.run)()));
    }
    println!(
        "{passed} passed, {failed} failed in {:.0} s",
        start.elapsed().as_secs_f64()
    );
    if let Some(mut board) = board.filter(|_| shell) {
        board.shell()?;
    }
    Ok(failed == 0)
}

/// Runs a scenario on the board, which is started if there is none, and prints its line.
fn run_one(scenario: &Scenario, files: &Files, board: &mut Option<Board>) -> Outcome<String> {
    let start = Instant::now();
    let report = match board.take().map_or_else(|| Board::start(files), Ok) {
        Ok(mut up) => {
            let report = up.run(scenario);
            if up.is_usable() {
                *board = Some(up);
            }
            report
        }
        Err(error) => Err(error),
    };
    tell(scenario.name, start, report)
}

/// Prints a scenario's line.
fn tell(name: &str, start: Instant, report: Outcome<String>) -> Outcome<String> {
    let (word, text) = match &report {
        Ok(figures) => ("PASS", figures),
        Err(error) => ("FAIL", error),
    };
    println!(
        "{word}  {name:<16} {:>5.1} s  {text}",
        start.elapsed().as_secs_f64()
    );
    report
}

/// Names of the scenarios.
pub(crate) fn scenarios() -> impl Iterator<Item = &'static str> {
    all().map(|(name, _)| name)
}

/// Names of the scenarios and what they are about.
fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    let on_board = SCENARIOS.iter().map(|one| (one.name, one.about));
    on_board.chain(CARD_SCENARIOS.iter().map(|one| (one.name, one.about)))
}

/// Puts a path before an error.
pub(crate) fn at<E: Display>(path: &Path) -> impl Fn(E) -> String {
    move |error| format!("{}: {error}", path.display())
}

/// Runs a program to its end and gives its standard output. An error has the last lines that it said, as one.
pub(crate) fn run(command: &mut Command) -> Outcome<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = lines[lines.len().saturating_sub(LINES_OF_AN_ERROR)..].join("; ");
    Err(format!("{name}: {}: {last}", output.status))
}
