//! Helpers of all tasks: cargo, the build folder, and running programs.

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Lines of a failed program's output that an error quotes.
const ERROR_LINES: usize = 3;

/// An error is one line, or the last lines of a console.
pub type Outcome<T> = Result<T, String>;

/// The root of the repository that this program was built in.
///
/// # Errors
/// The folder `xtask` has no parent.
pub fn repository() -> Outcome<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or_else(|| "xtask is not inside the repository".into())
}

/// The build folder.
pub fn target() -> Outcome<PathBuf> {
    let repository = repository()?;
    Ok(env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository.join("target"), PathBuf::from))
}

/// The cargo that started this program.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Cargo of the nightly toolchain with these components; `None` if they are not installed.
pub fn nightly_cargo(components: &[&str]) -> Option<Command> {
    let listed = Command::new("rustup")
        .args(["component", "list", "--installed", "--toolchain=nightly"])
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let has = |component: &&str| listed.lines().any(|line| line.starts_with(*component));
    if !components.iter().all(has) {
        return None;
    }
    let mut command = Command::new("rustup");
    // These variables select the running toolchain, or Clippy, which another toolchain may lack.
    for variable in [
        "CARGO",
        "RUSTC",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTDOC",
        "RUSTUP_TOOLCHAIN",
    ] {
        command.env_remove(variable);
    }
    command.args(["run", "nightly", "cargo"]);
    Some(command)
}

/// Folder for downloads and products of the emulated boards and the cards.
pub fn board_folder() -> Outcome<PathBuf> {
    let folder = target()?.join("board");
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    Ok(folder)
}

/// The target triple of this machine.
pub fn host() -> Outcome<String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .map_err(|error| format!("rustc: {error}"))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "rustc does not say what it compiles for".into())
}

/// A path as text, for arguments and messages.
pub fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Adds a path to an error.
pub fn at<E: Display>(path: &Path) -> impl Fn(E) -> String {
    move |error| format!("{}: {error}", path.display())
}

/// Runs a program and returns its standard output. The error quotes the last lines of its standard error.
pub fn run(command: &mut Command) -> Outcome<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = lines[lines.len().saturating_sub(ERROR_LINES)..].join("; ");
    Err(format!("{name}: {}: {last}", output.status))
}

/// Runs a program with this program's output. True if it succeeded.
pub fn succeeds(command: &mut Command) -> Outcome<bool> {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .status()
        .map(|status| status.success())
        .map_err(|error| format!("{name}: {error}"))
}

/// Lets `write` make a file beside `to` and renames it, so that `to` is whole or absent. A failure leaves no file.
pub fn replace(to: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> Outcome<()> {
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = write(&partial).and_then(|()| fs::rename(&partial, to));
    written.map_err(|error| {
        // The caller needs the first error.
        let _ = fs::remove_file(&partial);
        format!("{}: {error}", to.display())
    })
}
