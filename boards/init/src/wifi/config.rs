//! `wifi.toml`: the networks of a card's radio.
//!
//! In: the file. Out: the networks in the order of preference, or one line that says where it is wrong. A passphrase is
//! in no message.

use crate::file::read_bounded;
use serde::Deserialize;
use std::io::ErrorKind;
use std::path::Path;

const MAX_BYTES: u64 = 16 << 10;
const MOST_NETWORKS: usize = 16;
/// 802.11's longest name, in bytes.
const LONGEST_NAME: usize = 32;
/// WPA2's passphrases, in characters of ASCII.
const SHORTEST_PASSPHRASE: usize = 8;
const LONGEST_PASSPHRASE: usize = 63;
/// Digits of a key that is no passphrase.
const KEY_DIGITS: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    country: Option<String>,
    #[serde(default)]
    network: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    name: String,
    passphrase: Option<String>,
    security: Option<String>,
    #[serde(default)]
    hidden: bool,
}

/// How a network proves who may join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    Open,
    Wpa2,
    /// WPA3's SAE.
    Wpa3,
    /// Either of the last two, as the access point has it.
    Auto,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Network {
    pub name: String,
    pub security: Security,
    /// Empty for an open network.
    pub passphrase: String,
    pub hidden: bool,
}

#[derive(Clone, PartialEq, Eq)]
pub struct WifiConfig {
    /// Two letters. The radio keeps to the rules of that country.
    pub country: String,
    /// The preferred one first.
    pub networks: Vec<Network>,
}

impl WifiConfig {
    /// Reads the file. `None` without one: the radio stays off.
    ///
    /// # Errors
    /// One line that names the file and what is wrong.
    pub fn read(path: &Path) -> Result<Option<Self>, String> {
        let fail = |what: String| format!("{}: {what}", path.display());
        match read_bounded(path, MAX_BYTES) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fail(error.to_string())),
            Ok(text) => Self::parse(&text).map(Some).map_err(fail),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| {
            let before = |end: usize| text.get(..end).unwrap_or(text).matches('\n').count();
            let line = error.span().map(|span| 1 + before(span.start));
            // The message may quote a value, and a value may be a passphrase.
            let what = match error.message() {
                what if what.contains("unknown field") || what.contains("missing field") => what,
                _ => "is no TOML, or a value is of the wrong kind",
            };
            match line {
                Some(line) => format!("line {line}: {what}"),
                None => what.into(),
            }
        })?;
        let country = file.country.ok_or(
            "country is missing: two letters, such as \"DE\"; the radio keeps to its rules",
        )?;
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(format!("country is {country:?}, expected are two capital letters"));
        }
        if file.network.is_empty() || file.network.len() > MOST_NETWORKS {
            let count = file.network.len();
            return Err(format!(
                "has {count} networks, expected are 1 to {MOST_NETWORKS}, each below [[network]]"
            ));
        }
        let mut networks: Vec<Network> = Vec::new();
        for (index, entry) in (1..).zip(file.network) {
            let network =
                Network::check(entry).map_err(|what| format!("network {index}: {what}"))?;
            if networks.iter().any(|other| other.name == network.name) {
                return Err(format!("network {index}: {:?} is there twice", network.name));
            }
            networks.push(network);
        }
        Ok(WifiConfig { country, networks })
    }
}

impl Network {
    fn check(entry: Entry) -> Result<Network, String> {
        if entry.name.is_empty() || entry.name.len() > LONGEST_NAME {
            let length = entry.name.len();
            return Err(format!("its name has {length} bytes, expected are 1 to {LONGEST_NAME}"));
        }
        let name = &entry.name;
        let security = match (entry.security.as_deref(), &entry.passphrase) {
            (None | Some("auto"), Some(_)) => Security::Auto,
            (Some("wpa2"), Some(_)) => Security::Wpa2,
            (Some("wpa3"), Some(_)) => Security::Wpa3,
            (Some("open"), None) => Security::Open,
            (Some("open"), Some(_)) => {
                return Err(format!("{name:?} is open, and has a passphrase"));
            }
            (None | Some("auto" | "wpa2" | "wpa3"), None) => {
                return Err(format!(
                    "{name:?} has no passphrase: give one, or security = \"open\""
                ));
            }
            (Some(other), _) => {
                return Err(format!(
                    "security is {other:?}, expected is \"auto\", \"wpa2\", \"wpa3\" or \"open\""
                ));
            }
        };
        let passphrase = entry.passphrase.unwrap_or_default();
        let printable = passphrase.bytes().all(|byte| matches!(byte, 32..=126));
        let fits = match security {
            Security::Open => true,
            // SAE takes any text.
            Security::Wpa3 => {
                (1..=LONGEST_PASSPHRASE).contains(&passphrase.len())
                    && !passphrase.chars().any(char::is_control)
            }
            Security::Wpa2 if is_key(&passphrase) => true,
            Security::Wpa2 | Security::Auto => {
                printable && (SHORTEST_PASSPHRASE..=LONGEST_PASSPHRASE).contains(&passphrase.len())
            }
        };
        if !fits {
            return Err(format!(
                "the passphrase of {name:?} has {} bytes{}; expected are {SHORTEST_PASSPHRASE} to \
                 {LONGEST_PASSPHRASE} characters of ASCII, or with security = \"wpa2\" {KEY_DIGITS} hexadecimal digits",
                passphrase.len(),
                if printable { "" } else { ", some of which are no plain characters" }
            ));
        }
        Ok(Network {
            name: entry.name,
            security,
            passphrase,
            hidden: entry.hidden,
        })
    }
}

/// A key in hexadecimal, in place of a passphrase.
pub(super) fn is_key(passphrase: &str) -> bool {
    passphrase.len() == KEY_DIGITS && passphrase.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// For tests of the other files.
    pub fn parse(text: &str) -> WifiConfig {
        WifiConfig::parse(text).unwrap()
    }

    #[test]
    fn networks_are_read_in_their_order() {
        let config = parse(
            "country = 'DE'\n[[network]]\nname = 'home'\npassphrase = 'correct horse'\n\
             [[network]]\nname = 'caf\u{e9}'\nsecurity = 'open'\nhidden = true\n\
             [[network]]\nname = 'lab'\nsecurity = 'wpa3'\npassphrase = 'k\u{e4}se'\n",
        );
        let seen: Vec<_> = config.networks.iter().map(|n| (n.name.as_str(), n.security, n.hidden)).collect();
        let expected = [
            ("home", Security::Auto, false),
            ("caf\u{e9}", Security::Open, true),
            ("lab", Security::Wpa3, false),
        ];
        assert_eq!(seen, expected);
        assert_eq!(config.country, "DE");
    }

    #[test]
    fn mistakes_name_their_place_and_no_passphrase() {
        let network = |lines: &str| format!("country = 'DE'\n[[network]]\nname = 'home'\n{lines}\n");
        let long = "x".repeat(64);
        for (text, place) in [
            ("[[network]]\nname = 'home'\npassphrase = 'secret-word'".into(), "country"),
            (network("passphrase = 'secret-word'").replace("DE", "de"), "capital"),
            ("country = 'DE'".into(), "0 networks"),
            (network("passphrase = 'secret-word'\npasphrase = 'secret-word'"), "pasphrase"),
            (network("passphrase = 'secret'"), "6 bytes"),
            (network(&format!("passphrase = '{long}'")), "64 bytes"),
            (network("passphrase = 'secret-w\u{f6}rd'"), "no plain characters"),
            (network("passphrase = [ 'secret-word' ]"), "line 4"),
            (network("passphrase = 'secret-word"), "line 4"),
            (network("passphrase = 'secret-word'\nsecurity = 'wep'"), "wep"),
            (network("passphrase = 'secret-word'\nsecurity = 'open'"), "is open"),
            (network(""), "no passphrase"),
            (network("passphrase = 'secret-word'").replace("home", &"h".repeat(33)), "33 bytes"),
            (network("passphrase = 'secret-word'").replace("home", ""), "0 bytes"),
            (network("passphrase = 'secret-word'\n[[network]]\nname = 'home'\nsecurity = 'open'"), "twice"),
        ] {
            let error = WifiConfig::parse(&text).err().unwrap_or_default();
            assert!(error.contains(place), "{text}: {error}");
            assert!(!error.contains("secret") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn too_many_networks_are_refused() {
        let mut text = String::from("country = 'DE'\n");
        for index in 0..=MOST_NETWORKS {
            text += &format!("[[network]]\nname = 'n{index}'\nsecurity = 'open'\n");
        }
        let error = WifiConfig::parse(&text).err().unwrap_or_default();
        assert!(error.contains("17 networks"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "\\PC{0,200}") {
            let _ = WifiConfig::parse(&text);
        }
    }
}
