//! Bochs with its dependencies, and a kernel, from a newer Debian than the machine's own.
//!
//! In: a folder for downloads. Out: the unpacked trees.

use crate::debian::apt::Apt;
use crate::tools::{Outcome, at};
use std::fs;
use std::path::{Path, PathBuf};

const ARCHITECTURE: &str = "amd64";
/// Bochs 3.0 is the first with AVX-VNNI and AMX. It needs a display; bochs-term makes the terminal one.
const EMULATOR: &[&str] = &["bochs", "bochsbios", "vgabios", "bochs-term"];
/// A small kernel that knows `setcpuid=`.
const KERNEL: &str = "linux-image-cloud-amd64";

pub struct Packages {
    pub bochs_root: PathBuf,
    /// The bootable file.
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
        // Later releases have the file in a package of its own.
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
