//! The epoch of a sender's start: a number above those of all earlier starts.
//!
//! In: the wall clock, and a small file that survives a power cut. Out: the epoch, written to the file and synced
//! before its use. [`Sessions`](super::Sessions) has the rule that needs it.

use super::session::UNORDERED_EPOCH;
use crate::error::{Error, Result};
use crate::limits::MAX_SESSION_FILE_BYTES;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// 2026-01-01. An earlier clock is not set: boards without a battery start in 1970, or at the date of their
/// image.
const CLOCK_IS_SET_US: u64 = 1_767_225_600_000_000;

/// The source of epochs for a sender.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EpochSource {
    /// A file with the last epoch. A missing file is created.
    pub file: Option<PathBuf>,
    /// True if the sender may start without order, with neither a file nor a set clock.
    pub allows_unordered: bool,
}

impl EpochSource {
    /// The epoch of this start. `wall_us` is Unix time now, in microseconds.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the file cannot be read or written, or holds anything else; [`ErrorKind::Usage`](crate::ErrorKind::Usage)
    /// if there is neither a file nor a set clock.
    pub fn next(&self, wall_us: u64) -> Result<u64> {
        let Some(path) = &self.file else {
            return match next_epoch(None, wall_us) {
                None if self.allows_unordered => Ok(UNORDERED_EPOCH),
                None => Err(Error::usage(
                    "the clock is not set, so receivers could not tell this start from a recording: give \
                     --session-file, a file on a disk that keeps it, or --unordered here and at the receiver",
                )),
                Some(epoch) => Ok(epoch),
            };
        };
        let fail = |what: String| Error::config(path, what);
        let last = read(path).map_err(fail)?;
        let epoch = next_epoch(Some(last), wall_us)
            .ok_or_else(|| fail("has the last session number that there is".into()))?;
        write(path, epoch)
            .map_err(|error| fail("the session number cannot be written".into()).because(error))?;
        Ok(epoch)
    }
}

/// The clock's epoch, or the last epoch plus one, whichever is higher. `None` if there is neither.
fn next_epoch(last: Option<u64>, wall_us: u64) -> Option<u64> {
    let by_clock = Some(wall_us).filter(|&wall_us| wall_us >= CLOCK_IS_SET_US);
    match last {
        Some(last) => {
            let after_last = last.checked_add(1)?;
            Some(by_clock.map_or(after_last, |by_clock| by_clock.max(after_last)))
        }
        None => by_clock,
    }
}

/// The epoch in the file; 0 if there is no file.
fn read(path: &Path) -> std::result::Result<u64, String> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(format!("the session number cannot be read: {error}")),
    };
    let mut text = Vec::new();
    let is_plain = file.metadata().is_ok_and(|file| file.is_file());
    let read = file.take(MAX_SESSION_FILE_BYTES + 1).read_to_end(&mut text);
    let digits = text.strip_suffix(b"\n").filter(|digits| {
        is_plain && read.is_ok() && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
    });
    digits
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
        .ok_or_else(|| {
            "holds no session number: remove it if the board's clock is set, or write a higher number than \
             the last into it"
                .into()
        })
}

/// Replaces the whole file, so that a power cut leaves the old number or the new one.
fn write(path: &Path, epoch: u64) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    // Left behind by a start that lost its power.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(format!("{epoch}\n").as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    let folder = path.parent().filter(|folder| folder.as_os_str() != "");
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET_US: u64 = CLOCK_IS_SET_US + 1;

    #[test]
    fn each_start_is_higher_than_those_before_whatever_the_clock_does() {
        for (last, wall_us, expected) in [
            (None, 0, None),
            (None, CLOCK_IS_SET_US - 1, None),
            (None, SET_US, Some(SET_US)),
            (Some(0), 0, Some(1)),
            (Some(41), 0, Some(42)),
            (Some(41), SET_US, Some(SET_US)),
            // The clock was set back, or was in the future at the last start.
            (Some(SET_US), SET_US, Some(SET_US + 1)),
            (Some(SET_US + 9), SET_US, Some(SET_US + 10)),
            (Some(u64::MAX - 1), SET_US, Some(u64::MAX)),
            (Some(u64::MAX), SET_US, None),
        ] {
            assert_eq!(next_epoch(last, wall_us), expected, "{last:?} {wall_us}");
        }
    }

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("posewire-epoch-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir(&path).unwrap();
            Folder(path)
        }

        fn source(&self, name: &str) -> EpochSource {
            EpochSource {
                file: Some(self.0.join(name)),
                allows_unordered: false,
            }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_file_counts_starts_without_a_clock() {
        let folder = Folder::new("counts");
        let source = folder.source("session");
        // Left behind by a start that lost its power.
        std::fs::write(folder.0.join("session.new"), "9").unwrap();
        for expected in 1..4 {
            assert_eq!(source.next(0).unwrap(), expected);
        }
        assert_eq!(source.next(SET_US).unwrap(), SET_US);
        assert_eq!(source.next(0).unwrap(), SET_US + 1);
        let text = std::fs::read_to_string(folder.0.join("session")).unwrap();
        assert_eq!(text, format!("{}\n", SET_US + 1));
        assert!(!folder.0.join("session.new").exists());
    }

    #[test]
    fn a_file_that_holds_no_number_is_named_and_left_alone() {
        let folder = Folder::new("broken");
        let source = folder.source("session");
        let path = folder.0.join("session");
        for text in [
            "",
            "\n",
            "12",
            "12\n\n",
            "-1\n",
            "+1\n",
            " 1\n",
            "1 \n",
            "1e3\n",
            "\u{661}\n",
            "18446744073709551616\n",
            "00000000000000000000001\n",
            "18446744073709551615\n",
        ] {
            std::fs::write(&path, text).unwrap();
            let error = source.next(SET_US).unwrap_err().to_string();
            assert!(
                error.contains("session") && !error.contains('\n'),
                "{error}"
            );
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn links_folders_and_places_that_cannot_be_written_are_refused() {
        let folder = Folder::new("places");
        std::fs::write(folder.0.join("other"), "5\n").unwrap();
        std::os::unix::fs::symlink(folder.0.join("other"), folder.0.join("link")).unwrap();
        std::fs::create_dir(folder.0.join("folder")).unwrap();
        for name in ["link", "folder", "missing/session", "other/session"] {
            let error = folder.source(name).next(SET_US).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        let other = std::fs::read_to_string(folder.0.join("other")).unwrap();
        assert_eq!(other, "5\n");
        let zero = EpochSource {
            file: Some("/dev/zero".into()),
            allows_unordered: false,
        };
        assert!(zero.next(SET_US).is_err());
    }

    #[test]
    fn without_file_and_clock_only_a_sender_that_is_told_to_starts() {
        let mut source = EpochSource::default();
        assert_eq!(source.next(SET_US).unwrap(), SET_US);
        let error = source.next(0).unwrap_err().to_string();
        assert!(error.contains("--session-file"), "{error}");
        source.allows_unordered = true;
        assert_eq!(source.next(0).unwrap(), UNORDERED_EPOCH);
        assert_eq!(source.next(SET_US).unwrap(), SET_US);
    }
}
