//! The kernel's small text files, below a root.

use crate::limits::{MAX_FACT_BYTES, MAX_FOLDER_NAMES};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The files of a machine.
#[derive(Debug, Clone)]
pub struct Files {
    root: PathBuf,
}

impl Files {
    /// Files below `root`: `/`, or the folder of a test.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Files { root: root.into() }
    }

    /// Where a path of the machine lies.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The trimmed text of a file; `None` if it cannot be read or is empty. Use it for files in /proc, /sys and /etc,
    /// which do not block.
    pub fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let mut bytes = Vec::new();
        let file = File::open(self.at(path)).ok()?;
        file.take(MAX_FACT_BYTES).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The number in a file.
    pub fn number<T: FromStr>(&self, path: impl AsRef<Path>) -> Option<T> {
        self.text(path)?.parse().ok()
    }

    /// The value of a line `key value...` or `key: value...`.
    pub fn field(&self, path: &str, key: &str) -> Option<String> {
        let text = self.text(path)?;
        text.lines().find_map(|line| {
            let rest = line.strip_prefix(key)?;
            let is_whole_key = rest.starts_with(|c: char| c == ':' || c.is_whitespace());
            let value = rest.trim_start();
            let value = value.strip_prefix(':').unwrap_or(value);
            is_whole_key.then(|| value.trim().to_owned())
        })
    }

    /// The names in a folder, in order.
    pub fn names(&self, path: impl AsRef<Path>) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.at(path))
            .into_iter()
            .flatten()
            .take(MAX_FOLDER_NAMES)
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// The names in a folder that are `prefix` and a number, such as `cpu3`.
    pub fn numbered(&self, path: impl AsRef<Path>, prefix: &str) -> Vec<String> {
        let is_one = |name: &String| {
            name.strip_prefix(prefix).is_some_and(|number| {
                !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        self.names(path).into_iter().filter(is_one).collect()
    }
}
