//! A thread that writes lines, so that nothing else waits for a reader or a disk.

use super::line::LineWriter;
use super::patience::{LONGEST_WAIT, Patience};
use super::queue::LineQueue;
use crate::process::thread::{Role, spawn};
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of a line of the log, and of most others.
const LINE_BYTES: usize = 4096;

/// The caller's end of a queue of lines and the thread that writes them.
#[derive(Debug)]
pub struct LineThread {
    shared: Arc<Shared>,
    patience: Patience,
    /// The longest wait of [`Patience::UntilRead`] for a reader that reads nothing.
    reader_patience: Duration,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// There are lines, or the end.
    filled: Condvar,
    /// A line left the queue, or was written.
    emptied: Condvar,
}

#[derive(Debug)]
struct State {
    queue: LineQueue,
    /// A line is with the writer.
    is_writing: bool,
    /// Lines that the writer lost since they were last asked for, and why.
    failed: u64,
    why: Option<ErrorText>,
    /// The reader went away.
    is_closed: bool,
    /// The reader read nothing for as long as it is waited for.
    is_stalled: bool,
    ends: bool,
}

/// An error that can be kept without memory of its own.
#[derive(Debug, Clone, Copy)]
struct ErrorText {
    kind: ErrorKind,
    code: Option<i32>,
}

impl ErrorText {
    fn text(self) -> String {
        self.code.map_or_else(
            || self.kind.to_string(),
            |code| io::Error::from_raw_os_error(code).to_string(),
        )
    }
}

/// Lines that were lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    pub lines: u64,
    pub why: String,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        on: &Condvar,
        state: MutexGuard<'a, State>,
        time: Duration,
    ) -> MutexGuard<'a, State> {
        on.wait_timeout(state, time)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

impl LineThread {
    /// Starts the thread `role`, which writes to `to`. At most `capacity` bytes wait for it.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(
        role: Role,
        capacity: usize,
        patience: Patience,
        to: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                queue: LineQueue::new(capacity),
                is_writing: false,
                failed: 0,
                why: None,
                is_closed: false,
                is_stalled: false,
                ends: false,
            }),
            filled: Condvar::new(),
            emptied: Condvar::new(),
        });
        let theirs = Arc::clone(&shared);
        spawn(role, move || write_all(&theirs, LineWriter::new(to)))?;
        Ok(LineThread {
            shared,
            patience,
            reader_patience: LONGEST_WAIT,
        })
    }

    /// Puts a line, which ends with a newline, into the queue.
    ///
    /// # Errors
    /// Lines that were lost since the last call: this one, because there is no room, or earlier ones.
    pub fn put(&self, line: &[u8]) -> Result<(), Lost> {
        let (mut state, is_in) = self.patience.put(
            self.reader_patience,
            &self.shared.emptied,
            self.shared.lock(),
            |state| &mut state.is_stalled,
            |state| state.queue.push(line),
        );
        if is_in {
            self.shared.filled.notify_one();
        }
        let mut lost = take_lost(&mut state);
        if !is_in {
            let lost = lost.get_or_insert_with(|| Lost {
                lines: 0,
                why: "the reader is too slow".into(),
            });
            lost.lines += 1;
        }
        lost.map_or(Ok(()), Err)
    }

    /// The reader of a pipe went away. No line will ever be read.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().is_closed
    }

    /// Waits until all lines are written, or until `gives_up` says so, which is asked every few milliseconds.
    ///
    /// # Errors
    /// The lines that were lost, with those that are not written yet.
    pub fn finish(&self, mut gives_up: impl FnMut() -> bool) -> Result<(), Lost> {
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        let mut state = self.shared.lock();
        while (state.is_writing || state.queue.lines() > 0) && !state.is_closed && !gives_up() {
            state = self.shared.wait(&self.shared.emptied, state, LOOK_EVERY);
        }
        let left = state.queue.lines() + u64::from(state.is_writing);
        state.ends = true;
        self.shared.filled.notify_one();
        let mut lost = take_lost(&mut state);
        if left > 0 {
            let lost = lost.get_or_insert_with(|| Lost {
                lines: 0,
                why: "nothing reads them".into(),
            });
            lost.lines += left;
        }
        lost.map_or(Ok(()), Err)
    }
}

fn take_lost(state: &mut State) -> Option<Lost> {
    let lines = std::mem::take(&mut state.failed);
    (lines > 0).then(|| Lost {
        lines,
        why: state.why.map_or_else(String::new, ErrorText::text),
    })
}

impl Drop for LineThread {
    fn drop(&mut self) {
        // The thread may wait for a reader for ever. The process does not wait for the thread.
        self.shared.lock().ends = true;
        self.shared.filled.notify_one();
    }
}

fn write_all(shared: &Shared, mut to: LineWriter<impl Write>) {
    // Longer lines are rare, and of outputs that allocate anyway.
    let mut line = Vec::with_capacity(LINE_BYTES);
    loop {
        {
            let mut state = shared.lock();
            while !state.queue.pop(&mut line) {
                if state.ends {
                    return;
                }
                state = shared
                    .filled
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            state.is_writing = true;
        }
        let written = to.write(&line);
        let mut state = shared.lock();
        state.is_writing = false;
        state.is_stalled = false;
        if let Err(error) = written {
            state.is_closed |= error.kind() == ErrorKind::BrokenPipe;
            state.failed += 1;
            state.why = Some(ErrorText {
                kind: error.kind(),
                code: error.raw_os_error(),
            });
        }
        shared.emptied.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    const LINE: &[u8] = b"a line of some words, so that few of them fill a small queue\n";

    /// The thread's writer. Each line waits until the reader takes it.
    struct Hand(SyncSender<Vec<u8>>);

    impl Write for Hand {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let handed = self.0.send(bytes.to_vec());
            handed.map_or(Err(ErrorKind::BrokenPipe.into()), |()| Ok(bytes.len()))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn from_hand_to_hand(patience: Patience) -> (LineThread, Receiver<Vec<u8>>) {
        let (hand, lines) = sync_channel(0);
        let thread = LineThread::start(Role::Json, 4096, patience, Hand(hand)).unwrap();
        (thread, lines)
    }

    fn count(lost: Result<(), Lost>) -> u64 {
        lost.err().map_or(0, |lost| lost.lines)
    }

    /// A wait for the reader would have no end.
    #[test]
    fn a_reader_that_stops_costs_lines_and_never_time() {
        let (thread, lines) = from_hand_to_hand(Patience::None);
        let in_time: u64 = (0..5000).map(|_| count(thread.put(LINE))).sum();
        assert!(in_time > 0);
        // The last lines are counted as well.
        let at_end = count(thread.finish(|| true));
        assert!(at_end > 0);
        drop(thread);
        // The reader goes on; every line is whole. Those that were counted at the end still come.
        let whole = lines.iter().inspect(|line| assert_eq!(line, LINE)).count();
        assert_eq!(whole as u64 + in_time, 5000);
        assert_eq!(whole as u64, at_end);
    }

    #[test]
    fn a_slow_reader_of_files_gets_every_line() {
        let (mut thread, lines) = from_hand_to_hand(Patience::UntilRead);
        // A busy machine may stop the reader for longer than the real patience.
        thread.reader_patience = Duration::from_secs(60);
        let slow = std::thread::spawn(move || {
            let pause = |_: &_| std::thread::sleep(Duration::from_micros(50));
            lines.iter().inspect(pause).count()
        });
        for _ in 0..3000 {
            thread.put(LINE).unwrap();
        }
        thread.finish(|| false).unwrap();
        drop(thread);
        assert_eq!(slow.join().unwrap(), 3000);
    }

    #[test]
    fn a_reader_of_files_that_stops_costs_its_patience_once() {
        let (mut thread, _lines) = from_hand_to_hand(Patience::UntilRead);
        thread.reader_patience = Duration::from_millis(1);
        let lost: u64 = (0..5000).map(|_| count(thread.put(LINE))).sum();
        // One line is with the writer, and 4096 bytes wait.
        assert!(lost >= 5000 - 1 - 4096 / LINE.len() as u64, "{lost}");
        assert!(thread.shared.lock().is_stalled);
    }

    #[test]
    fn a_reader_that_went_away_is_known_and_the_lines_are_counted() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let thread = LineThread::start(Role::Json, 4096, Patience::None, writer).unwrap();
        let first = thread.put(LINE);
        let lost = thread.finish(|| false);
        assert_eq!(count(first) + count(lost), 1);
        assert!(thread.is_closed());
    }
}
