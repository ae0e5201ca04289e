//! A server's offer or its confirmation, checked as a whole before any of it is used.
//!
//! In: a DHCP message from anyone on the network. Out: the setting and its times, or nothing; and notes on parts that are not
//! used.

use crate::network::Setting;
use smoltcp::wire::DhcpPacket;
use std::net::Ipv4Addr;
use std::time::Duration;

/// A shorter lease is refused: it would keep the network busy.
const MIN_LEASE_S: u32 = 10;
/// No renewal comes earlier, unless half of the lease is over.
const MIN_RENEW_S: u32 = 30;
/// No address is held longer without asking for it again.
const MAX_RENEW_S: u32 = 15 * 86_400;
const ENDLESS_S: u32 = u32::MAX;
/// A shorter prefix would make a large part of the Internet a neighbour. No private network has one.
pub(super) const MIN_PREFIX: u8 = 8;
/// Prefix of a server that names none.
const GUESSED_PREFIX: u8 = 24;
/// The C library's resolver reads no more.
const MAX_NAME_SERVERS: usize = 3;

pub(super) const OPTION_MASK: u8 = 1;
pub(super) const OPTION_ROUTER: u8 = 3;
pub(super) const OPTION_NAME_SERVERS: u8 = 6;
pub(super) const OPTION_LEASE_S: u8 = 51;
pub(super) const OPTION_SERVER: u8 = 54;
pub(super) const OPTION_RENEW_S: u8 = 58;

/// An offer or its confirmation, checked as a whole.
pub(super) struct Lease {
    pub setting: Setting,
    pub server: Ipv4Addr,
    /// `None` for a lease without end.
    pub held: Option<Duration>,
    pub renew_after: Duration,
    pub notes: Vec<String>,
}

impl Lease {
    /// `None` if no board can use it. A gateway or a name server that cannot work costs that part and a
    /// note only.
    pub fn of(packet: &DhcpPacket<&[u8]>) -> Option<Self> {
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

pub(super) struct Subnet {
    pub address: Ipv4Addr,
    pub prefix: u8,
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
    pub fn is_edge(&self, other: Ipv4Addr) -> bool {
        let host = other.to_bits() & self.host_bits();
        self.prefix < 31 && self.contains(other) && (host == 0 || host == self.host_bits())
    }

    pub fn has_neighbour(&self, other: Ipv4Addr) -> bool {
        is_unicast(other) && self.contains(other) && !self.is_edge(other) && other != self.address
    }
}

/// Whether a host can have the address: not 0/8, loopback, multicast, or the reserved 240/4.
pub(super) fn is_unicast(address: Ipv4Addr) -> bool {
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

pub(super) fn address_in(packet: &DhcpPacket<&[u8]>, kind: u8) -> Option<Ipv4Addr> {
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
