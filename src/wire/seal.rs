//! Seals: only a holder of the key can make a sealed packet, and each has a place in its sender's order.
//!
//! The [`Stamp`] and a tag follow the packet. The tag is HMAC-SHA-256 (RFC 2104) over all bytes before it, truncated
//! to 16 bytes (RFC 4868). In: an encoded packet, or bytes from a network. Out: a sealed packet in a buffer of fixed
//! size, or the packet and the stamp of one sealed with the same key. [`Sessions`](super::Sessions) decides
//! whether it is new.

use super::layout::{Encoded, STAMP_BYTES, TAG_BYTES};
use super::packet::Packet;
use super::session::Stamp;
use crate::clock;
use crate::error::{Error, Result};
use crate::file;
use crate::hex;
use crate::limits::MAX_KEY_FILE_BYTES;
use crate::text::Shown;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// 256 bits, the size of the hash.
const KEY_BYTES: usize = hex::BYTES;
const BLOCK_BYTES: usize = 64;

/// The bytes of a packet, sealed if there is a sealer.
pub fn encode(packet: &Packet, sealer: Option<&mut Sealer>) -> Encoded {
    match sealer {
        Some(sealer) => sealer.seal(packet.encode(), clock::steady_us()),
        None => packet.encode(),
    }
}

/// Reason why bytes are not a packet under this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealError {
    /// Too short to be sealed.
    Length,
    /// The tag is wrong: the packet is not sealed, sealed with another key, or changed on the way.
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

/// The secret of sender and receiver. Its bytes are never printed.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Makes a key of its bytes.
    pub fn new(secret: &[u8; KEY_BYTES]) -> Self {
        // HMAC pads a key with zeros to a block of the hash.
        let mut block = [0; BLOCK_BYTES];
        block[..KEY_BYTES].copy_from_slice(secret);
        Key(KeyInit::new(&block.into()))
    }

    /// Reads a file of 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the file cannot be read or holds anything else.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |what: String| Error::config(path, what);
        let text = file::read_bounded(path, MAX_KEY_FILE_BYTES)
            .map_err(|error| fail(format!("the key {error}")))?;
        let mode = path.metadata().map_or(0, |found| found.mode());
        if mode & 0o006 != 0 {
            log::warn!(
                "the key file {} is open to every user of this machine (mode {:03o}): chmod 600",
                Shown::path(path),
                mode & 0o777
            );
        }
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

    /// The packet and the stamp inside sealed bytes. The caller must still check the packet.
    ///
    /// # Errors
    /// The bytes were not sealed with this key. The time of the check does not depend on the tag.
    pub fn open<'a>(&self, sealed: &'a [u8]) -> std::result::Result<(&'a [u8], Stamp), SealError> {
        let (bytes, tag) = sealed
            .split_last_chunk::<TAG_BYTES>()
            .ok_or(SealError::Length)?;
        let (packet, stamp) = bytes
            .split_last_chunk::<STAMP_BYTES>()
            .ok_or(SealError::Length)?;
        let mac = self.0.clone().chain_update(bytes);
        match mac.verify_truncated_left(tag) {
            Ok(()) => Ok((packet, Stamp::from_bytes(stamp))),
            Err(_) => Err(SealError::Tag),
        }
    }
}

/// Seals the packets of one output.
#[derive(Debug, Clone)]
pub struct Sealer {
    key: Key,
    /// Stamp of the previous packet.
    stamp: Stamp,
}

impl Sealer {
    /// `epoch` must be above those of the sender's earlier starts: see [`EpochSource`](super::EpochSource).
    pub fn new(key: Key, epoch: u64) -> Self {
        let stamp = Stamp { epoch, sent_us: 0 };
        Sealer { key, stamp }
    }

    /// The packet, its stamp and its tag. `now_us` is read from [`clock::steady_us`]; packets within one
    /// microsecond still get different stamps.
    pub fn seal(&mut self, mut packet: Encoded, now_us: u64) -> Encoded {
        self.stamp.sent_us = now_us.max(self.stamp.sent_us.saturating_add(1));
        // The buffer has room for the longest packet and its seal.
        let _ = packet.extend_from_slice(&self.stamp.to_bytes());
        let tag = self.key.tag(&packet);
        let _ = packet.extend_from_slice(&tag);
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::layout::{CRC_BYTES, FIRST_VERSION, SEAL_BYTES, VERSION_AT};
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
        let sealed = Sealer::new(key(0), 7).seal(packet.encode(), 99);
        assert_eq!(sealed.len(), packet.encode().len() + SEAL_BYTES);
        let (opened, stamp) = key(0).open(&sealed).unwrap();
        assert_eq!((stamp.epoch, stamp.sent_us), (7, 99));
        assert_eq!(PacketView::new(opened).unwrap().to_packet(), packet);
        assert_eq!(key(1).open(&sealed), Err(SealError::Tag));
        assert_eq!(key(0).open(&packet.encode()), Err(SealError::Tag));
        assert_eq!(key(0).open(b"short"), Err(SealError::Length));
    }

    #[test]
    fn each_packet_is_sealed_later_than_the_one_before() {
        let mut sealer = Sealer::new(key(0), 3);
        let packet = test_packet(Flags::default()).encode();
        let mut newest = Stamp::default();
        // A clock that stops, or that a fault sets back.
        for now_us in [0, 0, 5, 5, 4, 100, 99] {
            let sealed = sealer.seal(packet.clone(), now_us);
            let (_, stamp) = key(0).open(&sealed).unwrap();
            assert!(stamp > newest && stamp.sent_us >= now_us, "{stamp:?}");
            newest = stamp;
        }
        assert_eq!(newest.sent_us, 101);
    }

    #[test]
    fn a_packet_that_version_1_sealed_is_refused() {
        let mut bytes = test_packet(Flags::default()).encode();
        bytes[VERSION_AT] = FIRST_VERSION;
        let (body, crc) = bytes.split_last_chunk_mut::<CRC_BYTES>().unwrap();
        *crc = crc32fast::hash(body).to_le_bytes();
        assert!(
            PacketView::new(&bytes).is_ok(),
            "as it would be without a key"
        );
        let tag = key(0).tag(&bytes);
        bytes.extend_from_slice(&tag).unwrap();
        let opened = key(0)
            .open(&bytes)
            .map(|(packet, _)| PacketView::new(packet).is_ok());
        assert_eq!(opened, Ok(false), "the tag fits, but the rest is no packet");
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
            let sealed = Sealer::new(key(3), 1).seal(test_packet(Flags::TRACKING).encode(), 1);
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
