//! Checks that the tests named by SPECIFICATION.md exist.
//!
//! A name in backquotes in a column `held by` is a module with tests, a file, a scenario of the board tests, an
//! option or a command.

use super::source::{File, Files};
use crate::board;
use crate::image::trials::TRIALS;
use crate::tools::Outcome;
use std::fs;
use std::path::Path;

const PAGE: &str = "SPECIFICATION.md";

/// The other crates of the workspace that have tests: name and folder of the sources.
const MEMBERS: [(&str, &str); 3] = [
    ("xtask", "xtask/src"),
    ("board-init", "boards/init/src"),
    ("gateway", "gateway/src"),
];

/// Names without a match.
pub fn faults(root: &Path, files: &Files) -> Outcome<Vec<String>> {
    let text = fs::read_to_string(root.join(PAGE)).map_err(|error| format!("{PAGE}: {error}"))?;
    let faults = names(&text)
        .into_iter()
        .filter(|name| !exists(root, files, name))
        .map(|name| format!("{PAGE}: `{name}` is no file, test, scenario or command"));
    Ok(faults.collect())
}

/// Names in the columns `held by`.
fn names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut holds = false;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let last = line.trim_end_matches(" |").rsplit(" | ").next();
        if lines.peek().is_some_and(|next| next.starts_with("|---")) {
            holds = last == Some("held by");
        } else if holds && line.starts_with("| ") {
            let quoted = last.unwrap_or_default().split('`').skip(1).step_by(2);
            names.extend(quoted.map(str::to_owned));
        }
    }
    names
}

fn exists(root: &Path, files: &Files, name: &str) -> bool {
    let module = name.strip_suffix("::tests").unwrap_or(name);
    let is_named = |path: &str, file: &File| {
        path == name || path == module && (module == name || !file.tests.is_empty())
    };
    files.iter().any(|(path, file)| is_named(path, file))
        || name.contains(['/', '.']) && root.join(name).exists()
        || name.starts_with("--")
        || name.starts_with("POSEWIRE_")
        || MEMBERS
            .iter()
            .any(|(package, folder)| *package == name || is_member(&root.join(folder), module))
        || board::all(TRIALS).any(|(scenario, _)| scenario == name)
        || is_command(root, name)
}

/// True if another program of the workspace has this module.
fn is_member(folder: &Path, module: &str) -> bool {
    let module = folder.join(module.replace("::", "/"));
    module.is_dir() || module.with_extension("rs").exists()
}

fn is_command(root: &Path, name: &str) -> bool {
    let mut words = name.split(' ');
    match (words.next(), words.next()) {
        (Some("cargo"), Some(_)) => true,
        (Some(program), None) => root.join(program).exists(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_column_that_holds() {
        let text = "| promise | held by |\n|---|---|\n| `x` stays | `a::tests`, `tests/b.rs` |\n\n| c |\n|---|\n| `d` |\n";
        assert_eq!(names(text), ["a::tests", "tests/b.rs"]);
    }
}
