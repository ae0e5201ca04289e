//! The log on standard error, which must never hold up the frames and takes nothing of the heap.
//!
//! In: records that the filter of `RUST_LOG` lets through, of libraries too. Out: an escaped line each. A reader that does not read, of
//! a pipe or a terminal that was stopped, costs lines, which are counted and told when there is room again.

use crate::limits::MAX_LOG_LINE_BYTES;
use crate::process::output::{LineThread, LineWriter, NoWait, Patience};
use crate::process::thread::Role;
use crate::text::Escaping;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

const CUT: &str = "...";

static LOG: Mutex<Option<Lines<NoWait>>> = Mutex::new(None);
/// The thread that writes the log of a stream. Its disk may hang.
static THREAD: OnceLock<LineThread> = OnceLock::new();

/// Bytes of lines that wait for the disk.
const QUEUE_BYTES: usize = 64 << 10;
/// The longest wait for a reader of the last line.
const LAST_LINE_PATIENCE: Duration = Duration::from_millis(200);

fn put(line: &[u8]) {
    if let Some(thread) = THREAD.get() {
        // The next line that fits reports lines lost in the thread.
        let _ = thread.put(line);
        return;
    }
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    log.get_or_insert_with(open).write(line);
}

fn open() -> Lines<NoWait> {
    static STDERR: LazyLock<io::Stderr> = LazyLock::new(io::stderr);
    Lines {
        to: LineWriter::new(NoWait::new(STDERR.as_fd())),
        lost: 0,
    }
}

/// Writes the log from a thread of its own from here on.
pub(super) fn start_thread() {
    let started = LineThread::start(Role::Log, QUEUE_BYTES, Patience::None, Lossy(open()));
    match started {
        Ok(thread) => drop(THREAD.set(thread)),
        Err(error) => log::warn!("no thread for the log: {error}"),
    }
}

/// Waits a little until the log is written.
pub(super) fn finish() {
    if let Some(thread) = THREAD.get() {
        let begun = Instant::now();
        let _ = thread.finish(|| begun.elapsed() >= LAST_LINE_PATIENCE);
    }
}

/// Writes a line as it is to standard error: the last one of the program.
pub(super) fn last_line(text: &str) {
    let mut line = text.to_owned();
    line.push('\n');
    put(line.as_bytes());
    finish();
}

/// Takes each line whole, and loses those without room.
struct Lossy(Lines<NoWait>);

impl Write for Lossy {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn start() {
    // Opened now: a sandbox closes the way to it.
    *LOG.lock().unwrap_or_else(PoisonError::into_inner) = Some(open());
    env_logger::Builder::from_env(
        env_logger::Env::default().default_filter_or("posewire=info,warn"),
    )
    // Not into the logger's own buffer, which grows with the longest line so far.
    .format(|_, record| {
        put(line(record).as_bytes());
        Ok(())
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

/// Bytes of the line that tells how many were lost.
const NOTICE_BYTES: usize = 100;

/// Writes where there is room, and counts what was lost.
struct Lines<W> {
    to: LineWriter<W>,
    lost: u64,
}

impl<W: Write> Lines<W> {
    fn write(&mut self, line: &[u8]) {
        // The notice and the line are one write, or the notice alone would fill a pipe that has no room for lines.
        let mut both = heapless::Vec::<u8, { MAX_LOG_LINE_BYTES + NOTICE_BYTES }>::new();
        let lost = self.lost;
        let is_whole = lost > 0
            && writeln!(
                both,
                "[{lost} lines of the log were lost: the reader is too slow]"
            )
            .is_ok()
            && both.extend_from_slice(line).is_ok();
        match self.to.write(if is_whole { &both } else { line }) {
            Ok(()) if is_whole => self.lost = 0,
            Ok(()) => {}
            Err(_) => self.lost += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    #[cfg_attr(miri, ignore = "Miri cannot open pipes again")]
    fn lines_without_a_reader_are_lost_and_told_when_there_is_room() {
        let (mut reader, to) = io::pipe().unwrap();
        let to: &'static io::PipeWriter = Box::leak(Box::new(to));
        let mut lines = Lines {
            to: LineWriter::new(NoWait::new(to.as_fd())),
            lost: 0,
        };
        let line = [&[b'x'; 999][..], b"\n"].concat();
        for _ in 0..1000 {
            lines.write(&line);
        }
        let lost = lines.lost;
        assert!((1..1000).contains(&lost), "{lost}");
        let mut read = vec![0; (1000 - lost as usize) * line.len()];
        reader.read_exact(&mut read).unwrap();
        assert!(read.chunks(line.len()).all(|chunk| chunk == line));
        lines.write(b"last\n");
        let expected =
            format!("[{lost} lines of the log were lost: the reader is too slow]\nlast\n");
        let mut rest = vec![0; expected.len()];
        reader.read_exact(&mut rest).unwrap();
        assert_eq!(String::from_utf8(rest).unwrap(), expected);
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
