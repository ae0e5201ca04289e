//! The thread of the preview: browsers on one side, the mailbox on the other.
//!
//! One loop waits for all sockets and for the mailbox's bell. It asks the stream for a view only while a viewer waits for
//! one, and at most ten times a second for all viewers together. A view is encoded once. Each viewer has memory of its
//! own for its answer, so that a slow one holds up no other.

use super::client::{self, Client, Phase};
use super::guard::Guard;
use super::mailbox::{Mailbox, View};
use super::page::Page;
use super::text;
use crate::http::{Method, Request, Status};
use crate::limits::{MAX_FRAME_SIDE_PX, MAX_VIEWERS};
use crate::scene::BBox;
use crate::sink::{Wish, jpeg};
use crate::stats::Repeated;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with, sockopt};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The least time between two views.
const PERIOD: Duration = Duration::from_millis(100);
/// Time without new connections after the system has refused one for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// Bytes of a view: text, and a JPEG that is coarser where a finer one does not fit.
const MESSAGE_BYTES: usize = 128 << 10;
/// Bytes that the kernel keeps for a viewer. It doubles the number.
const KERNEL_BYTES: usize = 64 << 10;
/// Memory of the encoder while it works: rows of blocks, and tables.
const ENCODER_BYTES: usize = 64 << 10;

/// Answer to a connection for which there is no place.
const BUSY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Bytes of the thread's memory.
pub(super) const HEAP_BYTES: usize =
    MAX_VIEWERS * client::heap_bytes(MESSAGE_BYTES) + MESSAGE_BYTES + ENCODER_BYTES;

#[derive(Debug)]
pub(super) struct Server {
    listener: TcpListener,
    guard: Guard,
    page: Page,
    mailbox: Arc<Mailbox>,
    clients: [Client; MAX_VIEWERS],
    view: Box<View>,
    message: Vec<u8>,
    /// Views so far.
    number: u64,
    /// The stream was asked and has not answered.
    has_asked: bool,
    ask_from: Instant,
    accept_from: Instant,
    refused: Repeated,
}

/// Outcome of a request.
enum Answer {
    Page,
    View,
    Region(Option<BBox>),
    Refusal(Status),
}

impl Server {
    pub fn open(address: SocketAddr) -> io::Result<(Self, Arc<Mailbox>)> {
        let guard = Guard::new(address)?;
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        // Connections inherit both.
        sockopt::set_tcp_nodelay(&listener, true)?;
        sockopt::set_socket_send_buffer_size(&listener, KERNEL_BYTES)?;
        let (mailbox, view) = Mailbox::new()?;
        let mailbox = Arc::new(mailbox);
        let now = Instant::now();
        let server = Server {
            listener,
            guard,
            page: Page::new(),
            mailbox: Arc::clone(&mailbox),
            clients: std::array::from_fn(|_| Client::new(MESSAGE_BYTES)),
            view,
            message: Vec::with_capacity(MESSAGE_BYTES),
            number: 0,
            has_asked: false,
            ask_from: now,
            accept_from: now,
            refused: Repeated::default(),
        };
        Ok((server, mailbox))
    }

    /// The page's address.
    pub fn url(&self) -> io::Result<String> {
        Ok(self.guard.url(self.listener.local_addr()?))
    }

    pub fn run(mut self) {
        while !self.mailbox.has_ended() {
            let ready = self.wait();
            let now = Instant::now();
            if ready.bell {
                self.mailbox.hear();
            }
            if self.has_asked && self.mailbox.exchange(&mut self.view) {
                self.has_asked = false;
                self.ask_from = now + PERIOD;
                self.publish(now);
            }
            for (at, is_ready) in ready.clients.into_iter().enumerate() {
                if is_ready {
                    self.serve(at, now);
                }
            }
            // Last: a connection may take the place of another.
            if ready.listener {
                self.accept(now);
            }
            self.expire(now);
            let is_waited_for = self.clients.iter().any(Client::is_waiting);
            if is_waited_for && !self.has_asked && now >= self.ask_from {
                self.has_asked = true;
                self.mailbox.ask();
            }
        }
    }

    /// Waits until something is to do.
    fn wait(&self) -> Ready {
        let now = Instant::now();
        let bell = self.mailbox.bell();
        let mut places = heapless::Vec::<usize, MAX_VIEWERS>::new();
        let mut polled = heapless::Vec::<PollFd<'_>, { MAX_VIEWERS + 2 }>::new();
        // There is room for all.
        let _ = polled.push(PollFd::new(&bell, PollFlags::IN));
        for (at, client) in self.clients.iter().enumerate() {
            let Some(stream) = client.stream() else {
                continue;
            };
            let wanted = match client.phase() {
                Phase::Reading => PollFlags::IN,
                // The end of the connection alone.
                Phase::Waiting => PollFlags::empty(),
                Phase::Sending { .. } => PollFlags::OUT,
            };
            let _ = polled.push(PollFd::new(stream, wanted | PollFlags::RDHUP));
            let _ = places.push(at);
        }
        let taken = self.clients.iter().filter(|client| !client.is_free());
        let mut until = taken.map(Client::deadline).min();
        let mut no_later =
            |time: Instant| until = Some(until.map_or(time, |until| until.min(time)));
        if !self.has_asked && self.clients.iter().any(Client::is_waiting) {
            no_later(self.ask_from);
        }
        let accepts = now >= self.accept_from;
        if accepts {
            let _ = polled.push(PollFd::new(&self.listener, PollFlags::IN));
        } else {
            no_later(self.accept_from);
        }
        let left = until.map(|until| until.saturating_duration_since(now));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let mut ready = Ready::default();
        if poll(&mut polled, left.as_ref()).is_err() {
            // A signal came.
            return ready;
        }
        let is_ready = |polled: &PollFd<'_>| !polled.revents().is_empty();
        ready.bell = is_ready(&polled[0]);
        for (place, polled) in places.iter().zip(&polled[1..]) {
            ready.clients[*place] = is_ready(polled);
        }
        ready.listener = accepts && polled.last().is_some_and(is_ready);
        ready
    }

    fn accept(&mut self, now: Instant) {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let stream = match accept_with(&self.listener, flags) {
            Ok(socket) => TcpStream::from(socket),
            Err(Errno::AGAIN | Errno::CONNABORTED | Errno::INTR) => return,
            Err(_) => {
                self.accept_from = now + ACCEPT_PAUSE;
                return;
            }
        };
        let free = self.clients.iter().position(Client::is_free);
        // The oldest of those that nobody has let in makes room.
        let stranger = || {
            let strangers = self.clients.iter().enumerate();
            let strangers = strangers.filter(|(_, client)| !client.is_known);
            strangers
                .min_by_key(|(_, client)| client.since())
                .map(|(at, _)| at)
        };
        match free.or_else(stranger) {
            Some(at) => self.clients[at].begin(stream, now),
            None => {
                self.refuse(Status::Unavailable);
                // A new connection has room for it.
                let _ = (&stream).write(BUSY);
            }
        }
    }

    fn serve(&mut self, at: usize, now: Instant) {
        let served = match self.clients[at].phase() {
            Phase::Reading => self.clients[at].read().map(|()| true),
            Phase::Waiting => Err(io::ErrorKind::UnexpectedEof.into()),
            Phase::Sending { .. } => self.clients[at].send(now),
        };
        match served {
            Ok(true) => self.take_request(at, now),
            Ok(false) => {}
            Err(_) => self.clients[at].end(),
        }
    }

    fn take_request(&mut self, at: usize, now: Instant) {
        let guard = &self.guard;
        let Some(answer) = self.clients[at].request(|request| answer(guard, request)) else {
            return;
        };
        let answer = answer.unwrap_or_else(Answer::Refusal);
        if let Answer::Refusal(status) = &answer {
            self.refuse(*status);
        }
        let client = &mut self.clients[at];
        client.is_known |= matches!(answer, Answer::View | Answer::Region(_));
        match answer {
            Answer::View => client.wait(now),
            Answer::Page => client.answer(Status::Ok, &self.page.fields, &[], Page::body(), now),
            Answer::Region(roi) => {
                self.mailbox.wish(Wish::Roi(roi));
                client.answer(Status::NoContent, "", &[], &[], now);
            }
            Answer::Refusal(status) => client.answer(status, "", &[], &[], now),
        }
    }

    /// Gives the present view to all that wait for one.
    fn publish(&mut self, now: Instant) {
        self.number += 1;
        let (view, message) = (&self.view, &mut self.message);
        message.clear();
        message.extend([0; 4]);
        text::append(self.number, &view.packets, &view.figures, message);
        // A message has less than 4 GiB.
        let length = (message.len() - 4) as u32;
        message[..4].copy_from_slice(&length.to_le_bytes());
        if !view.picture.rgb().is_empty() {
            // Without room the page shows the figures alone.
            jpeg::append(view.picture.rgb(), view.picture.size_px(), message);
        }
        for client in self.clients.iter_mut().filter(|client| client.is_waiting()) {
            let fields = "Content-Type: application/octet-stream\r\n";
            client.answer(Status::Ok, fields, &self.message, &[], now);
        }
    }

    fn expire(&mut self, now: Instant) {
        for client in &mut self.clients {
            if client.is_free() || client.deadline() > now {
                continue;
            }
            match client.phase() {
                Phase::Waiting => client.answer(Status::NoContent, "", &[], &[], now),
                Phase::Reading | Phase::Sending { .. } => client.end(),
            }
        }
    }

    fn refuse(&mut self, status: Status) {
        if let Some(count) = self.refused.again() {
            log::warn!(
                "preview: a request was refused: {} ({count} so far)",
                status.text()
            );
        }
    }
}

#[derive(Default)]
struct Ready {
    bell: bool,
    listener: bool,
    clients: [bool; MAX_VIEWERS],
}

fn answer(guard: &Guard, request: &Request<'_>) -> Answer {
    let checked = |answer: Answer| {
        guard
            .check(request)
            .map_or_else(Answer::Refusal, |()| answer)
    };
    match (request.path, request.method) {
        ("/", Method::Get) => match guard.check_host(request) {
            Ok(()) => Answer::Page,
            Err(status) => Answer::Refusal(status),
        },
        ("/view", Method::Get) => checked(Answer::View),
        ("/region", Method::Post) => match region(request.body) {
            Some(roi) => checked(Answer::Region(roi)),
            None => Answer::Refusal(Status::BadRequest),
        },
        ("/" | "/view" | "/region", _) => Answer::Refusal(Status::MethodNotAllowed),
        _ => Answer::Refusal(Status::NotFound),
    }
}

/// `none`, or four numbers as in `--roi`.
fn region(body: &[u8]) -> Option<Option<BBox>> {
    let text = std::str::from_utf8(body).ok()?;
    if text == "none" {
        return Some(None);
    }
    let mut numbers = text.split(',').map(str::parse::<f32>);
    let mut next = || numbers.next()?.ok().filter(|number| number.is_finite());
    let roi = BBox {
        x_px: next()?,
        y_px: next()?,
        width_px: next()?,
        height_px: next()?,
    };
    let within = 0.0..=MAX_FRAME_SIDE_PX as f32;
    let is_place = within.contains(&roi.x_px) && within.contains(&roi.y_px);
    let is_size = |side: f32| side >= 1.0 && within.contains(&side);
    let is_right = is_place && is_size(roi.width_px) && is_size(roi.height_px);
    (is_right && numbers.next().is_none()).then_some(Some(roi))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_none_or_four_numbers_within_a_frame() {
        assert_eq!(region(b"none"), Some(None));
        let roi = region(b"1,2.5,300,4e2").flatten().unwrap();
        assert_eq!(
            (roi.x_px, roi.y_px, roi.width_px, roi.height_px),
            (1.0, 2.5, 300.0, 400.0)
        );
        for body in [
            "",
            "None",
            "1,2,3",
            "1,2,3,4,5",
            "-1,2,3,4",
            "1,2,0,4",
            "1,2,3,0.5",
            "1,nan,3,4",
            "1,2,inf,4",
            "1,2,3,20000",
            "1, 2,3,4",
            "\u{b2},2,3,4",
        ] {
            assert_eq!(region(body.as_bytes()), None, "{body}");
        }
        assert_eq!(region(b"\xff"), None);
    }
}
