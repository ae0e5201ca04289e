//! The network: interfaces that may come late or go away, and their addresses.
//!
//! In: `network.toml` on the card. Out: addresses, routes and name servers in the kernel and in
//! `/etc/resolv.conf`, and answers about the board's name in `.local`. Each kind of interface has a thread of its
//! own, so that a missing cable, radio or server holds up nothing else.

mod config;
mod dhcp;
mod held;
mod interface;
mod lease;
mod link_local;
mod mdns;
pub mod netlink;
mod resolver;

pub use interface::{Interface, Role};

use crate::CARD;
use crate::output::say;
use config::{Address, NetworkConfig};
use held::{Held, System};
use mdns::Own;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(200);
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Address of an interface and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub address: Ipv4Addr,
    pub prefix: u8,
    pub gateway: Option<Ipv4Addr>,
    pub name_servers: Vec<Ipv4Addr>,
}

/// One interface to bring up, and its address.
struct Line {
    role: Role,
    /// `None` for the first of its kind.
    interface: Option<String>,
    address: Address,
    /// The host's name, if `network.toml` gives one.
    name: Option<String>,
}

/// `has_radio` tells that `wifi.toml` names a network.
pub fn start(has_radio: bool) {
    let path = Path::new(CARD).join("network.toml");
    let read = NetworkConfig::read(&path).and_then(|config| match has_radio {
        true => config.check_beside_a_radio().map(|()| config),
        false => Ok(config),
    });
    let config = match read {
        Ok(config) => config,
        // DHCP instead of the address that was meant would hide the mistake.
        Err(error) => return say(&format!("{error}; there will be no network")),
    };
    if let Err(error) = netlink::set_up(interface::LOOPBACK) {
        say(&format!("lo: {error}"));
    }
    if config.address == Address::None {
        return;
    }
    for line in lines(config, has_radio) {
        let started = std::thread::Builder::new()
            .name("network".into())
            .spawn(move || {
                while std::panic::catch_unwind(|| keep_up(&line)).is_err() {
                    say("network: a bug in here; it starts again");
                    std::thread::sleep(RETRY_AFTER);
                }
            });
        if let Err(error) = started {
            say(&format!("network: {error}"));
        }
    }
}

/// The interface that `network.toml` is about, and the other kinds as they are by themselves.
fn lines(config: NetworkConfig, has_radio: bool) -> Vec<Line> {
    let role = match config.interface.as_deref() {
        Some(name) if name.starts_with("wlan") => Role::Radio,
        Some(name) if name.starts_with("usb") && !is_wired(name) => Role::Gadget,
        _ => Role::Wired,
    };
    let others = [
        (Role::Wired, Address::Dhcp),
        (Role::Radio, Address::Dhcp),
        (Role::Gadget, Address::LinkLocal),
    ];
    let name = config.name.clone();
    let mut lines: Vec<Line> = others
        .into_iter()
        .filter(|(other, _)| *other != role && (*other != Role::Radio || has_radio))
        .map(|(role, address)| Line {
            role,
            interface: None,
            address,
            name: name.clone(),
        })
        .collect();
    lines.push(Line {
        role,
        interface: config.interface,
        address: config.address,
        name,
    });
    lines
}

/// Adapters on USB may have a name like the gadget's.
fn is_wired(name: &str) -> bool {
    Interface::named(name).is_some_and(|interface| interface.role == Role::Wired)
}

fn keep_up(line: &Line) {
    loop {
        let found = match &line.interface {
            Some(name) => Interface::named(name),
            None => Interface::first(line.role),
        };
        let Some(found) = found else {
            std::thread::sleep(LOOK_EVERY);
            continue;
        };
        match serve(&found, line) {
            Ok(()) => say(&format!("{} is gone", found.name)),
            Err(error) => {
                say(&format!("{}: {error}", found.name));
                std::thread::sleep(RETRY_AFTER);
            }
        }
    }
}

/// Returns when the interface has gone.
fn serve(interface: &Interface, line: &Line) -> io::Result<()> {
    netlink::set_up(interface.index)?;
    let host = mdns::host(line.name.as_deref(), interface.hardware);
    let mut port = Port {
        interface,
        own: mdns::start(interface, &host),
    };
    match &line.address {
        Address::None => {}
        Address::Static(setting) => {
            Held::default().set(&mut port, setting, "by network.toml", &[])?;
            while interface.is_there() {
                std::thread::sleep(RETRY_AFTER);
            }
        }
        Address::Dhcp => dhcp::run(interface, &mut port, &host)?,
        Address::LinkLocal => link_local::run(interface, &mut port)?,
    }
    Ok(())
}

/// The kernel's and the C library's side of an interface.
struct Port<'a> {
    interface: &'a Interface,
    /// Its address, for those who ask for the board's name.
    own: Own,
}

impl System for Port<'_> {
    fn add_address(&mut self, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        netlink::add_address(self.interface.index, address, prefix)?;
        self.own.set(Some((address, prefix)));
        Ok(())
    }

    fn delete_address(&mut self, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        self.own.set(None);
        netlink::delete_address(self.interface.index, address, prefix)
    }

    fn set_default_route(&mut self, gateway: Ipv4Addr) -> io::Result<()> {
        let metric = self.interface.role.metric();
        netlink::set_default_route(self.interface.index, gateway, metric)
    }

    fn delete_default_route(&mut self) -> io::Result<()> {
        netlink::delete_default_route(self.interface.index, self.interface.role.metric())
    }

    fn set_name_servers(&mut self, servers: &[Ipv4Addr]) -> io::Result<()> {
        resolver::set(self.interface.role, servers)
    }

    fn say(&mut self, line: &str) {
        say(&format!("{} {line}", self.interface.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(interface: Option<&str>, has_radio: bool) -> Vec<(Role, Option<String>, Address)> {
        let setting = Setting {
            address: [10, 0, 0, 9].into(),
            prefix: 8,
            gateway: None,
            name_servers: Vec::new(),
        };
        let config = NetworkConfig {
            address: Address::Static(setting),
            interface: interface.map(str::to_string),
            name: None,
        };
        let all = lines(config, has_radio).into_iter();
        all.map(|line| (line.role, line.interface, line.address))
            .filter(|(_, _, address)| matches!(address, Address::Static(_)) || has_radio)
            .collect()
    }

    #[test]
    fn a_fixed_address_is_that_of_one_interface() {
        for (interface, role) in [
            (None, Role::Wired),
            (Some("eth1"), Role::Wired),
            (Some("wlan0"), Role::Radio),
            (Some("usb0"), Role::Gadget),
        ] {
            let found = roles(interface, false);
            assert_eq!(found.len(), 1, "{interface:?}");
            assert_eq!((found[0].0, found[0].1.as_deref()), (role, interface));
        }
    }

    #[test]
    fn each_kind_of_interface_is_served_once() {
        for interface in [None, Some("eth0"), Some("wlan0")] {
            let mut found: Vec<Role> = roles(interface, true).iter().map(|one| one.0).collect();
            found.sort();
            assert_eq!(found, [Role::Wired, Role::Radio, Role::Gadget]);
        }
    }
}
