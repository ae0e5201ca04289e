//! Board file format: TOML. Every key is optional; missing keys are inherited.
//!
//! In: the text of all files. Out: one table with the keys of a board and its parents. Unknown keys and wrong types
//! are reported for the file that contains them.

use crate::error::{Error, Result};
use crate::settings::{Layer, Origin};
use serde::Deserialize;
use std::path::PathBuf;
use toml::{Table, Value};

/// Keys of a file. [`boards/README.md`](../../boards/README.md) describes them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct BoardFile {
    pub inherits: Option<String>,
    pub title: Option<String>,
    pub device_tree: Vec<String>,
    pub target: Option<String>,
    pub kernel: Option<String>,
    pub compile_for: Option<String>,
    pub cpu: CpuTable,
    /// Settings of a run.
    pub run: Table,
    pub serial: SerialTable,
    pub limits: LimitsTable,
    /// Keys for SD-card images, checked by the code that makes them.
    pub image: Table,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct CpuTable {
    pub core: Option<String>,
    pub cores: Option<u32>,
    pub clock_mhz: Option<u32>,
    pub instructions_per_cycle: Option<f64>,
    pub ram_mib: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct SerialTable {
    pub device: Option<String>,
    pub traps: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct LimitsTable {
    pub memory_budget: Option<String>,
    pub realtime: Option<u8>,
}

/// Names and texts of files.
pub(super) type Files<'a> = &'a [(&'a str, &'a str)];

pub(super) fn path(name: &str) -> PathBuf {
    format!("boards/{name}.toml").into()
}

/// The keys of a board, including inherited ones.
///
/// # Errors
/// [`ErrorKind::Config`](crate::ErrorKind::Config) with the file and the key at fault.
pub(super) fn merged(files: Files<'_>, name: &str) -> Result<BoardFile> {
    let mut all = Table::new();
    let mut chain: Vec<&str> = Vec::new();
    let mut next = Some(name.to_owned());
    while let Some(name) = next {
        let child = chain.last().copied().unwrap_or(&name);
        let fail = |what: String| Err(Error::config(&path(child), what));
        let Some((name, text)) = files.iter().find(|(known, _)| *known == name) else {
            return fail(format!("inherits: there is no board {name:?}"));
        };
        if chain.contains(name) {
            return fail(format!("inherits: {name:?} inherits from this board"));
        }
        chain.push(name);
        let bad = |error: toml::de::Error| Error::config(&path(name), error.to_string());
        // This checks types and keys of this file alone. Values are merged as tables.
        let file: BoardFile = toml::from_str(text).map_err(bad)?;
        fill(&mut all, toml::from_str(text).map_err(bad)?);
        Layer::from_table(Origin::Board(path(name)), &file.run)?;
        next = file.inherits;
    }
    Value::Table(all)
        .try_into()
        .map_err(|error| Error::config(&path(name), error.to_string()))
}

/// Adds the parent's keys that `all` lacks. A list is one value: a board with other traps than its parent must list
/// all of its traps.
fn fill(all: &mut Table, parent: Table) {
    for (key, value) in parent {
        match (all.get_mut(&key), value) {
            (None, value) => drop(all.insert(key, value)),
            (Some(Value::Table(inner)), Value::Table(parent)) => fill(inner, parent),
            (Some(_), _) => {}
        }
    }
}
