//! The program: one file for each command, and what they share.

mod args;
mod bench;
mod boards;
#[cfg(feature = "onnx")]
mod compile;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod infer;
mod inspect;
mod listen;
mod logging;
mod prepare;
mod run;
mod settings;

use crate::error::{Error, Result};
use args::Args;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Writes a line to standard output. A reader that went away is no error of ours.
macro_rules! say {
    ($($arg:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($arg)*);
    }};
}
pub(crate) use say;

const HELP: &str = "\
posewire: hand and body keypoints from a camera to a robot

Usage: posewire COMMAND [OPTIONS]

Commands:
  demo     run the shipped models over the built-in clips and draw the result
  run      read frames, send keypoints
  listen   receive keypoints and print them
  bench    measure the time of each stage
  infer    run the bare network on a tensor
  doctor   say what works on this board, and what to do about what does not
  boards   list the boards that are known, or show one
  inspect  say what is in a model file, or what memory a run takes
  compile  make a plan of a model: quick to start, and all that a build without ONNX runs

`posewire COMMAND --help` has the options and an example.

Exit codes: 0 done, 1 doctor found a failure, 2 command line, 3 configuration, 4 model,
5 inference, 6 source, 7 sink, 8 data file, 9 memory budget,
10 sandbox, 101 a bug.
";

/// Runs the command that `args` (without the program's name) ask for.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    logging::start();
    match dispatch(Args::new(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("posewire: error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(mut args: Args) -> Result<()> {
    match args.command()?.as_deref() {
        Some("run") => run::main(args),
        Some("listen") => listen::main(args),
        Some("doctor") => doctor::main(args),
        Some("boards") => boards::main(args),
        Some("bench") => bench::main(args),
        Some("infer") => infer::main(args),
        Some("inspect") => inspect::main(args),
        #[cfg(feature = "onnx")]
        Some("compile") => compile::main(args),
        #[cfg(not(feature = "onnx"))]
        Some("compile") => Err(Error::usage(
            "this build reads plans only: compile with a full build",
        )),
        #[cfg(feature = "demo")]
        Some("demo") => demo::main(args),
        #[cfg(not(feature = "demo"))]
        Some("demo") => Err(Error::usage(
            "this build has no demo: build with --features demo",
        )),
        Some("help") | None => {
            say!("{HELP}");
            Ok(())
        }
        Some("version") => {
            say!("posewire {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Some(other) => Err(Error::usage(format!(
            "unknown command {other:?}: `posewire --help` lists them"
        ))),
    }
}

/// A flag that SIGINT and SIGTERM set. A second one of either ends the process at once.
fn stop_on_signals() -> Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| Error::usage("signals cannot be handled here").because(error))?;
    }
    Ok(stop)
}
