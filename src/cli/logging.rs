//! The log on standard error, which must never hold up the frames.
//!
//! In: whole lines. A reader that does not read, of a pipe or a terminal that was stopped, costs lines, which
//! are counted and told when there is room again.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Write};
use std::os::fd::AsFd;

/// Lines longer than what a pipe takes without waiting are cut.
const LONGEST_LINE: usize = 4096;

/// Set up from the environment variable `RUST_LOG`.
pub(super) fn start() {
    env_logger::Builder::from_env(
        env_logger::Env::default().default_filter_or("posewire=info,warn"),
    )
    .format_timestamp_millis()
    .target(env_logger::Target::Pipe(Box::new(Lines {
        to: io::stderr(),
        lost: 0,
    })))
    .init();
}

/// Writes where there is room.
struct Lines<W> {
    to: W,
    lost: u64,
}

impl<W: AsFd> Lines<W> {
    /// A pipe that is ready takes at least 4 KiB (pipe(7), `PIPE_BUF`). What cannot be asked is written to.
    fn has_room(&self) -> bool {
        let mut stream = [PollFd::new(&self.to, PollFlags::OUT)];
        let at_once = Timespec::default();
        poll(&mut stream, Some(&at_once)) != Ok(0)
    }
}

impl<W: AsFd + Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !self.has_room() {
            self.lost += 1;
            return Ok(line.len());
        }
        if self.lost > 0 {
            writeln!(
                self.to,
                "[{} lines of the log were lost: nobody read them]",
                self.lost
            )?;
            self.lost = 0;
            if !self.has_room() {
                self.lost = 1;
                return Ok(line.len());
            }
        }
        self.to.write_all(&line[..line.len().min(LONGEST_LINE)])?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_nobody_reads_is_lost_and_told_when_there_is_room() {
        let (mut reader, to) = io::pipe().unwrap();
        let mut lines = Lines { to, lost: 0 };
        let line = [b'x'; 999];
        for _ in 0..1000 {
            assert_eq!(lines.write(&line).unwrap(), line.len());
        }
        let lost = lines.lost;
        assert!((1..1000).contains(&lost), "{lost}");
        let mut read = vec![0; (1000 - lost as usize) * line.len()];
        reader.read_exact(&mut read).unwrap();
        assert!(read.iter().all(|&byte| byte == b'x'));
        lines.write_all(b"last\n").unwrap();
        drop(lines);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert_eq!(
            rest,
            format!("[{lost} lines of the log were lost: nobody read them]\nlast\n")
        );
    }
}
