//! The network: an interface that may come late or go away, and its address.
//!
//! In: `network.toml` on the card. Out: addresses, routes and name servers in the kernel and in
//! `/etc/resolv.conf`, from a thread of its own, so that a missing cable or server holds up nothing
//! else.

mod config;
mod dhcp;
mod interface;
mod lease;
mod netlink;

use crate::CARD;
use crate::output::say;
use config::{Address, NetworkConfig};
use interface::Interface;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(200);
const RETRY_AFTER: Duration = Duration::from_secs(5);
const RESOLVER: &str = "/etc/resolv.conf";

/// What is set on an interface.
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
        // Another address than the one that was meant would be no help.
        Err(error) => return say(&format!("{error}; there will be no network")),
    };
    let started = std::thread::Builder::new()
        .name("network".into())
        .spawn(move || {
            while std::panic::catch_unwind(|| keep_up(&config)).is_err() {
                say("network: a bug; it starts again");
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
fn serve(interface: &Interface, config: &NetworkConfig) -> std::io::Result<()> {
    netlink::set_up(interface.index)?;
    match &config.address {
        Address::None => {}
        Address::Static(setting) => {
            apply(interface, setting, "by network.toml")?;
            while interface.is_there() {
                std::thread::sleep(RETRY_AFTER);
            }
        }
        Address::Dhcp => dhcp::run(interface, &config.name)?,
    }
    Ok(())
}

fn apply(interface: &Interface, setting: &Setting, by: &str) -> std::io::Result<()> {
    netlink::add_address(interface.index, setting.address, setting.prefix)?;
    if let Some(gateway) = setting.gateway {
        netlink::set_default_route(interface.index, gateway)?;
    }
    let lines: Vec<String> = setting
        .name_servers
        .iter()
        .map(|server| format!("nameserver {server}\n"))
        .collect();
    std::fs::write(RESOLVER, lines.concat())?;
    let gateway = setting
        .gateway
        .map_or("no gateway".into(), |gateway| format!("gateway {gateway}"));
    say(&format!(
        "{} has {}/{} {by}, {gateway}",
        interface.name, setting.address, setting.prefix
    ));
    Ok(())
}
