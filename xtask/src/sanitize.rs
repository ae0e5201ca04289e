//! Runs tests of the unsafe parts under tools that see more than a test: Miri (undefined behaviour, data races),
//! AddressSanitizer (vector code and mapped files, which Miri cannot run) and ThreadSanitizer (the network's threads
//! at full speed).
//!
//! In: a nightly toolchain with the components `miri` and `rust-src`. All run on the build without tract.

use crate::tools::{self, Outcome};
use std::process::Command;

const HOW_TO_INSTALL: &str =
    "this needs: rustup toolchain install nightly --component miri,rust-src";

const LIBRARY: &[&str] = &[
    "--locked",
    "--lib",
    "--no-default-features",
    "--features=plan",
];

/// Tests for Miri: the engine's threads on shared memory, the plan reader, and the capture thread. The rest is safe
/// code, needs vector instructions or devices, is timed, or tries hundreds of cases, which takes Miri hours.
const UNDER_MIRI: &[&str] = &[
    "engine::int8::tests::a_plan",
    "engine::int8::run::pool",
    "model::container",
    "source::v4l2::tests::a_frame_keeps",
];

/// Tests of threads that share memory.
const UNDER_THREADS: &[&str] = &["engine::int8", "source::v4l2", "stats"];

/// Optimisation of dependencies: nothing is timed here, and building them takes longer than the tests.
const QUICKLY_BUILT: &str = "profile.dev.package.'*'.opt-level=1";

/// Parts of the names of the chosen tests.
pub fn filters() -> impl Iterator<Item = &'static str> {
    UNDER_MIRI.iter().chain(UNDER_THREADS).copied()
}

/// Runs the checks that `args` name, or all three. True if they found nothing.
pub fn main(args: &[String]) -> Outcome<bool> {
    let all = ["miri", "address", "thread"];
    if let Some(other) = args.iter().find(|arg| !all.contains(&arg.as_str())) {
        return Err(format!("no check {other}: try cargo xtask"));
    }
    let mut sound = true;
    for check in all {
        if args.is_empty() || args.iter().any(|arg| arg == check) {
            println!("-- {check}");
            sound &= match check {
                "miri" => miri()?,
                sanitizer => instrumented(sanitizer)?,
            };
        }
    }
    Ok(sound)
}

fn nightly(components: &[&str]) -> Outcome<Command> {
    let mut cargo = tools::nightly_cargo(components).ok_or(HOW_TO_INSTALL)?;
    cargo.current_dir(tools::repository()?);
    Ok(cargo)
}

fn miri() -> Outcome<bool> {
    let mut cargo = nightly(&["miri", "rust-src"])?;
    cargo
        .args(["miri", "test"])
        .args(LIBRARY)
        .arg("--")
        .args(UNDER_MIRI)
        // Miri may read the machine's clock.
        .env("MIRIFLAGS", "-Zmiri-disable-isolation")
        // A backtrace of the panic test would take a minute.
        .env("RUST_BACKTRACE", "0");
    tools::succeeds(&mut cargo)
}

fn instrumented(sanitizer: &str) -> Outcome<bool> {
    let mut cargo = nightly(&["rust-src"])?;
    cargo
        .arg("test")
        .args(LIBRARY)
        .args(["--config", QUICKLY_BUILT, "--target", &tools::host()?])
        .arg("--target-dir")
        .arg(tools::target()?.join("sanitize").join(sanitizer))
        .env("RUSTFLAGS", format!("-Zsanitizer={sanitizer}"));
    if sanitizer == "thread" {
        // ThreadSanitizer must see the locks and threads of the standard library.
        cargo.arg("-Zbuild-std").arg("--").args(UNDER_THREADS);
    }
    tools::succeeds(&mut cargo)
}
