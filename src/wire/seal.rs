//! Packets that only the holder of a key can make: a tag behind the packet.
//!
//! The tag is HMAC-SHA-256 (RFC 2104) over the packet's bytes, cut to its first 16 (RFC 4868). In: an
//! encoded packet, or bytes from a network. Out: a sealed packet in a buffer of fixed size, or the packet
//! inside one that was sealed with the same key. Freshness is the receiver's affair: it must also refuse
//! sequence numbers that it has seen.

use super::layout::Encoded;
use super::packet::Packet;
use crate::error::{Error, Result};
use crate::hex;
use crate::limits::MAX_KEY_FILE_BYTES;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::io::Read;
use std::path::Path;

pub use super::layout::TAG_BYTES;

/// 256 bits, as much as the hash has.
const KEY_BYTES: usize = hex::BYTES;
const BLOCK_BYTES: usize = 64;

/// The bytes of a packet, with a tag if there is a key.
pub fn encode(packet: &Packet, key: Option<&Key>) -> Encoded {
    match key {
        Some(key) => key.seal(packet.encode()),
        None => packet.encode(),
    }
}

/// Why bytes are not a packet under this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealError {
    /// Too short to have a tag.
    Length,
    /// The tag is another one: not sealed, with another key, or changed on the way.
    Tag,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SealError::Length => "too short for a sealed packet",
            SealError::Tag => "the tag does not fit: not sealed, or with another key",
        })
    }
}

impl std::error::Error for SealError {}

/// What sender and receiver share. Its bytes are never shown.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    pub fn new(secret: &[u8; KEY_BYTES]) -> Self {
        // HMAC fills a key up with zeros to a block of the hash.
        let mut block = [0; BLOCK_BYTES];
        block[..KEY_BYTES].copy_from_slice(secret);
        Key(KeyInit::new(&block.into()))
    }

    /// A file of 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the file cannot be read or holds anything else.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |what: String| Error::config(path, what);
        let mut text = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_KEY_FILE_BYTES).read_to_end(&mut text))
            .map_err(|error| fail("the key cannot be read".into()).because(error))?;
        hex::parse(text.trim_ascii()).map(|secret| Key::new(&secret)).ok_or_else(|| {
            fail("a key is 64 hexadecimal digits: head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \\n'".into())
        })
    }

    fn tag(&self, packet: &[u8]) -> [u8; TAG_BYTES] {
        let whole: [u8; KEY_BYTES] = self
            .0
            .clone()
            .chain_update(packet)
            .finalize()
            .into_bytes()
            .into();
        std::array::from_fn(|index| whole[index])
    }

    /// The packet and its tag.
    pub fn seal(&self, mut packet: Encoded) -> Encoded {
        let tag = self.tag(&packet);
        // The buffer has room for the longest packet and its tag.
        let _ = packet.extend_from_slice(&tag);
        packet
    }

    /// The packet inside sealed bytes, still to be checked itself.
    ///
    /// # Errors
    /// It was not sealed with this key. How long that took says nothing about the tag.
    pub fn open<'a>(&self, sealed: &'a [u8]) -> std::result::Result<&'a [u8], SealError> {
        let (packet, tag) = sealed
            .split_last_chunk::<TAG_BYTES>()
            .ok_or(SealError::Length)?;
        let mac = self.0.clone().chain_update(packet);
        match mac.verify_truncated_left(tag) {
            Ok(()) => Ok(packet),
            Err(_) => Err(SealError::Tag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Flags, PacketView, test_packet};
    use proptest::prelude::*;

    fn key(first: u8) -> Key {
        Key::new(&std::array::from_fn(|index| {
            first.wrapping_add(index as u8)
        }))
    }

    #[test]
    fn the_tag_is_that_of_rfc_4231() {
        // Test case 1 has a key of 20 bytes.
        let mut secret = [0; KEY_BYTES];
        secret[..20].fill(0x0b);
        let tag = Key::new(&secret).tag(b"Hi There");
        assert_eq!(tag[..8], [0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53]);
        assert_eq!(tag[8..], [0x5c, 0xa8, 0xaf, 0xce, 0xaf, 0x0b, 0xf1, 0x2b]);
    }

    #[test]
    fn only_the_same_key_opens() {
        let packet = test_packet(Flags::LOST);
        let sealed = key(0).seal(packet.encode());
        assert_eq!(sealed.len(), packet.encode().len() + TAG_BYTES);
        let opened = key(0).open(&sealed).unwrap();
        assert_eq!(PacketView::new(opened).unwrap().to_packet(), packet);
        assert_eq!(key(1).open(&sealed), Err(SealError::Tag));
        assert_eq!(key(0).open(&packet.encode()), Err(SealError::Tag));
        assert_eq!(key(0).open(b"short"), Err(SealError::Length));
    }

    #[test]
    fn a_key_is_never_shown() {
        assert_eq!(format!("{:?}", key(7)), "Key");
        let error = Key::read(Path::new("/nowhere/key"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("/nowhere/key"), "{error}");
    }

    proptest! {
        #[test]
        fn every_changed_bit_and_every_cut_is_noticed(at: usize, keep: usize) {
            let sealed = key(3).seal(test_packet(Flags::TRACKING).encode());
            let mut changed = sealed.clone();
            let bit = at % (8 * sealed.len());
            changed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(key(3).open(&changed).is_err());
            prop_assert!(key(3).open(&sealed[..keep % sealed.len()]).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(key(0).open(&bytes).is_err());
        }
    }
}
