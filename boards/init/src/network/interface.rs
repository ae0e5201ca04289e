//! Network interfaces as the kernel lists them under `/sys/class/net`.

use std::fs;
use std::path::{Path, PathBuf};

const ALL: &str = "/sys/class/net";
/// The kernel's own number for it.
pub const LOOPBACK: u32 = 1;
/// ARPHRD_ETHER.
const ETHERNET: &str = "1";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    /// Changes when the device is pulled out and put back.
    pub index: u32,
    pub hardware: [u8; 6],
}

impl Interface {
    /// The interface of that name; for `None`, the first Ethernet device.
    pub fn find(name: Option<&str>) -> Option<Self> {
        if let Some(name) = name {
            return Self::read(&Path::new(ALL).join(name));
        }
        let mut paths: Vec<PathBuf> = fs::read_dir(ALL)
            .ok()?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.join("device").exists() && word(path, "type") == ETHERNET)
            .collect();
        paths.sort();
        paths.iter().find_map(|path| Self::read(path))
    }

    fn read(path: &Path) -> Option<Self> {
        Some(Interface {
            name: path.file_name()?.to_str()?.into(),
            index: word(path, "ifindex").parse().ok()?,
            hardware: hardware_address(&word(path, "address"))?,
        })
    }

    pub fn is_there(&self) -> bool {
        Self::find(Some(&self.name)).is_some_and(|now| now.index == self.index)
    }

    /// Whether the cable is plugged in at both ends.
    pub fn has_carrier(&self) -> bool {
        word(&Path::new(ALL).join(&self.name), "carrier") == "1"
    }
}

fn word(folder: &Path, name: &str) -> String {
    let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
    text.trim().into()
}

fn hardware_address(text: &str) -> Option<[u8; 6]> {
    let bytes: Option<Vec<u8>> = text
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16).ok())
        .collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_are_six_bytes() {
        let address = hardware_address("52:54:00:12:34:ff");
        assert_eq!(address, Some([0x52, 0x54, 0, 0x12, 0x34, 0xff]));
        for text in ["", "52:54:00:12:34", "52:54:00:12:34:zz", "1:2:3:4:5:6:7"] {
            assert_eq!(hardware_address(text), None, "{text}");
        }
    }
}
