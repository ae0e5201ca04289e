//! Imports between files, from `crate::` and `super::` paths in their code.

use super::source::Files;
use std::collections::{BTreeMap, BTreeSet};

/// One file uses another; both are module paths.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    pub from: String,
    pub to: String,
}

/// All imports of non-test code.
pub fn of(files: &Files) -> BTreeSet<Import> {
    let mut imports = BTreeSet::new();
    for (from, file) in files.iter().filter(|(_, file)| !file.is_test) {
        for path in paths(from, &file.code) {
            let to = owner(files, &path, 0);
            if to != *from {
                let from = from.clone();
                imports.insert(Import { from, to });
            }
        }
    }
    imports
}

/// Absolute paths in a module's code, without `crate::`.
fn paths(module: &str, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (word, base) in [("crate::", Some(String::new())), ("super::", None)] {
        for (at, _) in code.match_indices(word) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_')
                || code[..at].ends_with("super::")
            {
                continue;
            }
            let mut rest = &code[at + word.len()..];
            let mut base = base.clone().unwrap_or_else(|| parent(module));
            while let Some(further) = rest.strip_prefix("super::") {
                base = parent(&base);
                rest = further;
            }
            tree(&base, &mut rest, &mut found);
        }
    }
    found
}

fn parent(module: &str) -> String {
    module
        .rsplit_once("::")
        .map_or("", |(parent, _)| parent)
        .into()
}

/// Parses a path or a `{...}` of paths behind `base`, as in a `use`.
fn tree(base: &str, rest: &mut &str, found: &mut Vec<String>) {
    *rest = rest.trim_start();
    if let Some(inner) = rest.strip_prefix('{') {
        *rest = inner;
        loop {
            tree(base, rest, found);
            *rest = rest.trim_start();
            match rest.chars().next() {
                Some(',') => *rest = &rest[1..],
                Some('}') => {
                    *rest = &rest[1..];
                    return;
                }
                _ => return,
            }
            if rest.trim_start().starts_with('}') {
                *rest = &rest.trim_start()[1..];
                return;
            }
        }
    }
    let end = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    *rest = after;
    let path = match (base, name) {
        (base, "" | "self") => base.to_owned(),
        ("", name) => name.to_owned(),
        (base, name) => format!("{base}::{name}"),
    };
    if let Some(after) = rest.strip_prefix("::") {
        *rest = after;
        return tree(&path, rest, found);
    }
    if let Some(after) = rest.strip_prefix(" as ") {
        let end = after
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(after.len());
        *rest = &after[end..];
    }
    found.push(path);
}

/// The module of a path: the longest prefix that is a file, or the file that a re-exported item comes from.
fn owner(files: &Files, path: &str, depth: usize) -> String {
    let mut module = path;
    let mut item = None;
    while !module.is_empty() && !files.contains_key(module) {
        let (parent, name) = module.rsplit_once("::").unwrap_or(("", module));
        item = Some(name);
        module = parent;
    }
    let Some(item) = item else {
        return module.into();
    };
    // Re-exports may be chained a few times. A ring does not compile.
    let handed_on = files
        .get(module)
        .filter(|_| depth < 8)
        .and_then(|file| exports(&file.code).remove(item));
    match handed_on {
        Some(from) => {
            let from = from.strip_prefix("self::").unwrap_or(&from).to_owned();
            let path = match from.strip_prefix("crate::") {
                Some(path) => path.to_owned(),
                None if module.is_empty() => from,
                None => format!("{module}::{from}"),
            };
            owner(files, &path, depth + 1)
        }
        None => module.into(),
    }
}

/// Re-exported names of a module, and their paths.
fn exports(code: &str) -> BTreeMap<String, String> {
    let mut exports = BTreeMap::new();
    for (at, _) in code.match_indices(" use ") {
        let is_public = code[..at].rsplit('\n').next().is_some_and(|line| {
            let line = line.trim_start();
            line == "pub" || line.starts_with("pub(")
        });
        if is_public {
            let mut rest = &code[at + " use ".len()..];
            let mut found = Vec::new();
            tree("", &mut rest, &mut found);
            for path in found {
                let name = path.rsplit("::").next().unwrap_or(&path).to_owned();
                exports.insert(name, path);
            }
        }
    }
    exports
}

/// Rings of files that import each other. A module and the modules inside it count as one.
pub fn circles(imports: &BTreeSet<Import>) -> Vec<String> {
    let is_inside = |inner: &str, outer: &str| {
        outer.is_empty()
            || inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.starts_with("::"))
    };
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Import { from, to } in imports {
        if !is_inside(from, to) && !is_inside(to, from) {
            next.entry(from).or_default().insert(to);
        }
    }
    let mut faults = Vec::new();
    let mut told = BTreeSet::new();
    for &start in next.keys() {
        let reached = reach(&next, start);
        let ring: Vec<&str> = reached
            .iter()
            .copied()
            .filter(|&other| reach(&next, other).contains(start))
            .collect();
        if reached.contains(start) && told.insert(ring.clone()) {
            faults.push(format!("circle: {}", ring.join(", ")));
        }
    }
    faults
}

fn reach<'a>(next: &BTreeMap<&'a str, BTreeSet<&'a str>>, start: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = next.get(start).into_iter().flatten().copied().collect();
    while let Some(module) = open.pop() {
        if reached.insert(module) {
            open.extend(next.get(module).into_iter().flatten());
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::super::source::files;
    use super::*;

    #[test]
    fn paths_of_every_form_are_read() {
        let code = "use crate::a::{self, b::{C, D as E}, f};\nuse super::g::H;\nlet x = crate::i();\n\
                    use super::super::j;\nlet y = mycrate::k;\n";
        let mut found = paths("m::n::o", code);
        found.sort();
        let expected = ["a", "a::b::C", "a::b::D", "a::f", "i", "m::j", "m::n::g::H"];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_re_exported_item_belongs_to_its_file() {
        let files = files(&[
            ("", "mod a; mod b; mod c;"),
            ("a", "mod x;\npub use x::X;\npub struct Own;\n"),
            ("a::x", ""),
            ("b", "use crate::a::{Own, X};"),
            ("c", "pub use crate::a::X;"),
        ]);
        let imports: Vec<String> = of(&files)
            .into_iter()
            .map(|import| format!("{} {}", import.from, import.to))
            .collect();
        assert_eq!(
            imports,
            ["a a::x", "b a", "b a::x", "c a::x"].map(String::from)[1..]
        );
    }

    #[test]
    fn a_ring_is_a_circle_and_a_parent_is_not() {
        let import = |from: &str, to: &str| Import {
            from: from.into(),
            to: to.into(),
        };
        let ring = BTreeSet::from([
            import("a", "b"),
            import("b", "c"),
            import("c", "a"),
            import("c", "d"),
            import("a::x", "a"),
            import("a", "a::x"),
        ]);
        assert_eq!(circles(&ring), ["circle: a, b, c"]);
    }
}
