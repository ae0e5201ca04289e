//! `wifi.toml`: the networks of a card's radio.
//!
//! In: the file. Out: the networks, the preferred one first, or one line that says where the file is wrong and what to
//! do. A passphrase is in no message.

use crate::file::read_bounded;
use serde::Deserialize;
use std::io::ErrorKind;
use std::path::Path;

const MAX_BYTES: u64 = 16 << 10;
const MAX_NETWORKS: usize = 16;
const MAX_PRIORITY: i64 = 100;
/// 802.11's longest name, in bytes.
const MAX_NAME_BYTES: usize = 32;
/// WPA2's passphrases, in characters of ASCII.
const MIN_PASSPHRASE: usize = 8;
const MAX_PASSPHRASE: usize = 63;
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
    #[serde(default)]
    priority: i64,
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
    /// Place in the file, from 1.
    pub place: u8,
    priority: i64,
}

#[derive(Clone, PartialEq, Eq)]
pub struct WifiConfig {
    /// Two letters. The radio keeps to the rules of that country.
    pub country: String,
    /// The preferred one first.
    pub networks: Vec<Network>,
}

impl WifiConfig {
    /// Reads the file. `None` without one, or without a key in it: the radio stays off.
    ///
    /// # Errors
    /// One line that names the file and what is wrong.
    pub fn read(path: &Path) -> Result<Option<Self>, String> {
        let fail = |what: String| format!("{}: {what}", path.display());
        match read_bounded(path, MAX_BYTES) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fail(error.to_string())),
            Ok(text) => Self::parse(&text).map_err(fail),
        }
    }

    fn parse(text: &str) -> Result<Option<Self>, String> {
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
        if file.country.is_none() && file.network.is_empty() {
            return Ok(None);
        }
        let country = file.country.ok_or(
            "country is missing: write two letters, such as country = \"DE\"; the radio keeps to its rules",
        )?;
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(format!(
                "country is {country:?}: write two capital letters, such as \"DE\""
            ));
        }
        if file.network.is_empty() || file.network.len() > MAX_NETWORKS {
            let count = file.network.len();
            return Err(format!(
                "has {count} networks: write 1 to {MAX_NETWORKS}, each below a line [[network]]"
            ));
        }
        let mut networks: Vec<Network> = Vec::new();
        for (place, entry) in (1..).zip(file.network) {
            let network =
                Network::check(entry, place).map_err(|what| format!("network {place}: {what}"))?;
            if networks.iter().any(|other| other.name == network.name) {
                return Err(format!(
                    "network {place}: {:?} is there twice: remove one",
                    network.name
                ));
            }
            networks.push(network);
        }
        // The sort is stable: the order in the file decides between equals.
        networks.sort_by_key(|network| -network.priority);
        Ok(Some(WifiConfig { country, networks }))
    }
}

impl Network {
    fn check(entry: Entry, place: u8) -> Result<Network, String> {
        if entry.name.is_empty() || entry.name.len() > MAX_NAME_BYTES {
            let length = entry.name.len();
            return Err(format!(
                "its name has {length} bytes: a network's name has 1 to {MAX_NAME_BYTES}"
            ));
        }
        if !(0..=MAX_PRIORITY).contains(&entry.priority) {
            return Err(format!(
                "priority is {}: write 0 to {MAX_PRIORITY}, the largest is preferred",
                entry.priority
            ));
        }
        let name = &entry.name;
        let security = match (entry.security.as_deref(), &entry.passphrase) {
            (None | Some("auto"), Some(_)) => Security::Auto,
            (Some("wpa2"), Some(_)) => Security::Wpa2,
            (Some("wpa3"), Some(_)) => Security::Wpa3,
            (Some("open"), None) => Security::Open,
            (Some("open"), Some(_)) => {
                return Err(format!(
                    "{name:?} is open, and has a passphrase: remove one of the two"
                ));
            }
            (None | Some("auto" | "wpa2" | "wpa3"), None) => {
                return Err(format!(
                    "{name:?} has no passphrase: give one, or security = \"open\""
                ));
            }
            (Some(other), _) => {
                return Err(format!(
                    "security is {other:?}: write \"auto\", \"wpa2\", \"wpa3\" or \"open\""
                ));
            }
        };
        let passphrase = entry.passphrase.unwrap_or_default();
        let printable = passphrase.bytes().all(|byte| matches!(byte, 32..=126));
        let fits = match security {
            Security::Open => true,
            // SAE takes any text.
            Security::Wpa3 => {
                (1..=MAX_PASSPHRASE).contains(&passphrase.len())
                    && !passphrase.chars().any(char::is_control)
            }
            Security::Wpa2 if is_key(&passphrase) => true,
            Security::Wpa2 | Security::Auto => {
                printable && (MIN_PASSPHRASE..=MAX_PASSPHRASE).contains(&passphrase.len())
            }
        };
        if !fits {
            return Err(format!(
                "the passphrase of {name:?} has {} bytes{}: write {MIN_PASSPHRASE} to {MAX_PASSPHRASE} characters \
                 of ASCII, or with security = \"wpa2\" {KEY_DIGITS} hexadecimal digits",
                passphrase.len(),
                if printable {
                    ""
                } else {
                    ", some of which are no plain characters"
                }
            ));
        }
        Ok(Network {
            name: entry.name,
            security,
            passphrase,
            hidden: entry.hidden,
            place,
            priority: entry.priority,
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
        WifiConfig::parse(text).unwrap().unwrap()
    }

    /// For tests of the other files.
    pub fn network(name: &str, security: Security, passphrase: &str, hidden: bool) -> Network {
        Network {
            name: name.into(),
            security,
            passphrase: passphrase.into(),
            hidden,
            place: 1,
            priority: 0,
        }
    }

    #[test]
    fn a_file_without_a_key_leaves_the_radio_off() {
        assert!(WifiConfig::parse("# country = \"DE\"\n").unwrap().is_none());
    }

    #[test]
    fn the_largest_priority_comes_first_and_then_the_order_of_the_file() {
        let names = ["a", "b", "c", "d"];
        let entries = names.iter().zip([0, 7, 0, 9]).map(|(name, priority)| {
            format!("[[network]]\nname = '{name}'\nsecurity = 'open'\npriority = {priority}\n")
        });
        let config = parse(&format!("country = 'DE'\n{}", entries.collect::<String>()));
        let places: Vec<_> = config
            .networks
            .iter()
            .map(|n| (n.name.as_str(), n.place))
            .collect();
        assert_eq!(places, [("d", 4), ("b", 2), ("a", 1), ("c", 3)]);
    }

    #[test]
    fn networks_are_read_in_their_order() {
        let config = parse(
            "country = 'DE'\n[[network]]\nname = 'home'\npassphrase = 'correct horse'\n\
             [[network]]\nname = 'caf\u{e9}'\nsecurity = 'open'\nhidden = true\n\
             [[network]]\nname = 'lab'\nsecurity = 'wpa3'\npassphrase = 'k\u{e4}se'\n",
        );
        let seen: Vec<_> = config
            .networks
            .iter()
            .map(|n| (n.name.as_str(), n.security, n.hidden))
            .collect();
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
        let network =
            |lines: &str| format!("country = 'DE'\n[[network]]\nname = 'home'\n{lines}\n");
        let long = "x".repeat(64);
        for (text, place) in [
            (
                "[[network]]\nname = 'home'\npassphrase = 'secret-word'".into(),
                "country",
            ),
            (
                network("passphrase = 'secret-word'").replace("DE", "de"),
                "capital",
            ),
            ("country = 'DE'".into(), "0 networks"),
            (
                network("passphrase = 'secret-word'\npasphrase = 'secret-word'"),
                "pasphrase",
            ),
            (network("passphrase = 'secret'"), "6 bytes"),
            (network(&format!("passphrase = '{long}'")), "64 bytes"),
            (
                network("passphrase = 'secret-w\u{f6}rd'"),
                "no plain characters",
            ),
            (network("passphrase = [ 'secret-word' ]"), "line 4"),
            (network("passphrase = 'secret-word"), "line 4"),
            (
                network("passphrase = 'secret-word'\nsecurity = 'wep'"),
                "wep",
            ),
            (
                network("passphrase = 'secret-word'\nsecurity = 'open'"),
                "is open",
            ),
            (network(""), "no passphrase"),
            (
                network("passphrase = 'secret-word'").replace("home", &"h".repeat(33)),
                "33 bytes",
            ),
            (
                network("passphrase = 'secret-word'").replace("home", ""),
                "0 bytes",
            ),
            (
                network("passphrase = 'secret-word'\npriority = 101"),
                "priority is 101",
            ),
            (
                network(
                    "passphrase = 'secret-word'\n[[network]]\nname = 'home'\nsecurity = 'open'",
                ),
                "twice",
            ),
        ] {
            let error = WifiConfig::parse(&text).err().unwrap_or_default();
            assert!(error.contains(place), "{text}: {error}");
            assert!(
                !error.contains("secret") && !error.contains('\n'),
                "{error}"
            );
        }
    }

    #[test]
    fn too_many_networks_are_refused() {
        let mut text = String::from("country = 'DE'\n");
        for index in 0..=MAX_NETWORKS {
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
