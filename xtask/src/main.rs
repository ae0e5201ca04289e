//! `cargo xtask`: what a developer or a test machine does with this repository besides building it.

mod board;

use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask board-test [--list] [--shell] [SCENARIO...]

  board-test    run the program on an emulated 64-bit ARM board: a real kernel with virtual cameras
    --list      name the scenarios
    --shell     run only the scenarios that are named, then take commands for the board from here
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.split_first() {
        Some((task, rest)) if task == "board-test" => board::main(rest),
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
