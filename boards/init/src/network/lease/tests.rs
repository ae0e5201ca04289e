//! A client against servers that are slow, wrong, foreign or hostile.

use super::checked::*;
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
