//! Bochs with all that it needs, and a kernel, from Debian: newer ones than the machine's own release may
//! have.
//!
//! In: a folder to keep things in. Out: where they are.

use crate::apt::Apt;
use crate::board::{Outcome, at};
use std::fs;
use std::path::{Path, PathBuf};

const ARCHITECTURE: &str = "amd64";
/// Bochs 3.0 is the first to know AVX-VNNI and AMX. The last of these lets the display be a terminal, since
/// a display there must be.
const EMULATOR: &[&str] = &["bochs", "bochsbios", "vgabios", "bochs-term"];
/// Small, and of a release that has `setcpuid=`.
const KERNEL: &str = "linux-image-cloud-amd64";

pub struct Packages {
    pub bochs_root: PathBuf,
    /// As it is booted.
    pub kernel: PathBuf,
}

pub fn fetch(folder: &Path) -> Outcome<Packages> {
    Ok(Packages {
        bochs_root: bochs(&folder.join("bochs"))?,
        kernel: kernel(&folder.join("kernel"))?,
    })
}

fn bochs(folder: &Path) -> Outcome<PathBuf> {
    let sources = sources(folder, "trixie")?;
    let apt = Apt::new(folder, ARCHITECTURE, &sources);
    apt.unpack("Bochs", || Ok(vec![apt.download_with_needs(EMULATOR)?]))
}

fn kernel(folder: &Path) -> Outcome<PathBuf> {
    let sources = sources(folder, "trixie-backports")?;
    let apt = Apt::new(folder, ARCHITECTURE, &sources);
    let root = apt.unpack("a kernel", || {
        let image = apt.real_package(KERNEL, "linux-image-")?;
        // Later releases have a package of its own for the file.
        let file = apt.real_package(&image, "linux-binary-").unwrap_or(image);
        Ok(vec![apt.download(&[&file])?])
    })?;
    find(&root).ok_or_else(|| format!("{}: has no vmlinuz", root.display()))
}

fn sources(folder: &Path, suite: &str) -> Outcome<PathBuf> {
    fs::create_dir_all(folder).map_err(at(folder))?;
    let path = folder.join("debian.sources");
    let text = format!(
        "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: {suite}\nComponents: main\n\
         Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    );
    fs::write(&path, text).map_err(at(&path))?;
    Ok(path)
}

/// The kernel's file, wherever a release has it.
fn find(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find_map(|path| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            match path.is_dir() {
                true => find(&path),
                false => name.starts_with("vmlinuz").then_some(path),
            }
        })
}
