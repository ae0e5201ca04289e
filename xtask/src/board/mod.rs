//! A board in a box: the program as it ships, on Debian's kernel, on an emulated 64-bit ARM machine with virtual
//! cameras.
//!
//! In: this repository and the machine's package sources. Out: a line per scenario with its figures. Downloads and
//! builds are in the build folder, under `board`.

pub mod build;
mod initramfs;
pub mod link;
pub mod machine;
mod pictures;
mod running;
mod scenarios;
pub mod serial;

use crate::tools::Outcome;
use running::{Board, Files};
use scenarios::{SCENARIOS, Scenario};
use std::time::Instant;

/// Scenarios that run only by name, as `.ci/full` does: they take minutes.
const LONG: [&str; 5] = ["bayer", "storm", "card-rpi3", "card-usb", "card-wifi"];

/// A scenario that starts its own machines.
pub struct Standalone {
    pub name: &'static str,
    pub about: &'static str,
    pub run: fn() -> Outcome<String>,
}

/// Runs the scenarios that `args` name, or all but the long ones: those of the board and the `standalone` ones. True if
/// all passed.
pub fn main(args: &[String], standalone: &[Standalone]) -> Outcome<bool> {
    let (options, names): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|arg| arg.starts_with("--"));
    let mut shell = false;
    for option in options {
        match option.as_str() {
            "--list" => {
                for (name, about) in all(standalone) {
                    println!("{name:<16} {about}");
                }
                return Ok(true);
            }
            "--shell" => shell = true,
            other => return Err(format!("unknown option {other}: try cargo xtask")),
        }
    }
    for name in &names {
        if !all(standalone).any(|(known, _)| known == *name) {
            return Err(format!("there is no scenario {name}: try --list"));
        }
    }
    let is_chosen = |name: &str| match names.is_empty() {
        true => !shell && !LONG.contains(&name),
        false => names.iter().any(|chosen| *chosen == name),
    };
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
    for scenario in standalone.iter().filter(|chosen| is_chosen(chosen.name)) {
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

/// Starts the board if none runs, runs a scenario on it, and prints the scenario's line.
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

/// Names of the scenarios, and what each is about.
pub fn all(standalone: &[Standalone]) -> impl Iterator<Item = (&'static str, &'static str)> {
    let on_board = SCENARIOS.iter().map(|one| (one.name, one.about));
    on_board.chain(standalone.iter().map(|one| (one.name, one.about)))
}
