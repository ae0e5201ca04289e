//! Addresses of UDP as the user writes them: `HOST:PORT`.
//!
//! In: an IPv4 address, an IPv6 address in brackets, perhaps with an interface (`[fe80::1%eth0]:9000`), or a name.
//! Out: [`SocketAddr`]s, IPv4 first, or the fault and its remedy. [`lookup`] follows a name whose address changes.

mod lookup;

pub use lookup::{Answer, Lookups, answer_lookups};

use crate::limits::{MAX_ADDRESSES, MAX_HOST_BYTES};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::str::FromStr;

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    host: String,
    port: u16,
    is_name: bool,
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = text
            .rsplit_once(':')
            .ok_or("is not HOST:PORT: the port is missing")?;
        let port = match port.parse() {
            Ok(0) => return Err("has port 0, which no receiver has: give one of 1 to 65535".into()),
            Ok(port) if port_is_plain(text) => port,
            _ => return Err("is not HOST:PORT: the port is a number from 1 to 65535".into()),
        };
        let bracketed = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let host = bracketed.unwrap_or(host);
        // Interfaces have any name.
        let (address, _interface) = host.split_once('%').unwrap_or((host, ""));
        let is_name = address.parse::<IpAddr>().is_err();
        if is_name {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            let fits = !host.is_empty() && host.len() <= MAX_HOST_BYTES;
            if bracketed.is_some() || !fits || !host.bytes().all(plain) {
                return Err(
                    "is not HOST:PORT: HOST is a name, an IPv4 address, or an IPv6 address in brackets"
                        .into(),
                );
            }
        }
        Ok(HostPort {
            host: host.into(),
            port,
            is_name,
        })
    }
}

/// False for a port with a sign.
fn port_is_plain(text: &str) -> bool {
    text.bytes()
        .next_back()
        .is_some_and(|byte| byte.is_ascii_digit())
        && !text.contains(":+")
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl HostPort {
    /// The host is a name, whose address may change.
    pub fn is_name(&self) -> bool {
        self.is_name
    }

    /// Asks the system, which may take many seconds. IPv4 addresses come first: a receiver of this program listens on
    /// one of them more often.
    ///
    /// # Errors
    /// The host is not known, or there is no such interface.
    pub fn look_up(&self) -> io::Result<Vec<SocketAddr>> {
        let mut found: Vec<SocketAddr> = Vec::new();
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            if !found.contains(&address) && found.len() < MAX_ADDRESSES {
                found.push(address);
            }
        }
        found.sort_by_key(SocketAddr::is_ipv6);
        if found.is_empty() {
            return Err(io::Error::other("the host has no address"));
        }
        Ok(found)
    }
}

/// A socket that sends to any address of this family, broadcast ones too, and never waits.
///
/// # Errors
/// The system has no socket of this family.
pub fn sending_socket(ipv6: bool) -> io::Result<UdpSocket> {
    let socket = if ipv6 {
        UdpSocket::bind(SocketAddr::from(([0_u16; 8], 0)))?
    } else {
        UdpSocket::bind(SocketAddr::from(([0, 0, 0, 0], 0)))?
    };
    // A full send buffer drops a packet instead of stopping the camera.
    socket.set_nonblocking(true)?;
    if !ipv6 {
        socket.set_broadcast(true)?;
    }
    Ok(socket)
}

/// Whether packets reach an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// There is a route.
    Now,
    /// There is no route yet.
    Later,
    /// Whatever happens to the network. With the reason.
    Never(String),
}

/// Checks an address to send to. Nothing is sent.
pub fn reach(address: SocketAddr) -> Reach {
    if address.ip().is_unspecified() {
        return Reach::Never("is no address to send to: give the receiver's".into());
    }
    if let SocketAddr::V6(v6) = address
        && v6.scope_id() == 0
        && (v6.ip().is_unicast_link_local() || v6.ip().segments()[0] & 0xFF0F == 0xFF02)
    {
        return Reach::Never(format!(
            "is valid on one link only: name the interface, for example [{}%eth0]:{}",
            v6.ip(),
            v6.port()
        ));
    }
    // The kernel chooses a route.
    let routed = sending_socket(address.is_ipv6()).and_then(|socket| socket.connect(address));
    match routed {
        Ok(()) => Reach::Now,
        Err(error) => match error.kind() {
            io::ErrorKind::InvalidInput
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::Unsupported => Reach::Never(format!("cannot be sent to: {error}")),
            _ => Reach::Later,
        },
    }
}

/// A socket that receives at `address`. It joins a multicast group.
///
/// # Errors
/// The port is taken, or this machine does not have the address or a route to the group.
pub fn receiving_socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    match address {
        SocketAddr::V4(v4) if v4.ip().is_multicast() => {
            socket.join_multicast_v4(v4.ip(), &Ipv4Addr::UNSPECIFIED)?;
        }
        SocketAddr::V6(v6) if v6.ip().is_multicast() => {
            socket.join_multicast_v6(v6.ip(), v6.scope_id())?;
        }
        _ => {}
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn first(text: &str) -> Result<SocketAddr, String> {
        let host: HostPort = text.parse()?;
        let found = host.look_up().map_err(|error| error.to_string())?;
        match reach(found[0]) {
            Reach::Never(why) => Err(why),
            _ => Ok(found[0]),
        }
    }

    #[test]
    fn addresses_of_every_form_are_read() {
        for (text, address) in [
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("255.255.255.255:1", "255.255.255.255:1"),
            ("192.0.2.255:65535", "192.0.2.255:65535"),
            ("239.1.2.3:9050", "239.1.2.3:9050"),
            ("[::1]:9000", "[::1]:9000"),
            ("::1:9000", "[::1]:9000"),
        ] {
            assert_eq!(first(text).unwrap(), address.parse().unwrap(), "{text}");
        }
        for text in ["[fe80::1%lo]:9000", "fe80::1%lo:9000", "[fe80::1%1]:9000"] {
            // Machines without IPv6 know no such scope.
            if let Ok(SocketAddr::V6(v6)) = first(text) {
                assert_eq!((v6.scope_id(), v6.port()), (1, 9000), "{text}");
            }
        }
        let name: HostPort = "robot-2.local:9000".parse().unwrap();
        assert!(name.is_name());
        assert_eq!(name.to_string(), "robot-2.local:9000");
        let address: HostPort = "[fe80::1%eth0]:9000".parse().unwrap();
        assert!(!address.is_name());
        assert_eq!(address.to_string(), "[fe80::1%eth0]:9000");
    }

    #[test]
    fn addresses_that_can_never_work_are_named() {
        for (text, words) in [
            ("127.0.0.1:0", "port 0"),
            ("robot", "the port is missing"),
            ("robot:", "a number"),
            ("robot:+9", "a number"),
            ("robot:65536", "a number"),
            ("robot:9000x", "a number"),
            (":9000", "HOST is a name"),
            ("http://robot:9000", "HOST is a name"),
            ("ro bot:9000", "HOST is a name"),
            ("[robot]:9000", "HOST is a name"),
            ("0.0.0.0:9000", "give the receiver's"),
            ("[::]:9000", "give the receiver's"),
            ("[fe80::1]:9000", "name the interface"),
            ("[ff02::1]:9000", "name the interface"),
        ] {
            let error = first(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(first("[fe80::1%no-such-if]:9000").is_err());
        assert!(first("no-such-host.invalid:9000").is_err());
    }

    #[test]
    fn localhost_is_ipv4_first() {
        let found = "localhost:9000".parse::<HostPort>().unwrap().look_up();
        let found = found.unwrap();
        assert!(found.is_sorted_by_key(SocketAddr::is_ipv6), "{found:?}");
    }

    #[test]
    fn a_broadcast_address_is_sent_to() {
        let socket = sending_socket(false).unwrap();
        assert!(socket.broadcast().unwrap());
        // The loopback interface's own.
        let sent = socket.send_to(b"x", "127.255.255.255:9");
        assert!(sent.is_ok(), "{sent:?}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            if let Ok(host) = text.parse::<HostPort>() {
                prop_assert_eq!(host.to_string().parse::<HostPort>(), Ok(host));
            }
        }
    }
}
