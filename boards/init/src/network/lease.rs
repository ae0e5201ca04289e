//! A DHCP client (RFC 2131) without sockets and clocks: what to send when, and what an answer means.
//!
//! In: the time, and datagrams from anyone on the network. Out: datagrams for port 67, all of them
//! broadcast, and changes of the address. smoltcp reads and writes the messages. Renewals are broadcast
//! as well, which servers take like those of a client that lost its server.

use super::Setting;
use smoltcp::wire::{DhcpMessageType as Kind, DhcpOption, DhcpPacket, DhcpRepr, EthernetAddress};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Pauses between messages that get no answer.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(16);
/// An offer that the server does not confirm is forgotten.
const REQUESTS: u32 = 4;
const RENEW_PAUSE: Duration = Duration::from_secs(30);
/// A server that lends for less would have the network busy, and no lease outlives a month unasked.
const SHORTEST_LEASE_S: u32 = 60;
const LONGEST_LEASE_S: u32 = 30 * 86_400;
/// BOOTP's least size, which some servers and relays insist on.
const MESSAGE_BYTES: usize = 300;

const OPTION_ROUTER: u8 = 3;
const OPTION_HOST_NAME: u8 = 12;
/// Subnet mask, router, name servers, lease time, renewal time.
const WANTED: &[u8] = &[1, 3, 6, 51, 58];

#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    Set(Setting),
    /// The address must not be used any longer.
    Lost,
}

#[derive(Debug)]
enum State {
    Searching,
    Asking {
        address: Ipv4Addr,
        server: Ipv4Addr,
        left: u32,
    },
    Holding {
        address: Ipv4Addr,
    },
}

#[derive(Debug)]
pub struct Client {
    hardware: EthernetAddress,
    name: String,
    /// Tells answers to this client from others.
    transaction: u32,
    state: State,
    /// Of the address that was set last, also while another server is looked for.
    lease_ends: Option<Instant>,
    next_send: Instant,
    pause: Duration,
}

impl Client {
    pub fn new(hardware: [u8; 6], name: &str, transaction: u32, now: Instant) -> Self {
        Client {
            hardware: EthernetAddress(hardware),
            name: name.into(),
            transaction,
            state: State::Searching,
            lease_ends: None,
            next_send: now,
            pause: FIRST_PAUSE,
        }
    }

    /// Looks for a server anew, for instance after the cable was out; an address stays meanwhile.
    pub fn search(&mut self, now: Instant) {
        self.transaction = self.transaction.wrapping_add(1);
        self.next_send = now;
        self.pause = FIRST_PAUSE;
        self.state = State::Searching;
    }

    /// A lease that has run out.
    pub fn expired(&mut self, now: Instant) -> Option<Change> {
        self.lease_ends.filter(|&ends| ends <= now)?;
        self.lease_ends = None;
        self.search(now);
        Some(Change::Lost)
    }

    /// The datagram that is due, if one is.
    pub fn due(&mut self, now: Instant) -> Option<Vec<u8>> {
        if now < self.next_send {
            return None;
        }
        if matches!(self.state, State::Asking { left: 0, .. }) {
            self.search(now);
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
            State::Holding { address } => {
                self.pause = RENEW_PAUSE;
                let address = *address;
                self.encode(Kind::Request, None, Some(address))
            }
        }
    }

    /// Takes a datagram that came to port 68.
    pub fn take(&mut self, bytes: &[u8], now: Instant) -> Option<Change> {
        let packet = DhcpPacket::new_checked(bytes).ok()?;
        let answer = DhcpRepr::parse(&packet).ok()?;
        if answer.transaction_id != self.transaction
            || answer.client_hardware_address != self.hardware
        {
            return None;
        }
        match (&self.state, answer.message_type) {
            (State::Searching, Kind::Offer) => {
                self.state = State::Asking {
                    address: usable(answer.your_ip)?,
                    server: answer.server_identifier?,
                    left: REQUESTS,
                };
                self.next_send = now;
                self.pause = FIRST_PAUSE;
                None
            }
            (State::Asking { .. } | State::Holding { .. }, Kind::Ack) => {
                let address = usable(answer.your_ip)?;
                // smoltcp knows only lists of one router.
                let router = packet
                    .options()
                    .find(|option| option.kind == OPTION_ROUTER)
                    .and_then(|option| option.data.first_chunk::<4>().copied())
                    .map(Ipv4Addr::from);
                let held_s = answer.lease_duration.unwrap_or(LONGEST_LEASE_S);
                let held_s = held_s.clamp(SHORTEST_LEASE_S, LONGEST_LEASE_S);
                let renew_s = answer.renew_duration.unwrap_or(held_s / 2);
                let renew_s = renew_s.clamp(SHORTEST_LEASE_S / 2, held_s / 2);
                self.state = State::Holding { address };
                self.lease_ends = Some(now + Duration::from_secs(held_s.into()));
                self.next_send = now + Duration::from_secs(renew_s.into());
                Some(Change::Set(Setting {
                    address,
                    prefix: answer.subnet_mask.map_or(24, prefix),
                    gateway: router.and_then(usable),
                    name_servers: answer.dns_servers.into_iter().flatten().collect(),
                }))
            }
            (State::Asking { .. }, Kind::Nak) => {
                self.search(now);
                None
            }
            (State::Holding { .. }, Kind::Nak) => {
                self.lease_ends = None;
                self.search(now);
                Some(Change::Lost)
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

/// An address that a host can have.
fn usable(address: Ipv4Addr) -> Option<Ipv4Addr> {
    let never = address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.is_broadcast();
    (!never).then_some(address)
}

fn prefix(mask: Ipv4Addr) -> u8 {
    mask.to_bits().leading_ones() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HARDWARE: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 50);
    const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn client(now: Instant) -> Client {
        Client::new(HARDWARE, "posewire", 7, now)
    }

    /// What a server says to `request`.
    fn answer(request: &[u8], kind: Kind) -> Vec<u8> {
        let packet = DhcpPacket::new_checked(request).unwrap();
        let asked = DhcpRepr::parse(&packet).unwrap();
        let message = DhcpRepr {
            message_type: kind,
            client_ip: Ipv4Addr::UNSPECIFIED,
            your_ip: ADDRESS,
            requested_ip: None,
            client_identifier: None,
            server_identifier: Some(SERVER),
            parameter_request_list: None,
            max_size: None,
            subnet_mask: Some(Ipv4Addr::new(255, 255, 255, 0)),
            lease_duration: Some(3600),
            additional_options: &[DhcpOption {
                kind: OPTION_ROUTER,
                data: &[192, 168, 1, 1, 192, 168, 1, 2],
            }],
            ..asked
        };
        let mut bytes = vec![0; message.buffer_len()];
        let mut packet = DhcpPacket::new_unchecked(&mut bytes[..]);
        message.emit(&mut packet).unwrap();
        bytes
    }

    fn kind(bytes: &[u8]) -> Kind {
        let packet = DhcpPacket::new_checked(bytes).unwrap();
        DhcpRepr::parse(&packet).unwrap().message_type
    }

    /// A client with a lease, and when it got that.
    fn holder() -> (Client, Instant) {
        let now = Instant::now();
        let mut client = client(now);
        let discover = client.due(now).unwrap();
        assert_eq!(kind(&discover), Kind::Discover);
        assert_eq!(client.take(&answer(&discover, Kind::Offer), now), None);
        let request = client.due(now).unwrap();
        assert_eq!(kind(&request), Kind::Request);
        let set = client.take(&answer(&request, Kind::Ack), now);
        let expected = Setting {
            address: ADDRESS,
            prefix: 24,
            gateway: Some(SERVER),
            name_servers: Vec::new(),
        };
        assert_eq!(set, Some(Change::Set(expected)));
        (client, now)
    }

    #[test]
    fn an_offer_is_taken_and_the_address_set() {
        holder();
    }

    #[test]
    fn without_an_answer_it_asks_less_and_less_often() {
        let start = Instant::now();
        let mut client = client(start);
        let sent: Vec<u64> = (0..70)
            .filter(|&s| client.due(start + seconds(s)).is_some())
            .collect();
        assert_eq!(sent, [0, 1, 3, 7, 15, 31, 47, 63]);
    }

    #[test]
    fn an_offer_that_is_not_confirmed_is_forgotten() {
        let start = Instant::now();
        let mut client = client(start);
        let discover = client.due(start).unwrap();
        client.take(&answer(&discover, Kind::Offer), start);
        let kinds: Vec<Kind> = (0..40)
            .filter_map(|s| client.due(start + seconds(s)))
            .map(|bytes| kind(&bytes))
            .collect();
        assert_eq!(kinds[..4], [Kind::Request; 4]);
        assert_eq!(kinds[4], Kind::Discover);
    }

    #[test]
    fn a_lease_is_renewed_from_half_its_time_and_given_up_at_its_end() {
        let (mut client, start) = holder();
        assert!(client.due(start + seconds(1799)).is_none());
        let half = start + seconds(1800);
        let request = client.due(half).unwrap();
        let packet = DhcpPacket::new_checked(&request[..]).unwrap();
        assert_eq!(packet.client_ip(), ADDRESS);
        let mut renewed = client;
        assert!(renewed.take(&answer(&request, Kind::Ack), half).is_some());
        assert_eq!(renewed.expired(start + seconds(3601)), None);
        let end = half + seconds(3600);
        assert_eq!(renewed.expired(end), Some(Change::Lost));
        assert_eq!(kind(&renewed.due(end).unwrap()), Kind::Discover);
    }

    #[test]
    fn a_lease_also_ends_while_another_server_is_looked_for() {
        let (mut client, start) = holder();
        client.search(start + seconds(10));
        assert_eq!(client.expired(start + seconds(3599)), None);
        assert_eq!(client.expired(start + seconds(3600)), Some(Change::Lost));
        assert_eq!(client.expired(start + seconds(3601)), None);
    }

    #[test]
    fn a_server_that_refuses_takes_the_address_away() {
        let (mut client, start) = holder();
        let request = client.due(start + seconds(1800)).unwrap();
        let lost = client.take(&answer(&request, Kind::Nak), start + seconds(1801));
        assert_eq!(lost, Some(Change::Lost));
    }

    #[test]
    fn answers_to_others_are_not_taken() {
        let now = Instant::now();
        let mut first = client(now);
        let offer = answer(&first.due(now).unwrap(), Kind::Offer);
        let mut other = Client::new([2, 0, 0, 0, 0, 2], "posewire", 7, now);
        other.due(now);
        other.take(&offer, now);
        assert!(matches!(other.state, State::Searching));
        let mut later = Client::new(HARDWARE, "posewire", 8, now);
        later.take(&offer, now);
        assert!(matches!(later.state, State::Searching));
    }

    #[test]
    fn addresses_that_no_host_has_are_refused() {
        for address in [
            Ipv4Addr::UNSPECIFIED,
            Ipv4Addr::BROADCAST,
            Ipv4Addr::LOCALHOST,
            Ipv4Addr::new(224, 0, 0, 1),
        ] {
            assert_eq!(usable(address), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let (mut client, now) = holder();
            client.take(&bytes, now);
        }

        #[test]
        fn an_answer_that_was_changed_does_not_break_it(at in 0_usize..400, byte: u8) {
            let now = Instant::now();
            let mut client = client(now);
            let discover = client.due(now).unwrap();
            let mut offer = answer(&discover, Kind::Offer);
            let at = at % offer.len();
            offer[at] = byte;
            client.take(&offer, now);
            if let Some(request) = client.due(now) {
                let mut ack = answer(&request, Kind::Ack);
                let at = at % ack.len();
                ack[at] = byte;
                client.take(&ack, now);
            }
        }
    }
}
