//! The process gives up what it does not need any more, so that whoever takes it over gets nothing.
//!
//! In: a [`Mode`] and what the run still [`Needs`]. Out: one line in the log that says what holds.
//! [`Sandbox::enter`] comes before the first thread and before bytes from outside are interpreted: files
//! ([`landlock`], [`ruleset`]) and rights ([`privileges`]) are given up for each thread alone, and threads inherit
//! it. [`Sandbox::close`] comes when everything is set up: it leaves the system calls that a stream makes
//! ([`policy`], [`seccomp`]), on all threads. A forbidden one ends the process ([`sigsys`]).

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

/// How much of the sandbox there must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// What the kernel has; the log says what is missing.
    #[default]
    Auto,
    /// All of it, or the program does not start.
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
            _ => Err(Error::usage(format!(
                "sandbox is {text:?}, expected is auto, strict or off"
            ))),
        }
    }
}

/// What is opened by its name after [`Sandbox::enter`]. What is open already stays so.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Files that are read, and folders of such files.
    pub read: Vec<PathBuf>,
    /// Files that are written.
    pub write: Vec<PathBuf>,
    /// Folders in which files are made.
    pub create_in: Vec<PathBuf>,
    /// Cameras and serial lines, which are opened again after they were away.
    pub devices: Vec<PathBuf>,
}

/// What holds, or what does not and why; a part of the line in the log.
type Step = std::result::Result<String, String>;

/// A sandbox that is half closed. See the module's comment.
#[derive(Debug)]
#[must_use = "the system calls are only restricted by `close`"]
pub struct Sandbox {
    mode: Mode,
    needs: Needs,
    steps: Vec<Step>,
}

/// Which version of Landlock the kernel has; nothing if it has none, or was started without it.
pub fn landlock_abi() -> Option<u32> {
    ruleset::abi().ok()
}

impl Sandbox {
    /// Gives up all files but those that are needed, and all capabilities but those in `keep`: of this
    /// thread and of those that it starts.
    ///
    /// # Errors
    /// [`ErrorKind::Sandbox`](crate::ErrorKind::Sandbox) if the mode is strict and something is missing, or if only root's rights
    /// lead to one of the files.
    pub fn enter(mode: Mode, needs: Needs, keep: CapabilitySet) -> Result<Self> {
        let mut sandbox = Sandbox {
            mode,
            needs,
            steps: Vec::new(),
        };
        if mode != Mode::Off {
            let could_reach_all = privileges::reach_all_files();
            let no_new_privs = privileges::give_up_new_ones();
            // Before the capabilities go: it opens the files.
            sandbox.add(landlock::restrict(&sandbox.needs))?;
            sandbox.add(no_new_privs)?;
            sandbox.add(privileges::drop_capabilities(keep))?;
            if could_reach_all {
                privileges::check_reach(&sandbox.needs)?;
            }
        }
        Ok(sandbox)
    }

    /// Gives up, on all threads, the system calls that a stream does not make, and logs what holds.
    ///
    /// # Errors
    /// [`ErrorKind::Sandbox`](crate::ErrorKind::Sandbox) if the mode is strict and something is missing.
    pub fn close(mut self) -> Result<()> {
        if self.mode == Mode::Off {
            log::info!("sandbox: off");
            return Ok(());
        }
        let filter = restrict_calls(&self.needs);
        self.add(filter)?;
        // What forbids most is named first.
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
fn restrict_calls(needs: &Needs) -> Step {
    sigsys::install().map_err(|error| format!("no seccomp (SIGSYS cannot be handled: {error})"))?;
    seccomp::restrict(&policy::rules(needs))
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn restrict_calls(_: &Needs) -> Step {
    Err("no seccomp (not supported on this processor)".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(mode: Mode) -> Sandbox {
        Sandbox {
            mode,
            needs: Needs::default(),
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
        assert!(error.contains("sandbox") && error.contains("strict"));
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
