//! The handler of a forbidden system call: one line on standard error, then exit.
//!
//! The kernel skips the call and sends SIGSYS to its thread. The handler allocates nothing and takes no lock,
//! because the thread may hold any lock. If the thread blocks SIGSYS, as C libraries do while they create a process,
//! the kernel kills the process without the line.

use crate::error::ErrorKind;
use heapless::String;
use std::ffi::{c_int, c_void};
use std::fmt::Write;
use std::io;
use std::mem::zeroed;
use std::ptr::null_mut;
use syscalls::Sysno;

/// `SYS_SECCOMP` of the kernel's asm-generic/siginfo.h: the signal comes from the filter.
const SYS_SECCOMP: c_int = 1;

/// A line. The longest call name needs less than half of it.
type Line = String<256>;

/// The kernel's `siginfo_t` of a SIGSYS on 64-bit processors.
#[repr(C)]
struct Forbidden {
    signal: c_int,
    error: c_int,
    code: c_int,
    call_address: *const c_void,
    number: c_int,
    processor: u32,
}

/// Installs the handler, for all threads.
pub(super) fn install() -> io::Result<()> {
    // SAFETY: 0 is valid for integers, a signal set and a null pointer.
    let mut action: libc::sigaction = unsafe { zeroed() };
    let handler: extern "C" fn(c_int, *const Forbidden, *mut c_void) = report;
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: `action` is initialised, and `report` has the signature that SA_SIGINFO requires.
    match unsafe { libc::sigaction(libc::SIGSYS, &raw const action, null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

extern "C" fn report(_: c_int, info: *const Forbidden, _: *mut c_void) {
    // SAFETY: the kernel passes a complete `siginfo_t` to a handler with SA_SIGINFO. It is longer than
    // `Forbidden`, has the same alignment, and lives until the handler returns.
    let info = unsafe { &*info };
    if info.code != SYS_SECCOMP {
        // Another process sent the signal. It could also have sent SIGKILL, so it is ignored.
        return;
    }
    let line = line(info.number);
    // SAFETY: `write` reads `len` bytes of the line. `write` and `_exit` are allowed system calls and
    // async-signal-safe.
    unsafe {
        libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len());
        libc::_exit(ErrorKind::Sandbox as i32);
    }
}

fn line(number: c_int) -> Line {
    let name = usize::try_from(number)
        .ok()
        .and_then(Sysno::new)
        .map_or("of no known name", |call| call.name());
    let mut line = Line::new();
    // The line fits. A longer one would only be cut.
    let _ = writeln!(
        line,
        "posewire: error: sandbox: the system call {name} ({number}) is not allowed: report this as a bug; \
         --sandbox off goes on without the sandbox"
    );
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_fits_in_the_line() {
        for call in Sysno::iter() {
            let line = line(call.id());
            assert!(line.contains(call.name()) && line.ends_with("sandbox\n"));
        }
        assert!(line(-1).contains("of no known name (-1)"));
    }
}
