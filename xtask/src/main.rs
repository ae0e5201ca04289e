//! `cargo xtask`: what a developer or a test machine does with this repository besides building it.

mod arm;
mod board;
mod cargo;
mod check;
mod deb;
mod debian;
mod emulator;
mod fixtures;
mod fuzz;
mod guard;
mod image;
mod plans;
mod processor;
mod receiver;
mod record;
mod results;
mod sanitize;
mod soak;
mod tools;

use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask arm-test
       cargo xtask board-test [--list] [--shell] [SCENARIO...]
       cargo xtask check
       cargo xtask deb --board NAME [--out FOLDER]
       cargo xtask deb-test
       cargo xtask image --board NAME [--out FILE] [--size MIB] [--module NAME]...
       cargo xtask processor-test [--list] [PROCESSOR...]
       cargo xtask guard [--renew]
       cargo xtask fuzz [--seconds N | --runs N] [--stable] [TARGET...]
       cargo xtask sanitize [miri] [address] [thread]
       cargo xtask record [--program FILE] [--out FILE] [--compare FILE]
       cargo xtask results
       cargo xtask soak [--minutes N] [--fps N] [--plan FILE]

  arm-test      run plans that this machine compiles on emulated ARM processors, and compare the heatmaps

  board-test    run the program on an emulated 64-bit ARM board: a real kernel with virtual cameras
    --list      name the scenarios
    --shell     run only the scenarios that are named, then take commands for the board from here

  check         the rules that no compiler holds: floors, circles, what SPECIFICATION and pages name

  deb           make the Debian package for a board
    --board     a name that `posewire boards` lists
    --out       where to put it [target/deb]

  deb-test      install, run, upgrade and remove a package in an emulated arm64 Debian with its systemd

  image         make a card that a board starts from, with posewire as its only service
    --board     rpi3, rpi-zero2w, rpi4 or qemu-virt
    --out       where to [board/posewire-NAME.img in the build folder]
    --size      of the card, with room for your own plans [64]
    --module    a kernel module more, for instance of another network adapter

  processor-test  the engine's tests on emulated processors with AVX-VNNI, AVX-512 VNNI and AMX
    --list      name them

  fuzz          look for bytes that break a parser: wire, cobs, jpeg, plan, config, args; and onnx,
                which is only run when it is named, since it builds tract, without AddressSanitizer
    --seconds   of each target [10]
    --runs      executions of each target instead
    --stable    without AddressSanitizer, which needs a nightly toolchain

  guard         ARM instructions of the shipped networks, against benches/instructions.json
    --renew     write the counts as the new baseline

  sanitize      the unsafe parts under Miri, AddressSanitizer and ThreadSanitizer; needs nightly

  record        hash what a change of structure must not change: plans, heatmaps, packets, texts
    --program   a posewire program [the debug build, made anew]
    --out       where to write the record
    --compare   an earlier record; every difference is named

  results       make RESULTS.md from the reports in benches/reports

  soak          leave the program running and see whether it grows, slows down or loses packets
    --minutes   after the first, which is not counted [10]
    --fps       pictures a second [30]
    --plan      another network
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.split_first() {
        Some((task, [])) if task == "arm-test" => arm::main(),
        Some((task, rest)) if task == "board-test" => board::main(rest, image::trials::TRIALS),
        Some((task, rest)) if task == "check" => check::main(rest),
        Some((task, rest)) if task == "deb" => deb::main(rest),
        Some((task, [])) if task == "deb-test" => deb::trial::main(),
        Some((task, rest)) if task == "fuzz" => fuzz::main(rest),
        Some((task, rest)) if task == "guard" => guard::main(rest),
        Some((task, rest)) if task == "processor-test" => processor::main(rest),
        Some((task, rest)) if task == "record" => record::main(rest),
        Some((task, [])) if task == "results" => results::main(),
        Some((task, rest)) if task == "sanitize" => sanitize::main(rest),
        Some((task, rest)) if task == "soak" => soak::main(rest),
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
