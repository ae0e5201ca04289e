//! `cargo xtask check`: the rules of the house that no compiler holds.
//!
//! In: the sources, docs/architecture.md and SPECIFICATION.md. Out: a line for each broken rule.

mod floors;
mod imports;
mod source;
mod specification;

use crate::tools::{Outcome, repository};
use crate::{processor, sanitize};
use floors::Floors;
use source::Files;
use std::fs;

const ARCHITECTURE: &str = "docs/architecture.md";

/// Runs all checks. True if no rule is broken.
pub fn main(args: &[String]) -> Outcome<bool> {
    if let Some(other) = args.first() {
        return Err(format!("check: unknown argument {other}"));
    }
    let root = repository()?;
    let page = root.join(ARCHITECTURE);
    let page = fs::read_to_string(&page).map_err(|error| format!("{ARCHITECTURE}: {error}"))?;
    let floors = Floors::parse(&page).map_err(|what| format!("{ARCHITECTURE}: {what}"))?;
    let files = source::read(&root.join("src"))?;
    let imports = imports::of(&files);
    let mut faults = floors.faults(&files, &imports);
    faults.extend(imports::circles(&imports));
    faults.extend(specification::faults(root, &files)?);
    faults.extend(idle_filters(&files));
    for fault in &faults {
        println!("{fault}");
    }
    println!(
        "{} files, {} imports, {} faults",
        files.len(),
        imports.len(),
        faults.len()
    );
    Ok(faults.is_empty())
}

/// Filters of test runs that match no test: such a run succeeds and tests nothing.
fn idle_filters(files: &Files) -> Vec<String> {
    let tests: Vec<&String> = files.values().flat_map(|file| &file.tests).collect();
    sanitize::filters()
        .chain(processor::filters())
        .filter(|filter| !tests.iter().any(|test| test.contains(filter)))
        .map(|filter| format!("{filter}: no test has this in its name"))
        .collect()
}
