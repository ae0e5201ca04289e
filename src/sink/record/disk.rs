//! The folder of a recording: new files, none of which was there before.

use crate::limits::MAX_RECORDING_FILES;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags, fdatasync, fsync, ftruncate, open, openat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The seam to a disk, which can be full or gone.
pub(super) trait Disk {
    /// Begins a file under the next free name, and ends the one before.
    fn create(&mut self) -> io::Result<()>;

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// What is written is on the disk after that, also if the power fails.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file.
    fn truncate(&mut self, bytes: u64) -> io::Result<()>;

    /// Removes the file.
    fn remove(&mut self);

    /// The name of the file, for messages.
    fn name(&self) -> &[u8];
}

/// The folder of a file.
pub fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| folder.as_os_str() != "");
    folder.unwrap_or(Path::new("."))
}

/// Files in a folder: `run.mcap`, `run-2.mcap` and so on.
#[derive(Debug)]
pub(super) struct Folder {
    folder: OwnedFd,
    /// The name before and after the number.
    stem: Vec<u8>,
    extension: Vec<u8>,
    /// The present name. It does not grow.
    name: Vec<u8>,
    number: u32,
    file: Option<File>,
}

impl Folder {
    /// Opens the folder of `path`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (Some(stem), extension) = (path.file_stem(), path.extension()) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it names no file",
            ));
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = open(folder_of(path), flags, Mode::empty())?;
        let mut dotted = Vec::new();
        if let Some(extension) = extension {
            dotted.push(b'.');
            dotted.extend_from_slice(extension.as_bytes());
        }
        let stem = stem.as_bytes().to_vec();
        Ok(Folder {
            folder,
            name: Vec::with_capacity(stem.len() + dotted.len() + 12),
            stem,
            extension: dotted,
            number: 0,
            file: None,
        })
    }

    fn file(&mut self) -> io::Result<&mut File> {
        let none = || io::Error::other("there is no file");
        self.file.as_mut().ok_or_else(none)
    }
}

impl Disk for Folder {
    fn create(&mut self) -> io::Result<()> {
        self.file = None;
        // A link is not followed, and a file that is there is not opened.
        let flags = OFlags::WRONLY
            | OFlags::CREATE
            | OFlags::EXCL
            | OFlags::NOFOLLOW
            | OFlags::NOCTTY
            | OFlags::CLOEXEC;
        while self.number < MAX_RECORDING_FILES {
            self.number += 1;
            self.name.clear();
            self.name.extend_from_slice(&self.stem);
            if self.number > 1 {
                write!(self.name, "-{}", self.number)?;
            }
            self.name.extend_from_slice(&self.extension);
            match openat(&self.folder, &*self.name, flags, Mode::from_raw_mode(0o666)) {
                Ok(file) => {
                    self.file = Some(file.into());
                    // The name as well survives a power cut.
                    let _ = fsync(&self.folder);
                    return Ok(());
                }
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "all its names are taken: give another name, or another folder",
        ))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file()?.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(fdatasync(self.file()?)?)
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        let file = self.file()?;
        ftruncate(&*file, bytes)?;
        file.seek(SeekFrom::Start(bytes)).map(drop)
    }

    fn remove(&mut self) {
        if self.file.take().is_some() {
            let _ = unlinkat(&self.folder, &*self.name, AtFlags::empty());
        }
    }

    fn name(&self) -> &[u8] {
        &self.name
    }
}
