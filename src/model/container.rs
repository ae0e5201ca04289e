//! The plan file: a network compiled for one kernel family, ready to be mapped and run.
//!
//! All numbers are little-endian. A file is
//!
//! | bytes | contents |
//! |---|---|
//! | 0..8 | `posewire` |
//! | 8..12 | format version, u32: [`OLDEST_VERSION`] to [`VERSION`] |
//! | 12..16 | CRC-32 (IEEE) of all following bytes |
//! | 16..24 | length of the file, u64 |
//! | 24..28 | length of the card, u32: JSON, or 0 for none |
//! | 28..32 | length of the kernel family's name, u32 |
//! | 32..36 | length of the network, u32 |
//! | 36..40 | 0 |
//! | 40.. | card, name, network, without gaps |
//! | then | zeros up to a multiple of 64, then the weights |
//!
//! The integer engine defines the network and the weights (`engine/int8/plan/file`). The checksum detects files
//! that were cut, mixed up or changed by accident. It is not a signature: every reader also checks each number
//! in the file.

use std::ops::Range;

pub const MAGIC: [u8; 8] = *b"posewire";

/// The newest format version. Formats 2 and 3 add kinds of operations to the network; a network is written in the
/// oldest format that has all of its own, and all three are read. Files of other versions are refused.
pub const VERSION: u32 = 3;
/// The oldest format version that is read.
pub const OLDEST_VERSION: u32 = 1;

/// Alignment of the weights in the file, in bytes.
const ALIGNMENT: usize = 64;

const HEADER: usize = 40;

/// Byte ranges of the sections of a plan file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sections {
    pub card: Range<usize>,
    pub kernel: Range<usize>,
    pub network: Range<usize>,
    pub weights: Range<usize>,
}

/// Checks a whole file and finds its sections.
///
/// # Errors
/// The problem and its remedy.
pub fn sections(file: &[u8]) -> Result<Sections, String> {
    let header: &[u8; HEADER] = file
        .first_chunk()
        .ok_or("is cut off: copy or compile it again")?;
    let number = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if header[..8] != MAGIC {
        return Err("is not a plan".into());
    }
    if !(OLDEST_VERSION..=VERSION).contains(&number(8)) {
        return Err(format!(
            "is a plan of format {}, this program reads formats {OLDEST_VERSION} to {VERSION}: compile the model again",
            number(8)
        ));
    }
    let length = u64::from(number(16)) | u64::from(number(20)) << 32;
    if length != file.len() as u64 {
        return Err(format!(
            "has {} bytes, its header says {length}: copy or compile it again",
            file.len()
        ));
    }
    if crc32fast::hash(&file[16..]) != number(12) {
        return Err("is damaged (its checksum differs): copy or compile it again".into());
    }
    let mut at = HEADER;
    let mut section = |length: u32| {
        let start = at;
        at = at
            .checked_add(length as usize)
            .filter(|&end| end <= file.len())?;
        Some(start..at)
    };
    let (card, kernel, network) = (
        section(number(24)),
        section(number(28)),
        section(number(32)),
    );
    let (Some(card), Some(kernel), Some(network)) = (card, kernel, network) else {
        return Err("has a section that ends behind the file: compile it again".into());
    };
    let weights = network.end.next_multiple_of(ALIGNMENT).min(file.len())..file.len();
    Ok(Sections {
        card,
        kernel,
        network,
        weights,
    })
}

/// The file made of these sections.
///
/// # Errors
/// If a section is too long for its length field.
#[cfg(any(feature = "onnx", test))]
pub fn assemble(
    version: u32,
    card: &[u8],
    kernel: &str,
    network: &[u8],
    weights: &[u8],
) -> Result<Vec<u8>, String> {
    let mut file = MAGIC.to_vec();
    file.extend(version.to_le_bytes());
    file.extend([0; 12]);
    for section in [card, kernel.as_bytes(), network] {
        let length = u32::try_from(section.len()).map_err(|_| "is too large for a plan")?;
        file.extend(length.to_le_bytes());
    }
    file.extend([0; 4]);
    for section in [card, kernel.as_bytes(), network] {
        file.extend(section);
    }
    file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
    file.extend(weights);
    let length = file.len() as u64;
    file[16..24].copy_from_slice(&length.to_le_bytes());
    let checksum = crc32fast::hash(&file[16..]);
    file[12..16].copy_from_slice(&checksum.to_le_bytes());
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        assemble(VERSION, b"{}", "portable", &[1, 2, 3], &[9; 100]).unwrap()
    }

    #[test]
    fn sections_come_back() {
        let file = file();
        let found = sections(&file).unwrap();
        assert_eq!(&file[found.card], b"{}");
        assert_eq!(&file[found.kernel], b"portable");
        assert_eq!(&file[found.network], [1, 2, 3]);
        assert_eq!(&file[found.weights.clone()], [9; 100]);
        assert!(found.weights.start.is_multiple_of(ALIGNMENT));
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_refused() {
        let file = file();
        for length in 0..file.len() {
            assert!(sections(&file[..length]).is_err(), "{length}");
        }
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 0x10;
            assert!(sections(&changed).is_err(), "{at}");
        }
    }

    #[test]
    fn another_version_is_named() {
        let mut file = file();
        file[8] = 7;
        assert!(sections(&file).unwrap_err().contains("format 7"));
    }

    #[test]
    fn lengths_beyond_the_file_are_refused_even_with_a_fitting_checksum() {
        for field in [24, 28, 32] {
            let mut file = file();
            file[field..field + 4].fill(0xFF);
            let checksum = crc32fast::hash(&file[16..]);
            file[12..16].copy_from_slice(&checksum.to_le_bytes());
            assert!(sections(&file).is_err(), "{field}");
        }
    }
}
