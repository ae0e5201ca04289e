//! Fetches and unpacks Debian packages without installing them.
//!
//! In: a folder, an architecture, package sources. Out: a tree of files. Needs no root, and leaves the machine's own
//! package state alone. An existing tree is reused.

use crate::tools::{Outcome, at, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Apt<'a> {
    folder: &'a Path,
    architecture: &'static str,
    /// A file in the format of `sources.list.d`. If it does not exist, the machine's own sources are used.
    sources: &'a Path,
}

impl<'a> Apt<'a> {
    pub fn new(folder: &'a Path, architecture: &'static str, sources: &'a Path) -> Self {
        Apt {
            folder,
            architecture,
            sources,
        }
    }

    /// Unpacks the packages in the folders that `fetch` returns, unless a tree exists. Returns the tree.
    pub fn unpack(
        &self,
        what: &str,
        fetch: impl FnOnce() -> Outcome<Vec<PathBuf>>,
    ) -> Outcome<PathBuf> {
        let root = self.folder.join("root");
        if root.is_dir() {
            return Ok(root);
        }
        for needed in ["state/lists/partial", "cache/archives/partial", "debs"] {
            let path = self.folder.join(needed);
            fs::create_dir_all(&path).map_err(at(&path))?;
        }
        println!("fetching {what}");
        let cannot_be_had = |error: String| {
            let sources = match self.sources.exists() {
                true => self.sources.display().to_string(),
                false => "this machine's package sources".into(),
            };
            format!("{what} cannot be had from {sources}: {error}")
        };
        run(self.command("apt-get").args(["-q", "-q", "update"])).map_err(cannot_be_had)?;
        let folders = fetch().map_err(cannot_be_had)?;
        // The tree is unpacked beside its place and renamed, so that a partial tree is never reused.
        let partial = self.folder.join("root.partial");
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(at(&partial))?;
        }
        for debs in folders {
            for entry in fs::read_dir(&debs).map_err(at(&debs))? {
                let deb = entry.map_err(at(&debs))?.path();
                if deb.extension().is_some_and(|extension| extension == "deb") {
                    run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&partial))?;
                }
            }
        }
        fs::rename(&partial, &root).map_err(at(&root))?;
        Ok(root)
    }

    /// Fetches these packages without dependencies. Returns their folder.
    pub fn download(&self, names: &[&str]) -> Outcome<PathBuf> {
        let debs = self.folder.join("debs");
        run(self
            .command("apt-get")
            .args(["-q", "-q", "download"])
            .args(names)
            .current_dir(&debs))?;
        Ok(debs)
    }

    /// Fetches these packages with all dependencies. Returns their folder.
    pub fn download_with_needs(&self, names: &[&str]) -> Outcome<PathBuf> {
        run(self
            .command("apt-get")
            .args(["-q", "-q", "--yes", "--download-only"])
            .args(["--no-install-recommends", "install"])
            .args(names))?;
        Ok(self.folder.join("cache/archives"))
    }

    /// The package that a meta package stands for, by the start of its name.
    pub fn real_package(&self, meta: &str, beginning: &str) -> Outcome<String> {
        let text = run(self.command("apt-cache").args(["depends", meta]))?;
        text.lines()
            .filter_map(|line| line.trim().strip_prefix("Depends: "))
            .find(|name| name.starts_with(beginning))
            .map(str::to_string)
            .ok_or_else(|| {
                format!("{meta} needs no {beginning}... in this machine's package sources")
            })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let options = [
            format!("APT::Architecture={}", self.architecture),
            format!("APT::Architectures::={}", self.architecture),
            format!("Dir::State={}", self.folder.join("state").display()),
            "Dir::State::status=/dev/null".into(),
            format!("Dir::Cache={}", self.folder.join("cache").display()),
            "Debug::NoLocking=1".into(),
            "APT::Sandbox::User=".into(),
        ];
        for option in options {
            command.arg("-o").arg(option);
        }
        if self.sources.exists() {
            command
                .arg("-o")
                .arg(format!("Dir::Etc::sourcelist={}", self.sources.display()))
                .args(["-o", "Dir::Etc::sourceparts=/dev/null"]);
        }
        command
    }
}
