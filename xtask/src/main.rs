//! `cargo xtask`: what a developer or a test machine does with this repository besides building it.

mod board;
mod image;

use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask board-test [--list] [--shell] [SCENARIO...]

  board-test    run the program on an emulated 64-bit ARM board: a real kernel with virtual cameras
    --list      name the scenarios
    --shell     run only the scenarios that are named, then take commands for the board from here

Usage: cargo xtask image --board NAME [--out FILE] [--size MIB] [--module NAME]...

  image         make a card that a board starts from, with posewire as its only service
    --board     rpi3, rpi-zero2w, rpi4 or qemu-virt
    --out       where to [board/posewire-NAME.img in the build folder]
    --size      of the card, with room for your own plans [64]
    --module    a kernel module more, for instance of another network adapter
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.split_first() {
        Some((task, rest)) if task == "board-test" => board::main(rest),
        Some((task, rest)) if task == "image" => image::main(rest),
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
