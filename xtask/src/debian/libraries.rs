//! Programs of a Debian tree with the libraries that they need.
//!
//! In: an unpacked tree. Out: files by their places on a board: programs in `bin`, libraries where Debian's loader
//! looks for them. The needs are read from the ELF files themselves.

use crate::tools::{Outcome, at};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the loader looks for libraries, and where it is itself.
const LIBRARIES: &str = "lib/aarch64-linux-gnu";
const LOADER: &str = "ld-linux-aarch64.so.1";
const FOLDERS: [&str; 6] = [
    "sbin",
    "bin",
    "usr/sbin",
    "usr/bin",
    LIBRARIES,
    "usr/lib/aarch64-linux-gnu",
];

/// The programs and all that they need, as paths on the board and contents.
pub fn with_needs(tree: &Path, programs: &[&str]) -> Outcome<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut missing: Vec<(String, String)> = programs
        .iter()
        .map(|&name| (format!("bin/{name}"), name.to_string()))
        .collect();
    while let Some((place, name)) = missing.pop() {
        if files.contains_key(&place) {
            continue;
        }
        let path = find(tree, &name)?;
        let bytes = fs::read(&path).map_err(at(&path))?;
        for needed in needs(&bytes) {
            let place = match needed.as_str() {
                LOADER => format!("lib/{LOADER}"),
                name => format!("{LIBRARIES}/{name}"),
            };
            missing.push((place, needed));
        }
        files.insert(place, bytes);
    }
    Ok(files)
}

fn find(tree: &Path, name: &str) -> Outcome<PathBuf> {
    let paths = FOLDERS.iter().map(|folder| tree.join(folder).join(name));
    paths
        .into_iter()
        .find(|path| path.exists())
        .ok_or_else(|| format!("{}: has no {name}", tree.display()))
}

/// Names of the libraries that a 64-bit ELF file asks for.
fn needs(elf: &[u8]) -> Vec<String> {
    dynamic(elf).unwrap_or_default()
}

fn dynamic(elf: &[u8]) -> Option<Vec<String>> {
    const DYNAMIC: u64 = 6;
    const NEEDED: u64 = 1;
    const SECTION: usize = 64;
    let number = |at: usize, bytes: usize| -> Option<u64> {
        let bytes = elf.get(at..at.checked_add(bytes)?)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
        )
    };
    let sections = usize::try_from(number(0x28, 8)?).ok()?;
    let count = usize::try_from(number(0x3C, 2)?).ok()?;
    let field = |index: usize, from: usize, bytes: usize| -> Option<u64> {
        let at = sections.checked_add(index.checked_mul(SECTION)?)?;
        number(at.checked_add(from)?, bytes)
    };
    // Offset, size and link of a section.
    let section = |index: usize| -> Option<(usize, usize, usize)> {
        let field = |from, bytes| usize::try_from(field(index, from, bytes)?).ok();
        Some((field(0x18, 8)?, field(0x20, 8)?, field(0x28, 4)?))
    };
    let is_dynamic = |index: &usize| field(*index, 4, 4) == Some(DYNAMIC);
    let (from, size, link) = section((0..count).find(is_dynamic)?)?;
    let (names, _, _) = section(link)?;
    let mut found = Vec::new();
    for at in (from..from.checked_add(size)?).step_by(16) {
        if number(at, 8)? == NEEDED {
            let start = names.checked_add(usize::try_from(number(at + 8, 8)?).ok()?)?;
            let name = elf.get(start..)?.split(|&byte| byte == 0).next()?;
            found.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_this_machine_needs_the_c_library() {
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        let found = needs(&own);
        assert!(
            found.iter().any(|name| name.starts_with("libc.so")),
            "{found:?}"
        );
    }

    #[test]
    fn other_files_need_nothing() {
        assert!(needs(b"").is_empty());
        assert!(needs(&[0xFF; 4096]).is_empty());
    }
}
