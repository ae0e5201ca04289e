//! The initramfs of a card: the init, posewire, and kernel modules in loading order.
//!
//! In: the programs and the module tree. Out: the compressed archive.

use super::boards::CardFor;
use crate::debian::cpio::Archive;
use crate::debian::modules::Modules;
use crate::tools::{Outcome, at};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::Path;

pub struct Contents<'a> {
    pub init: &'a Path,
    pub posewire: &'a Path,
    pub modules: &'a Path,
    /// Modules in addition to the board's.
    pub more_modules: &'a [String],
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
    for name in &order {
        archive.file(&format!("modules/{name}.ko"), &read(modules.path(name)?)?);
    }
    archive.file("modules/order", order.join("\n").as_bytes());
    let mut compressed = GzEncoder::new(Vec::new(), Compression::best());
    compressed
        .write_all(&archive.finish())
        .and_then(|()| compressed.finish())
        .map_err(|error| format!("compressing the initramfs: {error}"))
}
