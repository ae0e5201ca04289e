//! Checks that the paths in pages for developers exist.
//!
//! A path is a name in backquotes that begins with a folder of the repository. `NAME` in it stands for a new thing.

use crate::tools::{Outcome, at};
use std::fs;
use std::path::Path;

const PAGES: [&str; 4] = [
    "CONTRIBUTING.md",
    "README.md",
    "docs/adding.md",
    "docs/architecture.md",
];

/// Paths without a file or folder. A module may lack its `.rs`.
pub fn faults(root: &Path) -> Outcome<Vec<String>> {
    let mut faults = Vec::new();
    for page in PAGES {
        let path = root.join(page);
        let text = fs::read_to_string(&path).map_err(at(&path))?;
        let lost = paths(root, &text).filter(|path| !exists(root, path));
        faults.extend(lost.map(|path| format!("{page}: `{path}` is no file or folder")));
    }
    Ok(faults)
}

fn paths<'a>(root: &'a Path, text: &'a str) -> impl Iterator<Item = &'a str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|name| {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
        let folder = name.split_once('/').map_or("", |(folder, _)| folder);
        !folder.is_empty()
            && ![".", "..", "target"].contains(&folder)
            && root.join(folder).is_dir()
            && name.chars().all(plain)
            && !name.contains("NAME")
    })
}

fn exists(root: &Path, path: &str) -> bool {
    root.join(path).exists() || root.join(format!("{path}.rs")).exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::repository;

    #[test]
    fn a_path_that_is_gone_is_found_and_other_names_are_none() {
        let root = repository().unwrap();
        let text = "`src/lib.rs`, `src/sink/NAME.rs`, `a/b`, `cargo xtask x/y`, `src/gone.rs` and `src/error`";
        let found: Vec<&str> = paths(root, text).collect();
        assert_eq!(found, ["src/lib.rs", "src/gone.rs", "src/error"]);
        let lost: Vec<&&str> = found.iter().filter(|path| !exists(root, path)).collect();
        assert_eq!(lost, [&"src/gone.rs"]);
    }
}
