//! The preview on loopback, with browsers made of sockets and a stream made of turns.

use super::PreviewSink;
use crate::clock::Instant;
use crate::frame::{Frame, PixelFormat, Pixels};
use crate::scene::{BBox, Scene};
use crate::sink::jpeg::tests::size_and_mean;
use crate::sink::{Event, Figures, Sink, What, Wish};
use crate::wire::{Flags, test_packet};
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Time in which anything here happens, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stream with a preview as its only sink.
struct Stream {
    sink: PreviewSink,
    frames: u64,
    wishes: Vec<Wish>,
    /// The longest turn.
    longest: Duration,
}

impl Stream {
    fn start() -> Self {
        let mut sink = PreviewSink::open("127.0.0.1:0".parse().unwrap()).unwrap();
        sink.start().unwrap();
        Stream {
            sink,
            frames: 0,
            wishes: Vec::new(),
            longest: Duration::ZERO,
        }
    }

    fn host(&self) -> &str {
        let url = self.sink.url();
        url.strip_prefix("http://").unwrap().trim_end_matches('/')
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.host()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_millis(5)))
            .unwrap();
        stream
    }

    /// One turn of the loop, with a green frame.
    fn turn(&mut self) {
        let bytes = [20, 200, 40].repeat(800 * 600);
        let pixels = Pixels::new(PixelFormat::Rgb24, 800, 600, 2400, &bytes).unwrap();
        let frame = Frame {
            pixels,
            captured: Instant::now(),
            index: self.frames,
            file: None,
        };
        let mut packet = test_packet(Flags::TRACKING);
        (packet.frame_width_px, packet.frame_height_px) = (800, 600);
        let scene = Scene::default();
        let event = Event {
            what: What::Scene {
                scene: &scene,
                frame: &frame,
            },
            packets: &[packet],
        };
        self.frames += 1;
        let figures = Figures {
            frames: self.frames,
            ..Figures::default()
        };
        let begun = std::time::Instant::now();
        self.sink.take(&event, Instant::now()).unwrap();
        self.wishes.extend(self.sink.watch(&figures));
        self.longest = self.longest.max(begun.elapsed());
    }

    /// Reads an answer while the stream goes on. `None` if the connection ends first.
    fn answer(&mut self, from: &mut TcpStream) -> Option<Answer> {
        let begun = std::time::Instant::now();
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            if let Some(answer) = Answer::read(&bytes) {
                return Some(answer);
            }
            assert!(begun.elapsed() < PATIENCE);
            self.turn();
            match from.read(&mut chunk) {
                Ok(0) => return None,
                Ok(read) => bytes.extend(&chunk[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn view(&mut self, of: &mut TcpStream) -> (Value, Vec<u8>) {
        let request = format!(
            "GET /view HTTP/1.1\r\nHost: {}\r\nX-Posewire:\r\n\r\n",
            self.host()
        );
        of.write_all(request.as_bytes()).unwrap();
        let answer = self.answer(of).unwrap();
        assert_eq!(answer.status, 200);
        let (length, rest) = answer.body.split_first_chunk().unwrap();
        let (text, jpeg) = rest.split_at(u32::from_le_bytes(*length) as usize);
        (serde_json::from_slice(text).unwrap(), jpeg.to_vec())
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    /// `None` until it is whole.
    fn read(bytes: &[u8]) -> Option<Answer> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).unwrap().to_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        let length = length.map_or(0, |length| length.parse().unwrap());
        let body = bytes.get(end + 4..end + 4 + length)?.to_vec();
        Some(Answer { status, head, body })
    }
}

#[test]
fn the_page_and_one_view_after_another_come_on_one_connection() {
    let mut stream = Stream::start();
    let mut browser = stream.connect();
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", stream.host());
    browser.write_all(request.as_bytes()).unwrap();
    let page = stream.answer(&mut browser).unwrap();
    assert_eq!(page.status, 200);
    assert!(page.body.starts_with(b"<!doctype html>"));
    for field in [
        "Content-Security-Policy: default-src 'none'; script-src 'sha256-",
        "nosniff",
    ] {
        assert!(page.head.contains(field), "{}", page.head);
    }
    let (first, jpeg) = stream.view(&mut browser);
    let (size, mean) = size_and_mean(&jpeg);
    assert_eq!(size, [400, 300]);
    assert!(mean[1] > 180 && mean[0] < 40, "{mean:?}");
    assert_eq!(
        (&first["width"], &first["flags"][0]),
        (&800.into(), &"tracking".into())
    );
    let (second, _) = stream.view(&mut browser);
    let number = |view: &Value| view["frames"].as_u64().unwrap();
    assert!(number(&second) > number(&first));
    assert_eq!(second["number"], 2);
}

#[test]
fn the_region_arrives_in_the_stream_and_another_sites_does_not() {
    let mut stream = Stream::start();
    let host = stream.host().to_owned();
    let mut post = |fields: &str, body: &str| {
        let mut browser = stream.connect();
        let length = body.len();
        let request =
            format!("POST /region HTTP/1.1\r\n{fields}\r\nContent-Length: {length}\r\n\r\n{body}");
        browser.write_all(request.as_bytes()).unwrap();
        let status = stream.answer(&mut browser).unwrap().status;
        // The wish is taken at the next turn that gets the lock.
        for _ in 0..20 {
            stream.turn();
        }
        (status, std::mem::take(&mut stream.wishes))
    };
    let own = format!("Host: {host}\r\nOrigin: http://{host}\r\nX-Posewire:");
    let roi = BBox {
        x_px: 10.0,
        y_px: 20.0,
        width_px: 300.0,
        height_px: 200.0,
    };
    assert_eq!(
        post(&own, "10,20,300,200"),
        (204, vec![Wish::Roi(Some(roi))])
    );
    assert_eq!(post(&own, "none"), (204, vec![Wish::Roi(None)]));
    for (fields, body, status) in [
        (format!("Host: {host}"), "none", 403),
        (
            format!("Host: {host}\r\nOrigin: http://attacker.example\r\nX-Posewire:"),
            "none",
            403,
        ),
        (
            "Host: attacker.example\r\nOrigin: http://attacker.example\r\nX-Posewire:".into(),
            "none",
            403,
        ),
        (own.clone(), "10,20,300", 400),
        (own.clone(), &"1".repeat(500), 413),
    ] {
        assert_eq!(post(&fields, body), (status, vec![]), "{fields} {body}");
    }
}

#[test]
fn broken_requests_get_their_code_and_the_connection_ends() {
    let mut stream = Stream::start();
    let endless = format!("GET / HTTP/1.1\r\nCookie: {}", "a".repeat(20_000));
    for (text, status) in [
        ("\r\n\r\n", 400),
        ("GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        ("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("DELETE /region HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\nHost: attacker.example\r\n\r\n", 403),
        ("GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
        (&endless, 431),
    ] {
        let mut browser = stream.connect();
        // The server may end the connection while it is sent to.
        let _ = browser.write_all(text.as_bytes());
        if let Some(answer) = stream.answer(&mut browser) {
            assert_eq!(answer.status, status, "{text:.60}");
            assert!(answer.head.contains("Connection: close"));
        } else {
            // What was not read makes the kernel throw the answer away.
            assert_eq!(status, 431, "{text:.60}");
        }
        assert!(stream.answer(&mut browser).is_none());
    }
}

#[test]
fn strangers_make_room_and_viewers_do_not() {
    let mut stream = Stream::start();
    let strangers: Vec<TcpStream> = (0..20).map(|_| stream.connect()).collect();
    let mut viewers: Vec<TcpStream> = (0..8).map(|_| stream.connect()).collect();
    for viewer in &mut viewers {
        stream.view(viewer);
    }
    drop(strangers);
    let mut late = stream.connect();
    let answer = stream.answer(&mut late).unwrap();
    assert_eq!(answer.status, 503);
    // The end of one is the beginning of another.
    drop(viewers.pop());
    let begun = std::time::Instant::now();
    loop {
        let mut next = stream.connect();
        let request = format!(
            "GET /view HTTP/1.1\r\nHost: {}\r\nX-Posewire:\r\n\r\n",
            stream.host()
        );
        next.write_all(request.as_bytes()).unwrap();
        if stream
            .answer(&mut next)
            .is_some_and(|answer| answer.status == 200)
        {
            break;
        }
        assert!(begun.elapsed() < PATIENCE);
    }
}

#[test]
fn viewers_that_read_nothing_hold_up_neither_the_stream_nor_another() {
    let mut stream = Stream::start();
    let request = format!(
        "GET /view HTTP/1.1\r\nHost: {}\r\nX-Posewire:\r\n\r\n",
        stream.host()
    );
    let mut deaf: Vec<TcpStream> = (0..7).map(|_| stream.connect()).collect();
    for viewer in &mut deaf {
        viewer.write_all(request.repeat(100).as_bytes()).unwrap();
    }
    let mut viewer = stream.connect();
    for _ in 0..20 {
        stream.view(&mut viewer);
    }
    assert!(
        stream.longest < Duration::from_secs(1),
        "{:?}",
        stream.longest
    );
}

#[test]
fn the_end_is_seen_and_the_thread_ends_with_its_sink() {
    let mut stream = Stream::start();
    let mut browser = stream.connect();
    stream.view(&mut browser);
    let request = format!(
        "GET /view HTTP/1.1\r\nHost: {}\r\nX-Posewire:\r\n\r\n",
        stream.host()
    );
    browser.write_all(request.as_bytes()).unwrap();
    let last = Event {
        what: What::Last,
        packets: &[test_packet(Flags::LAST)],
    };
    let begun = std::time::Instant::now();
    let mut bytes = Vec::new();
    let answer = loop {
        if let Some(answer) = Answer::read(&bytes) {
            break answer;
        }
        assert!(begun.elapsed() < PATIENCE);
        // The first one after the request arrived.
        stream.sink.take(&last, Instant::now()).unwrap();
        let mut chunk = [0; 4096];
        match browser.read(&mut chunk) {
            Ok(read) => bytes.extend(&chunk[..read]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    };
    let text = String::from_utf8_lossy(&answer.body);
    assert!(text.contains(r#""flags":["last"]"#), "{text}");
    drop(stream);
    browser.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(browser.read(&mut [0; 10]).unwrap(), 0);
}
