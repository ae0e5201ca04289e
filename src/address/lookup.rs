//! The present address of a name, from a process of its own.
//!
//! A name may get another address while a stream runs (DHCP). Looking it up takes sockets, files and many seconds,
//! and a stream has none of them: its sandbox forbids them. So [`Lookups`] starts this program again, before the
//! sandbox, as a process that only looks up the name ([`answer_lookups`]): every 20 s, and when the sender
//! asks because a packet could not be sent. Its answers come through a pipe that never makes the sender wait. It ends
//! when the sender does.
//!
//! An answer is a line: addresses with a space between them, or nothing if the name is not known.

use super::HostPort;
use crate::limits::MAX_ANSWER_BYTES;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const EVERY: Timespec = Timespec {
    tv_sec: 20,
    tv_nsec: 0,
};
/// Shortest time between two looks into the pipe, and between two questions.
const LOOK: Duration = Duration::from_millis(500);
const ASK: Duration = Duration::from_secs(5);

/// A line of the other process.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a>(&'a str);

impl Answer<'_> {
    /// Its addresses; none if the name is not known at present.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.split(' ').filter_map(|word| word.parse().ok())
    }
}

/// The sender's end.
#[derive(Debug)]
pub struct Lookups {
    to: ChildStdin,
    from: ChildStdout,
    line: [u8; MAX_ANSWER_BYTES],
    length: usize,
    looked: Instant,
    asked: Instant,
}

impl Lookups {
    /// Starts the process. `program` runs [`answer_lookups`].
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(mut program: Command) -> io::Result<Self> {
        let mut child = program
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(to), Some(from)) = pipes else {
            return Err(io::Error::other("a pipe is missing"));
        };
        for pipe in [to.as_fd(), from.as_fd()] {
            let flags = fcntl_getfl(pipe)?;
            fcntl_setfl(pipe, flags | OFlags::NONBLOCK)?;
        }
        let now = Instant::now();
        Ok(Lookups {
            to,
            from,
            line: [0; MAX_ANSWER_BYTES],
            length: 0,
            looked: now,
            asked: now,
        })
    }

    /// Asks for an answer soon. Called for each packet that could not be sent.
    pub fn ask(&mut self) {
        if self.asked.elapsed() >= ASK {
            self.asked = Instant::now();
            // A process that ended says nothing any more, and the last address stays.
            let _ = self.to.write(b"\n");
        }
    }

    /// A new answer, if one came. Never waits, allocates nothing, and looks twice a second at most.
    pub fn answer(&mut self) -> Option<Answer<'_>> {
        if self.looked.elapsed() < LOOK {
            return None;
        }
        self.looked = Instant::now();
        self.read()
    }

    fn read(&mut self) -> Option<Answer<'_>> {
        let mut byte = [0];
        // Bytes of one line: there are at most some hundred of them, three times a minute.
        while self.from.read(&mut byte).is_ok_and(|length| length == 1) {
            if byte[0] == b'\n' {
                let line = &self.line[..std::mem::take(&mut self.length)];
                return Some(Answer(str::from_utf8(line).unwrap_or_default()));
            }
            // A longer line loses its end.
            if let Some(place) = self.line.get_mut(self.length) {
                *place = byte[0];
                self.length += 1;
            }
        }
        None
    }
}

/// The other process: answers until standard input ends.
///
/// # Errors
/// The sender does not read any more.
pub fn answer_lookups(host: &HostPort) -> io::Result<()> {
    let mut stdin = io::stdin().lock();
    let mut stdout = io::stdout().lock();
    loop {
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut fds, Some(&EVERY)) {
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
            Ok(0) => {}
            Ok(_) => {
                if stdin.read(&mut [0; 64])? == 0 {
                    return Ok(());
                }
            }
        }
        let found = host.look_up().unwrap_or_default();
        let words: Vec<String> = found.iter().map(SocketAddr::to_string).collect();
        writeln!(stdout, "{}", words.join(" "))?;
        stdout.flush()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookups(script: &str) -> Lookups {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        Lookups::start(shell).unwrap()
    }

    fn next(lookups: &mut Lookups) -> Option<Vec<SocketAddr>> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if let Some(answer) = lookups.read() {
                return Some(answer.addresses().collect());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        None
    }

    #[test]
    fn answers_come_line_by_line_and_questions_go() {
        let mut lookups = lookups(
            "echo 192.0.2.1:9000 [fe80::1%2]:9000; echo; echo rubbish \\\\303; read x; echo 192.0.2.2:9000; \
             printf 192.0.2.3",
        );
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(
            next(&mut lookups).unwrap(),
            [address("192.0.2.1:9000"), address("[fe80::1%2]:9000")]
        );
        assert_eq!(next(&mut lookups).unwrap(), []);
        assert_eq!(next(&mut lookups).unwrap(), []);
        assert_eq!(lookups.read(), None);
        lookups.asked -= ASK;
        lookups.ask();
        assert_eq!(next(&mut lookups).unwrap(), [address("192.0.2.2:9000")]);
        // It has ended in the middle of a line.
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(lookups.read(), None);
        lookups.asked -= ASK;
        lookups.ask();
    }

    #[test]
    fn a_line_without_an_end_takes_no_memory() {
        let mut lookups =
            lookups("printf 192.0.2.1:9000; head -c 20000 /dev/zero; echo; echo 192.0.2.2:1");
        let long = next(&mut lookups).unwrap();
        assert_eq!(long, []);
        assert_eq!(next(&mut lookups).unwrap().len(), 1);
    }
}
