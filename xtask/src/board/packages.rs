//! Debian's kernel for ARM and a busybox, through this machine's own package sources.
//!
//! In: a folder to keep things in. Out: a tree with the kernel, its modules and busybox. Needs no
//! root and changes nothing of the machine's own package state. What is there already is used again.

use super::{Outcome, at, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ARCHITECTURE: &str = "arm64";
const KERNEL: &str = "linux-image-arm64";
const SHELL: &str = "busybox-static";
/// Other sources of a machine often have no packages for ARM.
const DEBIAN_SOURCES: &str = "/etc/apt/sources.list.d/debian.sources";

/// The unpacked packages.
pub struct Packages {
    pub kernel: PathBuf,
    pub modules: PathBuf,
    pub busybox: PathBuf,
}

/// Fetches and unpacks what is not there yet.
pub fn fetch(folder: &Path) -> Outcome<Packages> {
    let root = folder.join("root");
    if !root.is_dir() {
        let debs = folder.join("debs");
        for needed in ["state/lists/partial", "cache/archives/partial", "debs"] {
            let path = folder.join(needed);
            fs::create_dir_all(&path).map_err(at(&path))?;
        }
        println!("fetching the board's kernel");
        run(apt(folder, "apt-get").args(["-q", "-q", "update"]))?;
        let kernel = real_kernel(folder)?;
        run(apt(folder, "apt-get")
            .args(["-q", "-q", "download", &kernel, SHELL])
            .current_dir(&debs))?;
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
    }
    Ok(Packages {
        kernel: only(&root.join("boot"), "vmlinuz-")?,
        modules: only(&root.join("lib/modules"), "")?.join("kernel"),
        busybox: root.join("bin/busybox"),
    })
}

/// The package that the kernel's meta package stands for.
fn real_kernel(folder: &Path) -> Outcome<String> {
    let text = run(apt(folder, "apt-cache").args(["depends", KERNEL]))?;
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|name| name.starts_with("linux-image-"))
        .map(str::to_string)
        .ok_or_else(|| format!("{KERNEL} is not in this machine's package sources"))
}

fn apt(folder: &Path, program: &str) -> Command {
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
    if Path::new(DEBIAN_SOURCES).exists() {
        command
            .arg("-o")
            .arg(format!("Dir::Etc::sourcelist={DEBIAN_SOURCES}"))
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
