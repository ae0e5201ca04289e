//! A DHCP client (RFC 2131) without sockets and clocks: which message is due, and what an answer means.
//!
//! In: the time, random transaction ids, and datagrams from anyone on the network. Out: datagrams for
//! port 67, all of them broadcast, changes of the address, and notes on parts of a lease that are not
//! used. smoltcp reads and writes the messages.
//!
//! An answer counts only while a request is out, and only from the server that was asked about the
//! address that was asked for. A lease is checked as a whole by [`Lease::of`] before any of it is used.
//! Renewals are broadcast too, but name no second server: when the server has been replaced, the lease
//! ends and the search begins anew.

mod checked;
#[cfg(test)]
mod tests;

use super::Setting;
use checked::{
    Lease, OPTION_LEASE_S, OPTION_MASK, OPTION_NAME_SERVERS, OPTION_RENEW_S, OPTION_ROUTER,
    OPTION_SERVER, address_in,
};
use smoltcp::wire::{DhcpMessageType as Kind, DhcpOption, DhcpPacket, DhcpRepr, EthernetAddress};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Pauses between messages that get no answer.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(16);
/// An offer that the server does not confirm is dropped after as many requests.
const REQUESTS: u32 = 4;
const MAX_RENEW_PAUSE: Duration = Duration::from_secs(30);
/// BOOTP's least size, which some servers and relays insist on.
const MESSAGE_BYTES: usize = 300;

const OPTION_HOST_NAME: u8 = 12;
const WANTED: &[u8] = &[
    OPTION_MASK,
    OPTION_ROUTER,
    OPTION_NAME_SERVERS,
    OPTION_LEASE_S,
    OPTION_RENEW_S,
];

#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    Set(Setting),
    /// The address must not be used any longer.
    Lost,
}

/// `server` is the one that is asked, about `address`.
#[derive(Debug)]
enum State {
    /// Any server's offer is welcome.
    Searching,
    /// The first request is out once `left` is lower than [`REQUESTS`].
    Asking {
        address: Ipv4Addr,
        server: Ipv4Addr,
        left: u32,
    },
    /// No request is out.
    Holding {
        address: Ipv4Addr,
        server: Ipv4Addr,
    },
    Renewing {
        address: Ipv4Addr,
        server: Ipv4Addr,
    },
}

#[derive(Debug)]
pub struct Client {
    hardware: EthernetAddress,
    name: String,
    /// Tells answers to this exchange from others.
    transaction: u32,
    next_transaction: Option<u32>,
    state: State,
    /// Of the address that was set last, also while another server is looked for. `None` also for a
    /// lease without end.
    lease_ends: Option<Instant>,
    next_send: Instant,
    pause: Duration,
    notes: Vec<String>,
}

impl Client {
    pub fn new(hardware: [u8; 6], name: &str, transaction: u32, now: Instant) -> Self {
        Client {
            hardware: EthernetAddress(hardware),
            name: name.into(),
            transaction,
            next_transaction: None,
            state: State::Searching,
            lease_ends: None,
            next_send: now,
            pause: FIRST_PAUSE,
            notes: Vec::new(),
        }
    }

    /// Whether the next exchange has no transaction id of its own yet.
    pub fn needs_transaction(&self) -> bool {
        self.next_transaction.is_none()
    }

    /// Gives the next exchange its id. It must be random: each broadcast shows the ids so far to every
    /// neighbour. An exchange that begins without a new one keeps the last.
    pub fn set_next_transaction(&mut self, id: u32) {
        self.next_transaction = Some(id);
    }

    fn begin_exchange(&mut self) {
        self.transaction = self.next_transaction.take().unwrap_or(self.transaction);
    }

    /// Looks for a server anew, for instance after the cable was out; an address stays meanwhile.
    pub fn search(&mut self, now: Instant) {
        self.begin_exchange();
        self.next_send = now;
        self.pause = FIRST_PAUSE;
        self.state = State::Searching;
    }

    /// Parts of the last lease that are not used as sent, one line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// A lease that has run out.
    pub fn expired(&mut self, now: Instant) -> Option<Change> {
        self.lease_ends.filter(|&ends| ends <= now)?;
        Some(self.lose(now))
    }

    fn lose(&mut self, now: Instant) -> Change {
        self.lease_ends = None;
        self.search(now);
        Change::Lost
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.next_send <= now
    }

    /// The datagram that is due, if one is.
    pub fn due(&mut self, now: Instant) -> Option<Vec<u8>> {
        if !self.is_due(now) {
            return None;
        }
        if matches!(self.state, State::Asking { left: 0, .. }) {
            self.search(now);
        }
        if let State::Holding { address, server } = self.state {
            self.begin_exchange();
            self.state = State::Renewing { address, server };
        }
        self.next_send = now + self.pause;
        self.pause = (2 * self.pause).min(LAST_PAUSE);
        match &mut self.state {
            State::Searching => self.encode(Kind::Discover, None, None),
            State::Asking {
                address,
                server,
                left,
            } => {
                *left -= 1;
                let (address, server) = (*address, *server);
                self.encode(Kind::Request, Some((address, server)), None)
            }
            State::Holding { address, .. } | State::Renewing { address, .. } => {
                let address = *address;
                let left = self
                    .lease_ends
                    .map_or(Duration::MAX, |ends| ends.saturating_duration_since(now));
                self.next_send = now + (left / 4).clamp(FIRST_PAUSE, MAX_RENEW_PAUSE);
                self.encode(Kind::Request, None, Some(address))
            }
        }
    }

    /// The address and the server that a request is out for.
    fn asked(&self) -> Option<(Ipv4Addr, Ipv4Addr)> {
        match self.state {
            State::Asking {
                address,
                server,
                left,
            } if left < REQUESTS => Some((address, server)),
            State::Renewing { address, server } => Some((address, server)),
            _ => None,
        }
    }

    /// Takes a datagram that came to port 68.
    pub fn take(&mut self, bytes: &[u8], now: Instant) -> Option<Change> {
        let packet = DhcpPacket::new_checked(bytes).ok()?;
        if packet.transaction_id() != self.transaction {
            return None;
        }
        let answer = DhcpRepr::parse(&packet).ok()?;
        if answer.client_hardware_address != self.hardware {
            return None;
        }
        match answer.message_type {
            Kind::Offer if matches!(self.state, State::Searching) => {
                let lease = Lease::of(&packet)?;
                self.state = State::Asking {
                    address: lease.setting.address,
                    server: lease.server,
                    left: REQUESTS,
                };
                self.next_send = now;
                self.pause = FIRST_PAUSE;
                None
            }
            Kind::Ack => {
                let (address, server) = self.asked()?;
                let lease = Lease::of(&packet)?;
                if (lease.setting.address, lease.server) != (address, server) {
                    return None;
                }
                self.state = State::Holding { address, server };
                self.lease_ends = lease.held.map(|held| now + held);
                self.next_send = now + lease.renew_after;
                self.notes = lease.notes;
                Some(Change::Set(lease.setting))
            }
            Kind::Nak => {
                let (_, server) = self.asked()?;
                if address_in(&packet, OPTION_SERVER) != Some(server) {
                    return None;
                }
                if matches!(self.state, State::Renewing { .. }) {
                    return Some(self.lose(now));
                }
                self.search(now);
                None
            }
            _ => None,
        }
    }

    /// `wanted` is an address and the server that offered it, `held` the one that is renewed.
    fn encode(
        &self,
        kind: Kind,
        wanted: Option<(Ipv4Addr, Ipv4Addr)>,
        held: Option<Ipv4Addr>,
    ) -> Option<Vec<u8>> {
        let message = DhcpRepr {
            message_type: kind,
            transaction_id: self.transaction,
            secs: 0,
            client_hardware_address: self.hardware,
            client_ip: held.unwrap_or(Ipv4Addr::UNSPECIFIED),
            your_ip: Ipv4Addr::UNSPECIFIED,
            server_ip: Ipv4Addr::UNSPECIFIED,
            router: None,
            subnet_mask: None,
            relay_agent_ip: Ipv4Addr::UNSPECIFIED,
            // Without an address of its own the kernel passes on only what is broadcast.
            broadcast: held.is_none(),
            requested_ip: wanted.map(|(address, _)| address),
            client_identifier: Some(self.hardware),
            server_identifier: wanted.map(|(_, server)| server),
            parameter_request_list: Some(WANTED),
            dns_servers: None,
            max_size: Some(1024),
            lease_duration: None,
            renew_duration: None,
            rebind_duration: None,
            additional_options: &[DhcpOption {
                kind: OPTION_HOST_NAME,
                data: self.name.as_bytes(),
            }],
        };
        let mut bytes = vec![0; message.buffer_len().max(MESSAGE_BYTES)];
        let mut packet = DhcpPacket::new_unchecked(&mut bytes[..]);
        message.emit(&mut packet).ok()?;
        Some(bytes)
    }
}
