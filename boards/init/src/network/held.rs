//! The setting that an interface holds, and the smallest change to another one.
//!
//! In: settings from DHCP or `network.toml`. Out: calls of [`System`], and a line for each part that the
//! kernel refuses. A refused gateway or list of name servers costs that part only; the next setting
//! brings it up again.

use super::Setting;
use std::io;
use std::net::Ipv4Addr;

/// The system's side, with a fake in the tests.
pub trait System {
    fn add_address(&mut self, address: Ipv4Addr, prefix: u8) -> io::Result<()>;
    fn delete_address(&mut self, address: Ipv4Addr, prefix: u8) -> io::Result<()>;
    fn set_default_route(&mut self, gateway: Ipv4Addr) -> io::Result<()>;
    fn delete_default_route(&mut self) -> io::Result<()>;
    fn set_name_servers(&mut self, servers: &[Ipv4Addr]) -> io::Result<()>;
    /// `line` is a predicate: its subject is the interface.
    fn say(&mut self, line: &str);
}

/// Parts that the system has taken.
#[derive(Debug, Default)]
pub struct Held {
    address: Option<(Ipv4Addr, u8)>,
    gateway: Option<Ipv4Addr>,
    /// `None` until a list has been written.
    name_servers: Option<Vec<Ipv4Addr>>,
}

impl Held {
    /// Whether there is no address.
    pub fn is_free(&self) -> bool {
        self.address.is_none()
    }

    fn has(&self, wanted: &Setting) -> bool {
        self.address == Some((wanted.address, wanted.prefix))
            && self.gateway == wanted.gateway
            && self.name_servers.as_deref() == Some(&wanted.name_servers[..])
    }

    /// Changes the parts that differ. `by` names the origin in the line that says so, `notes` follow it.
    ///
    /// # Errors
    /// If the kernel refuses the address. The interface then holds none.
    pub fn set(
        &mut self,
        system: &mut impl System,
        wanted: &Setting,
        by: &str,
        notes: &[String],
    ) -> io::Result<()> {
        if self.has(wanted) {
            return Ok(());
        }
        let address = (wanted.address, wanted.prefix);
        if self.address != Some(address) {
            self.give_up(system);
            system.add_address(wanted.address, wanted.prefix)?;
            self.address = Some(address);
        }
        self.set_gateway(system, wanted.gateway);
        if self.name_servers.as_ref() != Some(&wanted.name_servers) {
            match system.set_name_servers(&wanted.name_servers) {
                Ok(()) => self.name_servers = Some(wanted.name_servers.clone()),
                Err(error) => system.say(&format!("keeps its name servers: {error}")),
            }
        }
        let gateway = self
            .gateway
            .map_or("no gateway".into(), |gateway| format!("gateway {gateway}"));
        system.say(&format!(
            "has {}/{} {by}, {gateway}",
            wanted.address, wanted.prefix
        ));
        for note in notes {
            system.say(&format!("takes its setting in part: {note}"));
        }
        Ok(())
    }

    fn set_gateway(&mut self, system: &mut impl System, wanted: Option<Ipv4Addr>) {
        if self.gateway == wanted {
            return;
        }
        match wanted {
            Some(gateway) => match system.set_default_route(gateway) {
                Ok(()) => self.gateway = wanted,
                // A gateway held before stays: it belongs to the same address.
                Err(error) => system.say(&format!("does not get gateway {gateway}: {error}")),
            },
            None => match system.delete_default_route() {
                Ok(()) => self.gateway = None,
                Err(error) => system.say(&format!("keeps its gateway: {error}")),
            },
        }
    }

    /// Removes the address. The kernel removes the routes of an interface without addresses.
    pub fn give_up(&mut self, system: &mut impl System) {
        let Some((address, prefix)) = self.address.take() else {
            return;
        };
        self.gateway = None;
        system.say(&format!("gives up {address}"));
        if let Err(error) = system.delete_address(address, prefix) {
            system.say(&format!("keeps {address}: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes down each call, and refuses those that begin with a word of `refused`.
    #[derive(Default)]
    struct Fake {
        calls: Vec<String>,
        said: Vec<String>,
        refused: &'static [&'static str],
    }

    impl Fake {
        fn call(&mut self, text: String) -> io::Result<()> {
            let is_refused = self.refused.iter().any(|word| text.starts_with(word));
            self.calls.push(text);
            if is_refused {
                return Err(io::ErrorKind::NetworkUnreachable.into());
            }
            Ok(())
        }

        fn calls(&mut self) -> Vec<String> {
            std::mem::take(&mut self.calls)
        }
    }

    impl System for Fake {
        fn add_address(&mut self, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
            self.call(format!("add {address}/{prefix}"))
        }
        fn delete_address(&mut self, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
            self.call(format!("delete {address}/{prefix}"))
        }
        fn set_default_route(&mut self, gateway: Ipv4Addr) -> io::Result<()> {
            self.call(format!("route {gateway}"))
        }
        fn delete_default_route(&mut self) -> io::Result<()> {
            self.call("no route".into())
        }
        fn set_name_servers(&mut self, servers: &[Ipv4Addr]) -> io::Result<()> {
            self.call(format!("names {servers:?}"))
        }
        fn say(&mut self, line: &str) {
            self.said.push(line.into());
        }
    }

    fn setting(host: u8, gateway: Option<u8>, name_server: Option<u8>) -> Setting {
        let address = |host| Ipv4Addr::new(192, 168, 1, host);
        Setting {
            address: address(host),
            prefix: 24,
            gateway: gateway.map(address),
            name_servers: name_server.map(address).into_iter().collect(),
        }
    }

    #[test]
    fn each_change_touches_the_parts_that_differ() {
        let cases: &[(Setting, &[&str])] = &[
            (
                setting(50, Some(1), None),
                &["add 192.168.1.50/24", "route 192.168.1.1", "names []"],
            ),
            (setting(50, Some(1), None), &[]),
            (setting(50, Some(1), Some(9)), &["names [192.168.1.9]"]),
            (setting(50, Some(2), Some(9)), &["route 192.168.1.2"]),
            (setting(50, None, Some(9)), &["no route"]),
            (setting(50, Some(2), Some(9)), &["route 192.168.1.2"]),
            (
                setting(51, Some(2), Some(9)),
                &[
                    "delete 192.168.1.50/24",
                    "add 192.168.1.51/24",
                    "route 192.168.1.2",
                ],
            ),
        ];
        let (mut held, mut system) = (Held::default(), Fake::default());
        for (wanted, calls) in cases {
            held.set(&mut system, wanted, "by DHCP", &[]).unwrap();
            assert_eq!(system.calls(), *calls, "{wanted:?}");
        }
        held.give_up(&mut system);
        held.give_up(&mut system);
        assert_eq!(system.calls(), ["delete 192.168.1.51/24"]);
    }

    #[test]
    fn a_renewal_without_changes_says_nothing_either() {
        let (mut held, mut system) = (Held::default(), Fake::default());
        let notes = ["no router".to_string()];
        for _ in 0..3 {
            held.set(&mut system, &setting(50, None, None), "by DHCP", &notes)
                .unwrap();
        }
        let expected = [
            "has 192.168.1.50/24 by DHCP, no gateway",
            "takes its setting in part: no router",
        ];
        assert_eq!(system.said, expected);
    }

    #[test]
    fn a_refused_part_costs_that_part_and_a_line() {
        let (mut held, mut system) = (Held::default(), Fake::default());
        system.refused = &["route", "names"];
        let wanted = setting(50, Some(1), Some(9));
        held.set(&mut system, &wanted, "by DHCP", &[]).unwrap();
        let tried = ["route 192.168.1.1", "names [192.168.1.9]"];
        assert_eq!(system.calls()[1..], tried);
        assert_eq!(system.said.len(), 3, "{:?}", system.said);
        assert!(system.said[2].ends_with("no gateway"), "{:?}", system.said);
        // The next renewal tries those parts again.
        system.refused = &[];
        held.set(&mut system, &wanted, "by DHCP", &[]).unwrap();
        assert_eq!(system.calls(), tried);
    }

    #[test]
    fn a_refused_address_is_an_error_and_holds_nothing() {
        let (mut held, mut system) = (Held::default(), Fake::default());
        system.refused = &["add"];
        let wanted = setting(50, Some(1), None);
        assert!(held.set(&mut system, &wanted, "by DHCP", &[]).is_err());
        system.calls();
        held.give_up(&mut system);
        assert!(system.calls().is_empty());
    }
}
