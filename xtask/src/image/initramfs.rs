//! The initramfs of a card: the init, posewire, and kernel modules in loading order.
//!
//! In: the programs, the module tree, and Debian's tree with `wpa_supplicant` for a board with a radio. Out: the
//! compressed archive. A kernel reads several archives, one after the other, as one.

use super::boards::CardFor;
use crate::debian::cpio::Archive;
use crate::debian::libraries;
use crate::debian::modules::Modules;
use crate::tools::{Outcome, at};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

pub struct Contents<'a> {
    pub init: &'a Path,
    pub posewire: &'a Path,
    pub modules: &'a Path,
    /// Modules in addition to the board's.
    pub more_modules: &'a [String],
    /// `None` for a board without a radio.
    pub wifi: Option<&'a Path>,
}

pub fn build(board: &CardFor, contents: &Contents<'_>) -> Outcome<Vec<u8>> {
    let read = |path: &Path| fs::read(path).map_err(at(path));
    let mut archive = Archive::default();
    for folder in ["bin", "dev", "modules"] {
        archive.folder(folder);
    }
    // The kernel opens it for the first program, before devtmpfs is mounted.
    archive.device("dev/console", 5, 1);
    archive.program("init", &read(contents.init)?);
    archive.program("bin/posewire", &read(contents.posewire)?);
    let modules = Modules::find(contents.modules)?;
    let more = contents.more_modules.iter().map(String::as_str);
    let roots: Vec<&str> = board
        .modules
        .iter()
        .flat_map(|group| group.iter().copied())
        .chain(more)
        .collect();
    let order = modules.order(&roots)?;
    modules.put(&order, &mut archive, "modules")?;
    archive.file("modules/order", order.join("\n").as_bytes());
    if let Some(tree) = contents.wifi {
        add_wifi(&mut archive, tree, board.radio.unwrap_or_default())?;
    }
    compressed(archive)
}

/// The archive as the kernel unpacks it. zstd needs half of gzip's bytes for it.
pub fn compressed(archive: Archive) -> Outcome<Vec<u8>> {
    let failed =
        |error: io::Error| format!("zstd: {error}; Debian has it in the package of that name");
    let mut zstd = Command::new("zstd")
        .args(["-19", "-T0", "--quiet", "--stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut input = zstd.stdin.take().ok_or("zstd: no standard input")?;
    let bytes = archive.finish();
    let writer = thread::spawn(move || input.write_all(&bytes));
    let output = zstd.wait_with_output().map_err(failed)?;
    let written = writer.join().map_err(|_| "zstd: its input broke off")?;
    written.map_err(failed)?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(format!("zstd: {}", output.status)),
    }
}

fn add_wifi(archive: &mut Archive, tree: &Path, radio: &[(&str, &str)]) -> Outcome<()> {
    let read = |path: &Path| fs::read(path).map_err(at(path));
    for folder in [
        "lib",
        "lib/aarch64-linux-gnu",
        "lib/firmware",
        "lib/firmware/brcm",
    ] {
        archive.folder(folder);
    }
    for (place, bytes) in libraries::with_needs(tree, &["wpa_supplicant"])? {
        archive.program(&place, &bytes);
    }
    let firmware = tree.join("lib/firmware");
    for (name, debians) in radio {
        archive.file(
            &format!("lib/firmware/brcm/{name}"),
            &read(&firmware.join(debians))?,
        );
    }
    // Debian's kernel knows Debian's signature.
    for name in ["regulatory.db", "regulatory.db.p7s"] {
        let path = firmware.join(format!("{name}-debian"));
        archive.file(&format!("lib/firmware/{name}"), &read(&path)?);
    }
    Ok(())
}
