//! The processes around a command of `--run-camera`: see [`crate::producer`].
//!
//! In: `keep` and the words of the command: the process that keeps it running; `become`, the keeper's process id and the
//! words: the command itself, bound to its keeper. They are no commands for users.

use super::command::usage;
use crate::error::{Error, Result};
use crate::producer::{Words, become_command, keep};
use crate::text::Shown;
use lexopt::{Parser, ValueExt};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

pub(super) const NAME: &str = "run-camera";
const KEEP: &str = "keep";
const BECOME: &str = "become";

/// This program, also after its file was replaced.
const OURSELVES: &str = "/proc/self/exe";

/// This program, as the process that keeps a command running.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if there is no such program.
pub(super) fn command(words: &Words) -> Result<Command> {
    if !is_there(words.program()) {
        return Err(Error::usage(format!(
            "--run-camera: there is no program {}: install it, or give its path",
            Shown(words.program())
        )));
    }
    let mut command = Command::new(OURSELVES);
    command.args([NAME, KEEP]).args(words.all());
    Ok(command)
}

/// Looks where the system will look.
fn is_there(program: &str) -> bool {
    let may_run = |path: &Path| {
        rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
    };
    if program.contains('/') {
        return may_run(Path::new(program));
    }
    let folders = std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    std::env::split_paths(&folders).any(|folder| may_run(&folder.join(program)))
}

pub(super) fn main(mut parser: Parser) -> Result<()> {
    let role = parser.value().and_then(|role| role.string());
    let role = role.map_err(usage)?;
    let words = parser.raw_args().map_err(usage)?;
    let failed = |error| Error::source("--run-camera", "cannot be kept").because(error);
    if role == KEEP {
        let words: Vec<OsString> = words.collect();
        let keeper = std::process::id().to_string();
        return keep(|| {
            let mut command = Command::new(OURSELVES);
            command.args([NAME, BECOME, &keeper]).args(&words);
            command
        })
        .map_err(failed);
    }
    let mut words = words;
    let keeper = words.next().and_then(|word| word.to_str()?.parse().ok());
    let words: Vec<OsString> = words.collect();
    let error = match keeper {
        Some(keeper) if role == BECOME => become_command(keeper, &words),
        _ => return Err(Error::usage(format!("{NAME} is no command for users"))),
    };
    // The keeper's log has the reason.
    eprintln!(
        "{}: {error}",
        Shown(
            words
                .first()
                .map_or("".into(), |word| word.to_string_lossy())
        )
    );
    std::process::exit(127);
}
