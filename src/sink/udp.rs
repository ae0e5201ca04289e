//! One datagram per packet, to one receiver. The socket only sends.

use super::{Delivery, Event, Kind, SendError, Sink, When};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::process::sandbox::Access;
use crate::wire::{self, Sealer};
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};

/// Datagrams to one host.
pub(super) const KIND: Kind = Kind {
    name: "udp",
    argument: "HOST:PORT",
    example: "10.0.0.1:9000",
    help: "send a packet for each frame (docs/wire.md)",
    check: |_| Ok(()),
    heap_bytes: 0,
    access: |_| Access::default(),
    prepare: |_| Ok(()),
    when: When::First,
    open: |to, context| Ok(Box::new(UdpSink::open(to, context.sealer.cloned())?)),
};

/// A socket that sends datagrams to one receiver.
#[derive(Debug)]
pub struct UdpSink {
    name: String,
    socket: UdpSocket,
    to: SocketAddr,
    sealer: Option<Sealer>,
}

impl UdpSink {
    /// Opens a socket to HOST:PORT. The name is resolved once. With a sealer, packets are sealed.
    ///
    /// # Errors
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink) if the name does not resolve or no socket can be had.
    pub fn open(to: &str, sealer: Option<Sealer>) -> Result<Self> {
        let name = format!("udp:{to}");
        let fail = |what: String| Error::sink(&name, what);
        let address = to
            .to_socket_addrs()
            .map_err(|error| fail("is not HOST:PORT of a known host".into()).because(error))?
            .next()
            .ok_or_else(|| fail("the host has no address".into()))?;
        let any: SocketAddr = if address.is_ipv4() {
            ([0, 0, 0, 0], 0).into()
        } else {
            ([0_u16; 8], 0).into()
        };
        let socket =
            UdpSocket::bind(any).map_err(|error| fail("no socket".into()).because(error))?;
        // A full send buffer drops a packet instead of stopping the camera.
        socket
            .set_nonblocking(true)
            .map_err(|error| fail("no socket".into()).because(error))?;
        Ok(UdpSink {
            name,
            socket,
            to: address,
            sealer,
        })
    }
}

impl Sink for UdpSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn take(&mut self, event: &Event<'_>, _now: Instant) -> Delivery {
        for packet in event.packets {
            let bytes = wire::encode(packet, self.sealer.as_mut());
            // The socket is not connected, so that an ICMP answer for an absent receiver is not an error of the next packet.
            self.socket
                .send_to(&bytes, self.to)
                .map_err(|error| SendError::Dropped(error.to_string()))?;
        }
        Ok(())
    }
}
