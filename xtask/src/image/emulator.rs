//! A card in an emulated board. QEMU runs no Raspberry Pi firmware, so it gets the kernel, the initramfs, the device
//! tree and the command line out of the card's partition. The board reads everything else from the card itself.

use super::card::Card;
use super::texts;
use crate::emulator::Emulator;
use crate::tools::{Outcome, at, board_folder};
use std::fs;
use std::path::{Path, PathBuf};

/// Emulation of one kind of board.
pub struct Kind {
    /// Options of QEMU.
    pub machine: &'static [(&'static str, &'static str)],
    /// The name on the card.
    pub device_tree: Option<&'static str>,
}

/// The processor of the other scenarios, a disk, and a watchdog that switches the machine off instead of restarting
/// it, so that its bite shows.
pub const VIRT: Kind = Kind {
    machine: &[
        ("-machine", "virt"),
        ("-cpu", "cortex-a76"),
        ("-smp", "2"),
        ("-m", "512"),
        ("-device", "virtio-blk-pci,drive=card"),
        ("-device", "virtio-net-pci,netdev=net"),
        ("-device", "i6300esb"),
        ("-action", "watchdog=poweroff"),
        ("-serial", "stdio"),
    ],
    device_tree: None,
};
/// Its network is on USB; its console is the second serial line.
pub const RASPI3B: Kind = Kind {
    machine: &[
        ("-machine", "raspi3b"),
        ("-device", "sd-card,drive=card"),
        ("-device", "usb-net,netdev=net"),
        ("-serial", "null"),
        ("-serial", "stdio"),
    ],
    device_tree: Some("bcm2837-rpi-3-b.dtb"),
};

/// Folder of the running card and its console.
pub fn folder() -> Outcome<PathBuf> {
    Ok(board_folder()?.join("card"))
}

/// A line of the kernel log without its time.
pub fn plain(line: &str) -> &str {
    line.split_once("] ").map_or(line, |(_, text)| text).trim()
}

/// Writes the card to a file and starts a board from it.
pub fn start(kind: &Kind, card: &mut Card, folder: &Path) -> Outcome<Emulator> {
    start_with(kind, card, folder, &[], &[], "")
}

/// The same with a second initramfs after the card's, options of QEMU, and words for the kernel.
pub fn start_with(
    kind: &Kind,
    card: &mut Card,
    folder: &Path,
    second: &[u8],
    options: &[(&str, &str)],
    more_words: &str,
) -> Outcome<Emulator> {
    fs::create_dir_all(folder).map_err(at(folder))?;
    let put = |name: &str, bytes: &[u8]| -> Outcome<String> {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(at(&path))?;
        Ok(path.display().to_string())
    };
    let image = put("card.img", &card.bytes)?;
    let kernel = put("kernel", &card.read(texts::KERNEL)?)?;
    let both = [&card.read(texts::INITRAMFS)?, second].concat();
    let initramfs = put("initramfs", &both)?;
    let words = String::from_utf8_lossy(&card.read("cmdline.txt")?).into_owned();
    let words = format!("{} {more_words}", words.trim());
    let tree = match kind.device_tree {
        Some(name) => Some(put("board.dtb", &card.read(name)?)?),
        None => None,
    };
    let drive = format!("id=card,if=none,format=raw,file={image}");
    let mut machine = kind.machine.to_vec();
    machine.extend(tree.as_deref().map(|tree| ("-dtb", tree)));
    machine.extend(options);
    machine.extend([
        ("-netdev", "user,id=net"),
        ("-drive", &drive),
        ("-kernel", &kernel),
        ("-initrd", &initramfs),
        ("-append", words.trim()),
    ]);
    Emulator::start(&machine, folder.join("console.log"))
}

/// Returns an error unless the card's file still has these bytes.
pub fn must_be_unchanged(card: &Card, folder: &Path) -> Outcome<()> {
    let path = folder.join("card.img");
    let now = fs::read(&path).map_err(at(&path))?;
    match card.bytes.iter().zip(&now).position(|(was, is)| was != is) {
        None if now.len() == card.bytes.len() => Ok(()),
        None => Err("the card's size was changed".into()),
        Some(byte) => Err(format!("byte {byte} of the card was changed")),
    }
}
