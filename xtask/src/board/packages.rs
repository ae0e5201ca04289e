//! Debian's kernel for ARM, a busybox and the Raspberry Pi's firmware, through this machine's own package
//! sources.
//!
//! In: a folder to keep things in. Out: trees with the kernel, its modules and device trees and busybox,
//! and with the firmware. Needs no root and changes nothing of the machine's own package state. What is
//! there already is used again.

use super::{Outcome, at, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const ARCHITECTURE: &str = "arm64";
const KERNEL: &str = "linux-image-arm64";
const SHELL: &str = "busybox-static";
const FIRMWARE: &str = "raspi-firmware";
/// Where Debian has what may be passed on but not changed.
const FIRMWARE_COMPONENT: &str = "non-free-firmware";
/// Other sources of a machine often have no packages for ARM.
const DEBIAN_SOURCES: &str = "/etc/apt/sources.list.d/debian.sources";

/// The unpacked packages.
pub struct Packages {
    pub kernel: PathBuf,
    pub modules: PathBuf,
    /// A folder for each maker.
    pub device_trees: PathBuf,
    pub busybox: PathBuf,
}

/// The Raspberry Pi's firmware, unpacked.
pub struct Firmware {
    pub files: PathBuf,
    /// The terms on which it may be passed on.
    pub licence: PathBuf,
}

/// Fetches and unpacks what is not there yet.
pub fn fetch(folder: &Path) -> Outcome<Packages> {
    let sources = Path::new(DEBIAN_SOURCES);
    let root = unpack(folder, "the board's kernel", sources, || {
        Ok(vec![real_kernel(folder, sources)?, SHELL.into()])
    })?;
    Ok(Packages {
        kernel: only(&root.join("boot"), "vmlinuz-")?,
        modules: only(&root.join("lib/modules"), "")?.join("kernel"),
        device_trees: only(&root.join("usr/lib"), "linux-image-")?,
        busybox: root.join("bin/busybox"),
    })
}

/// The same for the firmware, which is no part of Debian proper.
pub fn fetch_firmware(folder: &Path) -> Outcome<Firmware> {
    let folder = folder.join("firmware");
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let sources = folder.join("debian.sources");
    let own = Path::new(DEBIAN_SOURCES);
    let text = fs::read_to_string(own).map_err(at(own))?;
    fs::write(&sources, with_component(&text, FIRMWARE_COMPONENT)).map_err(at(&sources))?;
    let root = unpack(&folder, "the Raspberry Pi's firmware", &sources, || {
        Ok(vec![FIRMWARE.into()])
    })?;
    Ok(Firmware {
        files: root.join("usr/lib").join(FIRMWARE),
        licence: root.join("usr/share/doc").join(FIRMWARE).join("copyright"),
    })
}

/// Package sources with one component more.
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

/// Fetches and unpacks packages, unless that was done already. The tree that they make.
fn unpack(
    folder: &Path,
    what: &str,
    sources: &Path,
    names: impl FnOnce() -> Outcome<Vec<String>>,
) -> Outcome<PathBuf> {
    let root = folder.join("root");
    if root.is_dir() {
        return Ok(root);
    }
    let debs = folder.join("debs");
    for needed in ["state/lists/partial", "cache/archives/partial", "debs"] {
        let path = folder.join(needed);
        fs::create_dir_all(&path).map_err(at(&path))?;
    }
    println!("fetching {what}");
    let cannot_be_had = |error: String| {
        let sources = match sources.exists() {
            true => sources.display().to_string(),
            false => "this machine's package sources".into(),
        };
        format!("{what} cannot be had from {sources}: {error}")
    };
    run(apt(folder, sources, "apt-get").args(["-q", "-q", "update"])).map_err(cannot_be_had)?;
    let names = names().map_err(cannot_be_had)?;
    run(apt(folder, sources, "apt-get")
        .args(["-q", "-q", "download"])
        .args(names)
        .current_dir(&debs))
    .map_err(cannot_be_had)?;
    // Unpacked beside and renamed, so that a half-unpacked tree is never taken for a whole one.
    let partial = folder.join("root.partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(at(&partial))?;
    }
    for entry in fs::read_dir(&debs).map_err(at(&debs))? {
        let deb = entry.map_err(at(&debs))?.path();
        run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&partial))?;
    }
    fs::rename(&partial, &root).map_err(at(&root))?;
    Ok(root)
}

/// The package that the kernel's meta package stands for.
fn real_kernel(folder: &Path, sources: &Path) -> Outcome<String> {
    let text = run(apt(folder, sources, "apt-cache").args(["depends", KERNEL]))?;
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|name| name.starts_with("linux-image-"))
        .map(str::to_string)
        .ok_or_else(|| format!("{KERNEL} is not in this machine's package sources"))
}

fn apt(folder: &Path, sources: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    let options = [
        format!("APT::Architecture={ARCHITECTURE}"),
        format!("APT::Architectures::={ARCHITECTURE}"),
        format!("Dir::State={}", folder.join("state").display()),
        "Dir::State::status=/dev/null".into(),
        format!("Dir::Cache={}", folder.join("cache").display()),
        "Debug::NoLocking=1".into(),
        "APT::Sandbox::User=".into(),
    ];
    for option in options {
        command.arg("-o").arg(option);
    }
    if sources.exists() {
        command
            .arg("-o")
            .arg(format!("Dir::Etc::sourcelist={}", sources.display()))
            .args(["-o", "Dir::Etc::sourceparts=/dev/null"]);
    }
    command
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
