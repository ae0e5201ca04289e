//! The keys of the boards: which of them opens a packet.
//!
//! In: sealed bytes and their sender's address. Out: the key and the checked packet. A seal does not name its key, so
//! the key that opened the address's last packet is tried first. A new address is searched for among all keys, with
//! a bound on the seals that are computed each second: a flood of forged packets delays new boards, and no others.

use crate::limits::{KEY_SEARCHES_PER_S, MAX_BOARDS};
use crate::name::Name;
use posewire::text::Shown;
use posewire::wire::{Arrived, Invalid, Key, PacketView, SealError, WireError, without_seal};
use posewire::{Error, Result};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Silence after which a board may well come back with another address, so that its key is tried early.
const QUIET_US: u64 = 1_000_000;

#[derive(Debug)]
struct Named {
    name: Name,
    key: Key,
    heard_us: Option<u64>,
}

/// The keys, each with its board's name.
#[derive(Debug)]
pub struct Keyring {
    keys: Vec<Named>,
    by_address: HashMap<SocketAddr, u16>,
    /// Seals that may be computed in a search until the next second.
    searches: u32,
    second: u64,
}

impl Keyring {
    /// Reads a key, or all keys of a folder. A file's name, without an ending, names its board.
    ///
    /// # Errors
    /// A file is no key, or its name is no name for a board.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |what: String| Error::config(path, what);
        let mut files: Vec<PathBuf> = if path.is_dir() {
            let found = std::fs::read_dir(path)
                .map_err(|error| fail("cannot be read".into()).because(error))?;
            let found = found.flatten().map(|entry| entry.path());
            found
                .filter(|file| file.is_file())
                .take(MAX_BOARDS + 1)
                .collect()
        } else {
            vec![path.into()]
        };
        files.sort();
        if files.is_empty() || files.len() > MAX_BOARDS {
            return Err(fail(format!(
                "has {} files: 1 to {MAX_BOARDS} can be keys",
                files.len()
            )));
        }
        let keys = files.iter().map(|file| {
            let stem = file.file_stem().and_then(|stem| stem.to_str());
            let name = stem.and_then(Name::new).ok_or_else(|| {
                Error::config(
                    file,
                    "names no board: up to 48 letters, digits, '-', '_' and '.', the first a letter or a digit",
                )
            })?;
            Ok((name, Key::read(file)?))
        });
        let keyring = Self::new(keys.collect::<Result<Vec<_>>>()?);
        log::info!("{}: {} keys", Shown::path(path), keyring.keys.len());
        Ok(keyring)
    }

    pub fn new(keys: Vec<(Name, Key)>) -> Self {
        let named = |(name, key)| Named {
            name,
            key,
            heard_us: None,
        };
        Keyring {
            keys: keys.into_iter().map(named).collect(),
            by_address: HashMap::new(),
            searches: KEY_SEARCHES_PER_S,
            second: 0,
        }
    }

    /// The name of a key's board.
    pub fn name(&self, key: u16) -> Name {
        let named = self.keys.get(usize::from(key));
        named.map(|named| named.name.clone()).unwrap_or_default()
    }

    /// The key that opened the last packet of an address.
    pub fn last(&self, from: SocketAddr) -> Option<u16> {
        self.by_address.get(&from).copied()
    }

    /// Checks a packet, and finds its key.
    ///
    /// # Errors
    /// It is no packet, or none of the keys that may be tried now opens it.
    pub fn open<'a>(
        &mut self,
        bytes: &'a [u8],
        from: SocketAddr,
        now_us: u64,
    ) -> std::result::Result<(u16, Arrived<'a>), Invalid> {
        // What is no packet costs no search.
        match PacketView::new(without_seal(bytes)) {
            Ok(_) | Err(WireError::Kind { .. }) => {}
            Err(error) => return Err(Invalid::Packet(error)),
        }
        let last = self.last(from);
        if let Some(key) = last {
            match self.try_key(key, bytes, now_us) {
                Err(Invalid::Seal(SealError::Tag)) => {}
                done => return done.map(|arrived| (key, arrived)),
            }
        }
        let second = now_us / 1_000_000;
        if second != self.second {
            (self.second, self.searches) = (second, KEY_SEARCHES_PER_S);
        }
        // Keys of boards that are not heard first.
        for wants_quiet in [true, false] {
            for index in 0..self.keys.len() {
                // There are at most MAX_BOARDS keys.
                let key = index as u16;
                let heard_us = self.keys[index].heard_us;
                let is_quiet =
                    heard_us.is_none_or(|heard_us| now_us.saturating_sub(heard_us) > QUIET_US);
                if is_quiet != wants_quiet || last == Some(key) {
                    continue;
                }
                self.searches = match self.searches.checked_sub(1) {
                    Some(left) => left,
                    None => return Err(Invalid::Seal(SealError::Tag)),
                };
                match self.try_key(key, bytes, now_us) {
                    Err(Invalid::Seal(SealError::Tag)) => {}
                    Err(other) => return Err(other),
                    Ok(arrived) => {
                        self.remember(from, key);
                        return Ok((key, arrived));
                    }
                }
            }
        }
        Err(Invalid::Seal(SealError::Tag))
    }

    fn try_key<'a>(
        &mut self,
        key: u16,
        bytes: &'a [u8],
        now_us: u64,
    ) -> std::result::Result<Arrived<'a>, Invalid> {
        let named = self
            .keys
            .get_mut(usize::from(key))
            .ok_or(Invalid::Seal(SealError::Tag))?;
        let arrived = Arrived::check(bytes, Some(&named.key))?;
        named.heard_us = Some(now_us);
        Ok(arrived)
    }

    /// Only holders of keys get here, so the map is full only after years of new addresses.
    fn remember(&mut self, from: SocketAddr, key: u16) {
        if self.by_address.len() >= 2 * MAX_BOARDS {
            self.by_address.clear();
        }
        self.by_address.insert(from, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Board;

    fn keyring(count: u8) -> Keyring {
        let named = |index: u8| (Name::new(&format!("b{index}")).unwrap(), Board::key(index));
        Keyring::new((0..count).map(named).collect())
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn the_key_is_found_and_then_known() {
        let mut keyring = keyring(9);
        let mut board = Board::sealed(5, 1);
        let packet = board.heartbeat();
        let (key, _) = keyring.open(&packet, address(1), 0).unwrap();
        assert_eq!((key, keyring.name(key).as_str()), (5, "b5"));
        let left = keyring.searches;
        keyring.open(&board.heartbeat(), address(1), 1).unwrap();
        assert_eq!(keyring.searches, left, "no search for a known address");
        // Another board behind the same address.
        let other = Board::sealed(2, 1).heartbeat();
        assert_eq!(keyring.open(&other, address(1), 2).unwrap().0, 2);
    }

    #[test]
    fn a_flood_of_forged_packets_does_not_hold_up_those_who_are_known() {
        let mut keyring = keyring(100);
        let mut board = Board::sealed(99, 1);
        keyring.open(&board.heartbeat(), address(1), 0).unwrap();
        let forged = Board::sealed(200, 1).heartbeat();
        for _ in 0..KEY_SEARCHES_PER_S {
            if keyring.searches == 0 {
                break;
            }
            assert!(keyring.open(&forged, address(2), 5).is_err());
        }
        assert_eq!(keyring.searches, 0);
        assert!(keyring.open(&board.heartbeat(), address(1), 6).is_ok());
        let mut late = Board::sealed(50, 1);
        assert!(keyring.open(&late.heartbeat(), address(3), 7).is_err());
        // The next second has searches again.
        let packet = late.heartbeat();
        let found = keyring.open(&packet, address(3), 1_000_000);
        assert_eq!(found.unwrap().0, 50);
    }

    #[test]
    fn what_is_no_packet_is_not_searched_for() {
        let mut keyring = keyring(3);
        for bytes in [&b"hello"[..], &[0; 2048], b"PWIR\x02"] {
            let refused = keyring.open(bytes, address(1), 0);
            assert!(matches!(refused, Err(Invalid::Packet(_))), "{refused:?}");
        }
        assert_eq!(keyring.searches, KEY_SEARCHES_PER_S);
        let open = Board::open(1).heartbeat();
        let refused = keyring.open(&open, address(1), 0).map(drop);
        assert_eq!(refused, Err(Invalid::Seal(SealError::Tag)));
    }
}
