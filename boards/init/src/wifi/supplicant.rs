//! What `wpa_supplicant` reads and says.
//!
//! In: the networks of `wifi.toml`, and lines of the program. Out: its configuration, in which no name or passphrase can
//! be anything but itself, and what a line means for people.

use super::config::{Network, Security, WifiConfig, is_key};
use std::fmt::Write;

/// The configuration file.
pub fn configuration(config: &WifiConfig) -> String {
    let mut text = format!(
        "update_config=0\np2p_disabled=1\ncountry={}\nsae_pwe=2\n",
        config.country
    );
    let count = config.networks.len();
    for (index, network) in config.networks.iter().enumerate() {
        // A larger number is preferred.
        write_network(&mut text, network, count - index);
    }
    text
}

fn write_network(text: &mut String, network: &Network, priority: usize) {
    // Names are any bytes. In hexadecimal they need no escapes.
    let name = hex(network.name.as_bytes());
    let hidden = u8::from(network.hidden);
    let passphrase = network.passphrase.as_str();
    let (keys, protection) = match network.security {
        Security::Open => ("NONE", 0),
        Security::Wpa2 => ("WPA-PSK", 1),
        Security::Wpa3 => ("SAE", 2),
        Security::Auto => ("WPA-PSK SAE", 1),
    };
    let _ = write!(
        text,
        "network={{\n\tssid={name}\n\tscan_ssid={hidden}\n\tpriority={priority}\n\tkey_mgmt={keys}\n\
         \tieee80211w={protection}\n"
    );
    match network.security {
        Security::Open => {}
        Security::Wpa3 => {
            let _ = writeln!(text, "\tsae_password={}", hex(passphrase.as_bytes()));
        }
        Security::Wpa2 if is_key(passphrase) => {
            let _ = writeln!(text, "\tpsk={passphrase}");
        }
        // The program takes all up to the line's last quotation mark, and knows no escapes here.
        Security::Wpa2 | Security::Auto => {
            let _ = writeln!(text, "\tpsk=\"{passphrase}\"");
        }
    }
    text.push_str("}\n");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a line of the program means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Connected,
    Disconnected,
    /// The passphrase of this network is wrong, as far as the access point lets it be told.
    WrongPassphrase(String),
    /// None of the networks is in reach.
    NotFound,
}

/// Longest line that is looked at.
const LONGEST_LINE: usize = 512;

/// Reads a line. `None` for lines that say nothing of importance.
pub fn event(line: &str) -> Option<Event> {
    let line = line.get(..line.len().min(LONGEST_LINE)).unwrap_or("");
    let (_, event) = line.split_once("CTRL-EVENT-")?;
    let (kind, rest) = event.split_once(' ').unwrap_or((event, ""));
    match kind {
        "CONNECTED" => Some(Event::Connected),
        "DISCONNECTED" => Some(Event::Disconnected),
        "NETWORK-NOT-FOUND" => Some(Event::NotFound),
        "SSID-TEMP-DISABLED" => {
            let (_, name) = rest.split_once("ssid=\"")?;
            // A name may have quotation marks, which the program escapes.
            let (name, facts) = name.rsplit_once("\" auth_failures=")?;
            let wrong = facts.split(' ').any(|fact| fact == "reason=WRONG_KEY");
            wrong.then(|| Event::WrongPassphrase(name.into()))
        }
        // SAE tells a wrong passphrase as a failed challenge.
        "AUTH-REJECT" => {
            let has = |wanted: &str| rest.split(' ').any(|fact| fact == wanted);
            let failed = has("auth_type=3") && has("status_code=15");
            failed.then(|| Event::WrongPassphrase(String::new()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::tests::parse;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_of_network_has_its_lines() {
        let key = "0123456789abcdef".repeat(4);
        let config = parse(&format!(
            "country = 'DE'\n[[network]]\nname = 'home'\npassphrase = 'a\"b#c\\d ef'\nhidden = true\n\
             [[network]]\nname = 'lab'\nsecurity = 'wpa3'\npassphrase = 'k\u{e4}se'\n\
             [[network]]\nname = 'old'\nsecurity = 'wpa2'\npassphrase = '{key}'\n\
             [[network]]\nname = 'guest'\nsecurity = 'open'\n"
        ));
        let text = configuration(&config);
        let expected = format!(
            "update_config=0\np2p_disabled=1\ncountry=DE\nsae_pwe=2\n\
             network={{\n\tssid=686f6d65\n\tscan_ssid=1\n\tpriority=4\n\tkey_mgmt=WPA-PSK SAE\n\tieee80211w=1\n\
             \tpsk=\"a\"b#c\\d ef\"\n}}\n\
             network={{\n\tssid=6c6162\n\tscan_ssid=0\n\tpriority=3\n\tkey_mgmt=SAE\n\tieee80211w=2\n\
             \tsae_password=6bc3a47365\n}}\n\
             network={{\n\tssid=6f6c64\n\tscan_ssid=0\n\tpriority=2\n\tkey_mgmt=WPA-PSK\n\tieee80211w=1\n\
             \tpsk={key}\n}}\n\
             network={{\n\tssid=6775657374\n\tscan_ssid=0\n\tpriority=1\n\tkey_mgmt=NONE\n\tieee80211w=0\n}}\n"
        );
        assert_eq!(text, expected);
    }

    /// How `wpa_supplicant` reads a value: the text between the line's first and last quotation marks, after what
    /// follows a `#` behind the last one is gone.
    fn as_it_is_read(line: &str) -> String {
        let (_, value) = line.split_once('=').unwrap();
        let inside = value.strip_prefix('"').and_then(|rest| rest.rsplit_once('"'));
        match inside {
            Some((inside, _)) => inside.into(),
            None => {
                let digits: Vec<char> = value.chars().collect();
                let byte = |pair: &[char]| {
                    u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()
                };
                String::from_utf8(digits.chunks(2).map(byte).collect()).unwrap()
            }
        }
    }

    proptest! {
        #[test]
        fn names_and_passphrases_are_only_themselves(
            name in "\\PC{1,8}",
            passphrase in "[ -~]{8,63}",
            any in "\\PC{1,15}",
            hidden in any::<bool>(),
        ) {
            prop_assume!(name.len() <= 32);
            for (security, passphrase) in [
                (Security::Auto, &passphrase),
                (Security::Wpa2, &passphrase),
                (Security::Wpa3, &passphrase),
                (Security::Wpa3, &any),
            ] {
                let network = Network {
                    name: name.clone(),
                    security,
                    passphrase: passphrase.clone(),
                    hidden,
                };
                let config = WifiConfig { country: "DE".into(), networks: vec![network] };
                let text = configuration(&config);
                let lines: Vec<&str> = text.lines().collect();
                // Nothing of them has made a line of its own.
                prop_assert_eq!(lines.len(), 12);
                prop_assert_eq!((lines[4], lines[11]), ("network={", "}"));
                prop_assert_eq!(as_it_is_read(lines[5]), name.as_str());
                prop_assert_eq!(as_it_is_read(lines[10]), passphrase.as_str());
            }
        }

        #[test]
        fn any_line_is_read_without_harm(line in "\\PC{0,600}") {
            let _ = event(&line);
            let _ = event(&format!("CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"{line}"));
        }
    }

    #[test]
    fn lines_of_importance_are_understood() {
        let disabled = |reason: &str| {
            format!(
                "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"ho\\\"me\" auth_failures=1 duration=10 reason={reason}"
            )
        };
        let wrong = |name: &str| Some(Event::WrongPassphrase(name.into()));
        for (line, expected) in [
            ("wlan0: CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:00:00 completed [id=0 id_str=]".into(), Some(Event::Connected)),
            ("wlan0: CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:00:00 reason=3".into(), Some(Event::Disconnected)),
            ("wlan0: CTRL-EVENT-NETWORK-NOT-FOUND ".into(), Some(Event::NotFound)),
            (disabled("WRONG_KEY"), wrong("ho\\\"me")),
            (disabled("CONN_FAILED"), None),
            ("wlan0: CTRL-EVENT-AUTH-REJECT 02:00:00:00:00:00 auth_type=3 auth_transaction=2 status_code=15".into(), wrong("")),
            ("wlan0: CTRL-EVENT-AUTH-REJECT 02:00:00:00:00:00 auth_type=0 auth_transaction=2 status_code=1".into(), None),
            ("wlan0: Trying to associate with SSID 'home'".into(), None),
            ("CTRL-EVENT-".into(), None),
        ] {
            assert_eq!(event(&line), expected, "{line}");
        }
    }
}
