//! Drops the privileges that a running stream does not need, to limit what an attacker gains.
//!
//! In: a [`Mode`] and the [`Access`] of the run. Out: one log line that says what holds.
//!
//! 1. [`Sandbox::enter`] runs before the first thread starts and before outside bytes are interpreted. It drops
//!    files ([`landlock`], [`ruleset`]) and capabilities ([`privileges`]) of the calling thread; threads inherit
//!    this.
//! 2. [`Sandbox::close`] runs after setup. It limits all threads to the system calls of a stream ([`policy`],
//!    [`seccomp`]). A forbidden call ends the process ([`sigsys`]).

mod landlock;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod policy;
mod privileges;
mod ruleset;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod seccomp;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod sigsys;

pub use rustix::thread::CapabilitySet;

use crate::error::{Error, Result};
use std::path::PathBuf;
use std::str::FromStr;

/// Required extent of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Everything that the kernel supports; the log names what is missing.
    #[default]
    Auto,
    /// Everything, or the program does not start.
    Strict,
    Off,
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Mode::Auto),
            "strict" => Ok(Mode::Strict),
            "off" => Ok(Mode::Off),
            _ => Err(Error::usage(format!("{text:?} is not auto, strict or off"))),
        }
    }
}

/// What is opened after [`Sandbox::enter`]. Open files and sockets stay open.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Files to read, and folders of such files.
    pub read: Vec<PathBuf>,
    /// Files to write.
    pub write: Vec<PathBuf>,
    /// Folders in which files are created.
    pub create_in: Vec<PathBuf>,
    /// Cameras and serial lines, which are opened again after they disappear.
    pub devices: Vec<PathBuf>,
    /// Connections are accepted on a socket that is open already.
    pub accepts: bool,
}

impl Access {
    /// Adds the paths of another part of the program.
    pub fn add(&mut self, other: Access) {
        self.read.extend(other.read);
        self.write.extend(other.write);
        self.create_in.extend(other.create_in);
        self.devices.extend(other.devices);
        self.accepts |= other.accepts;
    }
}

/// A part of the log line: what holds, or what does not hold and why.
type Step = std::result::Result<String, String>;

/// A sandbox between its two steps.
#[derive(Debug)]
#[must_use = "the system calls are only restricted by `close`"]
pub struct Sandbox {
    mode: Mode,
    access: Access,
    steps: Vec<Step>,
}

/// The Landlock version of the kernel; `None` if it has none, or was started without it.
pub fn landlock_abi() -> Option<u32> {
    ruleset::abi().ok()
}

impl Sandbox {
    /// Drops all files except those in `needs`, and all capabilities except those in `keep`, for this thread and
    /// the threads that it starts.
    ///
    /// # Errors
    /// [`ErrorKind::Sandbox`](crate::ErrorKind::Sandbox) if the mode is strict and something is missing, or if only root's rights
    /// lead to one of the files.
    pub fn enter(mode: Mode, access: Access, keep: CapabilitySet) -> Result<Self> {
        let mut sandbox = Sandbox {
            mode,
            access,
            steps: Vec::new(),
        };
        if mode != Mode::Off {
            let could_reach_all = privileges::reach_all_files();
            let no_new_privs = privileges::give_up_new_ones();
            // This opens the files, so it comes before capabilities are dropped.
            sandbox.add(landlock::restrict(&sandbox.access))?;
            sandbox.add(no_new_privs)?;
            sandbox.add(privileges::drop_capabilities(keep))?;
            if could_reach_all {
                privileges::check_reach(&sandbox.access)?;
            }
        }
        Ok(sandbox)
    }

    /// Forbids, on all threads, the system calls that a stream does not make, and logs what holds.
    ///
    /// # Errors
    /// [`ErrorKind::Sandbox`](crate::ErrorKind::Sandbox) if the mode is strict and something is missing.
    pub fn close(mut self) -> Result<()> {
        if self.mode == Mode::Off {
            log::info!("sandbox: off");
            return Ok(());
        }
        let filter = restrict_calls(&self.access);
        self.add(filter)?;
        // The strongest restriction comes first in the line.
        self.steps.rotate_right(1);
        let parts: Vec<&str> = self
            .steps
            .iter()
            .map(|step| step.as_deref().unwrap_or_else(|missing| missing))
            .collect();
        log::info!("sandbox: {}", parts.join(", "));
        Ok(())
    }

    fn add(&mut self, step: Step) -> Result<()> {
        if let (Mode::Strict, Err(missing)) = (self.mode, &step) {
            return Err(Error::sandbox(format!(
                "{missing}: run on a system that has it, or with --sandbox auto to go on without"
            )));
        }
        self.steps.push(step);
        Ok(())
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn restrict_calls(access: &Access) -> Step {
    sigsys::install().map_err(|error| format!("no seccomp (SIGSYS cannot be handled: {error})"))?;
    seccomp::restrict(&policy::rules(access))
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn restrict_calls(_: &Access) -> Step {
    Err("no seccomp (not supported on this processor)".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(mode: Mode) -> Sandbox {
        Sandbox {
            mode,
            access: Access::default(),
            steps: Vec::new(),
        }
    }

    #[test]
    fn modes_are_read_and_others_named() {
        for (text, mode) in [
            ("auto", Mode::Auto),
            ("strict", Mode::Strict),
            ("off", Mode::Off),
        ] {
            assert_eq!(text.parse::<Mode>().unwrap(), mode);
        }
        let error = "on".parse::<Mode>().unwrap_err().to_string();
        assert!(error.contains("\"on\"") && error.contains("strict"));
    }

    #[test]
    fn what_is_missing_is_an_error_only_in_strict_mode() {
        let missing = || Err("no landlock (the kernel has none)".to_string());
        assert!(with(Mode::Auto).add(missing()).is_ok());
        let error = with(Mode::Strict).add(missing()).unwrap_err();
        assert_eq!(error.exit_code(), 10);
        assert!(error.to_string().contains("no landlock (the kernel"));
        assert!(with(Mode::Strict).add(Ok("landlock".into())).is_ok());
    }
}
