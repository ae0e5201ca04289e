//! The tools that tasks start: cargo, and where it puts what it builds.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What went wrong, in one line (or a console's last lines).
pub type Outcome<T> = Result<T, String>;

/// # Errors
/// If xtask was moved.
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

/// Cargo of the nightly toolchain, with what a sanitizer or Miri needs of it; `None` if it is not installed.
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
    // The running cargo's toolchain is in these.
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    command.args(["run", "nightly", "cargo"]);
    Some(command)
}

/// This machine, as cargo names it.
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

/// A path as an argument or a message has it.
pub fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Runs a program to its end, its output going where this program's goes. Whether it ended well.
pub fn succeeds(command: &mut Command) -> Outcome<bool> {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .status()
        .map(|status| status.success())
        .map_err(|error| format!("{name}: {error}"))
}

/// Lets `write` make a file beside `to` and renames it, so that `to` is whole or not there. Nothing of a
/// failure is left.
pub fn replace(to: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> Outcome<()> {
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = write(&partial).and_then(|()| fs::rename(&partial, to));
    written.map_err(|error| {
        // The first error is the one to tell.
        let _ = fs::remove_file(&partial);
        format!("{}: {error}", to.display())
    })
}
