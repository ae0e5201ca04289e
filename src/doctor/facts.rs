//! The interface to the machine: files below a root, video nodes, and facts about processor and kernel.
//!
//! Tests use their own root, and the model of the kernel from the camera's tests.

use crate::engine;
use crate::error::Result;
use crate::limits::MAX_LINKS;
use crate::machine::Files;
use crate::process::sandbox;
use crate::source::v4l2::{Kernel, Nodes};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// A machine.
pub struct Facts {
    pub(super) files: Files,
    pub(super) nodes: Box<dyn Nodes>,
    /// The kernel family of its processor.
    pub(super) kernel_family: &'static str,
    pub(super) landlock_abi: Option<u32>,
}

/// The user that runs doctor.
pub(super) struct Me {
    pub uid: u32,
    pub groups: Vec<u32>,
}

impl Facts {
    /// Facts about this machine.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if `POSEWIRE_KERNEL` names a kernel that the machine lacks.
    pub fn of_this_machine() -> Result<Facts> {
        Ok(Facts {
            files: Files::below("/"),
            nodes: Box::new(Kernel),
            kernel_family: engine::kernel_family()?,
            landlock_abi: sandbox::landlock_abi(),
        })
    }

    pub(super) fn exists(&self, path: impl AsRef<Path>) -> bool {
        fs::metadata(self.files.at(path)).is_ok()
    }

    /// The device that a path leads to over links, such as `/dev/ttyS0` for `/dev/serial0`.
    pub(super) fn device(&self, path: impl AsRef<Path>) -> PathBuf {
        let mut path = path.as_ref().to_path_buf();
        for _ in 0..MAX_LINKS {
            let Ok(target) = fs::read_link(self.files.at(&path)) else {
                break;
            };
            let joined = path.parent().unwrap_or(Path::new("/")).join(target);
            path = PathBuf::new();
            for part in joined.components() {
                match part {
                    Component::ParentDir => drop(path.pop()),
                    Component::CurDir => {}
                    part => path.push(part),
                }
            }
        }
        path
    }

    /// True if its mode lets `me` read and write it; `None` if it does not exist.
    pub(super) fn may_use(&self, path: impl AsRef<Path>, me: &Me) -> Option<bool> {
        const READ_WRITE: u32 = 0o6;
        let file = fs::metadata(self.files.at(path)).ok()?;
        let shift = if me.uid == file.uid() {
            6
        } else if me.groups.contains(&file.gid()) {
            3
        } else {
            0
        };
        Some(me.uid == 0 || (file.mode() >> shift) & READ_WRITE == READ_WRITE)
    }

    pub(super) fn me(&self) -> Option<Me> {
        let status = "/proc/self/status";
        let group_ids = self.files.field(status, "Groups")?;
        // Real, effective, saved: the effective id counts.
        let ids = |key: &str| -> Option<u32> {
            let ids = self.files.field(status, key)?;
            ids.split_whitespace().nth(1)?.parse().ok()
        };
        let mut groups: Vec<u32> = group_ids
            .split_whitespace()
            .filter_map(|id| id.parse().ok())
            .collect();
        groups.extend(ids("Gid"));
        Some(Me {
            uid: ids("Uid")?,
            groups,
        })
    }

    /// The processes, each with its folder.
    fn processes(&self) -> impl Iterator<Item = PathBuf> {
        self.files
            .names("/proc")
            .into_iter()
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
            .map(|pid| Path::new("/proc").join(pid))
    }

    /// Processes that have a device open, as far as this user can see.
    pub(super) fn holders(&self, device: &Path) -> Vec<String> {
        let has = |process: &PathBuf| {
            let open = process.join("fd");
            self.files.names(&open).iter().any(|fd| {
                fs::read_link(self.files.at(open.join(fd))).is_ok_and(|file| file == device)
            })
        };
        self.processes()
            .filter(has)
            .map(|process| {
                let pid = process.file_name().unwrap_or_default().to_string_lossy();
                let name = self.files.text(process.join("comm")).unwrap_or_default();
                format!("{name} (process {pid})")
            })
            .collect()
    }

    /// Login programs on a terminal.
    pub(super) fn gettys(&self, terminal: &str) -> Vec<String> {
        self.processes()
            .filter_map(|process| {
                let line = self.files.text(process.join("cmdline"))?;
                let mut words = line.split('\0');
                let program = Path::new(words.next()?).file_name()?.to_str()?.to_owned();
                let is_for = words.any(|word| word.trim_start_matches("/dev/") == terminal);
                (program.contains("getty") && is_for).then_some(program)
            })
            .collect()
    }
}
