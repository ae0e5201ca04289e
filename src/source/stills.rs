//! Pictures in files: one file, or the files of a folder in the natural order of their names.

use super::kind::is_named;
use super::natural;
use super::picture;
use super::{FrameSource, Kind, Next, SourceCounts, file_footprint};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::file;
use crate::frame::{Frame, PixelFormat, Pixels};
use crate::limits::MAX_PICTURE_FILE_BYTES;
use crate::process::sandbox::Access;
use crate::stats::Repeated;
use crate::text::Shown;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One picture.
pub(super) const IMAGE: Kind = Kind {
    name: "image",
    argument: "FILE",
    help: "image:FILE",
    check: is_named,
    footprint: file_footprint,
    access: |path| Access {
        read: vec![path.into()],
        ..Access::default()
    },
    open: |path, _| Ok(Box::new(StillsSource::image(Path::new(path))?)),
    is_camera: false,
    is_live: false,
    reads_stdin: |_| false,
};

/// The pictures of a folder, by name: `2.jpg` before `10.jpg`.
pub(super) const FOLDER: Kind = Kind {
    name: "dir",
    argument: "FOLDER",
    help: "dir:FOLDER",
    check: is_named,
    footprint: file_footprint,
    access: |path| {
        let mut read = vec![path.into()];
        read.extend(links(Path::new(path)));
        Access {
            read,
            ..Access::default()
        }
    },
    open: |path, _| Ok(Box::new(StillsSource::folder(Path::new(path))?)),
    is_camera: false,
    is_live: false,
    reads_stdin: |_| false,
};

/// Symbolic links in a folder, which may lead out of it. A folder that cannot be read has none; opening it gives
/// the error.
fn links(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()))
        .map(|entry| entry.path())
        .collect()
}

/// A source that reads each picture on request. It skips and counts unreadable pictures.
#[derive(Debug)]
pub struct StillsSource {
    paths: Vec<PathBuf>,
    next: usize,
    skipped: Repeated,
    bytes: Vec<u8>,
    rgb: Vec<u8>,
    size_px: (u32, u32),
    /// An unreadable single picture is an error, because no other would come.
    only_one: bool,
}

impl StillsSource {
    /// One picture.
    ///
    /// # Errors
    /// [`ErrorKind::Source`](crate::ErrorKind::Source) if there is no such file.
    pub fn image(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(Error::source(
                format!("image:{}", Shown::path(path)),
                "there is no such file",
            ));
        }
        Ok(Self::new(vec![path.into()], true))
    }

    /// All pictures of a folder, by name.
    ///
    /// # Errors
    /// As of [`pictures_of`].
    pub fn folder(path: &Path) -> Result<Self> {
        Ok(Self::new(pictures_of(path)?, false))
    }

    fn new(paths: Vec<PathBuf>, only_one: bool) -> Self {
        StillsSource {
            paths,
            next: 0,
            skipped: Repeated::default(),
            bytes: Vec::new(),
            rgb: Vec::new(),
            size_px: (0, 0),
            only_one,
        }
    }

    fn load(&mut self, index: usize) -> std::result::Result<(), String> {
        self.bytes.clear();
        let (file, metadata) =
            file::open_plain(&self.paths[index]).map_err(|error| error.to_string())?;
        file::read_rest(&file, &metadata, MAX_PICTURE_FILE_BYTES, &mut self.bytes)
            .map_err(|error| error.to_string())?;
        self.size_px = picture::decode(&self.bytes, &mut self.rgb)?;
        Ok(())
    }
}

/// The pictures of a folder, by name: `2.jpg` before `10.jpg`.
///
/// # Errors
/// [`ErrorKind::Source`](crate::ErrorKind::Source) if the folder cannot be read or has no pictures.
pub fn pictures_of(path: &Path) -> Result<Vec<PathBuf>> {
    let fail = |what: String| Error::source(format!("dir:{}", Shown::path(path)), what);
    let entries =
        fs::read_dir(path).map_err(|error| fail("cannot be read".into()).because(error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(|error| fail("cannot be read".into()).because(error))?
            .path();
        if path.is_file() && picture::is_picture_name(&path) {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(fail(
            "has no pictures: JPEG, PNG, BMP and PNM are read".into(),
        ));
    }
    paths.sort_by(|a, b| natural::compare(a, b));
    Ok(paths)
}

impl FrameSource for StillsSource {
    fn next_frame(&mut self, timeout: Duration) -> Result<Next<'_>> {
        let begun = std::time::Instant::now();
        let first = self.next;
        while self.next < self.paths.len() {
            let index = self.next;
            if index > first && begun.elapsed() >= timeout {
                return Ok(Next::TimedOut {
                    camera_present: true,
                });
            }
            self.next += 1;
            if let Err(what) = self.load(index) {
                let path = &self.paths[index];
                if self.only_one {
                    return Err(Error::source(format!("image:{}", Shown::path(path)), what));
                }
                if let Some(count) = self.skipped.again() {
                    let path = Shown::path(path);
                    log::warn!("{path}: {what}; skipped ({count} so far)");
                }
                continue;
            }
            let (width, height) = self.size_px;
            let pixels = Pixels::new(
                PixelFormat::Rgb24,
                width,
                height,
                3 * width as usize,
                &self.rgb,
            )
            .ok_or_else(|| {
                Error::source(Shown::path(&self.paths[index]), "the picture is too large")
            })?;
            return Ok(Next::Frame(Frame {
                pixels,
                captured: Instant::now(),
                index: index as u64,
                file: Some(&self.paths[index]),
            }));
        }
        Ok(Next::End)
    }

    fn counts(&self) -> SourceCounts {
        SourceCounts {
            skipped: self.skipped.count(),
            ..SourceCounts::default()
        }
    }
}
