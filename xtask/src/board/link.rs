//! The connection to the agent on the board: one command per line, one answer per line. Every wait has a limit.

use crate::emulator::Emulator;
use crate::tools::Outcome;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

const LONGEST_BOOT: Duration = Duration::from_secs(90);
const LONGEST_ANSWER: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub struct Link {
    answers: BufReader<TcpStream>,
    /// Milliseconds from the kernel's start to the agent's greeting, by the board's clock.
    pub ready_ms: u64,
}

/// A port on this machine for the agent to report to.
pub fn listen() -> Outcome<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
    listener.set_nonblocking(true).map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    Ok((listener, port))
}

impl Link {
    /// Waits for the agent's greeting.
    pub fn accept(listener: &TcpListener, emulator: &mut Emulator) -> Outcome<Self> {
        let start = Instant::now();
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.to_string()),
            }
            if !emulator.is_running() {
                return Err("the board stopped while it started".into());
            }
            if start.elapsed() > LONGEST_BOOT {
                return Err("the board's agent did not report".into());
            }
            std::thread::sleep(LOOK_EVERY);
        };
        let prepared = stream
            .set_nonblocking(false)
            .and_then(|()| stream.set_nodelay(true))
            .and_then(|()| stream.set_read_timeout(Some(LONGEST_ANSWER)));
        prepared.map_err(|error| error.to_string())?;
        let mut link = Link {
            answers: BufReader::new(stream),
            ready_ms: 0,
        };
        let words = link.answer("ready")?;
        link.ready_ms = words
            .split_whitespace()
            .nth(1)
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| format!("the agent's first word was {words:?}"))?;
        Ok(link)
    }

    /// Sends a command to the agent and returns its answer.
    pub fn ask(&mut self, command: &str) -> Outcome<String> {
        self.answers
            .get_mut()
            .write_all(format!("{command}\n").as_bytes())
            .map_err(|error| format!("{command}: the board is gone: {error}"))?;
        self.answer(command)
    }

    fn answer(&mut self, command: &str) -> Outcome<String> {
        let mut line = String::new();
        let bytes = self
            .answers
            .read_line(&mut line)
            .map_err(|error| format!("{command}: the board does not answer: {error}"))?;
        if bytes == 0 {
            return Err(format!("{command}: the board hung up"));
        }
        let line = line.trim_end();
        match line.split_once(' ').unwrap_or((line, "")) {
            ("ok", rest) => Ok(rest.trim().into()),
            ("error", rest) => Err(rest.into()),
            _ => Err(format!("{command}: the agent said {line:?}")),
        }
    }
}
