//! A link-local address (RFC 3927): one of 169.254.0.0/16 that nobody else on the link has.
//!
//! In: the interface's hardware address, and the kernel's table of neighbours. Out: the address. The kernel sends
//! the probes: while an interface has no address, its ARP requests have none either, as the RFC asks. Not done: the
//! defence of an address that another host takes later.

use super::held::Held;
use super::interface::Interface;
use super::{LOOK_EVERY, Port, Setting};
use socket2::{Domain, Protocol, Socket, Type};
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

const PREFIX: u8 = 16;
const NEIGHBOURS: &str = "/proc/net/arp";
/// The kernel asks three times, a second apart.
const LONGEST_PROBE: Duration = Duration::from_millis(3500);
/// The port for datagrams that nobody wants.
const DISCARD: u16 = 9;
/// After as many taken addresses the RFC asks for patience.
const MAX_TAKEN: u32 = 10;
const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps an address until the interface has gone.
///
/// # Errors
/// If the kernel refuses a socket or the address.
pub fn run(interface: &Interface, port: &mut Port<'_>) -> io::Result<()> {
    let mut held = Held::default();
    let mut candidates = Candidates::new(interface.hardware);
    let mut taken = 0;
    let mut address = candidates.next();
    while interface.is_there() {
        if !interface.has_carrier() {
            // The cable may lead to another computer next time.
            held.give_up(port);
        } else if held.is_free() {
            if is_taken(interface, address)? {
                taken += 1;
                address = candidates.next();
                if taken >= MAX_TAKEN {
                    std::thread::sleep(PATIENCE);
                }
                continue;
            }
            if interface.has_carrier() {
                taken = 0;
                let setting = Setting {
                    address,
                    prefix: PREFIX,
                    gateway: None,
                    name_servers: Vec::new(),
                };
                held.set(port, &setting, "by itself (link-local)", &[])?;
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// Addresses to try: the same ones in the same order after each start.
struct Candidates(u64);

impl Candidates {
    fn new(hardware: [u8; 6]) -> Self {
        let seed = hardware
            .iter()
            .fold(0, |seed, &byte| seed << 8 | u64::from(byte));
        Candidates(seed)
    }

    fn next(&mut self) -> Ipv4Addr {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        // The first and the last 256 are reserved.
        Ipv4Addr::new(169, 254, 1 + (mixed % 254) as u8, (mixed >> 32) as u8)
    }
}

/// Whether a host on the link has the address.
fn is_taken(interface: &Interface, address: Ipv4Addr) -> io::Result<bool> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind_device(Some(interface.name.as_bytes()))?;
    let to = SocketAddrV4::new(address, DISCARD);
    let until = Instant::now() + LONGEST_PROBE;
    // The datagram waits for the neighbour's answer, and is dropped without one.
    socket.send_to(&[], &to.into())?;
    while Instant::now() < until && interface.has_carrier() {
        let table = fs::read_to_string(NEIGHBOURS)?;
        if is_neighbour(&table, &interface.name, address) {
            return Ok(true);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(false)
}

/// Whether the kernel's table has an answer of this neighbour: address, kind, flags, hardware, mask, device.
fn is_neighbour(table: &str, interface: &str, address: Ipv4Addr) -> bool {
    /// ATF_COM.
    const COMPLETE: u32 = 2;
    table.lines().skip(1).any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [neighbour, _, flags, _, _, device] = words[..] else {
            return false;
        };
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or(0);
        neighbour.parse() == Ok(address) && device == interface && flags & COMPLETE != 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_of_the_range_and_the_same_after_each_start() {
        let list = |last| {
            let mut candidates = Candidates::new([2, 0, 0, 0, 0, last]);
            (0..1000).map(|_| candidates.next()).collect::<Vec<_>>()
        };
        let all = list(1);
        assert_eq!(all, list(1));
        assert_ne!(all[0], list(2)[0]);
        assert!(all.iter().all(|address| {
            let [a, b, c, _] = address.octets();
            (a, b) == (169, 254) && (1..=254).contains(&c)
        }));
    }

    #[test]
    fn only_a_neighbour_that_answered_has_the_address() {
        let table = "IP address       HW type     Flags       HW address            Mask     Device\n\
                     169.254.7.9      0x1         0x2         02:00:00:00:00:01     *        usb0\n\
                     169.254.7.8      0x1         0x0         00:00:00:00:00:00     *        usb0\n";
        let has =
            |interface, host| is_neighbour(table, interface, Ipv4Addr::new(169, 254, 7, host));
        assert!(has("usb0", 9));
        assert!(!has("usb0", 8) && !has("eth0", 9) && !has("usb0", 7));
    }
}
