//! The thread that drains the pipe: it takes what is there at once, and keeps only the newest whole picture.
//!
//! It never waits for the consumer, so that nothing old waits in the pipe. When the last writer is gone, what came of a
//! picture is dropped, and the thread waits for another writer. Before a command is started again, its keeper asks
//! whether the pipe is empty: so no picture begins with bytes of one producer and ends with those of the next.

use super::arrivals::Arrivals;
use super::assembler::Assembler;
use super::exchange::{EndMark, Exchange};
use super::waits::Waits;
use crate::clock;
use crate::producer::Producer;
use crate::stats::Repeated;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest sleep in the pipe.
const LOOK: Duration = Duration::from_millis(100);
/// The same, where nobody knows how long the thread waited for a processor: a frame may then seem so much older.
const SHORT_LOOK: Duration = Duration::from_millis(10);
/// Time between two looks for a new writer: without one, the kernel does not let the thread sleep in the pipe.
const GONE_LOOK: Duration = Duration::from_millis(20);
/// Time without a picture after which a command is started again. Cameras take some seconds to start.
pub(super) const HUNG: Duration = Duration::from_secs(10);

/// The other end of the pipe.
pub(super) enum From {
    /// Standard input: after its end nothing comes.
    Stdin,
    /// Other writers may open it.
    Fifo,
    /// A command that is started again.
    Command(Producer),
}

/// The thread's state.
pub(super) struct Drain {
    pub pipe: OwnedFd,
    pub from: From,
    pub assembler: Assembler,
    pub exchange: Arc<Exchange>,
    /// The end of a producer is the end of the run.
    pub once: bool,
    /// Tests say that the kernel does not count waits.
    pub counts_waits: bool,
    /// [`HUNG`], except in tests.
    pub hung: Duration,
}

/// What one look found.
enum Look {
    Bytes,
    Nothing,
    /// There is no writer, and the pipe is empty.
    NoWriter,
}

/// The state between two looks.
struct State {
    arrivals: Arrivals,
    waits: Option<Waits>,
    /// Time that the thread had waited for a processor when it last looked.
    waited_us: u64,
    /// Bytes came from the present producer.
    has_sent: bool,
    /// The keeper runs.
    is_kept: bool,
    /// The keeper waits for an answer.
    is_asked: bool,
    has_answered: bool,
    /// The present writer was seen first, or was last asked to start again.
    writer_since: Option<Instant>,
    gone: Repeated,
}

fn now_us() -> u64 {
    clock::Instant::now().mono_us
}

impl Drain {
    /// Runs until a stop request, or until no picture can ever come again.
    pub(super) fn run(mut self) {
        let _mark = EndMark(Arc::clone(&self.exchange));
        let waits = Waits::of_this_thread().filter(|_| self.counts_waits);
        let mut state = State {
            arrivals: Arrivals::new(),
            waited_us: waits.as_ref().and_then(Waits::us).unwrap_or(0),
            waits,
            has_sent: false,
            is_kept: true,
            is_asked: false,
            has_answered: false,
            writer_since: None,
            gone: Repeated::default(),
        };
        while !self.exchange.is_stopping() {
            let goes_on = match self.look(&mut state) {
                _ if !state.is_kept => Err(GONE.into()),
                Ok(Look::NoWriter) => self.without_writer(&mut state),
                Ok(Look::Bytes | Look::Nothing) => {
                    self.keep_alive(&mut state);
                    Ok(())
                }
                Err(Errno::INTR | Errno::AGAIN) => Ok(()),
                Err(errno) => Err(format!("cannot be read: {}", std::io::Error::from(errno))),
            };
            if let Err(why) = goes_on {
                self.exchange.fail(why);
                return;
            }
        }
    }

    /// Takes what is there, or sleeps until something comes.
    fn look(&mut self, state: &mut State) -> Result<Look, Errno> {
        let mut begun_us = now_us();
        let mut found = self.poll(Duration::ZERO, state)?;
        if found.is_empty() {
            state.arrivals.nothing_before(begun_us);
            let longest = state.waits.as_ref().map_or(SHORT_LOOK, |_| LOOK);
            found = self.poll(longest, state)?;
            begun_us = now_us();
            let waited_us = state.waits.as_ref().and_then(Waits::us);
            if let Some(waited_us) = waited_us {
                // Also what it waited at other times since the last sleep: that makes a frame seem older only.
                let since = waited_us.saturating_sub(state.waited_us);
                state.waited_us = waited_us;
                if !found.is_empty() {
                    state
                        .arrivals
                        .nothing_before(begun_us.saturating_sub(since));
                }
            }
            if found.is_empty() {
                return Ok(Look::Nothing);
            }
        }
        let count = read(&self.pipe, self.assembler.room())?;
        if count == 0 {
            state.arrivals.nothing_before(begun_us);
            return Ok(Look::NoWriter);
        }
        state.has_sent = true;
        let earliest_us = state.arrivals.read(begun_us, count);
        self.assembler.took(count, earliest_us, &self.exchange);
        Ok(Look::Bytes)
    }

    /// What the pipe has. A question of the keeper is noted on the way.
    fn poll(&self, longest: Duration, state: &mut State) -> Result<PollFlags, Errno> {
        let longest = Timespec::try_from(longest).map_err(|_| Errno::INVAL)?;
        let mut both = [
            PollFd::new(&self.pipe, PollFlags::IN),
            PollFd::new(&self.pipe, PollFlags::empty()),
        ];
        let polled = match &self.from {
            From::Command(producer) => {
                let question = match state.is_asked {
                    true => PollFlags::empty(),
                    false => PollFlags::IN,
                };
                both[1] = PollFd::from_borrowed_fd(producer.control.as_fd(), question);
                &mut both[..]
            }
            From::Stdin | From::Fifo => &mut both[..1],
        };
        poll(polled, Some(&longest))?;
        if let Some(control) = polled.get(1) {
            let revents = control.revents();
            state.is_kept = !revents.intersects(PollFlags::HUP | PollFlags::ERR);
            state.is_asked |= revents.contains(PollFlags::IN);
        }
        Ok(both[0].revents())
    }

    /// Nothing writes, and the pipe is empty.
    fn without_writer(&mut self, state: &mut State) -> Result<(), String> {
        self.assembler.restart(&self.exchange);
        self.exchange.clear();
        state.writer_since = None;
        let has_sent = std::mem::take(&mut state.has_sent);
        if has_sent {
            self.exchange.count(|counts| counts.reopened += 1);
        }
        let has_ended = match &self.from {
            // A writer of a FIFO came and went, or the kernel would not say that there is none.
            From::Stdin | From::Fifo => true,
            // The first question comes before the first start.
            From::Command(_) => has_sent || state.is_asked && state.has_answered,
        };
        if self.once && has_ended {
            return Err("its producer has ended, and --once was given".into());
        }
        let name = self.exchange.name();
        if matches!(self.from, From::Stdin) {
            log::warn!("{name}: standard input has ended: no pictures come any more");
            // The consumer is told so until the end of the run.
            while !self.exchange.is_stopping() {
                self.exchange.pause(LOOK);
            }
            return Ok(());
        }
        if has_sent && let Some(count) = state.gone.again() {
            log::warn!("{name}: its producer has ended; waiting for another ({count} so far)");
        }
        if let From::Command(producer) = &self.from
            && std::mem::take(&mut state.is_asked)
        {
            producer.answer().map_err(|_| GONE.to_owned())?;
            state.has_answered = true;
        }
        self.exchange.pause(GONE_LOOK);
        Ok(())
    }

    /// Asks for another start of a command that gives no pictures.
    fn keep_alive(&mut self, state: &mut State) {
        let From::Command(producer) = &self.from else {
            return;
        };
        let since = state.writer_since.get_or_insert_with(Instant::now);
        let silence = since.elapsed();
        let silence = self
            .exchange
            .good_for()
            .map_or(silence, |good| good.min(silence));
        if silence > self.hung {
            log::warn!(
                "{}: no usable picture for {:.0} s: its command is started again",
                self.exchange.name(),
                silence.as_secs_f64()
            );
            // The next look sees that there is no keeper.
            let _ = producer.start_again();
            state.writer_since = Some(Instant::now());
        }
    }
}

/// The keeper ended by itself, or was killed. The sandbox lets nobody start another.
const GONE: &str = "the process that keeps its command has ended";
