//! The process that looks a name up again and again for a sender, which starts it: see [`crate::address`].
//!
//! In: `HOST:PORT`. Out: a line of addresses on standard output. It is no command for users.

use super::command::usage;
use crate::address::{HostPort, answer_lookups};
use crate::error::{Error, Result};
use crate::process::sandbox::{Access, CapabilitySet, Mode, Sandbox};
use lexopt::{Parser, ValueExt};
use std::ffi::OsStr;
use std::process::Command;

pub(super) const NAME: &str = "look-up";

/// Files that C libraries read to look a name up, and their modules.
const FILES: [&str; 6] = ["/etc", "/run", "/lib", "/lib64", "/usr/lib", "/usr/share"];

/// This program, as the process that looks `host` up.
pub(super) fn command(host: &str, sandbox: Mode) -> Command {
    let program = std::env::current_exe();
    let mut command = Command::new(
        program
            .as_deref()
            .map_or(OsStr::new("posewire"), AsRef::as_ref),
    );
    command.args([NAME, host]);
    if sandbox == Mode::Off {
        command.arg("off");
    }
    command
}

pub(super) fn main(mut parser: Parser) -> Result<()> {
    let host = parser.value().map_err(usage)?;
    let host = host.string().map_err(usage)?;
    let host: HostPort = host.parse().map_err(Error::usage)?;
    let mode = match parser.value() {
        Ok(_) => Mode::Off,
        Err(_) => Mode::Auto,
    };
    let access = Access {
        read: FILES.map(Into::into).to_vec(),
        ..Access::default()
    };
    // It needs sockets, so there is no filter of system calls. What it has, it keeps without rights and files.
    let _no_calls_are_filtered = Sandbox::enter(mode, access, CapabilitySet::empty())?;
    answer_lookups(&host).map_err(|error| Error::sink("udp", "the sender is gone").because(error))
}
