//! One datagram per packet, to one receiver. The socket only sends.

use super::{Delivery, Event, Kind, SendError, Sink, When};
use crate::address::{HostPort, Lookups, Reach, reach, sending_socket};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::process::sandbox::Access;
use crate::stats::Repeated;
use crate::wire::{self, Sealer};
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;

/// Datagrams to one host.
pub(super) const KIND: Kind = Kind {
    name: "udp",
    argument: "HOST:PORT",
    example: "10.0.0.1:9000",
    help: "send a packet for each frame (docs/wire.md) to an address, a name, a broadcast address or a multicast \
           group; [fe80::1%eth0]:9000 names the interface of a link-local one",
    check: |_| Ok(()),
    heap_bytes: 0,
    thread: None,
    writes: |_| None,
    access: |_| Access::default(),
    prepare: |_| Ok(()),
    when: When::First,
    open: |to, context| {
        let sink = UdpSink::following(to, context.sealer.cloned(), context.lookup)?;
        Ok(Box::new(sink))
    },
};

/// Sockets that send datagrams to one receiver, also when its name gets another address.
#[derive(Debug)]
pub(super) struct Destination {
    name: String,
    to: SocketAddr,
    /// For IPv4 and IPv6, as far as the system has them: a name may get an address of the other family.
    sockets: [Option<UdpSocket>; 2],
    lookups: Option<Lookups>,
    /// Lookups without an address.
    unknown: Repeated,
}

impl Destination {
    /// Opens a socket to HOST:PORT. `name` is for messages. With `lookup` a name is looked up again and again: see
    /// [`answer_lookups`](crate::address::answer_lookups).
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if the text is no address, the name is not known, no packet can ever reach
    /// the address, or no socket can be had.
    pub fn open(name: &str, to: &str, lookup: Option<&dyn Fn(&str) -> Command>) -> Result<Self> {
        let fail = |what: String| Error::sink(name, what);
        let host: HostPort = to.parse().map_err(fail)?;
        let found = host.look_up().map_err(|error| {
            let what = match host.is_name() {
                true => "the host is not known: is the name right, and the network up?",
                false => "cannot be sent to from here: is the interface right?",
            };
            fail(what.into()).because(error)
        })?;
        let address = best(&found).map_err(fail)?;
        let families = [false, true].map(|ipv6| (ipv6, sending_socket(ipv6)));
        let mut sockets = [None, None];
        for (place, (ipv6, socket)) in sockets.iter_mut().zip(families) {
            match socket {
                Ok(socket) => *place = Some(socket),
                Err(error) if ipv6 == address.is_ipv6() => {
                    return Err(fail("no socket".into()).because(error));
                }
                Err(_) => {}
            }
        }
        if host.is_name() {
            log::info!("{name}: the address is {address}, of {} found", found.len());
        }
        let mut destination = Destination {
            name: name.into(),
            to: address,
            sockets,
            lookups: None,
            unknown: Repeated::default(),
        };
        if let Some(lookup) = lookup.filter(|_| host.is_name()) {
            destination.follow(lookup(to));
        }
        Ok(destination)
    }

    fn follow(&mut self, program: Command) {
        match Lookups::start(program) {
            Ok(lookups) => self.lookups = Some(lookups),
            Err(error) => log::warn!("{}: the name is looked up once only: {error}", self.name),
        }
    }

    /// Sends a datagram, and never waits.
    ///
    /// # Errors
    /// The system's reason. A name is then looked up soon.
    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.update();
        // The socket is not connected, so that an ICMP answer for an absent receiver is not an error of the next packet.
        let sent = match &self.sockets[usize::from(self.to.is_ipv6())] {
            Some(socket) => socket.send_to(bytes, self.to).map(drop),
            None => Ok(()),
        };
        if sent.is_err()
            && let Some(lookups) = &mut self.lookups
        {
            lookups.ask();
        }
        sent
    }

    /// Takes the name's new address, if it has one.
    fn update(&mut self) {
        let sockets = &self.sockets;
        let Some(answer) = self.lookups.as_mut().and_then(Lookups::answer) else {
            return;
        };
        let usable = |to: &SocketAddr| {
            sockets[usize::from(to.is_ipv6())].is_some() && !to.ip().is_unspecified()
        };
        let mut first = None;
        for address in answer.addresses().filter(usable) {
            if address == self.to {
                return;
            }
            first = first.or(Some(address));
        }
        match first {
            Some(address) => {
                log::info!("{}: the address is now {address}", self.name);
                self.to = address;
            }
            None => {
                if let Some(count) = self.unknown.again() {
                    log::warn!(
                        "{}: the name is not known at present; still sending to {} ({count} lookups so far)",
                        self.name,
                        self.to
                    );
                }
            }
        }
    }
}

/// Packets in datagrams to one receiver.
#[derive(Debug)]
pub struct UdpSink {
    name: String,
    to: Destination,
    sealer: Option<Sealer>,
}

impl UdpSink {
    /// Opens a socket to HOST:PORT. The name is looked up once. With a sealer, packets are sealed.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if the text is no address, the name is not known, no packet can ever reach
    /// the address, or no socket can be had.
    pub fn open(to: &str, sealer: Option<Sealer>) -> Result<Self> {
        Self::following(to, sealer, None)
    }

    /// As [`open`](UdpSink::open), but keeps to the name when it gets another address. `lookup` gives the program that
    /// looks the name up.
    fn following(
        to: &str,
        sealer: Option<Sealer>,
        lookup: Option<&dyn Fn(&str) -> Command>,
    ) -> Result<Self> {
        let name = format!("udp:{to}");
        Ok(UdpSink {
            to: Destination::open(&name, to, lookup)?,
            name,
            sealer,
        })
    }
}

/// The first address with a route, or the first one: its route may come.
fn best(found: &[SocketAddr]) -> std::result::Result<SocketAddr, String> {
    let mut later = None;
    let mut never = String::new();
    for &address in found {
        match reach(address) {
            Reach::Now => return Ok(address),
            Reach::Later => later = later.or(Some(address)),
            Reach::Never(why) => never = why,
        }
    }
    later.ok_or(never)
}

impl Sink for UdpSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn take(&mut self, event: &Event<'_>, _now: Instant) -> Delivery {
        let mut lost: Option<(u64, String)> = None;
        for packet in event.packets {
            let bytes = wire::encode(packet, self.sealer.as_mut());
            if let Err(error) = self.to.send(&bytes) {
                let count = lost.map_or(0, |(count, _)| count);
                lost = Some((count + 1, error.to_string()));
            }
        }
        match lost {
            None => Ok(()),
            Some((1, why)) => Err(SendError::Dropped(why)),
            Some((count, why)) => Err(SendError::Lost(count, why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::What;
    use crate::wire::{Flags, test_packet};
    use std::time::Duration;

    fn refused(to: &str) -> String {
        UdpSink::open(to, None).unwrap_err().to_string()
    }

    #[test]
    fn an_address_that_can_never_work_is_refused_by_name() {
        for (to, words) in [
            ("127.0.0.1:0", "port 0"),
            ("0.0.0.0:9000", "give the receiver's"),
            ("[fe80::1]:9000", "name the interface"),
            ("no-such-host.invalid:9000", "not known"),
        ] {
            let error = refused(to);
            assert!(error.contains(to) && error.contains(words), "{error}");
        }
        assert!(UdpSink::open("127.255.255.255:9", None).is_ok());
    }

    #[test]
    fn packets_follow_a_name_to_its_new_address() {
        let receiver = |address: &str| {
            let socket = UdpSocket::bind(address).unwrap();
            socket
                .set_read_timeout(Some(Duration::from_millis(50)))
                .unwrap();
            let to = socket.local_addr().unwrap();
            (socket, to)
        };
        let (old, old_address) = receiver("127.0.0.1:0");
        let (new, new_address) = receiver("127.0.0.2:0");
        let mut shell = Command::new("sh");
        // The present address, none, the new one.
        shell.args([
            "-c",
            &format!("echo {old_address}; echo; echo {new_address} [::1]:9; read x"),
        ]);
        let mut sink = UdpSink::open(&old_address.to_string(), None).unwrap();
        sink.to.follow(shell);
        let packet = [test_packet(Flags::default())];
        let event = Event {
            what: What::Idle,
            packets: &packet,
        };
        let mut buffer = [0; 500];
        sink.take(&event, Instant::now()).unwrap();
        assert!(old.recv(&mut buffer).is_ok());
        let start = std::time::Instant::now();
        while new.recv(&mut buffer).is_err() {
            sink.take(&event, Instant::now()).unwrap();
            assert!(start.elapsed() < Duration::from_secs(10));
        }
        assert_eq!(sink.to.unknown.count(), 1);
        assert_eq!(sink.to.to, new_address);
    }
}
