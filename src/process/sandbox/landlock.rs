//! Files that can be opened by name: those in the settings, and device files.
//!
//! In: [`Access`], with paths as the user wrote them. A path that is missing, or cannot be in a rule (a pipe), is
//! left out. It stays unreachable, and the code that opens it reports the error.

use super::ruleset::{Handled, Ruleset, abi};
use super::{Access, Step};
use crate::text::Shown;
use rustix::fd::AsFd;
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};

/// `LANDLOCK_ACCESS_FS_*`.
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_FOLDER: u64 = 1 << 3;
const REMOVE_FILE: u64 = 1 << 5;
const MAKE_FILE: u64 = 1 << 8;
const TRUNCATE: u64 = 1 << 14;
const DEVICE_REQUESTS: u64 = 1 << 15;
/// Access rights that apply to files; bit 0 is execute.
const OF_FILES: u64 = 1 | WRITE_FILE | READ_FILE | TRUNCATE | DEVICE_REQUESTS;

const DEVICES: &str = "/dev";

pub(super) fn restrict(access: &Access) -> Step {
    let abi = abi().map_err(|error| match error.raw_os_error() {
        Some(code) if code == Errno::OPNOTSUPP.raw_os_error() => {
            "no landlock (switched off: start the kernel with it in lsm=)".to_string()
        }
        Some(code) if code == Errno::NOSYS.raw_os_error() => {
            "no landlock (this kernel has none)".into()
        }
        _ => format!("no landlock ({error})"),
    })?;
    apply(access, &handled(abi)).map_err(|error| format!("no landlock ({error})"))?;
    Ok(format!("landlock ABI {abi}"))
}

/// Everything that a kernel of this version can deny, except Unix sockets, which notify systemd.
fn handled(abi: u32) -> Handled {
    let up_to = |last: u32| (1 << (last + 1)) - 1;
    Handled {
        files: match abi {
            0 => 0,
            1 => up_to(12),
            2 => up_to(13),
            3 | 4 => up_to(14),
            5.. => up_to(15),
        },
        // TCP bind and connect.
        net: if abi >= 4 { 3 } else { 0 },
        // Signals to processes outside the sandbox.
        scopes: if abi >= 6 { 2 } else { 0 },
    }
}

fn apply(access: &Access, handled: &Handled) -> io::Result<()> {
    let rules = Ruleset::new(handled)?;
    let allow = |paths: &[PathBuf], access: u64| {
        for path in paths {
            if let Err(error) = allow(&rules, path, access & handled.files) {
                log::debug!("sandbox: no rule for {}: {error}", Shown::path(path));
            }
        }
    };
    allow(&access.read, READ_FILE | READ_FOLDER);
    allow(&access.write, WRITE_FILE);
    // A file is made under another name and renamed, or removed if that fails.
    allow(
        &access.create_in,
        MAKE_FILE | REMOVE_FILE | WRITE_FILE | TRUNCATE,
    );
    allow(
        &device_folders(&access.devices),
        READ_FILE | WRITE_FILE | READ_FOLDER | DEVICE_REQUESTS,
    );
    // The backtrace of a bug needs these files for its names.
    let program = std::env::current_exe().unwrap_or_default();
    allow(&[program, "/proc/self".into()], READ_FILE | READ_FOLDER);
    rules.restrict_thread()
}

fn allow(rules: &Ruleset, path: &Path, access: u64) -> io::Result<()> {
    let found = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let is_folder = FileType::from_raw_mode(fstat(&found)?.st_mode).is_dir();
    let possible = if is_folder { u64::MAX } else { OF_FILES };
    rules.allow(found.as_fd(), access & possible)
}

/// Folders in which devices come and go: a device that is plugged in again is another file.
fn device_folders(devices: &[PathBuf]) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for device in devices {
        folders.push(PathBuf::from(DEVICES));
        // Paths outside usually link to a device inside.
        if let Ok(target) = device.canonicalize()
            && !target.starts_with(DEVICES)
        {
            folders.extend(target.parent().map(Path::to_path_buf));
        }
    }
    folders.sort();
    folders.dedup();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_kernels_deny_more_and_unix_sockets_stay() {
        assert_eq!(handled(0), Handled::default());
        assert_eq!(handled(1).files, 0x1fff);
        assert_eq!((handled(3).files, handled(3).net), (0x7fff, 0));
        let all = Handled {
            files: 0xffff,
            net: 3,
            scopes: 2,
        };
        assert_eq!((handled(6), handled(99)), (all, all));
    }

    #[test]
    fn only_a_run_with_devices_reaches_device_files() {
        assert!(device_folders(&[]).is_empty());
        let named = ["/dev/video0", "/dev/null", "/nowhere/tty"].map(PathBuf::from);
        assert_eq!(device_folders(&named), [Path::new("/dev")]);
    }

    #[test]
    fn a_device_elsewhere_is_found_where_its_name_leads() {
        let folder = std::env::temp_dir().join(format!("posewire-devices-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (link, plain) = (folder.join("link"), folder.join("plain"));
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        std::fs::write(&plain, "").unwrap();
        assert_eq!(device_folders(&[link]), [Path::new("/dev")]);
        let real = folder.canonicalize().unwrap();
        assert_eq!(device_folders(&[plain]), [Path::new("/dev"), &real]);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
