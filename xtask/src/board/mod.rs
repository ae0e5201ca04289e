//! A board in a box: Debian's kernel on an emulated 64-bit ARM machine, with virtual cameras, under
//! the program as it ships.
//!
//! In: this repository and the machine's package sources. Out: a line for each scenario with its
//! figures. Everything that is fetched or built lies in the build folder, under `board`.

mod build;
mod cpio;
mod initramfs;
mod link;
mod machine;
mod modules;
mod packages;
mod pictures;
mod receiver;
mod running;
mod scenarios;
mod serial;

use running::{Board, Files};
use scenarios::{SCENARIOS, Scenario};
use std::fmt::Display;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

pub use crate::tools::Outcome;

/// Runs the scenarios that `args` name, or all. Whether all passed.
pub fn main(args: &[String]) -> Outcome<bool> {
    let (options, names): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|arg| arg.starts_with("--"));
    let mut shell = false;
    for option in options {
        match option.as_str() {
            "--list" => {
                for scenario in SCENARIOS {
                    println!("{:<16} {}", scenario.name, scenario.about);
                }
                return Ok(true);
            }
            "--shell" => shell = true,
            other => return Err(format!("unknown option {other}: try cargo xtask")),
        }
    }
    for name in &names {
        if !SCENARIOS.iter().any(|scenario| scenario.name == *name) {
            return Err(format!("there is no scenario {name}: try --list"));
        }
    }
    let chosen = SCENARIOS.iter().filter(|scenario| {
        (names.is_empty() && !shell) || names.iter().any(|name| *name == scenario.name)
    });
    let files = build::prepare()?;
    let start = Instant::now();
    let mut board = None;
    let (mut passed, mut failed) = (0, 0);
    for scenario in chosen {
        match run_one(scenario, &files, &mut board) {
            Ok(_) => passed += 1,
            Err(_) => failed += 1,
        }
    }
    println!(
        "{passed} passed, {failed} failed in {:.0} s",
        start.elapsed().as_secs_f64()
    );
    if shell {
        board.map_or_else(|| Board::start(&files), Ok)?.shell()?;
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
    let (word, text) = match &report {
        Ok(figures) => ("PASS", figures),
        Err(error) => ("FAIL", error),
    };
    println!(
        "{word}  {:<16} {:>5.1} s  {text}",
        scenario.name,
        start.elapsed().as_secs_f64()
    );
    report
}

/// Puts a path before an error.
pub(crate) fn at<E: Display>(path: &Path) -> impl Fn(E) -> String {
    move |error| format!("{}: {error}", path.display())
}

/// Runs a program to its end and gives its standard output.
pub(crate) fn run(command: &mut Command) -> Outcome<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name}: {}: {}", output.status, said.trim_end()))
}
