//! A card in an emulated board. QEMU runs no Raspberry Pi firmware, so that it is given the kernel, the
//! initramfs, the device tree and the command line out of the card's own partition; everything else the
//! board reads from the card itself.

use super::card::Card;
use super::texts;
use crate::board::{Outcome, at};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(20);
const TAIL_LINES: usize = 15;

/// How a kind of board is emulated.
pub struct Kind {
    /// Words for QEMU.
    pub machine: &'static [&'static str],
    /// On the card.
    pub device_tree: Option<&'static str>,
}

/// A processor as the other scenarios have it, a disk, and a watchdog that switches off instead of on
/// again, so that its bite is seen.
pub const VIRT: Kind = Kind {
    machine: &[
        "-machine=virt",
        "-cpu=cortex-a76",
        "-smp=2",
        "-m=512",
        "-device=virtio-blk-pci,drive=card",
        "-device=virtio-net-pci,netdev=net",
        "-device=i6300esb",
        "-action=watchdog=poweroff",
        "-serial=stdio",
    ],
    device_tree: None,
};
/// Its network is on USB; its console is the second line.
pub const RASPI3B: Kind = Kind {
    machine: &[
        "-machine=raspi3b",
        "-device=sd-card,drive=card",
        "-device=usb-net,netdev=net",
        "-serial=null",
        "-serial=stdio",
    ],
    device_tree: Some("bcm2837-rpi-3-b.dtb"),
};

/// A board that runs until it is dropped, which is its plug being pulled.
pub struct Emulator {
    process: Child,
    console: PathBuf,
    pub switched_on: Instant,
}

impl Emulator {
    /// Writes the card to a file and switches on.
    pub fn start(kind: &Kind, card: &mut Card, folder: &Path) -> Outcome<Self> {
        fs::create_dir_all(folder).map_err(at(folder))?;
        let put = |name: &str, bytes: &[u8]| -> Outcome<PathBuf> {
            let path = folder.join(name);
            fs::write(&path, bytes).map_err(at(&path))?;
            Ok(path)
        };
        let image = put("card.img", &card.bytes)?;
        let kernel = put("kernel", &card.read(texts::KERNEL)?)?;
        let initramfs = put("initramfs", &card.read(texts::INITRAMFS)?)?;
        let words = String::from_utf8_lossy(&card.read("cmdline.txt")?).into_owned();
        let console = folder.join("console.log");
        let log = File::create(&console).map_err(at(&console))?;
        let errors = log.try_clone().map_err(at(&console))?;
        let mut command = Command::new("qemu-system-aarch64");
        for word in kind.machine {
            let (option, value) = word.split_once('=').unwrap_or((word, ""));
            command.args([option, value]);
        }
        if let Some(name) = kind.device_tree {
            command
                .arg("-dtb")
                .arg(put("board.dtb", &card.read(name)?)?);
        }
        let process = command
            .args(["-display", "none", "-monitor", "none", "-no-reboot"])
            .args(["-netdev", "user,id=net"])
            .arg("-drive")
            .arg(format!(
                "id=card,if=none,format=raw,file={}",
                image.display()
            ))
            .arg("-kernel")
            .arg(kernel)
            .arg("-initrd")
            .arg(initramfs)
            .args(["-append", words.trim()])
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|error| {
                format!("qemu-system-aarch64: {error}; Debian's package is qemu-system-arm")
            })?;
        Ok(Emulator {
            process,
            console,
            switched_on: Instant::now(),
        })
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Everything on the console so far.
    pub fn said(&self) -> String {
        let bytes = fs::read(&self.console).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until the console has a line with all of these words.
    pub fn wait_for(&mut self, words: &[&str], limit: Duration) -> Outcome<String> {
        let start = Instant::now();
        loop {
            let is_it = |line: &&str| words.iter().all(|word| line.contains(word));
            if let Some(line) = self.said().lines().find(is_it) {
                return Ok(line.trim().into());
            }
            if !self.is_running() || start.elapsed() > limit {
                return Err(format!(
                    "no line with {words:?} on the console\n{}",
                    self.tail()
                ));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    pub fn tail(&self) -> String {
        let text = self.said();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An error unless the file of the card still has these bytes.
pub fn must_be_unchanged(card: &Card, folder: &Path) -> Outcome<()> {
    let path = folder.join("card.img");
    let now = fs::read(&path).map_err(at(&path))?;
    match card.bytes.iter().zip(&now).position(|(was, is)| was != is) {
        None if now.len() == card.bytes.len() => Ok(()),
        None => Err("the card's size was changed".into()),
        Some(byte) => Err(format!("byte {byte} of the card was changed")),
    }
}
