//! The bytes of a card: a partition table with one FAT32 partition of files.
//!
//! All bytes stay in memory until the card is whole. `fatfs` writes FAT. The partition table has one entry and is
//! written here.

use crate::tools::Outcome;
use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};
use std::fmt::Display;
use std::io::{Cursor, Read, Write};

const SECTOR: usize = 512;
/// Start of the partition: 1 MiB, as is usual.
const START: usize = 2048 * SECTOR;
/// One sector per cluster, so that FAT32 can be small. The boot program in a Raspberry Pi's chip reads it.
const CLUSTER: u32 = SECTOR as u32;
/// Minimum of FAT32.
pub const LEAST_MIB: usize = 36;
/// Limit of the partition table's 32-bit sector count. No user needs this much.
pub const MOST_MIB: usize = 16 << 10;
const FAT32_LBA: u8 = 0x0C;
const TABLE_AT: usize = 446;
const LABEL: [u8; 11] = *b"POSEWIRE   ";
/// A fixed serial number: the same files give the same bytes.
const SERIAL_NUMBER: u32 = 0x9057_371E;

pub struct Card {
    pub bytes: Vec<u8>,
}

impl Card {
    /// An empty card.
    pub fn format(size_mib: usize) -> Outcome<Self> {
        let mut bytes = vec![0; size_mib << 20];
        let table = partition_table(bytes.len());
        bytes[..SECTOR].copy_from_slice(&table);
        let options = FormatVolumeOptions::new()
            .fat_type(FatType::Fat32)
            .bytes_per_cluster(CLUSTER)
            .volume_id(SERIAL_NUMBER)
            .volume_label(LABEL);
        fatfs::format_volume(Cursor::new(&mut bytes[START..]), options)
            .map_err(|error| format!("formatting {size_mib} MiB: {error}"))?;
        Ok(Card { bytes })
    }

    /// Writes a file and replaces an existing one.
    pub fn write(&mut self, name: &str, contents: &[u8]) -> Outcome<()> {
        let files = self.files()?;
        let mut file = files.root_dir().create_file(name).map_err(on(name))?;
        file.truncate().map_err(on(name))?;
        file.write_all(contents).map_err(on(name))?;
        drop(file);
        files.unmount().map_err(on(name))
    }

    pub fn read(&mut self, name: &str) -> Outcome<Vec<u8>> {
        let files = self.files()?;
        let mut contents = Vec::new();
        let mut file = files.root_dir().open_file(name).map_err(on(name))?;
        file.read_to_end(&mut contents).map_err(on(name))?;
        Ok(contents)
    }

    /// Edits a text file like a user. The replaced text must be there.
    pub fn edit(&mut self, name: &str, changes: &[(&str, &str)]) -> Outcome<()> {
        let mut text = String::from_utf8_lossy(&self.read(name)?).into_owned();
        for (from, to) in changes {
            if !text.contains(from) {
                return Err(format!("{name} on the card does not say {from:?}"));
            }
            text = text.replace(from, to);
        }
        self.write(name, text.as_bytes())
    }

    pub fn free_bytes(&mut self) -> Outcome<u64> {
        let stats = self.files()?.stats().map_err(on("the card"))?;
        Ok(u64::from(stats.free_clusters()) * u64::from(stats.cluster_size()))
    }

    fn files(&mut self) -> Outcome<FileSystem<Cursor<&mut [u8]>>> {
        FileSystem::new(Cursor::new(&mut self.bytes[START..]), FsOptions::new())
            .map_err(on("the card"))
    }
}

fn on<E: Display>(name: &str) -> impl Fn(E) -> String {
    move |error| format!("{name}: {error}")
}

fn partition_table(bytes: usize) -> [u8; SECTOR] {
    let mut table = [0; SECTOR];
    let entry = &mut table[TABLE_AT..TABLE_AT + 16];
    // The maximum of cylinders, heads and sectors means: use the sector numbers.
    entry[1..4].fill(0xFF);
    entry[4] = FAT32_LBA;
    entry[5..8].fill(0xFF);
    entry[8..12].copy_from_slice(&((START / SECTOR) as u32).to_le_bytes());
    entry[12..16].copy_from_slice(&(((bytes - START) / SECTOR) as u32).to_le_bytes());
    table[440..444].copy_from_slice(&SERIAL_NUMBER.to_le_bytes());
    table[SECTOR - 2..].copy_from_slice(&[0x55, 0xAA]);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_replaced_and_read() {
        let mut card = Card::format(LEAST_MIB).unwrap();
        let free = card.free_bytes().unwrap();
        card.write("posewire.toml", b"source = 'demo'\nthreads = 4\n")
            .unwrap();
        card.write("posewire.toml", b"short").unwrap();
        card.write("bcm2837-rpi-3-b-plus.dtb", &[7; 100_000])
            .unwrap();
        assert_eq!(card.read("posewire.toml").unwrap(), b"short");
        assert_eq!(card.read("BCM2837-rpi-3-b-plus.dtb").unwrap(), [7; 100_000]);
        assert!(card.read("other").is_err());
        let used = free - card.free_bytes().unwrap();
        assert!((100_000..103_000).contains(&used), "{used}");
    }

    #[test]
    fn the_table_has_one_partition_that_ends_with_the_card() {
        let card = Card::format(LEAST_MIB).unwrap();
        let entry = &card.bytes[TABLE_AT..TABLE_AT + 16];
        let number = |at: usize| u32::from_le_bytes(entry[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!((number(8) + number(12)) * SECTOR, card.bytes.len());
        assert_eq!(&card.bytes[START + 82..START + 90], b"FAT32   ");
    }

    #[test]
    fn a_file_that_does_not_fit_is_an_error() {
        let mut card = Card::format(LEAST_MIB).unwrap();
        let error = card.write("large", &vec![1; LEAST_MIB << 20]).unwrap_err();
        assert!(error.starts_with("large: "), "{error}");
    }
}
