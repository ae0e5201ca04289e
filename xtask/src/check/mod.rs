//! `cargo xtask check`: rules of the house that the compiler does not check.
//!
//! In: the sources of posewire and of this program, docs/architecture.md, SPECIFICATION.md, the paths that pages name,
//! RESULTS.md and its reports. Out: a line per broken rule.

mod floors;
mod imports;
mod paths;
mod source;
mod specification;

use crate::tools::{Outcome, repository};
use crate::{processor, results, sanitize};
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
    let own = source::read(&root.join("xtask/src"))?;
    faults.extend(imports::circles(&imports::of(&own)));
    faults.extend(specification::faults(root, &files)?);
    faults.extend(paths::faults(root)?);
    faults.extend(idle_filters(&files));
    faults.extend(results::faults(root)?);
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

/// Test filters that match no test. Such a run succeeds and tests nothing.
fn idle_filters(files: &Files) -> Vec<String> {
    let tests: Vec<&String> = files.values().flat_map(|file| &file.tests).collect();
    sanitize::filters()
        .chain(processor::filters())
        .filter(|filter| !tests.iter().any(|test| test.contains(filter)))
        .map(|filter| format!("{filter}: no test has this in its name"))
        .collect()
}
