//! Names of boards: a part of topics, so only plain characters.

use crate::limits::MAX_NAME_BYTES;
use std::fmt;
use std::net::IpAddr;

/// One to [`MAX_NAME_BYTES`] letters, digits, `.`, `-` and `_`. The first is a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Name(heapless::String<MAX_NAME_BYTES>);

impl Name {
    /// `None` if the text is too long, or has other characters.
    pub fn new(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let begins = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        if !begins || !text.bytes().all(is_plain) {
            return None;
        }
        heapless::String::try_from(text).ok().map(Name)
    }

    /// The name of a board without one: its address.
    pub fn of(address: IpAddr) -> Self {
        let text = match address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            // At most 39 characters.
            IpAddr::V6(address) => format!("v6-{}", address.to_string().replace(':', "-")),
        };
        Name::new(&text).unwrap_or_default()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_names() {
        for (address, name) in [
            ("10.0.0.7", "10.0.0.7"),
            ("::ffff:10.0.0.7", "10.0.0.7"),
            ("fe80::1", "v6-fe80--1"),
            ("::1", "v6---1"),
        ] {
            assert_eq!(Name::of(address.parse().unwrap()).as_str(), name);
        }
    }

    proptest! {
        #[test]
        fn a_name_never_splits_a_topic(text in "\\PC{0,60}") {
            if let Some(name) = Name::new(&text) {
                prop_assert!(!name.as_str().contains(['/', '+', '#', '*', '$', '?', ' ']));
                prop_assert_eq!(name.as_str(), text);
            }
        }

        #[test]
        fn every_address_has_a_name(bytes: [u8; 16]) {
            prop_assert_ne!(Name::of(IpAddr::from(bytes)), Name::default());
        }
    }
}
