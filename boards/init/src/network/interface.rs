//! Network interfaces as the kernel lists them under `/sys/class/net`.

use std::fs;
use std::path::{Path, PathBuf};

const ALL: &str = "/sys/class/net";
/// The kernel's own number for it.
pub const LOOPBACK: u32 = 1;
/// ARPHRD_ETHER.
const ETHERNET: &str = "1";

/// Kinds of interfaces, the preferred one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Wired,
    Radio,
    /// The other end of the cable is a computer whose USB device this board is.
    Gadget,
}

impl Role {
    /// Of the default route.
    pub fn metric(self) -> u32 {
        match self {
            Role::Wired => 100,
            Role::Gadget => 200,
            Role::Radio => 600,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    pub role: Role,
    /// Changes when the device is pulled out and put back.
    pub index: u32,
    pub hardware: [u8; 6],
}

impl Interface {
    pub fn named(name: &str) -> Option<Self> {
        Self::read(&Path::new(ALL).join(name))
    }

    /// The first interface of a kind, by name.
    pub fn first(role: Role) -> Option<Self> {
        let mut paths: Vec<PathBuf> = fs::read_dir(ALL)
            .ok()?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.join("device").exists() && word(path, "type") == ETHERNET)
            .collect();
        paths.sort();
        let mut found = paths.iter().filter_map(|path| Self::read(path));
        found.find(|interface| interface.role == role)
    }

    fn read(path: &Path) -> Option<Self> {
        Some(Interface {
            name: path.file_name()?.to_str()?.into(),
            role: role(path),
            index: word(path, "ifindex").parse().ok()?,
            hardware: hardware_address(&word(path, "address"))?,
        })
    }

    pub fn is_there(&self) -> bool {
        Self::named(&self.name).is_some_and(|now| now.index == self.index)
    }

    /// Whether the cable is plugged in at both ends, or the radio has joined a network and has its keys.
    pub fn has_carrier(&self) -> bool {
        let folder = Path::new(ALL).join(&self.name);
        match self.role {
            Role::Radio => word(&folder, "operstate") == "up",
            Role::Wired | Role::Gadget => word(&folder, "carrier") == "1",
        }
    }
}

fn role(path: &Path) -> Role {
    let device = fs::canonicalize(path.join("device")).unwrap_or_default();
    let device = device.file_name().unwrap_or_default().to_string_lossy();
    if path.join("phy80211").exists() {
        Role::Radio
    } else if device.starts_with("gadget") {
        Role::Gadget
    } else {
        Role::Wired
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
    fn radios_and_gadgets_are_told_from_cables_by_their_folders() {
        let root = std::env::temp_dir().join(format!("board-init-net-{}", std::process::id()));
        let interface = |name: &str, device: &str| {
            fs::create_dir_all(root.join(device)).unwrap();
            let path = root.join(name);
            fs::create_dir_all(&path).unwrap();
            std::os::unix::fs::symlink(root.join(device), path.join("device")).unwrap();
            path
        };
        assert_eq!(role(&interface("eth0", "virtio0")), Role::Wired);
        assert_eq!(role(&interface("usb0", "udc/gadget.0")), Role::Gadget);
        let radio = interface("wlan0", "mmc1");
        fs::create_dir(radio.join("phy80211")).unwrap();
        assert_eq!(role(&radio), Role::Radio);
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn hardware_addresses_are_six_bytes() {
        let address = hardware_address("52:54:00:12:34:ff");
        assert_eq!(address, Some([0x52, 0x54, 0, 0x12, 0x34, 0xff]));
        for text in ["", "52:54:00:12:34", "52:54:00:12:34:zz", "1:2:3:4:5:6:7"] {
            assert_eq!(hardware_address(text), None, "{text}");
        }
    }
}
