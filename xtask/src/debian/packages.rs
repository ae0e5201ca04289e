//! Debian's ARM kernel, busybox, the Raspberry Pi's firmware, and Wi-Fi, from this machine's package sources.
//!
//! In: a folder. Out: trees with the kernel, its modules and device trees and busybox, with the firmware, and with
//! `wpa_supplicant` and the firmware of radios. Needs no root, and leaves the machine's own package state alone.
//! Existing trees are reused.

use super::apt::Apt;
use crate::tools::{Outcome, at};
use std::fs;
use std::path::{Path, PathBuf};

pub const ARCHITECTURE: &str = "arm64";
const KERNEL: &str = "linux-image-arm64";
const SHELL: &str = "busybox-static";
const FIRMWARE: &str = "raspi-firmware";
/// With their libraries. The last two are the other end of the radio, for tests.
const WIFI_PROGRAMS: [&str; 3] = ["wpasupplicant", "hostapd", "iw"];
/// Firmware of the Raspberry Pis' radios, and the rules of countries.
const WIFI_FILES: [&str; 3] = ["firmware-brcm80211", FIRMWARE, "wireless-regdb"];
/// Debian's component for files that may be redistributed but not changed.
const FIRMWARE_COMPONENT: &str = "non-free-firmware";
/// A machine's other sources often have no ARM packages.
const DEBIAN_SOURCES: &str = "/etc/apt/sources.list.d/debian.sources";

/// The unpacked packages.
pub struct Packages {
    pub kernel: PathBuf,
    pub modules: PathBuf,
    /// One folder per manufacturer.
    pub device_trees: PathBuf,
    pub busybox: PathBuf,
}

/// The Raspberry Pi's firmware, unpacked.
pub struct Firmware {
    pub files: PathBuf,
    /// The licence for redistribution.
    pub licence: PathBuf,
}

/// Fetches and unpacks missing trees.
pub fn fetch(folder: &Path) -> Outcome<Packages> {
    let sources = Path::new(DEBIAN_SOURCES);
    let apt = Apt::new(folder, ARCHITECTURE, sources);
    let root = apt.unpack("the board's kernel", || {
        let kernel = apt.real_package(KERNEL, "linux-image-")?;
        Ok(vec![apt.download(&[&kernel, SHELL])?])
    })?;
    Ok(Packages {
        kernel: only(&root.join("boot"), "vmlinuz-")?,
        modules: only(&root.join("lib/modules"), "")?.join("kernel"),
        device_trees: only(&root.join("usr/lib"), "linux-image-")?,
        busybox: root.join("bin/busybox"),
    })
}

/// The same for the firmware, which is not part of Debian proper.
pub fn fetch_firmware(folder: &Path) -> Outcome<Firmware> {
    let folder = folder.join("firmware");
    let sources = sources_with(&folder, FIRMWARE_COMPONENT)?;
    let apt = Apt::new(&folder, ARCHITECTURE, &sources);
    let root = apt.unpack("the Raspberry Pi's firmware", || {
        Ok(vec![apt.download(&[FIRMWARE])?])
    })?;
    Ok(Firmware {
        files: root.join("usr/lib").join(FIRMWARE),
        licence: root.join("usr/share/doc").join(FIRMWARE).join("copyright"),
    })
}

/// The same for `wpa_supplicant`, its libraries and the firmware of radios. Returns the tree.
pub fn fetch_wifi(folder: &Path) -> Outcome<PathBuf> {
    let folder = folder.join("wifi");
    let sources = sources_with(&folder, FIRMWARE_COMPONENT)?;
    let apt = Apt::new(&folder, ARCHITECTURE, &sources);
    apt.unpack("wpa_supplicant and the firmware of radios", || {
        let files = apt.download(&WIFI_FILES)?;
        Ok(vec![files, apt.download_with_needs(&WIFI_PROGRAMS)?])
    })
}

/// A file in `folder` with this machine's package sources and one more component.
fn sources_with(folder: &Path, component: &str) -> Outcome<PathBuf> {
    fs::create_dir_all(folder).map_err(at(folder))?;
    let sources = folder.join("debian.sources");
    let own = Path::new(DEBIAN_SOURCES);
    let text = fs::read_to_string(own).map_err(at(own))?;
    fs::write(&sources, with_component(&text, component)).map_err(at(&sources))?;
    Ok(sources)
}

/// Package sources with an additional component.
fn with_component(sources: &str, component: &str) -> String {
    let lines: Vec<String> = sources
        .lines()
        .map(|line| match line.strip_prefix("Components:") {
            Some(all) if !all.split_whitespace().any(|name| name == component) => {
                format!("{line} {component}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    lines.concat()
}

/// The only entry of a folder whose name starts with `prefix`.
fn only(folder: &Path, prefix: &str) -> Outcome<PathBuf> {
    let entries = fs::read_dir(folder).map_err(at(folder))?;
    let found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        })
        .collect();
    match <[PathBuf; 1]>::try_from(found) {
        Ok([path]) => Ok(path),
        Err(found) => Err(format!(
            "{}: {} entries start with {prefix:?}, not one",
            folder.display(),
            found.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_added_once_to_each_source() {
        let sources = "Suites: bookworm\nComponents: main\n\nComponents: main non-free-firmware\n";
        let expected = "Suites: bookworm\nComponents: main non-free-firmware\n\nComponents: main non-free-firmware\n";
        assert_eq!(with_component(sources, "non-free-firmware"), expected);
    }
}
