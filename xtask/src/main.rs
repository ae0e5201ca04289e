//! `cargo xtask`: what a developer or a test machine does with this repository besides building it.

mod board;
mod cargo;
mod deb;

use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask board-test [--list] [--shell] [SCENARIO...]
       cargo xtask deb --board NAME [--out FOLDER]

  board-test    run the program on an emulated 64-bit ARM board: a real kernel with virtual cameras
    --list      name the scenarios
    --shell     run only the scenarios that are named, then take commands for the board from here

  deb           make the Debian package for a board
    --board     a name that `posewire boards` lists
    --out       where to put it [target/deb]
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.split_first() {
        Some((task, rest)) if task == "board-test" => board::main(rest),
        Some((task, rest)) if task == "deb" => deb::main(rest),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
