//! The radio's state, for people and for posewire.
//!
//! In: the messages of `wpa_supplicant`, and the time. Out: lines for the log, each fault again once a minute, and
//! [`Status::figures`], the line that posewire reads and sends in its stats packets.

use super::config::Network;
use super::supplicant::{Event, escaped};
use std::time::{Duration, Instant};

/// A lasting fault is said again, so that a screen plugged in later shows it.
const SAY_EVERY: Duration = Duration::from_secs(60);
/// Length of the line of figures: it is overwritten in place, and must always be one piece.
const FIGURES_BYTES: usize = 24;

/// States by their numbers in docs/wire.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No network of `wifi.toml` is in reach.
    Searching = 1,
    Joining = 2,
    Joined = 3,
    /// A network's passphrase is wrong.
    WrongPassphrase = 4,
    /// An access point refuses the board for another reason.
    Refused = 5,
    /// `wifi.toml` cannot be used.
    WrongFile = 6,
    /// There is no radio, or `wpa_supplicant` does not run.
    NoRadio = 7,
}

#[derive(Debug)]
pub struct Status {
    pub state: State,
    /// Index in the configuration.
    network: Option<usize>,
    signal_dbm: Option<i8>,
    joined: u8,
    /// The last fault that was said, and when.
    said: Option<(String, Instant)>,
}

impl Status {
    pub fn new(state: State) -> Self {
        Status {
            state,
            network: None,
            signal_dbm: None,
            joined: 0,
            said: None,
        }
    }

    /// Takes a message. Returns the line to say: a predicate whose subject is the interface.
    pub fn take(
        &mut self,
        event: &Event<'_>,
        networks: &[Network],
        now: Instant,
    ) -> Option<String> {
        let name = |index: usize| networks.get(index).map_or("", |network| &network.name);
        match *event {
            Event::Tries(written) => {
                self.network = networks
                    .iter()
                    .position(|network| escaped(&network.name) == written);
                // The fault of the last attempt stays until one succeeds.
                if matches!(self.state, State::Searching | State::Joined) {
                    self.state = State::Joining;
                }
                None
            }
            Event::Connected { index } => {
                let again = self.state == State::Joined && self.network == Some(index);
                self.network = Some(index);
                self.state = State::Joined;
                self.said = None;
                if again {
                    // It roams between access points, or renews its keys.
                    return None;
                }
                self.joined = self.joined.wrapping_add(1);
                Some(format!("joined {:?}", name(index)))
            }
            Event::Disconnected { reason } => {
                self.signal_dbm = None;
                if self.state != State::Joined {
                    return None;
                }
                self.state = State::Joining;
                let name = name(self.network?);
                Some(format!("lost {name:?} (reason {reason}) and looks for it"))
            }
            Event::WrongPassphrase { index } => {
                self.network = Some(index);
                self.wrong_passphrase(name(index), now)
            }
            Event::WrongPassword => self.wrong_passphrase(name(self.network?), now),
            Event::Refused { status } => {
                // A wrong passphrase is what to correct, also if the same access point then refuses the board.
                if self.state == State::WrongPassphrase {
                    return None;
                }
                self.state = State::Refused;
                let name = name(self.network?);
                self.fault(
                    format!("is refused by {name:?} (status {status}): look at the access point's settings"),
                    now,
                )
            }
            Event::NotFound => {
                if self.state == State::WrongPassphrase {
                    return None;
                }
                self.state = State::Searching;
                self.network = None;
                self.fault("finds no network of wifi.toml".into(), now)
            }
            Event::Signal { dbm } => {
                self.signal_dbm = (self.state == State::Joined).then_some(dbm);
                None
            }
        }
    }

    fn wrong_passphrase(&mut self, name: &str, now: Instant) -> Option<String> {
        self.state = State::WrongPassphrase;
        self.fault(
            format!("does not join {name:?}: its passphrase in wifi.toml is wrong, correct it"),
            now,
        )
    }

    /// The line, unless it was said a short while ago.
    fn fault(&mut self, line: String, now: Instant) -> Option<String> {
        if let Some((before, at)) = &self.said
            && *before == line
            && now.saturating_duration_since(*at) < SAY_EVERY
        {
            return None;
        }
        self.said = Some((line.clone(), now));
        Some(line)
    }

    /// State, place of the network in `wifi.toml` (0 for none), signal in dBm (0 for unknown), and how often the
    /// board has joined a network.
    pub fn figures(&self, networks: &[Network]) -> String {
        let place = self.network.and_then(|index| networks.get(index));
        let place = place.map_or(0, |network| network.place);
        let figures = format!(
            "{} {place} {} {}",
            self.state as u8,
            self.signal_dbm.unwrap_or(0),
            self.joined
        );
        format!("{figures:<0$}\n", FIGURES_BYTES - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Security;
    use super::super::config::tests::network;
    use super::*;
    use proptest::prelude::*;

    fn networks() -> Vec<Network> {
        ["home", "it's"]
            .map(|name| network(name, Security::Auto, "correct horse", false))
            .into()
    }

    #[test]
    fn a_wrong_passphrase_is_said_once_a_minute_until_the_network_is_joined() {
        let (networks, start) = (networks(), Instant::now());
        let mut status = Status::new(State::Joining);
        let wrong = Event::WrongPassphrase { index: 1 };
        let said: Vec<u64> = (0..130)
            .filter(|&s| {
                let now = start + Duration::from_secs(s);
                // wpa_supplicant looks for others meanwhile.
                status.take(&Event::NotFound, &networks, now);
                let line = status.take(&wrong, &networks, now);
                line.is_some_and(|line| line.contains("\"it's\"") && line.contains("wifi.toml"))
            })
            .collect();
        assert_eq!(said, [0, 60, 120]);
        assert_eq!(status.figures(&networks).trim(), "4 1 0 0");
        let joined = status.take(&Event::Connected { index: 1 }, &networks, start);
        assert_eq!(joined.as_deref(), Some("joined \"it's\""));
        assert_eq!(status.state, State::Joined);
        assert!(status.take(&wrong, &networks, start).is_some());
    }

    #[test]
    fn sae_names_the_network_that_was_tried() {
        let (networks, now) = (networks(), Instant::now());
        let mut status = Status::new(State::Joining);
        status.take(&Event::Tries("it's"), &networks, now);
        let line = status.take(&Event::WrongPassword, &networks, now);
        assert!(line.unwrap().contains("\"it's\""));
        // The refusal that follows says nothing new.
        assert_eq!(
            status.take(&Event::Refused { status: 1 }, &networks, now),
            None
        );
    }

    #[test]
    fn an_access_point_that_goes_and_comes_is_two_lines() {
        let (networks, now) = (networks(), Instant::now());
        let mut status = Status::new(State::Joining);
        let mut lines = Vec::new();
        for event in [
            Event::Tries("home"),
            Event::Connected { index: 0 },
            Event::Signal { dbm: -54 },
            // Roaming.
            Event::Connected { index: 0 },
            Event::Disconnected { reason: 4 },
            Event::Disconnected { reason: 3 },
            Event::NotFound,
            Event::NotFound,
            Event::Connected { index: 0 },
        ] {
            lines.extend(status.take(&event, &networks, now));
        }
        let expected = [
            "joined \"home\"",
            "lost \"home\" (reason 4) and looks for it",
            "finds no network of wifi.toml",
            "joined \"home\"",
        ];
        assert_eq!(lines, expected);
        assert_eq!(status.figures(&networks).trim(), "3 1 0 2");
        status.take(&Event::Signal { dbm: -54 }, &networks, now);
        assert_eq!(status.figures(&networks).trim(), "3 1 -54 2");
    }

    proptest! {
        #[test]
        fn figures_are_always_one_length(dbm in any::<i8>(), index in 0..9_usize, joined in any::<u8>()) {
            let mut status = Status::new(State::Joined);
            status.joined = joined;
            status.take(&Event::Connected { index }, &networks(), Instant::now());
            status.take(&Event::Signal { dbm }, &networks(), Instant::now());
            prop_assert_eq!(status.figures(&networks()).len(), FIGURES_BYTES);
        }
    }
}
