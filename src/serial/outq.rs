//! The one call on a terminal that rustix has no safe function for.

use rustix::ioctl::{Getter, Opcode, ioctl};
use std::ffi::c_int;
use std::io;
use std::os::fd::AsFd;

#[cfg(not(any(
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "riscv64",
    target_arch = "x86",
    target_arch = "x86_64"
)))]
compile_error!("TIOCOUTQ has another number on some processors: look it up in their asm/ioctls.h");

/// `TIOCOUTQ` of the kernel's asm-generic/ioctls.h.
const TIOCOUTQ: Opcode = 0x5411;

/// Bytes that were written to the terminal and have not left it.
pub(super) fn queued_bytes(terminal: impl AsFd) -> io::Result<usize> {
    // SAFETY: TIOCOUTQ writes one int for every terminal driver, and `terminal` stays open while it is
    // borrowed. On a file that is not a terminal the call fails and writes nothing.
    let queued = unsafe { ioctl(terminal, Getter::<TIOCOUTQ, c_int>::new()) }?;
    Ok(usize::try_from(queued).unwrap_or(0))
}
