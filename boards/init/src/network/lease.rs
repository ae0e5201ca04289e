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

use super::Setting;
use smoltcp::wire::{DhcpMessageType as Kind, DhcpOption, DhcpPacket, DhcpRepr, EthernetAddress};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Pauses between messages that get no answer.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(16);
/// An offer that the server does not confirm is dropped after as many requests.
const REQUESTS: u32 = 4;
const MAX_RENEW_PAUSE: Duration = Duration::from_secs(30);
/// A shorter lease is refused: it would keep the network busy.
const MIN_LEASE_S: u32 = 10;
/// No renewal comes earlier, unless half of the lease is over.
const MIN_RENEW_S: u32 = 30;
/// No address is held longer without asking for it again.
const MAX_RENEW_S: u32 = 15 * 86_400;
const ENDLESS_S: u32 = u32::MAX;
/// A shorter prefix would make a large part of the Internet a neighbour. No private network has one.
const MIN_PREFIX: u8 = 8;
/// Prefix of a server that names none.
const GUESSED_PREFIX: u8 = 24;
/// The C library's resolver reads no more.
const MAX_NAME_SERVERS: usize = 3;
/// BOOTP's least size, which some servers and relays insist on.
const MESSAGE_BYTES: usize = 300;

const OPTION_MASK: u8 = 1;
const OPTION_ROUTER: u8 = 3;
const OPTION_NAME_SERVERS: u8 = 6;
const OPTION_HOST_NAME: u8 = 12;
const OPTION_LEASE_S: u8 = 51;
const OPTION_SERVER: u8 = 54;
const OPTION_RENEW_S: u8 = 58;
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

/// An offer or its confirmation, checked as a whole.
struct Lease {
    setting: Setting,
    server: Ipv4Addr,
    /// `None` for a lease without end.
    held: Option<Duration>,
    renew_after: Duration,
    notes: Vec<String>,
}

impl Lease {
    /// `None` if no board can use it. A gateway or a name server that cannot work costs that part and a
    /// note only.
    fn of(packet: &DhcpPacket<&[u8]>) -> Option<Self> {
        let mut notes = Vec::new();
        let server = address_in(packet, OPTION_SERVER).filter(|&server| is_unicast(server))?;
        let held_s = seconds_in(packet, OPTION_LEASE_S).filter(|&held| held >= MIN_LEASE_S)?;
        let prefix = match option(packet, OPTION_MASK) {
            Some(_) => prefix(address_in(packet, OPTION_MASK)?)?,
            None => {
                notes.push(format!(
                    "the server names no mask, /{GUESSED_PREFIX} is a guess"
                ));
                GUESSED_PREFIX
            }
        };
        let address = packet.your_ip();
        let subnet = Subnet { address, prefix };
        if !is_unicast(address) || subnet.is_edge(address) || address == server {
            return None;
        }
        let routers = addresses_in(packet, OPTION_ROUTER);
        let gateway = routers
            .iter()
            .copied()
            .find(|&router| subnet.has_neighbour(router));
        if gateway.is_none() && option(packet, OPTION_ROUTER).is_some() {
            notes.push(format!(
                "no router that the server names is a neighbour of {address}/{prefix}: no gateway"
            ));
        }
        let named = addresses_in(packet, OPTION_NAME_SERVERS);
        let name_servers: Vec<Ipv4Addr> = named
            .iter()
            .copied()
            .filter(|&one| is_unicast(one) && one != address && !subnet.is_edge(one))
            .take(MAX_NAME_SERVERS)
            .collect();
        if name_servers.is_empty() && option(packet, OPTION_NAME_SERVERS).is_some() {
            notes.push("no name server that the server names can be one".into());
        }
        let half_s = held_s / 2;
        let renew_s = seconds_in(packet, OPTION_RENEW_S)
            .unwrap_or(half_s)
            .clamp(MIN_RENEW_S.min(half_s), half_s)
            .min(MAX_RENEW_S);
        Some(Lease {
            setting: Setting {
                address,
                prefix,
                gateway,
                name_servers,
            },
            server,
            held: (held_s != ENDLESS_S).then(|| Duration::from_secs(held_s.into())),
            renew_after: Duration::from_secs(renew_s.into()),
            notes,
        })
    }
}

struct Subnet {
    address: Ipv4Addr,
    prefix: u8,
}

impl Subnet {
    /// The bits that tell its hosts apart.
    fn host_bits(&self) -> u32 {
        u32::MAX.checked_shr(self.prefix.into()).unwrap_or(0)
    }

    fn contains(&self, other: Ipv4Addr) -> bool {
        (self.address.to_bits() ^ other.to_bits()) & !self.host_bits() == 0
    }

    /// The subnet's own and its broadcast address. Links of two hosts have neither (RFC 3021).
    fn is_edge(&self, other: Ipv4Addr) -> bool {
        let host = other.to_bits() & self.host_bits();
        self.prefix < 31 && self.contains(other) && (host == 0 || host == self.host_bits())
    }

    fn has_neighbour(&self, other: Ipv4Addr) -> bool {
        is_unicast(other) && self.contains(other) && !self.is_edge(other) && other != self.address
    }
}

/// Whether a host can have the address: not 0/8, loopback, multicast, or the reserved 240/4.
fn is_unicast(address: Ipv4Addr) -> bool {
    matches!(address.octets()[0], 1..=126 | 128..=223)
}

/// `None` for a mask with holes, and for one that no private network has.
fn prefix(mask: Ipv4Addr) -> Option<u8> {
    let ones = mask.to_bits().leading_ones();
    let has_holes = ones != mask.to_bits().count_ones();
    let prefix = u8::try_from(ones).ok()?;
    (!has_holes && prefix >= MIN_PREFIX).then_some(prefix)
}

fn option<'a>(packet: &'a DhcpPacket<&[u8]>, kind: u8) -> Option<&'a [u8]> {
    let found = packet.options().find(|option| option.kind == kind);
    found.map(|option| option.data)
}

fn word_in(packet: &DhcpPacket<&[u8]>, kind: u8) -> Option<[u8; 4]> {
    option(packet, kind)?.try_into().ok()
}

fn seconds_in(packet: &DhcpPacket<&[u8]>, kind: u8) -> Option<u32> {
    word_in(packet, kind).map(u32::from_be_bytes)
}

fn address_in(packet: &DhcpPacket<&[u8]>, kind: u8) -> Option<Ipv4Addr> {
    word_in(packet, kind).map(Ipv4Addr::from)
}

/// A list of another length than whole addresses is empty.
fn addresses_in(packet: &DhcpPacket<&[u8]>, kind: u8) -> Vec<Ipv4Addr> {
    let (addresses, rest) = option(packet, kind).unwrap_or_default().as_chunks::<4>();
    match rest {
        [] => addresses.iter().copied().map(Ipv4Addr::from).collect(),
        _ => Vec::new(),
    }
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

    const OTHER: [u8; 4] = [192, 168, 1, 66];
    const OFFER: u8 = 2;
    const ACK: u8 = 5;
    const NAK: u8 = 6;

    /// A datagram from a server: fields of an honest one, each to be replaced.
    #[derive(Debug, Clone)]
    struct Message {
        kind: u8,
        transaction: u32,
        address: [u8; 4],
        options: Vec<(u8, Vec<u8>)>,
    }

    impl Message {
        fn new(kind: u8) -> Self {
            Message {
                kind,
                transaction: 7,
                address: ADDRESS.octets(),
                options: vec![
                    (OPTION_SERVER, SERVER.octets().into()),
                    (OPTION_LEASE_S, 3600_u32.to_be_bytes().into()),
                    (OPTION_MASK, vec![255, 255, 255, 0]),
                    (OPTION_ROUTER, SERVER.octets().into()),
                ],
            }
        }

        fn address(mut self, address: [u8; 4]) -> Self {
            self.address = address;
            self
        }

        fn transaction(mut self, transaction: u32) -> Self {
            self.transaction = transaction;
            self
        }

        fn without(mut self, kind: u8) -> Self {
            self.options.retain(|(other, _)| *other != kind);
            self
        }

        fn with(self, kind: u8, data: &[u8]) -> Self {
            let mut message = self.without(kind);
            message.options.push((kind, data.into()));
            message
        }

        fn bytes(&self) -> Vec<u8> {
            let mut bytes = vec![0; 240];
            bytes[..4].copy_from_slice(&[2, 1, 6, 0]);
            bytes[4..8].copy_from_slice(&self.transaction.to_be_bytes());
            bytes[16..20].copy_from_slice(&self.address);
            bytes[28..34].copy_from_slice(&HARDWARE);
            bytes[236..].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
            bytes.extend([53, 1, self.kind]);
            for (kind, data) in &self.options {
                bytes.extend([*kind, data.len() as u8]);
                bytes.extend(data);
            }
            bytes.push(255);
            bytes
        }
    }

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum At {
        Searching,
        /// An offer has come; the request has not left yet.
        Offered,
        Asking,
        Holding,
        Renewing,
    }
    use At::*;

    /// A client brought there by honest datagrams.
    fn client_at(at: At) -> (Client, Instant) {
        let mut now = Instant::now();
        let mut client = client(now);
        client.due(now).unwrap();
        if at != Searching {
            client.take(&Message::new(OFFER).bytes(), now);
        }
        if !matches!(at, Searching | Offered) {
            client.due(now).unwrap();
        }
        if matches!(at, Holding | Renewing) {
            client.take(&Message::new(ACK).bytes(), now).unwrap();
        }
        if at == Renewing {
            now += seconds(1800);
            client.due(now).unwrap();
        }
        (client, now)
    }

    /// The outcome in words: `same` if neither the setting nor the state changes.
    fn outcome(at: At, message: &Message) -> String {
        let (mut client, now) = client_at(at);
        let before = format!("{:?}", client.state);
        match client.take(&message.bytes(), now) {
            Some(Change::Lost) => "lost".into(),
            Some(Change::Set(setting)) => {
                let gateway = setting.gateway.map_or("-".into(), |one| one.to_string());
                let names: Vec<String> = setting
                    .name_servers
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                format!(
                    "{}/{} via {gateway} dns {}",
                    setting.address,
                    setting.prefix,
                    names.join(",")
                )
            }
            None if format!("{:?}", client.state) == before => "same".into(),
            None => format!("{:?}", client.state),
        }
    }

    const SET: &str = "192.168.1.50/24 via 192.168.1.1 dns ";
    const NO_GATEWAY: &str = "192.168.1.50/24 via - dns ";

    #[test]
    fn answers_count_only_while_a_request_is_out_and_from_the_server_that_was_asked() {
        let of_other = |kind| Message::new(kind).with(OPTION_SERVER, &OTHER);
        let cases = [
            (Asking, Message::new(ACK), SET),
            (Renewing, Message::new(ACK), SET),
            (Asking, Message::new(NAK), "Searching"),
            (Renewing, Message::new(NAK), "lost"),
            // A NAK has neither an address nor a lease.
            (
                Renewing,
                Message::new(NAK).address([0; 4]).without(OPTION_LEASE_S),
                "lost",
            ),
            // Nobody asked.
            (Searching, Message::new(ACK), "same"),
            (Searching, Message::new(NAK), "same"),
            (Offered, Message::new(ACK), "same"),
            (Offered, Message::new(NAK), "same"),
            (Offered, of_other(OFFER), "same"),
            (Asking, of_other(OFFER), "same"),
            (Holding, Message::new(ACK), "same"),
            (
                Holding,
                Message::new(ACK).with(OPTION_NAME_SERVERS, &OTHER),
                "same",
            ),
            (Holding, Message::new(NAK), "same"),
            (Holding, of_other(ACK), "same"),
            (Holding, of_other(NAK), "same"),
            (Holding, of_other(OFFER), "same"),
            (Renewing, of_other(OFFER), "same"),
            // Another server, or none that is named.
            (Asking, of_other(ACK), "same"),
            (Asking, of_other(NAK), "same"),
            (Renewing, of_other(ACK), "same"),
            (Renewing, of_other(NAK), "same"),
            (Asking, Message::new(ACK).without(OPTION_SERVER), "same"),
            (Asking, Message::new(NAK).without(OPTION_SERVER), "same"),
            (Renewing, Message::new(NAK).without(OPTION_SERVER), "same"),
            (
                Asking,
                Message::new(ACK).with(OPTION_SERVER, &[192, 168, 1]),
                "same",
            ),
            // Another address, or another exchange.
            (Asking, Message::new(ACK).address(OTHER), "same"),
            (Renewing, Message::new(ACK).address(OTHER), "same"),
            (Asking, Message::new(ACK).transaction(8), "same"),
            (Searching, Message::new(OFFER).transaction(8), "same"),
        ];
        for (row, (at, message, expected)) in cases.iter().enumerate() {
            assert_eq!(outcome(*at, message), *expected, "row {row}: {at:?}");
        }
    }

    #[test]
    fn a_lease_is_checked_as_a_whole() {
        let ack = || Message::new(ACK);
        let cases = [
            // Leases.
            (ack().without(OPTION_LEASE_S), "same"),
            (ack().with(OPTION_LEASE_S, &[0, 0, 0, 0]), "same"),
            (ack().with(OPTION_LEASE_S, &[0, 0, 0, 9]), "same"),
            (ack().with(OPTION_LEASE_S, &[0, 0, 0, 10]), SET),
            (ack().with(OPTION_LEASE_S, &[0, 0, 14]), "same"),
            (ack().with(OPTION_LEASE_S, &[255; 4]), SET),
            // Masks.
            (ack().without(OPTION_MASK), SET),
            (ack().with(OPTION_MASK, &[0, 0, 0, 0]), "same"),
            (ack().with(OPTION_MASK, &[254, 0, 0, 0]), "same"),
            (
                ack().with(OPTION_MASK, &[255, 0, 0, 0]),
                "192.168.1.50/8 via 192.168.1.1 dns ",
            ),
            (ack().with(OPTION_MASK, &[255, 0, 255, 0]), "same"),
            (ack().with(OPTION_MASK, &[0, 255, 255, 255]), "same"),
            (ack().with(OPTION_MASK, &[255, 255, 255]), "same"),
            (
                ack().with(OPTION_MASK, &[255; 4]),
                "192.168.1.50/32 via - dns ",
            ),
            (
                ack()
                    .with(OPTION_MASK, &[255, 255, 255, 254])
                    .with(OPTION_ROUTER, &[192, 168, 1, 51]),
                "192.168.1.50/31 via 192.168.1.51 dns ",
            ),
            // 192.168.1.48/30 ends with .51.
            (
                ack()
                    .with(OPTION_MASK, &[255, 255, 255, 252])
                    .with(OPTION_ROUTER, &[192, 168, 1, 51]),
                "192.168.1.50/30 via - dns ",
            ),
            // Routers: the first that is a neighbour.
            (ack().without(OPTION_ROUTER), NO_GATEWAY),
            (ack().with(OPTION_ROUTER, &[]), NO_GATEWAY),
            (ack().with(OPTION_ROUTER, &[10, 0, 0, 1]), NO_GATEWAY),
            (
                ack().with(OPTION_ROUTER, &[10, 0, 0, 1, 192, 168, 1, 1]),
                SET,
            ),
            (ack().with(OPTION_ROUTER, &ADDRESS.octets()), NO_GATEWAY),
            (ack().with(OPTION_ROUTER, &[192, 168, 1, 0]), NO_GATEWAY),
            (ack().with(OPTION_ROUTER, &[192, 168, 1, 255]), NO_GATEWAY),
            (ack().with(OPTION_ROUTER, &[0, 0, 0, 0]), NO_GATEWAY),
            (ack().with(OPTION_ROUTER, &[192, 168, 1, 1, 9]), NO_GATEWAY),
            // Name servers.
            (
                ack().with(
                    OPTION_NAME_SERVERS,
                    &[0, 0, 0, 0, 127, 0, 0, 1, 224, 0, 0, 1],
                ),
                SET,
            ),
            (
                ack().with(OPTION_NAME_SERVERS, &[0, 0, 0, 0, 9, 9, 9, 9]),
                "192.168.1.50/24 via 192.168.1.1 dns 9.9.9.9",
            ),
            (ack().with(OPTION_NAME_SERVERS, &[192, 168, 1, 255]), SET),
            (ack().with(OPTION_NAME_SERVERS, &[9, 9, 9, 9, 1]), SET),
            (
                ack().with(OPTION_NAME_SERVERS, &[8; 4 * 20]),
                "192.168.1.50/24 via 192.168.1.1 dns 8.8.8.8,8.8.8.8,8.8.8.8",
            ),
        ];
        for (row, (message, expected)) in cases.iter().enumerate() {
            assert_eq!(outcome(Asking, message), *expected, "row {row}");
        }
    }

    #[test]
    fn an_offer_of_something_unusable_leaves_room_for_another() {
        let offer = || Message::new(OFFER);
        for (row, message) in [
            offer().address([0, 1, 2, 3]),
            offer().address([127, 0, 0, 1]),
            offer().address([224, 0, 0, 1]),
            offer().address([240, 0, 0, 1]),
            offer().address([255; 4]),
            offer().address([192, 168, 1, 0]),
            offer().address([192, 168, 1, 255]),
            offer().address(SERVER.octets()),
            offer().with(OPTION_SERVER, &[0; 4]),
            offer().with(OPTION_SERVER, &[255; 4]),
            offer().with(OPTION_MASK, &[0; 4]),
            offer().with(OPTION_LEASE_S, &[0; 4]),
        ]
        .iter()
        .enumerate()
        {
            assert_eq!(outcome(Searching, message), "same", "row {row}");
        }
        assert!(outcome(Searching, &offer()).starts_with("Asking"));
    }

    #[test]
    fn a_part_that_is_not_used_is_noted() {
        for (message, note) in [
            (Message::new(ACK), None),
            (
                Message::new(ACK).without(OPTION_MASK),
                Some("/24 is a guess"),
            ),
            (
                Message::new(ACK).with(OPTION_ROUTER, &[10, 0, 0, 1]),
                Some("no gateway"),
            ),
            (
                Message::new(ACK).with(OPTION_NAME_SERVERS, &[0; 4]),
                Some("name server"),
            ),
        ] {
            let (mut client, now) = client_at(Asking);
            client.take(&message.bytes(), now).unwrap();
            let notes = client.notes();
            assert_eq!(notes.len(), usize::from(note.is_some()), "{notes:?}");
            assert!(
                notes.iter().all(|one| one.contains(note.unwrap())),
                "{notes:?}"
            );
        }
    }

    #[test]
    fn renewals_and_ends_follow_the_lease() {
        // Seconds of the lease and of its renewal option; seconds until it asks, and until it ends.
        for (lease_s, renew_s, asks_s, ends_s) in [
            (3600, None, 1800, Some(3600)),
            (3600, Some(900), 900, Some(3600)),
            (3600, Some(0), 30, Some(3600)),
            (3600, Some(u32::MAX), 1800, Some(3600)),
            (10, None, 5, Some(10)),
            (100 * 86_400, None, 15 * 86_400, Some(100 * 86_400)),
            (u32::MAX, None, 15 * 86_400, None),
        ] {
            let (mut client, now) = client_at(Asking);
            let mut ack = Message::new(ACK).with(OPTION_LEASE_S, &u32::to_be_bytes(lease_s));
            if let Some(renew_s) = renew_s {
                ack = ack.with(OPTION_RENEW_S, &u32::to_be_bytes(renew_s));
            }
            client.take(&ack.bytes(), now).unwrap();
            assert!(!client.is_due(now + seconds(asks_s - 1)), "{lease_s}");
            assert!(client.is_due(now + seconds(asks_s)), "{lease_s}");
            assert_eq!(client.lease_ends, ends_s.map(|s| now + seconds(s)));
        }
    }

    #[test]
    fn each_exchange_has_the_id_that_it_was_given() {
        let id = |bytes: &[u8]| DhcpPacket::new_unchecked(bytes).transaction_id();
        let (mut client, now) = client_at(Holding);
        assert!(client.needs_transaction());
        client.set_next_transaction(0xdead_beef);
        let renewal = client.due(now + seconds(1800)).unwrap();
        assert_eq!(id(&renewal), 0xdead_beef);
        let late = Message::new(ACK);
        assert_eq!(client.take(&late.bytes(), now + seconds(1801)), None);
        let again = client.due(now + seconds(1830)).unwrap();
        assert_eq!(id(&again), 0xdead_beef);
        client.set_next_transaction(0x1234_5678);
        client.search(now + seconds(1831));
        let discover = client.due(now + seconds(1831)).unwrap();
        assert_eq!(id(&discover), 0x1234_5678);
    }

    fn message() -> impl Strategy<Value = Message> {
        let data = || prop::collection::vec(any::<u8>(), 0..9);
        let near = prop_oneof![
            Just(ADDRESS.octets()),
            any::<[u8; 4]>(),
            Just([192, 168, 1, 0])
        ];
        let option = (0_usize..6, data()).prop_map(|(at, data)| {
            let kinds = [
                OPTION_MASK,
                OPTION_ROUTER,
                OPTION_NAME_SERVERS,
                OPTION_LEASE_S,
                OPTION_SERVER,
                OPTION_RENEW_S,
            ];
            (kinds[at], data)
        });
        let changed = prop::collection::vec(option, 0..4);
        (0_u8..9, near, changed).prop_map(|(kind, address, changed)| {
            let message = Message::new(kind).address(address);
            changed
                .iter()
                .fold(message, |message, (kind, data)| message.with(*kind, data))
        })
    }

    proptest! {
        #[test]
        fn a_setting_that_is_taken_can_be_used(messages in prop::collection::vec(message(), 1..20)) {
            for at in [Searching, Offered, Asking, Holding, Renewing] {
                let (mut client, mut now) = client_at(at);
                for message in &messages {
                    now += seconds(1);
                    let asked = client.asked();
                    let was = format!("{:?}", client.state);
                    let change = client.take(&message.bytes(), now);
                    if let Some(Change::Set(setting)) = &change {
                        let subnet = Subnet { address: setting.address, prefix: setting.prefix };
                        prop_assert_eq!(asked.map(|(address, _)| address), Some(setting.address));
                        prop_assert!(is_unicast(setting.address) && !subnet.is_edge(setting.address));
                        prop_assert!((MIN_PREFIX..=32).contains(&setting.prefix));
                        prop_assert!(setting.gateway.is_none_or(|one| subnet.has_neighbour(one)));
                        prop_assert!(setting.name_servers.iter().all(|&one| is_unicast(one)));
                        prop_assert!(client.lease_ends.is_none_or(|ends| client.next_send < ends));
                    }
                    if asked.is_none() && !was.starts_with("Searching") {
                        prop_assert_eq!(&change, &None);
                        prop_assert_eq!(was, format!("{:?}", client.state));
                    }
                    client.due(now);
                }
            }
        }

        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            for at in [Searching, Asking, Holding, Renewing] {
                let (mut client, now) = client_at(at);
                client.take(&bytes, now);
            }
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
