//! Floors: a room imports rooms on lower floors only.
//!
//! One fenced block of the architecture page lists them. A line is a number and the rooms of that floor; or `x`, a
//! room, and lower rooms that it must not import. A line that ends in a colon names the room whose inner floors
//! follow.

use super::imports::Import;
use super::source::Files;
use std::collections::{BTreeMap, BTreeSet};

const FENCE: &str = "```floors";

#[derive(Debug, Default)]
pub struct Floors {
    /// Floor of each room, by module path.
    floor: BTreeMap<String, u32>,
    /// Rooms and lower rooms that they must not import.
    forbidden: BTreeSet<(String, String)>,
}

impl Floors {
    /// # Errors
    /// Names the faulty line, or says that the block is missing.
    pub fn parse(page: &str) -> Result<Self, String> {
        let (_, block) = page.split_once(FENCE).ok_or(format!("no block {FENCE}"))?;
        let (block, _) = block.split_once("```").ok_or("the block has no end")?;
        let mut floors = Floors::default();
        let mut house = String::new();
        for line in block.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(name) = line.strip_suffix(':') {
                house = format!("{name}::");
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let inside = |room: &&str| format!("{house}{room}");
            match words.as_slice() {
                ["x", room, others @ ..] if !others.is_empty() => {
                    let pairs = others.iter().map(|other| (inside(room), inside(other)));
                    floors.forbidden.extend(pairs);
                }
                [number, rooms @ ..] if !rooms.is_empty() => {
                    let number: u32 = number
                        .parse()
                        .map_err(|_| format!("{line:?} has no floor"))?;
                    floors
                        .floor
                        .extend(rooms.iter().map(|room| (inside(room), number)));
                }
                _ => return Err(format!("{line:?} names no room")),
            }
        }
        Ok(floors)
    }

    /// Rooms without a floor, and imports that go up or sideways or are forbidden.
    pub fn faults(&self, files: &Files, imports: &BTreeSet<Import>) -> Vec<String> {
        let homeless = files
            .iter()
            .filter(|(path, file)| !file.is_test && !path.is_empty() && *path != "main")
            .filter(|(path, _)| self.rooms(path).is_empty())
            .map(|(_, file)| format!("{}: its room has no floor", file.name));
        let empty = self
            .floor
            .keys()
            .filter(|room| !files.contains_key(*room))
            .map(|room| format!("{room}: there is no such room"));
        let upward = imports.iter().filter_map(|import| {
            self.fault(import)
                .map(|what| format!("{} imports {}: {what}", import.from, import.to))
        });
        homeless.chain(empty).chain(upward).collect()
    }

    /// Rooms of a module, outermost first.
    fn rooms(&self, module: &str) -> Vec<&str> {
        let is_in = |room: &&String| {
            module
                .strip_prefix(room.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        self.floor
            .keys()
            .filter(is_in)
            .map(String::as_str)
            .collect()
    }

    fn fault(&self, import: &Import) -> Option<&'static str> {
        let (from, to) = (self.rooms(&import.from), self.rooms(&import.to));
        // The outermost rooms that differ. An import between a room and a room inside it has none.
        let differ = from.iter().zip(&to).position(|(from, to)| from != to)?;
        let (from, to) = (from[differ], to[differ]);
        if self.forbidden.contains(&(from.to_owned(), to.to_owned())) {
            return Some("it must not");
        }
        (self.floor[to] >= self.floor[from]).then_some("not on a lower floor")
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::files;
    use super::*;

    const PAGE: &str =
        "# Page\n```floors\n0 base\n1 left right\n2 top\nx top left\ntop:\n0 cellar\n1 roof\n```\n";

    fn faults(from: &str, to: &str) -> Vec<String> {
        let floors = Floors::parse(PAGE).unwrap();
        let files = files(&[
            ("", "mod base; mod left; mod right; mod top;"),
            ("base", ""),
            ("left", ""),
            ("right", ""),
            ("top", "mod cellar; mod roof;"),
            ("top::cellar", ""),
            ("top::roof", ""),
        ]);
        let import = Import {
            from: from.into(),
            to: to.into(),
        };
        floors.faults(&files, &BTreeSet::from([import]))
    }

    #[test]
    fn imports_go_down() {
        for (from, to) in [
            ("left", "base"),
            ("top", "right"),
            ("top::roof", "top::cellar"),
            ("top::cellar", "base"),
            ("top", "top::roof"),
        ] {
            assert_eq!(faults(from, to), [""; 0], "{from} {to}");
        }
        for (from, to) in [
            ("base", "left"),
            ("left", "right"),
            ("top", "left"),
            ("top::cellar", "top::roof"),
            ("base", "top::roof"),
        ] {
            assert_eq!(faults(from, to).len(), 1, "{from} {to}");
        }
    }

    #[test]
    fn rooms_and_floors_belong_together() {
        let floors = Floors::parse("```floors\n0 base attic\n```").unwrap();
        let files = files(&[("", "mod base; mod yard;"), ("base", ""), ("yard", "")]);
        let faults = floors.faults(&files, &BTreeSet::new());
        let expected = [
            "yard.rs: its room has no floor",
            "attic: there is no such room",
        ];
        assert_eq!(faults, expected);
        for page in [
            "",
            "```floors\n0 a",
            "```floors\nno number\n```",
            "```floors\n0\n```",
        ] {
            assert!(Floors::parse(page).is_err(), "{page}");
        }
    }
}
