//! The DHCP client's socket, clock and effects.

use super::interface::Interface;
use super::lease::{Change, Client};
use super::{LOOK_EVERY, Setting, apply, netlink};
use crate::output::say;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::Instant;

const CLIENT_PORT: u16 = 68;
const SERVER_PORT: u16 = 67;

/// Keeps the interface's address leased until the interface has gone.
///
/// # Errors
/// If the kernel refuses a socket or the address.
pub fn run(interface: &Interface, name: &str) -> io::Result<()> {
    let socket = open(&interface.name)?;
    let mut client = Client::new(interface.hardware, name, random()?, Instant::now());
    let mut held: Option<Setting> = None;
    let mut had_carrier = false;
    let mut bytes = [0; 1500];
    while interface.is_there() {
        let now = Instant::now();
        let has_carrier = interface.has_carrier();
        if has_carrier && !had_carrier {
            // Perhaps into another network.
            client.search(now);
        }
        had_carrier = has_carrier;
        let mut change = client.expired(now);
        if has_carrier && let Some(message) = client.due(now) {
            // What was not sent is sent again.
            let _ = socket.send_to(&message, (Ipv4Addr::BROADCAST, SERVER_PORT));
        }
        match socket.recv(&mut bytes) {
            Ok(length) => change = client.take(&bytes[..length], Instant::now()).or(change),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(_) => std::thread::sleep(LOOK_EVERY),
        }
        match change {
            // A lease that is renewed as it was.
            Some(Change::Set(setting)) if held.as_ref() == Some(&setting) => {}
            Some(Change::Set(setting)) => {
                give_up(interface, held.take());
                apply(interface, &setting, "by DHCP")?;
                held = Some(setting);
            }
            Some(Change::Lost) => give_up(interface, held.take()),
            None => {}
        }
    }
    Ok(())
}

fn give_up(interface: &Interface, held: Option<Setting>) {
    let Some(setting) = held else { return };
    say(&format!("{} gives up {}", interface.name, setting.address));
    let deleted = netlink::delete_address(interface.index, setting.address, setting.prefix);
    if let Err(error) = deleted {
        say(&format!("{}: {error}", interface.name));
    }
}

/// A socket on one interface, which may have no address yet.
fn open(interface: &str) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_broadcast(true)?;
    socket.bind_device(Some(interface.as_bytes()))?;
    socket.set_read_timeout(Some(LOOK_EVERY))?;
    let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT_PORT);
    socket.bind(&any.into())?;
    Ok(socket.into())
}

/// Boards of one kind start alike; their transactions must not.
fn random() -> io::Result<u32> {
    let mut bytes = [0; 4];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u32::from_ne_bytes(bytes))
}
