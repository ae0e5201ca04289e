//! `posewire-XXXX.local`: the card's name, for those who would otherwise look for its address.
//!
//! In: the interface's address, and datagrams of the local network. Out: answers by multicast DNS, from a thread for
//! each interface. XXXX are the last digits of the board's serial number, so that two cards differ and one card has
//! the same name on all its interfaces.

mod message;
mod responder;

use super::LOOK_EVERY;
use super::interface::Interface;
use crate::output::say;
use crate::system;
use responder::{Responder, To};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const PORT: u16 = 5353;
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Longest wait of a probe for its turn.
const TURN: Duration = Duration::from_millis(50);
/// Larger messages are not about one name.
const MESSAGE_BYTES: usize = 1500;

/// Addresses of all interfaces: what one of them says is no claim of another host, if both are on one link.
static ALL: Mutex<Vec<Ipv4Addr>> = Mutex::new(Vec::new());

fn is_own(address: Ipv4Addr) -> bool {
    let all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.contains(&address)
}

/// The address that the network's thread has set, with its prefix, for this one.
#[derive(Debug, Clone, Default)]
pub struct Own(Arc<Mutex<Option<(Ipv4Addr, u8)>>>);

impl Own {
    pub fn set(&self, address: Option<(Ipv4Addr, u8)>) {
        let mut own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|&other| Some(other) != own.map(|(old, _)| old));
        all.extend(address.map(|(new, _)| new));
        *own = address;
    }

    fn get(&self) -> Option<(Ipv4Addr, u8)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The host's name: the given one, or one with the end of the serial number, or else of the hardware address.
pub fn host(given: Option<&str>, hardware: [u8; 6]) -> String {
    match given {
        Some(name) => name.to_ascii_lowercase(),
        None => name_by(system::serial_number(), hardware),
    }
}

fn name_by(serial: Option<u64>, hardware: [u8; 6]) -> String {
    let end = serial.map_or_else(
        || u16::from_be_bytes([hardware[4], hardware[5]]),
        |serial| serial as u16,
    );
    format!("posewire-{end:04x}")
}

/// Answers until the interface has gone, from a new thread. Returns the place for its address.
pub fn start(interface: &Interface, host: &str) -> Own {
    let own = Own::default();
    let (interface, host, address) = (interface.clone(), host.to_string(), own.clone());
    let started = std::thread::Builder::new()
        .name("mdns".into())
        .spawn(move || {
            while interface.is_there() {
                if let Some(now) = address.get()
                    && let Err(error) = serve(&interface, &host, now, &address)
                {
                    say(&format!("{}: {host}.local: {error}", interface.name));
                    std::thread::sleep(RETRY_AFTER);
                }
                std::thread::sleep(LOOK_EVERY);
            }
            address.set(None);
        });
    if let Err(error) = started {
        say(&format!("mdns: {error}"));
    }
    own
}

/// Returns when the address has changed.
fn serve(interface: &Interface, host: &str, own: (Ipv4Addr, u8), address: &Own) -> io::Result<()> {
    let socket = open(interface, own.0)?;
    let all = SocketAddr::from((GROUP, PORT));
    // Boards that are switched on together do not probe together.
    let start = Instant::now() + Duration::from_millis(own.0.octets()[3].into());
    let mut responder = Responder::new(host, own.0, start);
    let mut said = String::new();
    let mut looked = Instant::now();
    let mut bytes = [0; MESSAGE_BYTES];
    loop {
        let now = Instant::now();
        if now.saturating_duration_since(looked) >= LOOK_EVERY {
            looked = now;
            if address.get() != Some(own) || !interface.is_there() {
                return Ok(());
            }
        }
        // A message that is lost is asked for.
        if let Some(message) = responder.due(now) {
            let _ = socket.send_to(&message, all);
        }
        if responder.is_named() && said != responder.host() {
            said = responder.host().into();
            say(&format!("{} is {said}.local", interface.name));
        }
        let (length, from) = match socket.recv_from(&mut bytes) {
            Ok((length, SocketAddr::V4(from))) => (length, from),
            Ok(_) => continue,
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
        // Names in `.local` are for neighbours alone.
        if !is_neighbour(*from.ip(), own) {
            continue;
        }
        let legacy = from.port() != PORT;
        let answer = responder.take(&bytes[..length], legacy, is_own, Instant::now());
        if let Some((message, to)) = answer {
            let to = match to {
                To::All => all,
                To::Asker => from.into(),
            };
            let _ = socket.send_to(&message, to);
        }
    }
}

fn is_neighbour(other: Ipv4Addr, (own, prefix): (Ipv4Addr, u8)) -> bool {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    other.to_bits() & mask == own.to_bits() & mask || other.is_link_local()
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
    socket.set_read_timeout(Some(TURN))?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cards_have_two_names_and_one_card_has_one() {
        let hardware = [0xb8, 0x27, 0xeb, 1, 0x0a, 0xff];
        assert_eq!(name_by(None, hardware), "posewire-0aff");
        assert_eq!(
            name_by(Some(0x1000_0000_9ab3_01d2), hardware),
            "posewire-01d2"
        );
        assert_eq!(host(Some("Left-Arm"), hardware), "left-arm");
    }

    #[test]
    fn only_neighbours_are_answered() {
        let own = (Ipv4Addr::new(192, 168, 1, 50), 24);
        for (other, expected) in [
            ([192, 168, 1, 7], true),
            ([192, 168, 2, 7], false),
            ([8, 8, 8, 8], false),
            ([169, 254, 3, 4], true),
        ] {
            assert_eq!(is_neighbour(other.into(), own), expected, "{other:?}");
        }
        assert!(is_neighbour([8, 8, 8, 8].into(), (own.0, 0)));
        assert!(!is_neighbour([8, 8, 8, 8].into(), (own.0, 32)));
    }
}
