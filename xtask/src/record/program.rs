//! The recorded program. It runs in the repository with a folder of its own for its output.

use crate::tools::{self, Outcome, repository};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub struct Program {
    binary: PathBuf,
    /// The output folder; recorded texts call it `OUT`.
    folder: PathBuf,
}

impl Program {
    pub fn new(binary: PathBuf, folder: PathBuf) -> Outcome<Self> {
        let binary =
            fs::canonicalize(&binary).map_err(|error| format!("{}: {error}", binary.display()))?;
        Ok(Program { binary, folder })
    }

    /// A path in the output folder.
    pub fn out(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Outcome<Command> {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(repository()?)
            .env_remove("RUST_LOG")
            .env_remove("POSEWIRE_KERNEL");
        Ok(command)
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome<Output> {
        output(&mut self.command(arguments)?)
    }

    /// Bytes of the file that a run with these arguments writes; `None` if the run fails.
    pub fn file(&self, command: &mut Command, path: &Path) -> Outcome<Option<Vec<u8>>> {
        let _ = fs::remove_file(path);
        if !output(command)?.status.success() {
            return Ok(None);
        }
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Some(bytes))
    }

    /// A text without this machine's paths.
    pub fn portable(&self, text: &[u8]) -> Outcome<Vec<u8>> {
        let text = String::from_utf8_lossy(text);
        let text = text.replace(&tools::text(&self.folder), "OUT");
        Ok(text.into_bytes())
    }
}

fn output(command: &mut Command) -> Outcome<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.output().map_err(|error| format!("{name}: {error}"))
}
