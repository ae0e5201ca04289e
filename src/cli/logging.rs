//! The log on standard error, which must never hold up the frames and takes nothing of the heap.
//!
//! In: records that the filter of `RUST_LOG` lets through, of libraries too. Out: an escaped line each. A reader that does not read, of
//! a pipe or a terminal that was stopped, costs lines, which are counted and told when there is room again.

use crate::limits::MAX_LOG_LINE_BYTES;
use crate::text::Escaping;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

const CUT: &str = "...";

pub(super) fn start() {
    let lines = Mutex::new(Lines {
        to: io::stderr(),
        lost: 0,
    });
    env_logger::Builder::from_env(
        env_logger::Env::default().default_filter_or("posewire=info,warn"),
    )
    // Not into the logger's own buffer, which grows with the longest line so far.
    .format(move |_, record| {
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.write(&line(record))
    })
    .init();
}

fn line(record: &log::Record<'_>) -> heapless::String<MAX_LOG_LINE_BYTES> {
    let mut line = heapless::String::<{ MAX_LOG_LINE_BYTES - CUT.len() - 1 }>::new();
    let (level, target) = (record.level(), record.target());
    let text = format_args!("[{level:<5} {target}] {}", record.args());
    let cut = match write!(Escaping(UpToTheEnd(&mut line)), "{text}") {
        Ok(()) => "",
        Err(_) => CUT,
    };
    let mut whole = heapless::String::new();
    // It has room for what was cut, and for the end of the line.
    let _ = writeln!(whole, "{line}{cut}");
    whole
}

/// Takes as many characters as there is room for.
struct UpToTheEnd<'a, const N: usize>(&'a mut heapless::String<N>);

impl<const N: usize> fmt::Write for UpToTheEnd<'_, N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = N - self.0.len();
        let fits = text.floor_char_boundary(room);
        self.0.push_str(&text[..fits]).map_err(|_| fmt::Error)?;
        if fits < text.len() {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}

/// Writes where there is room.
struct Lines<W> {
    to: W,
    lost: u64,
}

impl<W: AsFd> Lines<W> {
    /// An output that cannot be polled counts as having room.
    fn has_room(&self) -> bool {
        let mut stream = [PollFd::new(&self.to, PollFlags::OUT)];
        let at_once = Timespec::default();
        poll(&mut stream, Some(&at_once)) != Ok(0)
    }
}

impl<W: AsFd + Write> Lines<W> {
    fn write(&mut self, line: &str) -> io::Result<()> {
        if !self.has_room() {
            self.lost += 1;
            return Ok(());
        }
        if self.lost > 0 {
            let lost = std::mem::take(&mut self.lost);
            writeln!(
                self.to,
                "[{lost} lines of the log were lost: the reader is too slow]"
            )?;
        }
        if self.has_room() {
            self.to.write_all(line.as_bytes())
        } else {
            self.lost = 1;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn lines_without_a_reader_are_lost_and_told_when_there_is_room() {
        let (mut reader, to) = io::pipe().unwrap();
        let mut lines = Lines { to, lost: 0 };
        let line = "x".repeat(999);
        for _ in 0..1000 {
            lines.write(&line).unwrap();
        }
        let lost = lines.lost;
        assert!((1..1000).contains(&lost), "{lost}");
        let mut read = vec![0; (1000 - lost as usize) * line.len()];
        reader.read_exact(&mut read).unwrap();
        assert!(read.iter().all(|&byte| byte == b'x'));
        lines.write("last\n").unwrap();
        drop(lines);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert_eq!(
            rest,
            format!("[{lost} lines of the log were lost: the reader is too slow]\nlast\n")
        );
    }

    #[test]
    fn a_line_has_an_end_however_long_it_is() {
        let of = |text: &str| {
            line(
                &log::Record::builder()
                    .level(log::Level::Warn)
                    .target("posewire::x")
                    .args(format_args!("a {text}"))
                    .build(),
            )
        };
        assert_eq!(of("word"), "[WARN  posewire::x] a word\n");
        for letter in ["y", "\u{e9}", "\x1b", "\u{202e}"] {
            let long = of(&letter.repeat(5000));
            let room = MAX_LOG_LINE_BYTES - "\\u{202e}".len()..=MAX_LOG_LINE_BYTES;
            assert!(room.contains(&long.len()), "{long}");
            assert!(long.ends_with("...\n"), "{long}");
        }
    }

    #[test]
    fn a_record_is_one_line_that_no_text_in_it_can_forge() {
        let line = line(
            &log::Record::builder()
                .level(log::Level::Info)
                .target("some\ncrate")
                .args(format_args!("a \x1b[2J\u{202e}\n[ERROR posewire] forged"))
                .build(),
        );
        assert_eq!(
            line,
            "[INFO  some\\ncrate] a \\x1b[2J\\u{202e}\\n[ERROR posewire] forged\n"
        );
    }
}
