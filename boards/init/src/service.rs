//! posewire, kept running: started, listened to, and started again when it ends.
//!
//! In: signals to this program and the ends of its children. Out: whether the board powers off or
//! restarts. The kernel sits behind [`Host`], with a fake in the tests.

use crate::CARD;
use crate::output::{relay, say};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

const PROGRAM: &str = "/bin/posewire";
/// Pauses before a new start grow from the first to the last. A lasting fault, for instance in
/// `posewire.toml`, is logged every half minute, so that a screen plugged in later shows it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// A run of at least this length resets the pause to the first.
const GOOD_RUN: Duration = Duration::from_secs(60);
/// posewire ends within a second of SIGTERM.
const LONGEST_END: Duration = Duration::from_secs(3);
const LONGEST_RELAY: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    PowerOff,
    Restart,
}

/// Outcomes of a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// posewire has ended; how, in words. Other children that end are no event.
    Ended(String),
    Stop(End),
    Nothing,
}

/// The kernel's side.
pub trait Host {
    /// # Errors
    /// If the system cannot start it.
    fn start(&mut self) -> io::Result<()>;
    fn wait(&mut self, limit: Duration) -> Event;
    /// Sends posewire a signal, if it runs.
    fn signal(&mut self, signal: Signal);
    fn now(&self) -> Instant;
    fn say(&mut self, line: &str);
}

/// Returns when this program is told to stop, after posewire has ended.
pub fn keep_running(host: &mut impl Host) -> End {
    let mut pause = FIRST_PAUSE;
    loop {
        let started = host.now();
        let how = match host.start() {
            Ok(()) => loop {
                match host.wait(Duration::MAX) {
                    Event::Ended(how) => break how,
                    Event::Stop(end) => {
                        end_it(host);
                        return end;
                    }
                    Event::Nothing => {}
                }
            },
            Err(error) => format!("could not be started: {error}"),
        };
        if host.now() - started >= GOOD_RUN {
            pause = FIRST_PAUSE;
        }
        host.say(&format!(
            "posewire {how}; it starts again in {} s",
            pause.as_secs()
        ));
        let until = host.now() + pause;
        while host.now() < until {
            if let Event::Stop(end) = host.wait(until - host.now()) {
                return end;
            }
        }
        pause = (2 * pause).min(LAST_PAUSE);
    }
}

/// Ends posewire by SIGTERM, so that it sends a last packet. A posewire that hangs is killed.
fn end_it(host: &mut impl Host) {
    host.signal(Signal::TERM);
    let until = host.now() + LONGEST_END;
    while host.now() < until {
        if let Event::Ended(how) = host.wait(until - host.now()) {
            return host.say(&format!("posewire {how}"));
        }
    }
    host.say("posewire does not end: killing it");
    host.signal(Signal::KILL);
}

/// Signals to this program, as bytes on a socket that can be waited for.
pub struct Signals {
    wake: UnixStream,
    power_off: Arc<AtomicBool>,
    restart: Arc<AtomicBool>,
}

impl Signals {
    /// # Errors
    /// If the kernel has no room for the handlers.
    pub fn listen() -> io::Result<Self> {
        let (wake, waker) = UnixStream::pair()?;
        let power_off = Arc::new(AtomicBool::new(false));
        let restart = Arc::new(AtomicBool::new(false));
        // The flags first: a byte must find its flag set.
        signal_hook::flag::register(SIGTERM, Arc::clone(&power_off))?;
        // Ctrl-Alt-Del.
        signal_hook::flag::register(SIGINT, Arc::clone(&restart))?;
        for signal in [SIGCHLD, SIGTERM, SIGINT] {
            signal_hook::low_level::pipe::register(signal, waker.try_clone()?)?;
        }
        Ok(Signals {
            wake,
            power_off,
            restart,
        })
    }

    /// The pending request, taken once.
    fn asked_for(&self) -> Option<End> {
        if self.power_off.swap(false, Ordering::Relaxed) {
            Some(End::PowerOff)
        } else if self.restart.swap(false, Ordering::Relaxed) {
            Some(End::Restart)
        } else {
            None
        }
    }

    fn wait(&mut self, limit: Duration) {
        // Zero would mean no limit, and no limit is what the longest time is given as.
        let limit = (limit != Duration::MAX).then(|| limit.max(Duration::from_millis(1)));
        let mut bytes = [0; 64];
        if let Err(error) = self.wake.set_read_timeout(limit) {
            say(&format!("waiting: {error}"));
            std::thread::sleep(FIRST_PAUSE);
            return;
        }
        // The bytes only wake: flags and children say what there is to do.
        let _ = self.wake.read(&mut bytes);
    }
}

/// The board itself.
pub struct Board {
    signals: Signals,
    posewire: Option<Pid>,
    /// Closed when all of posewire's output has been passed on.
    relayed: Option<mpsc::Receiver<()>>,
}

impl Board {
    pub fn new(signals: Signals) -> Self {
        Board {
            signals,
            posewire: None,
            relayed: None,
        }
    }

    /// Collects every child that has ended, orphans included. Returns posewire's end, if it is among them.
    fn reap(&mut self) -> Option<String> {
        let mut ended = None;
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if Some(pid) == self.posewire {
                self.posewire = None;
                if let Some(relayed) = self.relayed.take() {
                    // Its last lines come before the line about its end, unless a console is jammed.
                    let _ = relayed.recv_timeout(LONGEST_RELAY);
                }
                ended = Some(in_words(status));
            }
        }
        ended
    }
}

fn in_words(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".into(),
    }
}

impl Host for Board {
    fn start(&mut self) -> io::Result<()> {
        let (mut ours, theirs) = io::pipe()?;
        let child = Command::new(PROGRAM)
            .args(["run", "--config", "posewire.toml"])
            .current_dir(CARD)
            .stdin(Stdio::null())
            .stdout(theirs.try_clone()?)
            .stderr(theirs)
            .spawn()?;
        // The one child that is waited for by `reap`; dropping its handle only forgets it.
        self.posewire = Some(Pid::from_child(&child));
        let (guard, relayed) = mpsc::channel();
        self.relayed = Some(relayed);
        std::thread::Builder::new()
            .name("relay".into())
            .spawn(move || {
                relay(&mut ours);
                drop(guard);
            })?;
        Ok(())
    }

    fn wait(&mut self, limit: Duration) -> Event {
        let look = |board: &mut Self| {
            let ended = board.reap().map(Event::Ended);
            ended.or_else(|| board.signals.asked_for().map(Event::Stop))
        };
        if let Some(event) = look(self) {
            return event;
        }
        self.signals.wait(limit);
        look(self).unwrap_or(Event::Nothing)
    }

    fn signal(&mut self, signal: Signal) {
        // It may have ended already.
        if let Some(pid) = self.posewire
            && let Err(error) = kill_process(pid, signal)
        {
            say(&format!("posewire: {error}"));
        }
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn say(&mut self, line: &str) {
        say(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A board whose events are a script, and whose clock moves only by waiting. Ends come only to what
    /// runs.
    struct Fake {
        now: Instant,
        /// After how long each event comes.
        script: VecDeque<(Duration, Event)>,
        starts: Vec<Duration>,
        start: Instant,
        signals: Vec<Signal>,
        said: Vec<String>,
        is_missing: bool,
        is_running: bool,
    }

    impl Fake {
        fn new(script: impl IntoIterator<Item = (u64, Event)>) -> Self {
            let now = Instant::now();
            let script = script.into_iter();
            Fake {
                now,
                script: script
                    .map(|(s, event)| (Duration::from_secs(s), event))
                    .collect(),
                starts: Vec::new(),
                start: now,
                signals: Vec::new(),
                said: Vec::new(),
                is_missing: false,
                is_running: false,
            }
        }

        fn starts_s(&self) -> Vec<u64> {
            self.starts.iter().map(Duration::as_secs).collect()
        }
    }

    impl Host for Fake {
        fn start(&mut self) -> io::Result<()> {
            self.starts.push(self.now - self.start);
            if self.is_missing {
                return Err(io::ErrorKind::NotFound.into());
            }
            self.is_running = true;
            Ok(())
        }

        fn wait(&mut self, limit: Duration) -> Event {
            let Some((after, event)) = self.script.pop_front() else {
                self.now += limit;
                return Event::Nothing;
            };
            let can_be = self.is_running || !matches!(event, Event::Ended(_));
            if can_be && after <= limit {
                self.now += after;
                self.is_running &= !matches!(event, Event::Ended(_));
                return event;
            }
            self.now += limit;
            let left = if can_be { after - limit } else { after };
            self.script.push_front((left, event));
            Event::Nothing
        }

        fn signal(&mut self, signal: Signal) {
            self.signals.push(signal);
        }

        fn now(&self) -> Instant {
            self.now
        }

        fn say(&mut self, line: &str) {
            self.said.push(line.into());
        }
    }

    fn ended() -> Event {
        Event::Ended("ended with exit code 3".into())
    }

    fn stop() -> Event {
        Event::Stop(End::PowerOff)
    }

    #[test]
    fn pauses_grow_to_half_a_minute_and_shrink_after_a_good_run() {
        let mut host = Fake::new((0..7).map(|_| (1, ended())).chain([
            (100, ended()),
            (1, ended()),
            (9, stop()),
        ]));
        keep_running(&mut host);
        // A run of 1 s and then pauses of 1, 2, 4, 8, 16, 30 and 30 s; after one of 100 s, 1 s.
        assert_eq!(host.starts_s(), [0, 2, 5, 10, 19, 36, 67, 98, 199, 202]);
        assert!(host.said[0].contains("exit code 3") && host.said[0].contains("in 1 s"));
    }

    #[test]
    fn a_program_that_cannot_be_started_is_tried_again() {
        let mut host = Fake::new([(9, stop())]);
        host.is_missing = true;
        assert_eq!(keep_running(&mut host), End::PowerOff);
        assert_eq!(host.starts_s(), [0, 1, 3, 7]);
        assert!(host.said[0].contains("could not be started"));
    }

    #[test]
    fn stopping_ends_posewire_first() {
        let mut host = Fake::new([(5, stop()), (1, ended())]);
        assert_eq!(keep_running(&mut host), End::PowerOff);
        assert_eq!(host.signals, [Signal::TERM]);
        assert_eq!(host.starts.len(), 1);
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let mut host = Fake::new([(5, stop()), (60, ended())]);
        assert_eq!(keep_running(&mut host), End::PowerOff);
        assert_eq!(host.signals, [Signal::TERM, Signal::KILL]);
        assert_eq!(host.now - host.start, Duration::from_secs(5) + LONGEST_END);
    }

    #[test]
    fn something_else_that_happens_restarts_nothing() {
        let mut host = Fake::new([(1, Event::Nothing), (1, Event::Nothing), (1, stop())]);
        assert_eq!(keep_running(&mut host), End::PowerOff);
        assert_eq!(host.starts.len(), 1);
    }
}
