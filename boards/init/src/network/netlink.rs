//! Addresses and routes of interfaces, by messages of rtnetlink(7), and the power saving of radios, by nl80211.
//! Unlike the older requests, they need no unsafe code.
//!
//! Out: one message for each call. In: the kernel's answer, an error number.

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

/// Room for the description of a family, with its operations.
const ANSWER_BYTES: usize = 16 << 10;

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const DELETE_ADDRESS: u16 = 21;
const NEW_ROUTE: u16 = 24;
const DELETE_ROUTE: u16 = 25;
const ANSWER: u16 = 2;

const REQUEST_WITH_ANSWER: u16 = 0x01 | 0x04;
const CREATE_OR_REPLACE: u16 = 0x100 | 0x400;

const INTERNET: u8 = 2;
const UP: u32 = 1;
/// Attributes of addresses and of routes.
const PEER: u16 = 1;
const LOCAL: u16 = 2;
const OUT: u16 = 4;
const GATEWAY: u16 = 5;
const METRIC: u16 = 6;
/// Of a message of netlink.
const HEADER: usize = 16;
/// Generic netlink: the family that tells the numbers of others.
const GENERIC_CONTROL: u16 = 16;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
/// nl80211's command and attributes.
const SET_POWER_SAVE: u8 = 61;
const RADIO_INTERFACE: u16 = 3;
const POWER_SAVE: u16 = 93;
/// rtm_table, rtm_protocol, rtm_scope, rtm_type: the main table, by an administrator, anywhere, to a host.
const MAIN_STATIC_UNIVERSE_UNICAST: [u8; 4] = [254, 4, 0, 1];

pub fn set_up(interface: u32) -> io::Result<()> {
    let mut body = vec![0; 4];
    body.extend(interface.to_ne_bytes());
    body.extend(UP.to_ne_bytes());
    // The mask of flags that change.
    body.extend(UP.to_ne_bytes());
    ask(NEW_LINK, 0, &body)
}

pub fn add_address(interface: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
    ask(
        NEW_ADDRESS,
        CREATE_OR_REPLACE,
        &address_body(interface, address, prefix),
    )
}

pub fn delete_address(interface: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
    ask(DELETE_ADDRESS, 0, &address_body(interface, address, prefix))
}

/// The kernel uses the route of the lowest metric.
pub fn set_default_route(interface: u32, gateway: Ipv4Addr, metric: u32) -> io::Result<()> {
    let mut body = default_route_body(interface, metric);
    attribute(&mut body, GATEWAY, gateway.octets());
    ask(NEW_ROUTE, CREATE_OR_REPLACE, &body)
}

pub fn delete_default_route(interface: u32, metric: u32) -> io::Result<()> {
    ask(DELETE_ROUTE, 0, &default_route_body(interface, metric))
}

fn default_route_body(interface: u32, metric: u32) -> Vec<u8> {
    let mut body = vec![INTERNET, 0, 0, 0];
    body.extend(MAIN_STATIC_UNIVERSE_UNICAST);
    body.extend([0; 4]);
    attribute(&mut body, OUT, interface.to_ne_bytes());
    attribute(&mut body, METRIC, metric.to_ne_bytes());
    body
}

/// Keeps a radio awake between the beacons of its access point.
pub fn power_saving_off(interface: u32) -> io::Result<()> {
    let family = generic_family(b"nl80211\0")?;
    let mut body = vec![SET_POWER_SAVE, 0, 0, 0];
    attribute(&mut body, RADIO_INTERFACE, interface.to_ne_bytes());
    attribute(&mut body, POWER_SAVE, 0_u32.to_ne_bytes());
    let socket = open(Some(rustix::net::netlink::GENERIC))?;
    answer(&exchange(&socket, family, 0, &body)?)
}

/// Number of a family of generic netlink. Its modules may give it another one after each start.
fn generic_family(name: &[u8]) -> io::Result<u16> {
    let mut body = vec![GET_FAMILY, 1, 0, 0];
    attribute(&mut body, FAMILY_NAME, name);
    let socket = open(Some(rustix::net::netlink::GENERIC))?;
    let bytes = exchange(&socket, GENERIC_CONTROL, 0, &body)?;
    if bytes.get(4..6) == Some(&ANSWER.to_ne_bytes()) {
        answer(&bytes)?;
    }
    family_id(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The number in the kernel's description of a family: two headers, then attributes.
fn family_id(bytes: &[u8]) -> Option<u16> {
    let mut rest = bytes.get(HEADER + 4..)?;
    loop {
        let length = u16::from_ne_bytes(rest.get(..2)?.try_into().ok()?);
        let kind = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?);
        let value = rest.get(4..length.into())?;
        if kind == FAMILY_ID {
            return Some(u16::from_ne_bytes(value.try_into().ok()?));
        }
        rest = rest.get(usize::from(length).next_multiple_of(4)..)?;
    }
}

fn address_body(interface: u32, address: Ipv4Addr, prefix: u8) -> Vec<u8> {
    let mut body = vec![INTERNET, prefix, 0, 0];
    body.extend(interface.to_ne_bytes());
    attribute(&mut body, LOCAL, address.octets());
    attribute(&mut body, PEER, address.octets());
    body
}

fn attribute(body: &mut Vec<u8>, kind: u16, value: impl AsRef<[u8]>) {
    let value = value.as_ref();
    body.extend((4 + value.len() as u16).to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend(((HEADER + body.len()) as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((flags | REQUEST_WITH_ANSWER).to_ne_bytes());
    // The only request on its socket needs no number, and the kernel fills in the sender.
    bytes.extend([0; 8]);
    bytes.extend(body);
    bytes
}

fn ask(kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
    // Protocol 0 of netlink is routing.
    answer(&exchange(&open(None)?, kind, flags, body)?)
}

fn open(protocol: Option<Protocol>) -> io::Result<OwnedFd> {
    Ok(socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        protocol,
    )?)
}

/// Sends a request, and returns the first message that comes.
fn exchange(socket: &OwnedFd, kind: u16, flags: u16, body: &[u8]) -> io::Result<Vec<u8>> {
    send(socket, &message(kind, flags, body), SendFlags::empty())?;
    let mut bytes = vec![0; ANSWER_BYTES];
    let (_, length) = recv(socket, &mut bytes[..], RecvFlags::empty())?;
    bytes.truncate(length);
    Ok(bytes)
}

/// The error number of an answer, 0 for none, negative as the kernel has them.
fn answer(bytes: &[u8]) -> io::Result<()> {
    let kind = bytes.get(4..6).and_then(|bytes| bytes.try_into().ok());
    let number = bytes.get(16..20).and_then(|bytes| bytes.try_into().ok());
    match (kind.map(u16::from_ne_bytes), number.map(i32::from_ne_bytes)) {
        (Some(ANSWER), Some(0)) => Ok(()),
        (Some(ANSWER), Some(number)) => {
            Err(Errno::from_raw_os_error(number.saturating_neg()).into())
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_in_messages_are_those_of_their_bytes() {
        let body = address_body(2, Ipv4Addr::new(10, 0, 2, 15), 24);
        let bytes = message(NEW_ADDRESS, CREATE_OR_REPLACE, &body);
        assert_eq!(bytes[..4], (bytes.len() as u32).to_ne_bytes());
        assert_eq!(bytes.len(), 16 + 8 + 2 * 8);
    }

    #[test]
    fn the_kernels_error_numbers_are_read() {
        let said = |number: i32| {
            let mut bytes = vec![0; 16];
            bytes[4..6].copy_from_slice(&ANSWER.to_ne_bytes());
            bytes.extend(number.to_ne_bytes());
            answer(&bytes)
        };
        assert!(said(0).is_ok());
        assert_eq!(said(-1).unwrap_err().raw_os_error(), Some(1));
        assert!(answer(b"short").is_err());
    }

    #[test]
    fn a_family_is_found_among_the_attributes_that_describe_it() {
        let mut bytes = vec![0; HEADER + 4];
        bytes.extend(12_u16.to_ne_bytes());
        bytes.extend(FAMILY_NAME.to_ne_bytes());
        bytes.extend(b"nl80211\0");
        bytes.extend(6_u16.to_ne_bytes());
        bytes.extend(FAMILY_ID.to_ne_bytes());
        bytes.extend(37_u16.to_ne_bytes());
        assert_eq!(family_id(&bytes), Some(37));
        for length in 0..bytes.len() {
            assert_eq!(family_id(&bytes[..length]), None);
        }
        // An attribute shorter than its own header would be read for ever.
        bytes[HEADER + 4] = 0;
        assert_eq!(family_id(&bytes), None);
    }

    #[test]
    fn families_have_numbers_for_users_too() {
        assert_eq!(generic_family(b"nlctrl\0").unwrap(), GENERIC_CONTROL);
    }

    #[test]
    fn the_kernel_understands_a_request_and_refuses_it_to_a_user_or_for_no_interface() {
        let error = set_up(u32::MAX >> 1).unwrap_err();
        let errno = Errno::from_io_error(&error);
        assert!(matches!(errno, Some(Errno::PERM | Errno::NODEV)), "{error}");
    }
}
