//! A terminal device in raw mode.

use super::{SerialSpec, outq};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{ControlModes, InputModes, OptionalActions, QueueSelector, Termios};
use rustix::time::Timespec;
use rustix::{fs, termios};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// A receiver samples the middle of the tenth bit correctly while the two clocks agree to 5 %. The rest of
/// that margin is for the clock of the other end.
const MAX_RATE_ERROR_PERCENT: u64 = 3;

/// An open, configured line. Drop closes it, and the kernel may then wait until all queued bytes have left. If
/// the line may be jammed, call [`discard_output`](Tty::discard_output) first.
#[derive(Debug)]
pub struct Tty {
    fd: OwnedFd,
}

impl Tty {
    /// Opens and configures the device, and discards bytes from before.
    ///
    /// # Errors
    /// The problem and its remedy, for a message that names the device.
    pub fn open(spec: &SerialSpec) -> Result<Self, String> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = fs::open(&*spec.device, flags, Mode::empty()).map_err(why_not_opened)?;
        let tty = Tty { fd };
        // Two writers on one line destroy each other's packets. TIOCEXCL below does not hold for root, and the lock
        // only among programs that ask for it.
        // Not every file system has locks.
        let locked = fs::flock(&tty.fd, FlockOperation::NonBlockingLockExclusive);
        if locked == Err(Errno::WOULDBLOCK) {
            return Err("another program holds it (flock): stop it, or take another line".into());
        }
        let mut settings = termios::tcgetattr(&tty.fd).map_err(|errno| match errno {
            Errno::NOTTY | Errno::INVAL | Errno::NODEV => "is not a serial device".into(),
            Errno::IO => "there is no hardware behind it: try another device".to_string(),
            _ => failed("cannot be set", errno),
        })?;
        // Not every driver supports exclusive use.
        let _ = termios::ioctl_tiocexcl(&tty.fd);
        make_raw(&mut settings);
        settings
            .set_speed(spec.baud)
            .and_then(|()| termios::tcsetattr(&tty.fd, OptionalActions::Now, &settings))
            .map_err(|errno| failed(&format!("cannot be set to {} baud", spec.baud), errno))?;
        let given = termios::tcgetattr(&tty.fd)
            .map_err(|errno| failed("cannot be read back", errno))?
            .output_speed();
        if !close_enough(spec.baud, given) {
            return Err(format!(
                "cannot run at {} baud, the nearest is {given}: give another rate on both sides",
                spec.baud
            ));
        }
        termios::tcflush(&tty.fd, QueueSelector::IOFlush)
            .map_err(|errno| failed("cannot be emptied", errno))?;
        Ok(tty)
    }

    /// Number of bytes that the kernel accepted: 0 if its queue is full.
    ///
    /// # Errors
    /// The device is gone or broken.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        or_nothing(rustix::io::write(&self.fd, bytes))
    }

    /// Bytes in the kernel's output queue.
    ///
    /// # Errors
    /// The device is gone or broken.
    pub fn queued_bytes(&self) -> io::Result<usize> {
        outq::queued_bytes(&self.fd)
    }

    /// Discards the kernel's output queue.
    pub fn discard_output(&self) {
        // It fails only for a device that is gone, whose queue is gone too.
        let _ = termios::tcflush(&self.fd, QueueSelector::OFlush);
    }

    /// Waits at most `timeout` for bytes and reads those that are there; 0 if none came.
    ///
    /// # Errors
    /// The device is gone or broken.
    pub fn read(&self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => return Ok(0),
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
        let gone = fds[0].revents().contains(PollFlags::HUP);
        match or_nothing(rustix::io::read(&self.fd, buffer))? {
            0 if gone => Err(Errno::IO.into()),
            length => Ok(length),
        }
    }
}

fn or_nothing(result: rustix::io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(Errno::AGAIN | Errno::INTR) => Ok(0),
        other => other.map_err(io::Error::from),
    }
}

fn failed(doing: &str, errno: Errno) -> String {
    format!("{doing}: {}", io::Error::from(errno))
}

fn why_not_opened(errno: Errno) -> String {
    match errno {
        Errno::NOENT => "there is no such device: is the adapter plugged in?".into(),
        Errno::ACCESS | Errno::PERM => {
            "no permission: add the user to the group dialout, and end the login console if the line has one"
                .into()
        }
        Errno::BUSY => {
            "is in use: stop the other program, or the login console if the line has one".into()
        }
        Errno::NXIO | Errno::NODEV | Errno::IO => {
            "there is no hardware behind it: is it plugged in?".into()
        }
        Errno::ISDIR => "is not a serial device".into(),
        _ => failed("cannot be opened", errno),
    }
}

/// Raw bytes, 8N1, no flow control.
fn make_raw(settings: &mut Termios) {
    settings.make_raw();
    // With IXOFF the kernel would insert its own bytes.
    settings
        .input_modes
        .remove(InputModes::IXOFF | InputModes::IXANY);
    let modes = &mut settings.control_modes;
    // A three-wire line has no modem signals, so they must not stop it. With HUPCL each close would reset boards
    // that use DTR as reset.
    modes.insert(ControlModes::CLOCAL | ControlModes::CREAD);
    modes.remove(ControlModes::CRTSCTS | ControlModes::CSTOPB | ControlModes::HUPCL);
}

fn close_enough(asked: u32, given: u32) -> bool {
    u64::from(asked.abs_diff(given)) * 100 <= u64::from(asked) * MAX_RATE_ERROR_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    fn spec(device: &str, baud: u32) -> SerialSpec {
        SerialSpec {
            device: device.into(),
            baud,
        }
    }

    /// `None` under emulators that do not know termios2, such as qemu-user 7.2.
    fn pty() -> Option<(OwnedFd, String)> {
        let controller =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap();
        let known = !matches!(termios::tcgetattr(&controller), Err(Errno::NOSYS));
        known.then(|| (controller, name.into_string().unwrap()))
    }

    #[test]
    fn bytes_pass_as_they_are_at_a_rate_that_has_no_constant() {
        let Some((controller, name)) = pty() else {
            return;
        };
        let tty = Tty::open(&spec(&name, 250_000)).unwrap();
        let settings = termios::tcgetattr(&tty.fd).unwrap();
        assert_eq!(settings.output_speed(), 250_000);
        let every_byte: Vec<u8> = (0..=255).collect();
        assert_eq!(tty.write(&every_byte).unwrap(), 256);
        let mut got = [0; 512];
        assert_eq!(rustix::io::read(&controller, &mut got).unwrap(), 256);
        assert_eq!(got[..256], every_byte);
        assert_eq!(tty.queued_bytes().unwrap(), 0);

        assert_eq!(rustix::io::write(&controller, &every_byte).unwrap(), 256);
        let mut length = 0;
        while length < 256 {
            let more = tty.read(&mut got[length..], Duration::from_secs(5));
            let more = more.unwrap();
            assert!(more > 0, "only {length} bytes came");
            length += more;
        }
        assert_eq!(got[..256], every_byte);
        assert_eq!(tty.read(&mut got, Duration::ZERO).unwrap(), 0);
    }

    #[test]
    fn a_line_that_nobody_reads_takes_no_more_and_one_that_is_gone_says_so() {
        let Some((controller, name)) = pty() else {
            return;
        };
        let tty = Tty::open(&spec(&name, 115_200)).unwrap();
        let mut taken = 0;
        loop {
            match tty.write(&[7; 1024]).unwrap() {
                0 => break,
                length => taken += length,
            }
        }
        assert!(taken > 0);
        tty.discard_output();
        drop(controller);
        assert!(tty.write(&[7]).is_err() && tty.queued_bytes().is_err());
        assert!(tty.read(&mut [0; 8], Duration::from_secs(5)).is_err());
    }

    #[test]
    fn a_line_has_one_program_at_a_time_whoever_runs_it() {
        let Some((_controller, name)) = pty() else {
            return;
        };
        let first = Tty::open(&spec(&name, 115_200)).unwrap();
        let second = Tty::open(&spec(&name, 115_200)).unwrap_err();
        // Root gets as far as the lock, others to TIOCEXCL.
        assert!(
            second.contains("another program holds it") || second.contains("in use"),
            "{second}"
        );
        drop(first);
        Tty::open(&spec(&name, 115_200)).unwrap();
    }

    #[test]
    fn what_is_no_line_is_refused_with_the_reason() {
        let refused = |device: &str| Tty::open(&spec(device, 9_600)).unwrap_err();
        assert!(refused("/dev/no-such-line").contains("plugged in"));
        if pty().is_some() {
            assert!(refused("/dev/null").contains("not a serial device"));
        }
        assert!(refused("/tmp").contains("not a serial device"));
    }

    #[test]
    fn three_percent_of_rate_error_pass() {
        assert!(close_enough(100_000, 103_000) && close_enough(100_000, 97_000));
        assert!(!close_enough(100_000, 103_001) && !close_enough(100_000, 0));
        assert!(close_enough(u32::MAX, u32::MAX));
    }
}
