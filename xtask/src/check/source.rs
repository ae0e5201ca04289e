//! Source files as modules: their paths in the crate, and their text without comments and tests.

use crate::tools::Outcome;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A file of the crate.
pub struct File {
    /// The file's name under `src/`.
    pub name: String,
    /// The code without comments and tests.
    pub code: String,
    /// True if the module is compiled for tests only.
    pub is_test: bool,
    /// Names of the file's tests, as the test program lists them.
    pub tests: Vec<String>,
}

/// Module paths, as `engine::int8::plan`, and their files. The crate's root is the empty path.
pub type Files = BTreeMap<String, File>;

/// Reads all files under a folder of sources.
pub fn read(folder: &Path) -> Outcome<Files> {
    let mut files = Files::new();
    collect(folder, "", &mut files)?;
    mark_tests(&mut files);
    Ok(files)
}

fn collect(folder: &Path, module: &str, files: &mut Files) -> Outcome<()> {
    let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let child = match (module, &*stem) {
            ("", "lib") | (_, "mod") => module.to_owned(),
            ("", "main") => "main".to_owned(),
            ("", stem) => stem.to_owned(),
            (module, stem) => format!("{module}::{stem}"),
        };
        if path.is_dir() {
            collect(&path, &child, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).map_err(fail)?;
            let name = child.replace("::", "/");
            let file = File {
                name: match &*stem {
                    "mod" => format!("{name}/mod.rs"),
                    "lib" => "lib.rs".into(),
                    _ => format!("{name}.rs"),
                },
                code: shipped(&text),
                is_test: false,
                tests: tests(&child, &text),
            };
            files.insert(child, file);
        }
    }
    Ok(())
}

/// The text without line comments and without items for tests.
pub fn shipped(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = without_comment(line);
        if line.trim() != "#[cfg(test)]" {
            code.push_str(line);
            code.push('\n');
            continue;
        }
        let item = lines.by_ref().find(|line| !line.trim().starts_with("#["));
        let item = item.unwrap_or_default();
        if item.starts_with("mod ") && item.ends_with('{') {
            // The tests are at the end of a file.
            break;
        }
        skip_item(item, &mut lines);
    }
    code
}

/// Tests of a module. Those in its own file are in a module `tests`.
fn tests(module: &str, text: &str) -> Vec<String> {
    let place = match text.contains("mod tests {") {
        true => format!("{module}::tests"),
        false => module.to_owned(),
    };
    let functions = text.split("#[test]").skip(1).filter_map(|after| {
        let (_, after) = after.split_once("fn ")?;
        after.split('(').next()
    });
    functions.map(|name| format!("{place}::{name}")).collect()
}

/// Skips the rest of the item that begins with this line.
fn skip_item<'a>(first: &'a str, lines: &mut impl Iterator<Item = &'a str>) {
    let mut depth = 0_i32;
    for line in std::iter::once(first).chain(lines) {
        let line = without_comment(line);
        depth += line.matches(['{', '(', '[']).count() as i32;
        depth -= line.matches(['}', ')', ']']).count() as i32;
        if depth <= 0 && (line.contains(';') || line.trim_end().ends_with(['}', ','])) {
            return;
        }
    }
}

fn without_comment(line: &str) -> &str {
    // A line with two slashes inside text, such as an address, has no import either.
    line.find("//").map_or(line, |at| &line[..at])
}

/// A module that its parent declares for tests, and all under it, is a test.
fn mark_tests(files: &mut Files) {
    let shipped: Vec<String> = files
        .keys()
        .filter(|path| is_shipped(files, path))
        .cloned()
        .collect();
    for (path, file) in files {
        file.is_test = !shipped.contains(path);
    }
}

fn is_shipped(files: &Files, path: &str) -> bool {
    if path.is_empty() || path == "main" {
        return true;
    }
    let (parent, name) = path.rsplit_once("::").unwrap_or(("", path));
    let declared = format!("mod {name};");
    files
        .get(parent)
        .is_some_and(|file| file.code.contains(&declared))
        && is_shipped(files, parent)
}

#[cfg(test)]
pub(super) fn files(named: &[(&str, &str)]) -> Files {
    let mut files: Files = named
        .iter()
        .map(|&(path, text)| {
            let file = File {
                name: format!("{}.rs", path.replace("::", "/")),
                code: shipped(text),
                is_test: false,
                tests: tests(path, text),
            };
            (path.to_owned(), file)
        })
        .collect();
    mark_tests(&mut files);
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_tests_are_left_out() {
        let text = "use a; // b\n#[cfg(test)]\nuse c::{\n    d,\n};\n#[cfg(test)]\npub(crate) use e;\nuse f;\n\
                    #[cfg(test)]\nmod tests {\n    use g;\n}\n";
        assert_eq!(shipped(text), "use a; \nuse f;\n");
    }

    #[test]
    fn tests_have_the_names_that_the_test_program_lists() {
        let here = "mod tests {\n#[test]\nfn a() {}\n#[test]\n#[ignore]\nfn b(x: u8) {}\n}";
        assert_eq!(tests("m", here), ["m::tests::a", "m::tests::b"]);
        assert_eq!(tests("m::tests", "#[test]\nfn a() {}"), ["m::tests::a"]);
    }

    #[test]
    fn a_module_that_only_tests_declare_is_a_test() {
        let files = files(&[
            ("", "mod a;"),
            ("a", "mod b;\n#[cfg(test)]\nmod c;\n"),
            ("a::b", ""),
            ("a::c", "mod d;"),
            ("a::c::d", ""),
        ]);
        let tests: Vec<&str> = files
            .iter()
            .filter(|(_, file)| file.is_test)
            .map(|(path, _)| path.as_str())
            .collect();
        assert_eq!(tests, ["a::c", "a::c::d"]);
    }
}
