//! The HTTP server of the page of figures.
//!
//! In: requests of Prometheus or a browser. Out: one page at `/metrics`. It only reads, and it has no secrets; still, who must
//! not see the names of boards must not reach its port. At most [`MAX_HTTP_CLIENTS`] are served at a time, each for
//! at most [`HTTP_PATIENCE_MS`] without progress.

use crate::figures::{self, Sources};
use crate::limits::{HTTP_PATIENCE_MS, MAX_HTTP_CLIENTS};
use posewire::http::{Method, Parsed, Status, parse};
use posewire::limits::MAX_HTTP_HEAD_BYTES;
use posewire::stats::Repeated;
use posewire::{Error, Result};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_millis(HTTP_PATIENCE_MS);
/// Time for a whole answer, of which a reader takes what it can.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// Opens the port.
///
/// # Errors
/// It cannot be had.
pub fn open(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| {
        Error::sink(
            format!("metrics:{address}"),
            "cannot listen: is the port in use?",
        )
        .because(error)
    })
}

/// Serves the page in a thread of its own, until the program ends.
///
/// # Errors
/// The system has no thread.
pub fn start(listener: TcpListener, sources: Sources) -> io::Result<()> {
    let sources = Arc::new(Mutex::new(sources));
    let clients = Arc::new(AtomicUsize::new(0));
    let serve = move || {
        let mut faults = Repeated::default();
        for stream in listener.incoming() {
            let stream = match stream {
                Ok(stream) => stream,
                Err(error) => {
                    if let Some(count) = faults.again() {
                        log::warn!("metrics: {error} ({count} so far)");
                    }
                    std::thread::sleep(Duration::from_millis(100));
                    continue;
                }
            };
            if clients.fetch_add(1, Ordering::Relaxed) >= MAX_HTTP_CLIENTS {
                clients.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let (sources, served) = (Arc::clone(&sources), Arc::clone(&clients));
            let client = move || {
                // A client that goes away is no fault of ours.
                let _ = answer(stream, &sources);
                served.fetch_sub(1, Ordering::Relaxed);
            };
            let thread = std::thread::Builder::new().name("metrics".into());
            if thread.spawn(client).is_err() {
                clients.fetch_sub(1, Ordering::Relaxed);
            }
        }
    };
    let thread = std::thread::Builder::new().name("metrics".into());
    thread.spawn(serve).map(drop)
}

/// A stream whose writes end at a time.
struct Until(TcpStream, Instant);

impl Write for Until {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if Instant::now() >= self.1 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn answer(mut stream: TcpStream, sources: &Mutex<Sources>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let begun = Instant::now();
    let mut request = Vec::with_capacity(MAX_HTTP_HEAD_BYTES);
    let mut buffer = [0; 1024];
    let status = loop {
        match parse(&request) {
            Parsed::Refused(status) => break status,
            Parsed::Whole(request, _) => {
                break match (request.method, request.path) {
                    (Method::Get, "/metrics") => Status::Ok,
                    (_, "/metrics") => Status::MethodNotAllowed,
                    _ => Status::NotFound,
                };
            }
            Parsed::Incomplete => {}
        }
        let length = stream.read(&mut buffer)?;
        if length == 0 || begun.elapsed() > PATIENCE {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..length]);
    };
    let mut out = Until(stream, begun + ANSWER_PATIENCE);
    if status != Status::Ok {
        return write!(
            out,
            "HTTP/1.1 {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            status.text()
        );
    }
    write!(
        out,
        "HTTP/1.1 {}\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n\r\n",
        status.text()
    )?;
    // Clients take turns, and a slow one holds only them up.
    match sources.lock() {
        Ok(sources) => figures::write(&sources, &mut out),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Fleet, Sender};
    use crate::name::Name;
    use crate::output::Figures;
    use crate::sample::Board;
    use posewire::wire::{Arrived, Rule, WireStats};
    use std::net::{IpAddr, Ipv4Addr};

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn the_page_has_every_board_and_output_and_other_requests_are_refused() {
        let mut fleet = Fleet::new(2);
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let rule = Rule {
            started_us: 0,
            takes_unordered: false,
        };
        for instance in [0, 7] {
            let sender = Sender::Address(address);
            let name = || Name::of(address);
            let place = fleet.place(sender, instance, address, name, 0).unwrap();
            let stats = WireStats {
                hottest_decicelsius: Some(615),
                ..WireStats::default()
            };
            let packet = Board::new(1, instance, None).stats(stats);
            let arrived = Arrived::check(&packet, None).unwrap();
            fleet.take(place, &arrived, address, &rule, 0);
        }
        let sources = Sources {
            fleet: Arc::new(Mutex::new(fleet)),
            totals: Arc::default(),
            outputs: Box::new(|| vec![("fake", Figures::default(), 3, 4)]),
        };
        let listener = open(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        start(listener, sources).unwrap();
        let text = ask(address, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        for line in [
            "HTTP/1.1 200 OK\r\n",
            "\nposewire_up{board=\"127.0.0.1\",instance=\"0\"} 1\n",
            "\nposewire_up{board=\"127.0.0.1\",instance=\"7\"} 1\n",
            "\nposewire_packets_total{board=\"127.0.0.1\",instance=\"7\",kind=\"stats\"} 1\n",
            "\nposewire_board_temperature_celsius{board=\"127.0.0.1\",instance=\"7\"} 61.5\n",
            "\nposewire_gateway_output_packets_total{output=\"fake\",what=\"no_room\"} 4\n",
            "\nposewire_gateway_boards{state=\"live\"} 2\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        // A name belongs to one type, and a sample to one name.
        let body = text.split_once("\r\n\r\n").unwrap().1;
        let mut names: Vec<&str> = body.lines().filter(|line| !line.starts_with('#')).collect();
        names
            .iter_mut()
            .for_each(|line| *line = line.split(' ').next().unwrap());
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "no sample comes twice");
        let text = ask(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(text.starts_with("HTTP/1.1 404"), "{text}");
        let text = ask(address, "PUT /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(text.starts_with("HTTP/1.1 405"), "{text}");
    }
}
