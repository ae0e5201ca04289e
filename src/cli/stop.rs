//! The end on request: SIGTERM, SIGINT and SIGHUP.
//!
//! Out: a flag. Until [`on_signals`] is called, the signals end the program as the system does. From then on the first
//! one sets the flag, and a second one, or a second of time, ends the program at once.

use crate::error::{Error, Result};
use crate::process::thread::{Role, spawn};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time from the signal to the end: sinks have written what they can by then.
const GRACE: Duration = Duration::from_millis(900);
/// As of a program that SIGTERM ended.
const LATE_EXIT_CODE: i32 = 128 + SIGTERM;

/// A flag that the signals set. A second one of any ends the process at once.
pub(super) fn on_signals() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in signals() {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(unhandled)?;
    }
    Ok(stop)
}

/// Ends a stream that does not end within a second of the signal: a frame may take hours. What is lost is its last
/// packet.
pub(super) fn within_a_second(stop: &Arc<AtomicBool>) -> Result<()> {
    let (mut woken, wake) = UnixStream::pair().map_err(unhandled)?;
    for signal in signals() {
        let wake = wake.try_clone().map_err(unhandled)?;
        signal_hook::low_level::pipe::register(signal, wake).map_err(unhandled)?;
    }
    let stop = Arc::clone(stop);
    spawn(Role::Stop, move || {
        // Woken without the flag: something else wrote, or the process ends.
        while !stop.load(Ordering::Relaxed) {
            if !matches!(woken.read(&mut [0]), Ok(1)) {
                return;
            }
        }
        std::thread::sleep(GRACE);
        log::error!(
            "told to end, and a frame or an output takes too long: ended without the last packet"
        );
        super::logging::finish();
        signal_hook::low_level::exit(LATE_EXIT_CODE);
    })
    .map(drop)
    .map_err(unhandled)
}

fn unhandled(error: std::io::Error) -> Error {
    Error::usage("signals cannot be handled here").because(error)
}

/// SIGHUP stays ignored for a program that `nohup` started.
fn signals() -> impl Iterator<Item = i32> {
    let ignored = ignored_signals();
    [SIGTERM, SIGINT, SIGHUP]
        .into_iter()
        .filter(move |&signal| signal != SIGHUP || ignored >> (signal - 1) & 1 == 0)
}

/// Bit n - 1 is set if the signal n is ignored.
fn ignored_signals() -> u64 {
    let status = crate::file::read_text("/proc/self/status".as_ref(), 64 << 10);
    status.ok().as_deref().and_then(mask).unwrap_or(0)
}

fn mask(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::process::Command;

    /// Tells this test, in a process of its own, to hang.
    const HANGS: &str = "POSEWIRE_TEST_HANGS";

    #[test]
    fn a_stream_that_hangs_is_ended_a_second_after_the_signal() {
        if std::env::var_os(HANGS).is_some() {
            let stop = on_signals().unwrap();
            within_a_second(&stop).unwrap();
            signal_hook::low_level::raise(SIGTERM).unwrap();
            std::thread::sleep(Duration::from_secs(60));
            return;
        }
        let runner = std::env::var("POSEWIRE_TEST_RUNNER").unwrap_or_default();
        let program = std::env::current_exe().unwrap();
        let mut words = runner.split_whitespace().map(OsStr::new);
        let first = words.next();
        let mut command = Command::new(first.unwrap_or(program.as_os_str()));
        command.args(words).args(first.map(|_| &program));
        let hangs = command
            .args([
                "--exact",
                "cli::stop::tests::a_stream_that_hangs_is_ended_a_second_after_the_signal",
            ])
            .env(HANGS, "1")
            .output();
        match hangs {
            Ok(ended) => assert_eq!(ended.status.code(), Some(LATE_EXIT_CODE), "{ended:?}"),
            // Under an emulator, which starts no program of another architecture.
            Err(error) => assert_eq!(error.raw_os_error(), Some(8), "{error}"),
        }
    }

    #[test]
    fn ignored_signals_are_read_from_the_kernels_text() {
        let status = "Name:\tx\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n";
        assert_eq!(mask(status), Some(0x1001));
        assert_eq!(mask("Name:\tx\n"), None);
        // A test has a mask as any other program.
        assert!(signals().any(|signal| signal == SIGTERM));
    }
}
