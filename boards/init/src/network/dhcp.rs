//! The DHCP client's socket, clock and effects.

use super::held::Held;
use super::interface::Interface;
use super::lease::{Change, Client};
use super::{LOOK_EVERY, Port};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

const CLIENT_PORT: u16 = 68;
const SERVER_PORT: u16 = 67;
/// Room for a burst: the kernel discards datagrams that find it full.
const RECEIVE_BYTES: usize = 1 << 20;

/// Keeps the interface's address leased until the interface has gone.
///
/// # Errors
/// If the kernel refuses a socket or the address.
pub fn run(interface: &Interface, port: &mut Port<'_>, name: &str) -> io::Result<()> {
    let socket = open(&interface.name)?;
    let mut client = Client::new(interface.hardware, name, random()?, Instant::now());
    let mut held = Held::default();
    let mut had_carrier = false;
    while interface.is_there() {
        let looked = Instant::now();
        let has_carrier = interface.has_carrier();
        if client.needs_transaction() {
            client.set_next_transaction(random()?);
        }
        if has_carrier && !had_carrier {
            // The cable may lead into another network now.
            client.search(looked);
        }
        had_carrier = has_carrier;
        if client.expired(looked).is_some() {
            held.give_up(port);
        }
        if has_carrier && let Some(message) = client.due(looked) {
            // A message that is not sent is due again.
            let _ = socket.send_to(&message, (Ipv4Addr::BROADCAST, SERVER_PORT));
        }
        match answer(&socket, &mut client, looked + LOOK_EVERY)? {
            Some(Change::Set(setting)) => {
                held.set(port, &setting, "by DHCP", client.notes())?;
            }
            Some(Change::Lost) => held.give_up(port),
            None => {}
        }
    }
    Ok(())
}

/// Gives the client every datagram that comes until `until`, or until one changes the address or makes a
/// message due. Nothing else is done in between, so that a flood does not starve the answer.
fn answer(socket: &UdpSocket, client: &mut Client, until: Instant) -> io::Result<Option<Change>> {
    let mut bytes = [0; 1500];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        // The kernel would read zero as no limit.
        socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match socket.recv_from(&mut bytes) {
            Ok((length, SocketAddr::V4(from))) if from.port() == SERVER_PORT => {
                let now = Instant::now();
                let change = client.take(&bytes[..length], now);
                if change.is_some() || client.is_due(now) {
                    return Ok(change);
                }
            }
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(_) => std::thread::sleep(left),
        }
    }
}

/// A socket on one interface, which may have no address yet.
fn open(interface: &str) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_broadcast(true)?;
    socket.bind_device(Some(interface.as_bytes()))?;
    socket.set_recv_buffer_size(RECEIVE_BYTES)?;
    let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT_PORT);
    socket.bind(&any.into())?;
    Ok(socket.into())
}

fn random() -> io::Result<u32> {
    let mut bytes = [0; 4];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u32::from_ne_bytes(bytes))
}
