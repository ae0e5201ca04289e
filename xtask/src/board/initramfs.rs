//! The initramfs of the emulated board.
//!
//! In: the packages, the two ARM programs, the pictures. Out: one file.

use super::pictures::{FORMATS, Picture, RAW_FORMATS, encode};
use crate::debian::cpio::Archive;
use crate::debian::modules::Modules;
use crate::debian::packages::Packages;
use crate::tools::{Outcome, at};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Module lists that the agent loads by name. It loads `boot` itself at the start.
const LISTS: [(&str, &[&str]); 3] = [
    ("boot", &["virtio_pci", "virtio_net"]),
    ("vivid", &["vivid"]),
    ("usb", &["vhci_hcd", "uvcvideo"]),
];

pub struct Contents<'a> {
    pub packages: &'a Packages,
    pub agent: &'a Path,
    pub posewire: &'a Path,
    /// The folder of the plans: the shipped hand network, and a small network of random weights for scenarios about
    /// frames.
    pub plans: &'a Path,
    pub pictures: &'a [Picture],
}

pub fn write(contents: &Contents<'_>, to: &Path) -> Outcome<()> {
    let read = |path: &Path| fs::read(path).map_err(at(path));
    let mut archive = Archive::default();
    for folder in ["bin", "dev", "modules", "models", "pictures"] {
        archive.folder(folder);
    }
    // The kernel opens it for the first program, before devtmpfs is mounted.
    archive.device("dev/console", 5, 1);
    archive.program("init", &read(contents.agent)?);
    archive.program("bin/busybox", &read(&contents.packages.busybox)?);
    archive.program("bin/posewire", &read(contents.posewire)?);
    for plan in ["hand.plan", "small.plan"] {
        archive.file(
            &format!("models/{plan}"),
            &read(&contents.plans.join(plan))?,
        );
    }
    let modules = Modules::find(&contents.packages.modules)?;
    let mut needed = BTreeSet::new();
    for (name, roots) in LISTS {
        let order = modules.order(roots)?;
        archive.file(&format!("modules/{name}.list"), order.join("\n").as_bytes());
        needed.extend(order);
    }
    modules.put(&needed, &mut archive, "modules")?;
    for (index, picture) in contents.pictures.iter().enumerate() {
        archive.file(
            &format!("pictures/{index}.YUYV"),
            &encode(&picture.rgb, "YUYV")?,
        );
        archive.file(&format!("pictures/{index}.JPEG"), &picture.jpeg);
    }
    let others = FORMATS.iter().filter(|&&format| format != "YUYV");
    for format in others.chain(&RAW_FORMATS) {
        archive.file(
            &format!("pictures/0.{format}"),
            &encode(&contents.pictures[0].rgb, format)?,
        );
    }
    fs::write(to, archive.finish()).map_err(at(to))
}
