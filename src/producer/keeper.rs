//! The process that keeps a command running.

use super::{AGAIN, ASKS, IS_EMPTY};
use crate::limits::MAX_COMMAND_LINE_BYTES;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getppid, kill_process_group,
    set_parent_process_death_signal, waitid,
};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Pauses between two starts: the first, doubled up to the longest. A command that lived longer than that begins anew.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Time from SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(1);
/// Time between two attempts of that, and between two looks for the end.
const KILL_EVERY: Duration = Duration::from_millis(100);
/// Lines of the command in the log: at once, and then in this time each.
const MOST_LINES: u32 = 30;
const LINE_EVERY: Duration = Duration::from_secs(2);
/// Exit code of a program that cannot be started, as of shells.
const NO_PROGRAM: i32 = 127;

/// The keeper's state.
struct Keeper {
    control: UnixStream,
    /// Readable when a child has ended.
    children: UnixStream,
    log: Log,
    /// The stream has ended.
    is_stopped: bool,
}

/// The end of a wait.
#[derive(Debug, PartialEq, Eq)]
enum Woken {
    /// The stream has ended.
    Stop,
    /// The stream said something.
    Told(u8),
    /// The command has ended.
    Ended,
    /// The time is over.
    Late,
}

/// The other process: keeps the command of `program` running until standard input ends. Standard output is the reading
/// end of the pipe.
///
/// # Errors
/// The system refuses what a keeper needs.
pub fn keep(program: impl Fn() -> Command) -> io::Result<()> {
    // The end of the stream is the only end: signals go to all processes of a terminal or a service.
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    let (children, wake) = UnixStream::pair()?;
    children.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(SIGCHLD, wake)?;
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut keeper = Keeper {
        control,
        children,
        log: Log::default(),
        is_stopped: false,
    };
    let mut pause = SHORTEST_PAUSE;
    let mut ends = 0_u64;
    while keeper.may_start()? {
        let begun = Instant::now();
        let how = match keeper.start(&program) {
            Ok(child) => match keeper.watch(child)? {
                Some(how) => how,
                None => return Ok(()),
            },
            Err(error) => format!("cannot be started: {error}"),
        };
        pause = match begun.elapsed() > LONGEST_PAUSE {
            true => SHORTEST_PAUSE,
            false => pause,
        };
        ends += 1;
        // One that always ends must not fill the log.
        if ends.is_power_of_two() {
            log::warn!(
                "the camera's command {how}, after {:.1} s; it is started again in {:.1} s ({ends} such ends so far)",
                begun.elapsed().as_secs_f64(),
                pause.as_secs_f64()
            );
        }
        let until = Instant::now() + pause;
        while Instant::now() < until {
            // What the stream says of a command that has ended means nothing.
            if keeper.wait(None, until)? == Woken::Stop {
                return Ok(());
            }
        }
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
    Ok(())
}

impl Keeper {
    /// Asks the stream, and waits for its answer. False at its end.
    fn may_start(&mut self) -> io::Result<bool> {
        if self.control.write_all(&[ASKS]).is_err() {
            return Ok(false);
        }
        loop {
            let far = Instant::now() + LONGEST_PAUSE;
            match self.wait(None, far)? {
                Woken::Stop => return Ok(false),
                Woken::Told(IS_EMPTY) => return Ok(true),
                _ => {}
            }
        }
    }

    fn start(&self, program: impl Fn() -> Command) -> io::Result<Child> {
        // A writing end of its own, which ends with the command.
        let pipe = open(
            "/proc/self/fd/1",
            OFlags::WRONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        program()
            .stdin(Stdio::null())
            .stdout(Stdio::from(pipe))
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
    }

    /// Waits for the end of the command, and says how it ended. `None`: the stream has ended, and so has the command.
    fn watch(&mut self, mut child: Child) -> io::Result<Option<String>> {
        let mut stderr = child.stderr.take();
        let mut told_to_end: Option<Instant> = None;
        loop {
            let now = Instant::now();
            let until = match told_to_end {
                None => now + LONGEST_PAUSE,
                Some(told) => (told + GRACE).max(now + KILL_EVERY),
            };
            match self.wait(stderr.as_mut(), until)? {
                Woken::Stop | Woken::Told(AGAIN) if told_to_end.is_none() => {
                    told_to_end = Some(Instant::now());
                    signal_group(&child, Signal::TERM);
                }
                _ => {}
            }
            if told_to_end.is_some_and(|told| told.elapsed() >= GRACE) {
                signal_group(&child, Signal::KILL);
            }
            if has_ended(&child) {
                // What it started and left behind. It is not yet waited for, so that the group is still its own.
                signal_group(&child, Signal::KILL);
                let how = child.wait()?;
                if let Some(stderr) = &mut stderr {
                    self.log.take(stderr);
                }
                self.log.end_line();
                return Ok((!self.is_stopped).then(|| match told_to_end {
                    Some(_) => "gave no pictures and was ended".into(),
                    None => said(how),
                }));
            }
        }
    }

    /// Waits for the stream, a child or the time. Meanwhile the command's lines go to the log.
    fn wait(&mut self, mut stderr: Option<&mut ChildStderr>, until: Instant) -> io::Result<Woken> {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        let (from_stream, from_children, from_command) = {
            let mut all = heapless::Vec::<PollFd<'_>, 3>::new();
            let _ = all.push(PollFd::new(&self.children, PollFlags::IN));
            // After the stream's end the socket is always readable.
            let first = if self.is_stopped {
                &self.children
            } else {
                &self.control
            };
            let _ = all.push(PollFd::new(first, PollFlags::IN));
            if let Some(stderr) = stderr.as_deref().filter(|_| !self.log.is_over) {
                let _ = all.push(PollFd::new(stderr, PollFlags::IN));
            }
            match poll(&mut all, Some(&left)) {
                Ok(0) => return Ok(Woken::Late),
                Err(Errno::INTR) => return Ok(Woken::Ended),
                Err(errno) => return Err(errno.into()),
                Ok(_) => {}
            }
            let has = |index: usize| all.get(index).is_some_and(|fd| !fd.revents().is_empty());
            (has(1) && !self.is_stopped, has(0), has(2))
        };
        if from_command && let Some(stderr) = &mut stderr {
            self.log.take(stderr);
        }
        if from_children {
            let _ = (&self.children).read(&mut [0; 64]);
            return Ok(Woken::Ended);
        }
        if from_stream {
            let mut said = [0];
            return Ok(match self.control.read(&mut said) {
                Ok(1) => Woken::Told(said[0]),
                _ => {
                    self.is_stopped = true;
                    Woken::Stop
                }
            });
        }
        Ok(Woken::Ended)
    }
}

fn signal_group(child: &Child, signal: Signal) {
    if let Some(group) = group(child) {
        // A group without a process is no fault.
        let _ = kill_process_group(group, signal);
    }
}

fn group(child: &Child) -> Option<Pid> {
    Pid::from_raw(child.id().cast_signed())
}

/// It has ended and is not yet waited for.
fn has_ended(child: &Child) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    group(child).is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
}

fn said(how: ExitStatus) -> String {
    match how.code() {
        Some(NO_PROGRAM) => "is no program, or one that cannot be started".into(),
        Some(code) => format!("ended with exit code {code}"),
        None => format!("ended: {how}"),
    }
}

/// Lines of the command on their way to the log, which escapes them.
#[derive(Default)]
struct Log {
    line: heapless::Vec<u8, MAX_COMMAND_LINE_BYTES>,
    /// Lines that may be written, and since when.
    left: u32,
    filled: Option<Instant>,
    left_out: u64,
    /// The command's standard error has ended.
    is_over: bool,
}

impl Log {
    /// Takes what is there.
    fn take(&mut self, stderr: &mut ChildStderr) {
        let mut bytes = [0; 4096];
        let ready = {
            let mut fds = [PollFd::new(&*stderr, PollFlags::IN)];
            let zero = Timespec::default();
            poll(&mut fds, Some(&zero)).is_ok_and(|count| count > 0)
        };
        if !ready {
            return;
        }
        match stderr.read(&mut bytes) {
            Ok(0) | Err(_) => self.is_over = true,
            Ok(count) => self.put(&bytes[..count]),
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            // Progress is told with carriage returns.
            if matches!(byte, b'\n' | b'\r') {
                self.write_line();
            } else {
                // A longer line loses its end.
                let _ = self.line.push(byte);
            }
        }
    }

    fn end_line(&mut self) {
        self.write_line();
        self.is_over = false;
    }

    fn write_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return;
        }
        if !self.may_write() {
            self.left_out += 1;
            return;
        }
        match std::mem::take(&mut self.left_out) {
            0 => {}
            count => log::info!("the camera's command: {count} lines were left out"),
        }
        log::info!("the camera's command: {}", String::from_utf8_lossy(&line));
    }

    /// A bucket of lines, which fills slowly.
    fn may_write(&mut self) -> bool {
        let now = Instant::now();
        match self.filled {
            None => (self.left, self.filled) = (MOST_LINES, Some(now)),
            Some(filled) => {
                let more = (now - filled).as_millis() / LINE_EVERY.as_millis();
                if more > 0 {
                    let more = u32::try_from(more).unwrap_or(MOST_LINES);
                    self.left = self.left.saturating_add(more).min(MOST_LINES);
                    self.filled = Some(now);
                }
            }
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

/// Becomes the command of a keeper with this process id, and ends when the keeper does.
///
/// # Errors
/// The program cannot be started. It returns only then.
pub fn become_command(keeper: u32, words: &[OsString]) -> io::Error {
    // Of this process alone: the keeper ends what the command starts.
    if let Err(errno) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return errno.into();
    }
    // It ended before it could be bound to.
    let parent = getppid().map(|parent| parent.as_raw_nonzero().get().cast_unsigned());
    if parent != Some(keeper) {
        return io::Error::other("its keeper has ended");
    }
    match words.split_first() {
        Some((program, arguments)) => Command::new(program).args(arguments).exec(),
        None => io::ErrorKind::InvalidInput.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_a_rate_and_a_length() {
        let mut log = Log::default();
        for _ in 0..MOST_LINES {
            log.put(b"a line\n");
        }
        assert_eq!((log.left, log.left_out), (0, 0));
        for _ in 0..5 {
            log.put(b"one more\r\n\n");
        }
        assert_eq!(log.left_out, 5);
        log.put(&[b'x'; 3 * MAX_COMMAND_LINE_BYTES]);
        assert_eq!(log.line.len(), MAX_COMMAND_LINE_BYTES);
        // Later there is room again, and the count is told.
        log.filled = log.filled.map(|filled| filled - 2 * LINE_EVERY);
        log.put(b"\n");
        assert_eq!((log.left, log.left_out, log.line.len()), (1, 0, 0));
    }
}
