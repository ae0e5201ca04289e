//! The neighbour of a card: an access point, and a computer at the other end of a USB cable, in a network of its
//! own inside the same kernel.
//!
//! The kernel starts this program instead of the card's init. It makes two radios (`mac80211_hwsim`) and a USB
//! controller that is wired to itself (`dummy_hcd`), gives the second radio and the Ethernet card to a copy of itself
//! in a new network namespace, and becomes the card's init. The copy takes commands from the host.

use crate::{Outcome, system};
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const PROGRAM: &str = "/neighbour/agent";
/// The word that makes the copy.
pub const COPY: &str = "copy";
const CARD_INIT: &str = "/init";
const ETHERNET: &str = "eth0";
const LONGEST_MOVE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(10);
const MDNS: (Ipv4Addr, u16) = (Ipv4Addr::new(224, 0, 0, 251), 5353);

/// Whether this board is a card with its neighbour.
pub fn is_wanted() -> bool {
    Path::new(PROGRAM).exists()
}

/// Returns only if it cannot become the card's init.
pub fn become_card() -> Outcome<()> {
    system::mount_all()?;
    system::load("neighbour", "")?;
    let copy = Command::new("/bin/busybox")
        .args(["unshare", "-n", PROGRAM, COPY])
        .spawn()
        .map_err(|error| format!("{PROGRAM}: {error}"))?;
    let id = copy.id().to_string();
    let space = |process: &str| fs::read_link(format!("/proc/{process}/ns/net")).ok();
    wait_until("a new network namespace", || {
        space(&id).is_some_and(|other| Some(other) != space("self"))
    })?;
    wait_until("the second radio", || {
        Path::new("/sys/class/net/wlan1").exists()
    })?;
    run(Command::new("/bin/iw").args(["phy", "phy1", "set", "netns", &id]))?;
    system::busybox(&format!("ip link set {ETHERNET} netns {id}"))?;
    Err(format!("{CARD_INIT}: {}", Command::new(CARD_INIT).exec()))
}

/// The copy's network, once it has its Ethernet card.
pub fn bring_up_network() -> Outcome<()> {
    wait_until("the Ethernet card", || {
        system::busybox(&format!("ip link show {ETHERNET}")).is_ok()
    })?;
    system::bring_up_network()
}

/// Takes an interface out of the card's network.
pub fn take(interface: &str) -> Outcome<()> {
    let own = std::process::id();
    let in_card = "nsenter -t 1 -n /bin/busybox";
    system::busybox(&format!("{in_card} ip link set {interface} netns {own}")).map(drop)
}

/// Asks the interface with this address's network for a name in `.local`.
pub fn ask_name(own: Ipv4Addr, host: &str, limit: Duration) -> Outcome<String> {
    let failed = |error: std::io::Error| format!("mDNS: {error}");
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, MDNS.1)).map_err(failed)?;
    socket.join_multicast_v4(&MDNS.0, &own).map_err(failed)?;
    socket.set_multicast_loop_v4(false).map_err(failed)?;
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .map_err(failed)?;
    let question = question(host);
    let answer = question[12..question.len() - 4].to_vec();
    let until = Instant::now() + limit;
    let mut asked = 0;
    while Instant::now() < until {
        if asked % 5 == 0 {
            socket.send_to(&question, MDNS).map_err(failed)?;
        }
        asked += 1;
        let mut bytes = [0; 1500];
        let Ok((length, from)) = socket.recv_from(&mut bytes) else {
            continue;
        };
        // A response whose first record is an address of the name: a header, the name, ten bytes, four bytes.
        let end = 12 + answer.len() + 14;
        let is_answer = length >= end
            && bytes[2] & 0x80 != 0
            && bytes[4..8] == [0, 0, 0, 1]
            && bytes[12..12 + answer.len()] == answer[..];
        if is_answer {
            let [.., a, b, c, d] = bytes[..end] else {
                continue;
            };
            return Ok(format!("{} {}", Ipv4Addr::new(a, b, c, d), from.ip()));
        }
    }
    Err(format!("nobody is {host}.local"))
}

fn question(host: &str) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in [host, "local"] {
        bytes.push(label.len() as u8);
        bytes.extend(label.bytes());
    }
    // An address, of the Internet.
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

fn wait_until(what: &str, is_there: impl Fn() -> bool) -> Outcome<()> {
    let start = Instant::now();
    while !is_there() {
        if start.elapsed() > LONGEST_MOVE {
            return Err(format!("{what} does not come"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn run(command: &mut Command) -> Outcome<()> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}
