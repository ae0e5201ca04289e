//! Bytes of a Debian package (deb(5)): an `ar` of a version, a `control.tar.gz` and a `data.tar.gz`.
//!
//! In: files with their modes, and one time for all. Out: the same bytes for the same files, on any machine.

use flate2::{Compression, GzBuilder};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

/// A file of the package.
pub struct Entry {
    /// Path below the root, without a leading slash.
    pub path: String,
    pub mode: u32,
    pub bytes: Vec<u8>,
}

impl Entry {
    pub fn new(path: impl Into<String>, mode: u32, bytes: impl Into<Vec<u8>>) -> Self {
        Entry {
            path: path.into(),
            mode,
            bytes: bytes.into(),
        }
    }
}

/// The whole package. `time` is in seconds since 1970.
pub fn package(control: &[Entry], data: &[Entry], time: u64) -> io::Result<Vec<u8>> {
    let mut ar = b"!<arch>\n".to_vec();
    for (name, bytes) in [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", tar_gz(control, time)?),
        ("data.tar.gz", tar_gz(data, time)?),
    ] {
        let length = bytes.len();
        writeln!(
            ar,
            "{name:<16}{time:<12}{:<6}{:<6}{:<8}{length:<10}`",
            0, 0, "100644"
        )?;
        ar.extend(bytes);
        // Members begin at even offsets.
        if length % 2 == 1 {
            ar.push(b'\n');
        }
    }
    Ok(ar)
}

/// Compresses without name and time.
pub fn gz(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn tar_gz(entries: &[Entry], time: u64) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    let header = |kind, mode, size: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_mtime(time);
        header.set_uid(0);
        header.set_gid(0);
        header.set_username("root")?;
        header.set_groupname("root")?;
        Ok::<_, io::Error>(header)
    };
    let folders: BTreeSet<&Path> = entries
        .iter()
        .flat_map(|entry| Path::new(&entry.path).ancestors().skip(1))
        .collect();
    for folder in folders {
        let mut header = header(tar::EntryType::Directory, 0o755, 0)?;
        append(
            &mut tar,
            &mut header,
            &format!("{}/", folder.display()),
            &[],
        )?;
    }
    for entry in entries {
        let size = entry.bytes.len() as u64;
        let mut header = header(tar::EntryType::Regular, entry.mode, size)?;
        append(&mut tar, &mut header, &entry.path, &entry.bytes)?;
    }
    gz(&tar.into_inner()?)
}

/// A member's name in dpkg-deb's form, `./usr/`. The crate's path setter drops the dot.
fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    header: &mut tar::Header,
    path: &str,
    bytes: &[u8],
) -> io::Result<()> {
    let name = format!("./{}", path.trim_start_matches('/'));
    let field = &mut header.as_old_mut().name;
    if name.len() > field.len() {
        return Err(io::Error::other(format!(
            "{name} is too long for a package"
        )));
    }
    field[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    tar.append(header, bytes)
}
