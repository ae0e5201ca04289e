//! The program: one file for each command, and what they share.

mod bench;
mod boards;
mod clash;
mod command;
#[cfg(feature = "eval")]
mod compare;
mod compile;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
#[cfg(feature = "eval")]
mod eval;
mod export;
mod help;
mod infer;
mod inspect;
mod layers;
mod listen;
mod logging;
mod lookup;
pub mod pages;
mod producer;
mod quantize;
mod recording;
mod replay;
mod run;
mod startup;
mod stop;

use crate::error::{Error, Result};
use crate::settings::nearest;
use crate::text::Shown;
use command::{Command, usage};
use lexopt::{Arg, Parser};
use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

/// Writes a line to standard output. Text from outside cannot forge another: all of it is escaped.
macro_rules! say {
    () => { $crate::cli::say_line(format_args!("")) };
    ($($arg:tt)*) => { $crate::cli::say_line(format_args!($($arg)*)) };
}
pub(crate) use say;

/// The first failure of standard output.
static FAILED: OnceLock<String> = OnceLock::new();

fn say_line(line: std::fmt::Arguments<'_>) {
    match writeln!(std::io::stdout(), "{}", Shown(line)) {
        Ok(()) => {}
        // The reader has what it wants.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => drop(FAILED.set(error.to_string())),
    }
}

/// Standard output took all lines.
fn all_was_said() -> Result<()> {
    match FAILED.get() {
        Some(why) => Err(Error::sink(
            "standard output",
            format!("cannot be written: {why}"),
        )),
        None => Ok(()),
    }
}

/// Writes each item as one line, whatever it holds.
fn say_lines<T: std::fmt::Display>(lines: impl IntoIterator<Item = T>) {
    lines.into_iter().for_each(|line| say!("{line}"));
}

/// Every command, in the order of the help.
fn commands() -> impl Iterator<Item = &'static Command> {
    static COMMANDS: &[Command] = &[
        #[cfg(feature = "demo")]
        demo::COMMAND,
        run::COMMAND,
        listen::COMMAND,
        replay::COMMAND,
        export::COMMAND,
        bench::COMMAND,
        infer::COMMAND,
        doctor::COMMAND,
        boards::COMMAND,
        inspect::COMMAND,
        compile::COMMAND,
        quantize::COMMAND,
        #[cfg(feature = "eval")]
        eval::COMMAND,
        #[cfg(feature = "eval")]
        compare::COMMAND,
    ];
    COMMANDS.iter()
}

/// Runs the command that `args` (without the program's name) ask for.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    logging::start();
    match dispatch(Parser::from_args(args)).and_then(|()| all_was_said()) {
        Ok(()) => {
            logging::finish();
            ExitCode::SUCCESS
        }
        Err(error) => {
            logging::last_line(&format!("posewire: error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(mut parser: Parser) -> Result<()> {
    let name = match parser.next().map_err(usage)? {
        None | Some(Arg::Short('h') | Arg::Long("help")) => "help".into(),
        Some(Arg::Short('V') | Arg::Long("version")) => "version".into(),
        Some(Arg::Value(name)) => name.to_string_lossy().into_owned(),
        Some(other) => return Err(usage(other.unexpected())),
    };
    if let Some(command) = commands().find(|command| command.name == name) {
        return match command.read(parser)? {
            Some(given) => (command.run)(given),
            None => {
                say_lines(help::of(command).lines());
                Ok(())
            }
        };
    }
    match &*name {
        "help" => say_lines(help::of_program().lines()),
        "version" => say!("posewire {}", env!("CARGO_PKG_VERSION")),
        "pages" => return pages::main(parser),
        lookup::NAME => return lookup::main(parser),
        producer::NAME => return producer::main(parser),
        "demo" => {
            return Err(Error::usage(
                "this build has no demo: build with --features demo",
            ));
        }
        "eval" | "compare" => {
            return Err(Error::usage(format!(
                "this build has no {name}: build with --features eval"
            )));
        }
        other => {
            let near = nearest(other, commands().map(|command| command.name));
            let hint = near.map_or(String::new(), |near| format!("did you mean {near}? "));
            return Err(Error::usage(format!(
                "unknown command {other:?}: {hint}`posewire --help` lists them"
            )));
        }
    }
    Ok(())
}
