//! The network: an interface that may come late or go away, and its address.
//!
//! In: `network.toml` on the card. Out: addresses, routes and name servers in the kernel and in
//! `/etc/resolv.conf`, from a thread of its own, so that a missing cable or server holds up nothing
//! else.

mod config;
mod dhcp;
mod held;
mod interface;
mod lease;
mod netlink;

use crate::CARD;
use crate::output::say;
use config::{Address, NetworkConfig};
use held::{Held, System};
use interface::Interface;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(200);
const RETRY_AFTER: Duration = Duration::from_secs(5);
const RESOLVER: &str = "/etc/resolv.conf";

/// Address of an interface and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub address: Ipv4Addr,
    pub prefix: u8,
    pub gateway: Option<Ipv4Addr>,
    pub name_servers: Vec<Ipv4Addr>,
}

pub fn start() {
    let path = Path::new(CARD).join("network.toml");
    let config = match NetworkConfig::read(&path) {
        Ok(config) => config,
        // DHCP instead of the address that was meant would hide the mistake.
        Err(error) => return say(&format!("{error}; there will be no network")),
    };
    let started = std::thread::Builder::new()
        .name("network".into())
        .spawn(move || {
            while std::panic::catch_unwind(|| keep_up(&config)).is_err() {
                say("network: a bug in here; it starts again");
                std::thread::sleep(RETRY_AFTER);
            }
        });
    if let Err(error) = started {
        say(&format!("network: {error}"));
    }
}

fn keep_up(config: &NetworkConfig) {
    if let Err(error) = netlink::set_up(interface::LOOPBACK) {
        say(&format!("lo: {error}"));
    }
    if config.address == Address::None {
        return;
    }
    loop {
        let Some(found) = Interface::find(config.interface.as_deref()) else {
            std::thread::sleep(LOOK_EVERY);
            continue;
        };
        match serve(&found, config) {
            Ok(()) => say(&format!("{} is gone", found.name)),
            Err(error) => {
                say(&format!("{}: {error}", found.name));
                std::thread::sleep(RETRY_AFTER);
            }
        }
    }
}

/// Returns when the interface has gone.
fn serve(interface: &Interface, config: &NetworkConfig) -> io::Result<()> {
    netlink::set_up(interface.index)?;
    match &config.address {
        Address::None => {}
        Address::Static(setting) => {
            Held::default().set(&mut Port(interface), setting, "by network.toml", &[])?;
            while interface.is_there() {
                std::thread::sleep(RETRY_AFTER);
            }
        }
        Address::Dhcp => dhcp::run(interface, &config.name)?,
    }
    Ok(())
}

/// The kernel's and the C library's side of an interface.
struct Port<'a>(&'a Interface);

impl System for Port<'_> {
    fn add_address(&mut self, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        netlink::add_address(self.0.index, address, prefix)
    }

    fn delete_address(&mut self, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        netlink::delete_address(self.0.index, address, prefix)
    }

    fn set_default_route(&mut self, gateway: Ipv4Addr) -> io::Result<()> {
        netlink::set_default_route(self.0.index, gateway)
    }

    fn delete_default_route(&mut self) -> io::Result<()> {
        netlink::delete_default_route(self.0.index)
    }

    fn set_name_servers(&mut self, servers: &[Ipv4Addr]) -> io::Result<()> {
        let lines: Vec<String> = servers
            .iter()
            .map(|server| format!("nameserver {server}\n"))
            .collect();
        std::fs::write(RESOLVER, lines.concat())
    }

    fn say(&mut self, line: &str) {
        say(&format!("{} {line}", self.0.name));
    }
}
