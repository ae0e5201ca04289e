//! The configuration of `wpa_supplicant`, and its messages.
//!
//! In: the networks of `wifi.toml`, and messages of the program's control socket. Out: the configuration, in which no
//! name or passphrase can be anything but itself, and the meaning of a message.

use super::config::{Network, Security, WifiConfig, is_key};
use std::fmt::Write;

/// The configuration file. The control socket is in `folder`. The program numbers the networks from 0, in this order.
pub fn configuration(config: &WifiConfig, folder: &str) -> String {
    let mut text = format!(
        "ctrl_interface={folder}\nupdate_config=0\np2p_disabled=1\ncountry={}\nsae_pwe=2\n",
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
        Security::Wpa2 => ("WPA-PSK WPA-PSK-SHA256", 1),
        Security::Wpa3 => ("SAE", 2),
        Security::Auto => ("WPA-PSK WPA-PSK-SHA256 SAE", 1),
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

/// A name as the program writes it in messages.
pub fn escaped(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        let _ = match byte {
            b'"' => write!(text, "\\\""),
            b'\\' => write!(text, "\\\\"),
            0x1b => write!(text, "\\e"),
            b'\n' => write!(text, "\\n"),
            b'\r' => write!(text, "\\r"),
            b'\t' => write!(text, "\\t"),
            32..=126 => write!(text, "{}", char::from(byte)),
            _ => write!(text, "\\x{byte:02x}"),
        };
    }
    text
}

/// A message of the program. `index` counts the networks of the configuration from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// It tries the network of this name, which is [`escaped`].
    Tries(&'a str),
    Connected {
        index: usize,
    },
    /// `reason` is 802.11's.
    Disconnected {
        reason: u16,
    },
    /// The passphrase is wrong, as far as the access point lets it be told.
    WrongPassphrase {
        index: usize,
    },
    /// The network that is tried refuses the passphrase of SAE.
    WrongPassword,
    /// The access point refuses this board, by 802.11's status.
    Refused {
        status: u16,
    },
    /// None of the networks is in reach.
    NotFound,
    /// Strength of the signal, in answer to SIGNAL_POLL.
    Signal {
        dbm: i8,
    },
}

/// Longest message that is read.
const MAX_MESSAGE_BYTES: usize = 512;
/// 802.11's status of a failed confirmation of SAE.
const CHALLENGE_FAILED: u16 = 15;

/// Reads a message. `None` for those of no importance.
pub fn event(message: &str) -> Option<Event<'_>> {
    let message = message.get(..message.len().min(MAX_MESSAGE_BYTES))?;
    if let Some(signal) = message.strip_prefix("RSSI=") {
        let number = signal.lines().next()?;
        return Some(Event::Signal {
            dbm: number.parse().ok()?,
        });
    }
    if let Some((_, rest)) = message.split_once("Trying to ")
        && let Some((_, rest)) = rest.split_once("SSID")
    {
        // `SSID='home' freq=...` of one kind of driver, `SSID 'home'` of another.
        let rest = rest.trim_start_matches(['=', ' ']).strip_prefix('\'')?;
        return Some(Event::Tries(rest.rsplit_once('\'')?.0));
    }
    let (_, event) = message.split_once("CTRL-EVENT-")?;
    let (kind, rest) = event.split_once(' ').unwrap_or((event, ""));
    match kind {
        "CONNECTED" => {
            let (_, facts) = rest.rsplit_once("[id=")?;
            let index = facts.split(' ').next()?.parse().ok()?;
            Some(Event::Connected { index })
        }
        "DISCONNECTED" => Some(Event::Disconnected {
            reason: number(rest, "reason").unwrap_or(0),
        }),
        "NETWORK-NOT-FOUND" => Some(Event::NotFound),
        "SSID-TEMP-DISABLED" => {
            // A name may look like the facts that follow it, but not come after them.
            let (name, facts) = rest.rsplit_once("\" auth_failures=")?;
            let index = name.strip_prefix("id=")?.split(' ').next()?.parse().ok()?;
            let is_wrong = facts.split(' ').any(|fact| fact == "reason=WRONG_KEY");
            is_wrong.then_some(Event::WrongPassphrase { index })
        }
        "AUTH-REJECT" | "ASSOC-REJECT" => {
            let status = number(rest, "status_code")?;
            let is_sae = kind == "AUTH-REJECT" && number(rest, "auth_type") == Some(3);
            Some(match status {
                CHALLENGE_FAILED if is_sae => Event::WrongPassword,
                status => Event::Refused { status },
            })
        }
        _ => None,
    }
}

/// The number of a fact `name=N`.
fn number(facts: &str, name: &str) -> Option<u16> {
    let fact = |word: &str| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
    facts.split_whitespace().find_map(fact)
}

#[cfg(test)]
mod tests {
    use super::super::config::tests::{network, parse};
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
        let text = configuration(&config, "/run/wpa");
        let expected = format!(
            "ctrl_interface=/run/wpa\nupdate_config=0\np2p_disabled=1\ncountry=DE\nsae_pwe=2\n\
             network={{\n\tssid=686f6d65\n\tscan_ssid=1\n\tpriority=4\n\tkey_mgmt=WPA-PSK WPA-PSK-SHA256 SAE\n\tieee80211w=1\n\
             \tpsk=\"a\"b#c\\d ef\"\n}}\n\
             network={{\n\tssid=6c6162\n\tscan_ssid=0\n\tpriority=3\n\tkey_mgmt=SAE\n\tieee80211w=2\n\
             \tsae_password=6bc3a47365\n}}\n\
             network={{\n\tssid=6f6c64\n\tscan_ssid=0\n\tpriority=2\n\tkey_mgmt=WPA-PSK WPA-PSK-SHA256\n\tieee80211w=1\n\
             \tpsk={key}\n}}\n\
             network={{\n\tssid=6775657374\n\tscan_ssid=0\n\tpriority=1\n\tkey_mgmt=NONE\n\tieee80211w=0\n}}\n"
        );
        assert_eq!(text, expected);
    }

    /// How `wpa_supplicant` reads a value: the text between the line's first and last quotation marks, after what
    /// follows a `#` behind the last one is gone.
    fn as_it_is_read(line: &str) -> String {
        let (_, value) = line.split_once('=').unwrap();
        let inside = value
            .strip_prefix('"')
            .and_then(|rest| rest.rsplit_once('"'));
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
                let network = network(&name, security, passphrase, hidden);
                let config = WifiConfig { country: "DE".into(), networks: vec![network] };
                let text = configuration(&config, "/run/wpa");
                let lines: Vec<&str> = text.lines().collect();
                // No name and no passphrase adds a line.
                prop_assert_eq!(lines.len(), 13);
                prop_assert_eq!((lines[5], lines[12]), ("network={", "}"));
                prop_assert_eq!(as_it_is_read(lines[6]), name.as_str());
                prop_assert_eq!(as_it_is_read(lines[11]), passphrase.as_str());
            }
        }

        #[test]
        fn any_line_is_read_without_harm(line in "\\PC{0,600}") {
            let _ = event(&line);
            let _ = event(&format!("CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"{line}"));
        }
    }

    #[test]
    fn messages_of_importance_are_understood() {
        let disabled = |reason: &str| {
            format!(
                "<3>CTRL-EVENT-SSID-TEMP-DISABLED id=7 ssid=\"id=1 \\\" auth_failures=9\" auth_failures=1 \
                 duration=10 reason={reason}"
            )
        };
        let rejected = |facts: &str| format!("<3>CTRL-EVENT-AUTH-REJECT 02:00:00:00:00:00 {facts}");
        for (message, expected) in [
            (
                "<3>CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:00:00 completed [id=3 id_str=]".into(),
                Some(Event::Connected { index: 3 }),
            ),
            (
                "<3>CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:00:00 reason=4 locally_generated=1".into(),
                Some(Event::Disconnected { reason: 4 }),
            ),
            ("<3>CTRL-EVENT-NETWORK-NOT-FOUND ".into(), Some(Event::NotFound)),
            (disabled("WRONG_KEY"), Some(Event::WrongPassphrase { index: 7 })),
            (disabled("CONN_FAILED"), None),
            (
                rejected("auth_type=3 auth_transaction=2 status_code=15"),
                Some(Event::WrongPassword),
            ),
            (
                rejected("auth_type=0 auth_transaction=2 status_code=1"),
                Some(Event::Refused { status: 1 }),
            ),
            (
                "<3>SME: Trying to authenticate with 02:00:00:00:01:00 (SSID='it's' freq=2437 MHz)".into(),
                Some(Event::Tries("it's")),
            ),
            (
                "<3>Trying to associate with SSID 'home'".into(),
                Some(Event::Tries("home")),
            ),
            ("RSSI=-54\nLINKSPEED=54\n".into(), Some(Event::Signal { dbm: -54 })),
            ("RSSI=-5400\n".into(), None),
            ("CTRL-EVENT-".into(), None),
            ("OK\n".into(), None),
        ] {
            let message: String = message;
            assert_eq!(event(&message), expected, "{message}");
        }
    }

    #[test]
    fn names_are_written_as_the_program_writes_them() {
        assert_eq!(
            escaped("it's \"a\\b\" \u{e9}"),
            "it's \\\"a\\\\b\\\" \\xc3\\xa9"
        );
    }
}
