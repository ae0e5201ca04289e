//! `posewire-XXXX.local`: the card's name, for those who would otherwise look for its address.
//!
//! In: the interface's address, and questions of the local network. Out: answers by multicast DNS, from a thread of its
//! own. XXXX are the last digits of the interface's hardware address, so that two cards differ.

mod message;

use super::interface::Interface;
use crate::output::say;
use message::Message;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const PORT: u16 = 5353;
const LOOK_EVERY: Duration = Duration::from_millis(500);
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Announcements of a new address, a second apart.
const ANNOUNCEMENTS: u32 = 3;
const ANNOUNCE_EVERY: Duration = Duration::from_secs(1);
/// Answers to all in a second: RFC 6762 asks for one a second of each record, and some are lost.
const MOST_ANSWERS: u32 = 5;

/// The address that the network's thread has set, for this one.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<Mutex<Option<Ipv4Addr>>>);

impl Shared {
    pub fn set(&self, address: Option<Ipv4Addr>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    fn get(&self) -> Option<Ipv4Addr> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The host's name: the given one, or one with the end of the hardware address.
pub fn host(given: Option<&str>, hardware: [u8; 6]) -> String {
    match given {
        Some(name) => name.to_ascii_lowercase(),
        None => format!("posewire-{:02x}{:02x}", hardware[4], hardware[5]),
    }
}

/// Answers until the interface has gone, from a new thread.
pub fn start(interface: &Interface, host: String, address: Shared) {
    let interface = interface.clone();
    let started = std::thread::Builder::new()
        .name("mdns".into())
        .spawn(move || {
            while interface.is_there() {
                if let Some(own) = address.get()
                    && let Err(error) = serve(&interface, &host, own, &address)
                {
                    say(&format!("{}: {host}.local: {error}", interface.name));
                    std::thread::sleep(RETRY_AFTER);
                }
                std::thread::sleep(LOOK_EVERY);
            }
        });
    if let Err(error) = started {
        say(&format!("mdns: {error}"));
    }
}

/// Returns when the address has changed.
fn serve(interface: &Interface, host: &str, own: Ipv4Addr, address: &Shared) -> io::Result<()> {
    let socket = open(interface, own)?;
    let everyone = SocketAddr::from((GROUP, PORT));
    let mut told = Told::new(Instant::now());
    let mut claimed = None;
    let mut bytes = [0; 1500];
    say(&format!("{} is {host}.local", interface.name));
    while address.get() == Some(own) && interface.is_there() {
        if told.is_due(Instant::now()) {
            // A message that is lost is asked for.
            let _ = socket.send_to(&message::announcement(host, own), everyone);
        }
        let (length, from) = match socket.recv_from(&mut bytes) {
            Ok(received) => received,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                continue;
            }
            Err(error) => return Err(error),
        };
        match message::read(&bytes[..length], host, own) {
            Some(Message::Asked(asked)) if told.may_answer(Instant::now()) => {
                let legacy = from.port() != PORT;
                let to = if legacy || asked.unicast { from } else { everyone };
                let _ = socket.send_to(&message::answer(&asked, host, own, legacy), to);
            }
            Some(Message::Claimed(other)) if claimed != Some(other) => {
                claimed = Some(other);
                say(&format!(
                    "{other} also says that it is {host}.local: give a name in network.toml"
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// How much was sent: a flood of questions is not answered by one of answers.
struct Told {
    announced: u32,
    next: Instant,
    second: Instant,
    answers: u32,
}

impl Told {
    fn new(now: Instant) -> Self {
        Told {
            announced: 0,
            next: now,
            second: now,
            answers: 0,
        }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let due = self.announced < ANNOUNCEMENTS && now >= self.next;
        if due {
            self.announced += 1;
            self.next = now + ANNOUNCE_EVERY;
        }
        due
    }

    fn may_answer(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.answers = 0;
        }
        self.answers += 1;
        self.answers <= MOST_ANSWERS
    }
}

fn open(interface: &Interface, own: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.bind_device(Some(interface.name.as_bytes()))?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT).into())?;
    socket.join_multicast_v4(&GROUP, &own)?;
    socket.set_multicast_if_v4(&own)?;
    socket.set_multicast_ttl_v4(255)?;
    socket.set_multicast_loop_v4(false)?;
    socket.set_read_timeout(Some(LOOK_EVERY))?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cards_have_two_names() {
        let hardware = [0xb8, 0x27, 0xeb, 1, 0x0a, 0xff];
        assert_eq!(host(None, hardware), "posewire-0aff");
        assert_eq!(host(Some("Left-Arm"), hardware), "left-arm");
    }

    #[test]
    fn announcements_and_answers_are_few() {
        let start = Instant::now();
        let mut told = Told::new(start);
        let at = |ms| start + Duration::from_millis(ms);
        let announced = (0..10_000).filter(|&ms| told.is_due(at(ms))).count();
        assert_eq!(announced, 3);
        let answered = (0..3000).filter(|&ms| told.may_answer(at(ms))).count();
        assert_eq!(answered, 15);
    }
}
