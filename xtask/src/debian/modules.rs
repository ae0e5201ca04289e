//! Dependencies of kernel modules, from the modules themselves.
//!
//! In: a kernel's module tree. Out: names in loading order, and the modules in an archive. Packages have no `modules.dep`; it is made at
//! installation.

use super::cpio::Archive;
use crate::tools::{Outcome, at};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every module of a tree by its name, with underscores.
pub struct Modules {
    paths: BTreeMap<String, PathBuf>,
}

impl Modules {
    pub fn find(tree: &Path) -> Outcome<Self> {
        let mut paths = BTreeMap::new();
        let mut folders = vec![tree.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(at(&folder))? {
                let path = entry.map_err(at(&folder))?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "ko")
                    && let Some(stem) = path.file_stem()
                {
                    paths.insert(plain(&stem.to_string_lossy()), path.clone());
                }
            }
        }
        Ok(Modules { paths })
    }

    fn path(&self, name: &str) -> Outcome<&Path> {
        self.paths
            .get(name)
            .map(PathBuf::as_path)
            .ok_or_else(|| format!("the kernel has no module {name}"))
    }

    /// Modules to load for `roots`, dependencies first.
    pub fn order(&self, roots: &[&str]) -> Outcome<Vec<String>> {
        let mut order = Vec::new();
        for root in roots {
            self.add(&plain(root), &mut order)?;
        }
        Ok(order)
    }

    /// Puts modules into a folder of an archive.
    pub fn put<'a>(
        &self,
        names: impl IntoIterator<Item = &'a String>,
        archive: &mut Archive,
        folder: &str,
    ) -> Outcome<()> {
        for name in names {
            let path = self.path(name)?;
            let bytes = fs::read(path).map_err(at(path))?;
            archive.file(&format!("{folder}/{name}.ko"), &bytes);
        }
        Ok(())
    }

    fn add(&self, name: &str, order: &mut Vec<String>) -> Outcome<()> {
        if order.iter().any(|done| done == name) {
            return Ok(());
        }
        let path = self.path(name)?;
        for needed in needs(&fs::read(path).map_err(at(path))?) {
            // Other dependencies are built into the kernel.
            if self.paths.contains_key(&needed) {
                self.add(&needed, order)?;
            }
        }
        order.push(name.to_string());
        Ok(())
    }
}

/// The `depends=` entry of a module's information section, whose entries end with a zero byte.
fn needs(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(start) = module.windows(KEY.len()).position(|bytes| bytes == KEY) else {
        return Vec::new();
    };
    let list = &module[start + KEY.len()..];
    let end = list.iter().position(|&b| b == 0).unwrap_or(list.len());
    String::from_utf8_lossy(&list[..end])
        .split(',')
        .filter(|name| !name.is_empty())
        .map(plain)
        .collect()
}

fn plain(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_are_read_from_the_information_section() {
        let module = b"\x7fELF junk\0license=GPL\0depends=video-tpg,mc\0name=x\0";
        assert_eq!(needs(module), ["video_tpg", "mc"]);
        assert!(needs(b"a\0depends=\0name=x\0").is_empty());
        assert!(needs(b"nothing").is_empty());
    }
}
