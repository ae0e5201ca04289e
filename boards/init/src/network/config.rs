//! `network.toml`: DHCP, unless it has an address.

use super::Setting;
use crate::file::read_bounded;
use serde::Deserialize;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::Path;

const MAX_BYTES: u64 = 16 << 10;
/// The kernel's longest interface name. Long enough for a host's name too.
const LONGEST_NAME: usize = 15;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    address: Option<String>,
    gateway: Option<Ipv4Addr>,
    name_servers: Vec<Ipv4Addr>,
    interface: Option<String>,
    name: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Address {
    Dhcp,
    Static(Setting),
    /// One of 169.254.0.0/16 that nobody else on the link has.
    LinkLocal,
    None,
}

#[derive(Debug, PartialEq, Eq)]
pub struct NetworkConfig {
    pub address: Address,
    /// The interface that the file is about; `None` for the first wired one that appears.
    pub interface: Option<String>,
    /// The host's name, for DHCP servers and in `.local`. `None` for one that the board makes.
    pub name: Option<String>,
}

impl NetworkConfig {
    /// Reads the file; without one everything is the default.
    ///
    /// # Errors
    /// One line that names the file and what is wrong.
    pub fn read(path: &Path) -> Result<Self, String> {
        let fail = |what: String| format!("{}: {what}", path.display());
        let text = match read_bounded(path, MAX_BYTES) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            other => other.map_err(|error| fail(error.to_string()))?,
        };
        Self::parse(&text).map_err(fail)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            match line {
                Some(line) => format!("line {line}: {}", error.message()),
                None => error.message().to_string(),
            }
        })?;
        let address = match file.address.as_deref().unwrap_or("dhcp") {
            "dhcp" => Address::Dhcp,
            "link-local" => Address::LinkLocal,
            "none" => Address::None,
            text => Address::Static(setting(text, file.gateway, file.name_servers)?),
        };
        for (key, value) in [("interface", &file.interface), ("name", &file.name)] {
            if let Some(value) = value
                && !is_name(value)
            {
                return Err(format!(
                    "{key} is {value:?}, expected are 1 to {LONGEST_NAME} letters, digits and dashes"
                ));
            }
        }
        Ok(NetworkConfig {
            address,
            interface: file.interface,
            name: file.name,
        })
    }

    /// Checks that a fixed address has an interface, now that there may be a second one.
    ///
    /// # Errors
    /// One line that says what to do.
    pub fn check_beside_a_radio(&self) -> Result<(), String> {
        if matches!(self.address, Address::Static(_)) && self.interface.is_none() {
            return Err(
                "network.toml: address is fixed, and wifi.toml names a network: add interface = \"eth0\" or \
                 interface = \"wlan0\", the one that has this address"
                    .into(),
            );
        }
        Ok(())
    }
}

fn setting(
    text: &str,
    gateway: Option<Ipv4Addr>,
    name_servers: Vec<Ipv4Addr>,
) -> Result<Setting, String> {
    let parts = text.split_once('/').and_then(|(address, prefix)| {
        let prefix = prefix.parse().ok().filter(|bits| (1..=32).contains(bits));
        Some((address.parse().ok()?, prefix?))
    });
    let (address, prefix) = parts.ok_or_else(|| {
        format!(
            "address is {text:?}, expected is \"dhcp\", \"link-local\", \"none\" or one like \"192.168.1.50/24\""
        )
    })?;
    Ok(Setting {
        address,
        prefix,
        gateway,
        name_servers,
    })
}

/// A name that is no path and no option.
fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_word_it_is_dhcp() {
        let config = NetworkConfig::parse("").unwrap();
        assert_eq!(config.address, Address::Dhcp);
        assert_eq!((config.interface, config.name), (None, None));
    }

    #[test]
    fn a_fixed_address_beside_a_radio_needs_its_interface() {
        let check = |text: &str| NetworkConfig::parse(text).unwrap().check_beside_a_radio();
        assert!(check("").is_ok());
        assert!(check("address = '10.0.0.9/8'\ninterface = 'wlan0'").is_ok());
        let error = check("address = '10.0.0.9/8'").unwrap_err();
        assert!(
            error.contains("interface = ") && !error.contains('\n'),
            "{error}"
        );
    }

    #[test]
    fn a_static_address_comes_with_its_prefix() {
        let config = NetworkConfig::parse(
            "address = '192.168.1.50/24'\ngateway = '192.168.1.1'\ninterface = 'eth1'\n",
        )
        .unwrap();
        let expected = Setting {
            address: [192, 168, 1, 50].into(),
            prefix: 24,
            gateway: Some([192, 168, 1, 1].into()),
            name_servers: Vec::new(),
        };
        assert_eq!(config.address, Address::Static(expected));
        assert_eq!(config.interface.as_deref(), Some("eth1"));
    }

    #[test]
    fn mistakes_name_their_place() {
        for (text, place) in [
            ("address = '192.168.1.50'", "address"),
            ("address = '192.168.1.50/33'", "address"),
            ("adress = 'dhcp'", "adress"),
            ("\ngateway = 'here'", "line 2"),
            ("interface = '../../etc'", "interface"),
            ("name = ''", "name"),
        ] {
            let error = NetworkConfig::parse(text).unwrap_err();
            assert!(error.contains(place), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
