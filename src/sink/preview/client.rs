//! One connection: a request in, an answer out, and the time that each may take.
//!
//! All memory of a connection is there before it comes, and serves the next one after it.

use crate::http::{Parsed, Request, Status, parse};
use crate::limits::{MAX_HTTP_BODY_BYTES, MAX_HTTP_HEAD_BYTES};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Time for a request, from the end of the answer before: slow senders gain nothing by sending a byte at a time.
const READING: Duration = Duration::from_secs(10);
/// Time until a viewer without a view gets an empty answer.
const WAITING: Duration = Duration::from_secs(5);
/// Time for an answer: viewers that do not read are dropped.
const SENDING: Duration = Duration::from_secs(5);

const INPUT_BYTES: usize = MAX_HTTP_HEAD_BYTES + MAX_HTTP_BODY_BYTES;
/// Bytes of the head of an answer.
const ANSWER_HEAD_BYTES: usize = 1024;

/// Bytes of a client's memory, for answers of so many bytes.
pub(super) const fn heap_bytes(answer_bytes: usize) -> usize {
    INPUT_BYTES + ANSWER_HEAD_BYTES + answer_bytes
}

/// The state of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Reading,
    /// For the next view.
    Waiting,
    Sending {
        /// The connection ends with this answer.
        closes: bool,
    },
}

/// The memory of a connection, and the connection if there is one.
#[derive(Debug)]
pub(super) struct Client {
    stream: Option<TcpStream>,
    phase: Phase,
    deadline: Instant,
    /// Time of its beginning.
    since: Instant,
    /// A request of it was let in.
    pub is_known: bool,
    input: Vec<u8>,
    filled: usize,
    output: Vec<u8>,
    /// Behind `output`.
    body: &'static [u8],
    sent: usize,
}

impl Client {
    pub fn new(answer_bytes: usize) -> Self {
        let now = Instant::now();
        Client {
            stream: None,
            phase: Phase::Reading,
            deadline: now,
            since: now,
            is_known: false,
            input: vec![0; INPUT_BYTES],
            filled: 0,
            output: Vec::with_capacity(ANSWER_HEAD_BYTES + answer_bytes),
            body: &[],
            sent: 0,
        }
    }

    pub fn begin(&mut self, stream: TcpStream, now: Instant) {
        self.stream = Some(stream);
        self.since = now;
        self.is_known = false;
        self.filled = 0;
        self.read_on(now);
    }

    pub fn end(&mut self) {
        self.stream = None;
    }

    pub fn stream(&self) -> Option<&TcpStream> {
        self.stream.as_ref()
    }

    pub fn is_free(&self) -> bool {
        self.stream.is_none()
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    pub fn is_waiting(&self) -> bool {
        self.stream.is_some() && self.phase == Phase::Waiting
    }

    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    pub fn since(&self) -> Instant {
        self.since
    }

    fn read_on(&mut self, now: Instant) {
        self.phase = Phase::Reading;
        self.deadline = now + READING;
        (self.body, self.sent) = (&[], 0);
        self.output.clear();
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// The other side has ended, or the connection failed.
    pub fn read(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        let room = &mut self.input[self.filled..];
        if room.is_empty() {
            return Ok(());
        }
        match stream.read(room) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => {
                self.filled += bytes;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes a request out of the input and hands it to `answer`, which returns what to do. `None`: more bytes are needed.
    pub fn request<T>(
        &mut self,
        answer: impl FnOnce(&Request<'_>) -> T,
    ) -> Option<Result<T, Status>> {
        let (outcome, used) = match parse(&self.input[..self.filled]) {
            Parsed::Incomplete => return None,
            Parsed::Refused(status) => return Some(Err(status)),
            Parsed::Whole(request, used) => (answer(&request), used),
        };
        self.input.copy_within(used..self.filled, 0);
        self.filled -= used;
        Some(Ok(outcome))
    }

    pub fn wait(&mut self, now: Instant) {
        self.phase = Phase::Waiting;
        self.deadline = now + WAITING;
    }

    /// Begins an answer: its head, a copy of `own`, and `body`. After a refusal the connection ends.
    pub fn answer(
        &mut self,
        status: Status,
        fields: &str,
        own: &[u8],
        body: &'static [u8],
        now: Instant,
    ) {
        let closes = !matches!(status, Status::Ok | Status::NoContent);
        self.output.clear();
        (self.body, self.sent) = (body, 0);
        let length = own.len() + body.len();
        let connection = if closes { "Connection: close\r\n" } else { "" };
        // An answer without a body has no length.
        let length = match status {
            Status::NoContent => None,
            _ => Some(length),
        };
        let mut head = || {
            write!(
                self.output,
                "HTTP/1.1 {}\r\n{fields}{connection}",
                status.text()
            )?;
            if let Some(length) = length {
                write!(self.output, "Content-Length: {length}\r\n")?;
            }
            self.output.write_all(
                b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
                  Referrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n\r\n",
            )
        };
        // A vector takes all bytes. Heads are shorter than their room.
        let _ = head();
        self.output.extend_from_slice(own);
        self.phase = Phase::Sending { closes };
        self.deadline = now + SENDING;
    }

    /// Sends as much as there is room for. True if the answer is out and the connection goes on.
    ///
    /// # Errors
    /// The connection failed, or its last answer is out.
    pub fn send(&mut self, now: Instant) -> io::Result<bool> {
        let Some(stream) = &mut self.stream else {
            return Ok(false);
        };
        loop {
            let unsent = match self.output.get(self.sent..) {
                Some(rest) if !rest.is_empty() => rest,
                _ => &self.body[self.sent - self.output.len()..],
            };
            if unsent.is_empty() {
                break;
            }
            match stream.write(unsent) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => self.sent += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        if self.phase == (Phase::Sending { closes: true }) {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        self.read_on(now);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    #[test]
    fn bytes_one_by_one_gain_no_time_and_an_answer_begins_anew() {
        let (mut browser, stream) = pair();
        let mut client = Client::new(100);
        let begun = Instant::now();
        client.begin(stream, begun);
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for byte in request {
            browser.write_all(&[*byte]).unwrap();
            client.read().unwrap();
            assert_eq!(client.deadline(), begun + READING);
        }
        let path = client.request(|request| request.path.to_owned());
        assert_eq!(path, Some(Ok("/".into())));
        assert_eq!(client.request(|_| ()), None);
        let later = begun + Duration::from_secs(3);
        client.answer(Status::Ok, "A: b\r\n", b"own", b" and more", later);
        assert_eq!(client.deadline(), later + SENDING);
        assert!(client.send(later).unwrap());
        assert_eq!(
            (client.phase(), client.deadline()),
            (Phase::Reading, later + READING)
        );
        let mut answer = vec![0; 500];
        let length = browser.read(&mut answer).unwrap();
        let text = std::str::from_utf8(&answer[..length]).unwrap();
        assert!(
            text.starts_with("HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 12\r\n"),
            "{text}"
        );
        assert!(text.ends_with("\r\n\r\nown and more"), "{text}");
    }

    #[test]
    fn memory_is_that_of_the_first_connection() {
        let mut client = Client::new(5000);
        let capacity = client.output.capacity();
        for _ in 0..3 {
            let (mut browser, stream) = pair();
            let now = Instant::now();
            client.begin(stream, now);
            browser.write_all(&[b'a'; 20_000]).unwrap();
            while client.request(|_| ()).is_none() {
                client.read().unwrap();
            }
            client.answer(Status::HeadersTooLarge, "", &[b'x'; 5000], &[], now);
            assert!(client.send(now).is_err(), "its last answer");
            client.end();
            assert!(client.is_free());
            assert_eq!(
                (client.output.capacity(), client.input.len()),
                (capacity, INPUT_BYTES)
            );
        }
    }
}
