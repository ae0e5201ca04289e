//! The card's partition: waited for, and mounted so that nothing can be written to it.

use crate::CARD;
use crate::output::say;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(50);
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Mounts the first partition that is FAT. A card or its driver may come late.
pub fn wait_and_mount() {
    let mut said = Instant::now();
    loop {
        for name in partitions() {
            let device = format!("/dev/{name}");
            let flags =
                MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
            match mount(&device, CARD, "vfat", flags, None) {
                Ok(()) => return say(&format!("{device} is the card, read-only")),
                Err(error) if said.elapsed() > SAY_EVERY => say(&format!("{device}: {error}")),
                Err(_) => {}
            }
        }
        if said.elapsed() > SAY_EVERY {
            said = Instant::now();
            say("waiting for a card with a FAT partition");
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

pub fn unmount_card() {
    if let Err(error) = unmount(CARD, UnmountFlags::DETACH) {
        say(&format!("{CARD}: {error}"));
    }
}

/// Partitions of all disks, by name.
fn partitions() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/sys/class/block") else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join("partition").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| Path::new("/dev").join(name).exists())
        .collect();
    names.sort();
    names
}
