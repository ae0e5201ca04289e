//! A command that writes pictures, kept running by a process of its own.
//!
//! A stream cannot start programs: its sandbox forbids it. So [`Producer::start`] starts this program again, before the
//! sandbox, as a keeper ([`keep`]). The keeper starts the command, and starts it again when it ends. However the stream
//! ends, the socket between them closes, and the keeper then ends the command. The command writes to a pipe that the
//! stream reads, and has a process group of its own.
//!
//! Before each start the keeper asks, and the stream answers when nothing writes to the pipe and all that was in it is
//! read. So the bytes of two runs never mix. A stream that was taken over can do no more than start the same command
//! again.

mod keeper;
mod words;

pub use keeper::{become_command, keep};
pub use words::Words;

use rustix::io::{Errno, read, write};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

/// The keeper's question: may the command be started?
const ASKS: u8 = b'?';
/// The answer: nothing writes to the pipe, and it is empty.
const IS_EMPTY: u8 = b'!';
/// The command gives no pictures: end it.
const AGAIN: u8 = b'r';

/// The stream's end of the socket to the keeper. Its drop ends the command.
#[derive(Debug)]
pub struct Producer {
    /// It never waits.
    pub control: UnixStream,
}

impl Producer {
    /// Starts the keeper. `program` runs [`keep`]. Returns the end of the pipe that the stream reads, too.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(mut program: Command) -> io::Result<(OwnedFd, Self)> {
        // The keeper opens the other end anew for each start: a pipe without a writer has an end.
        let (pipe, _) = io::pipe()?;
        let (control, keepers) = UnixStream::pair()?;
        control.set_nonblocking(true)?;
        program
            .stdin(Stdio::from(OwnedFd::from(keepers)))
            .stdout(Stdio::from(OwnedFd::from(pipe.try_clone()?)))
            .spawn()?;
        Ok((pipe.into(), Producer { control }))
    }

    /// Answers the keeper's question.
    ///
    /// # Errors
    /// There is no keeper.
    pub fn answer(&self) -> io::Result<()> {
        let mut question = [0];
        match read(&self.control, &mut question) {
            Ok(1) | Err(Errno::INTR) => Ok(write(&self.control, &[IS_EMPTY]).map(drop)?),
            Err(Errno::AGAIN) => Ok(()),
            Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Asks for another start.
    ///
    /// # Errors
    /// There is no keeper.
    pub fn start_again(&self) -> io::Result<()> {
        Ok(write(&self.control, &[AGAIN]).map(drop)?)
    }
}
