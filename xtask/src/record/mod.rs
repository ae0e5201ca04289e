//! The record: hashes of everything that a change of structure must not change.
//!
//! In: a posewire program. Out: one line per fact with its SHA-256 and its name, sorted by name: plans of every
//! kernel family, heatmaps of every kernel of this machine, results and packets of runs, help texts, error texts. A
//! comparison of two records shows the differences between two programs.

mod facts;
mod packets;
mod program;

use crate::cargo;
use crate::tools::{self, Outcome};
use posewire::model::ModelHash;
use program::Program;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A fact's name, and the hash of its bytes.
type Record = BTreeMap<String, String>;

struct Options {
    program: Option<PathBuf>,
    out: Option<PathBuf>,
    compare: Option<PathBuf>,
}

/// Records a program, and compares it with an earlier record. True if they are equal.
pub fn main(args: &[String]) -> Outcome<bool> {
    let options = read(args)?;
    let folder = tools::target()?.join("record");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let binary = match options.program {
        Some(path) => path,
        None => build()?,
    };
    let program = Program::new(binary, folder.clone())?;
    let mut record = Record::new();
    facts::all(&program, &mut |name, bytes| {
        // The bytes of a fact are kept beside its hash, to see where two programs differ.
        let text = folder.join(name.replace('/', "."));
        fs::write(&text, bytes).map_err(|error| format!("{}: {error}", text.display()))?;
        record.insert(name.to_owned(), ModelHash::of(bytes).to_string());
        Ok(())
    })?;
    println!("{} facts recorded in {}", record.len(), folder.display());
    if let Some(path) = &options.out {
        fs::write(path, write(&record)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    match &options.compare {
        Some(path) => compare(path, &record),
        None => Ok(true),
    }
}

fn build() -> Outcome<PathBuf> {
    cargo::build("posewire", &[])?;
    Ok(tools::target()?.join("debug/posewire"))
}

fn write(record: &Record) -> String {
    let line = |(name, hash): (&String, &String)| format!("{hash}  {name}\n");
    record.iter().map(line).collect()
}

fn parse(text: &str) -> Record {
    text.lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(hash, name)| (name.to_owned(), hash.to_owned()))
        .collect()
}

fn compare(path: &Path, now: &Record) -> Outcome<bool> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let differences = differences(&parse(&text), now);
    for difference in &differences {
        println!("{difference}");
    }
    println!("{} differences", differences.len());
    Ok(differences.is_empty())
}

fn differences(before: &Record, now: &Record) -> Vec<String> {
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    let gone = gone.map(|name| format!("missing    {name}"));
    let other = now
        .iter()
        .filter_map(|(name, hash)| match before.get(name) {
            None => Some(format!("new        {name}")),
            Some(old) if old != hash => Some(format!("different  {name}")),
            Some(_) => None,
        });
    gone.chain(other).collect()
}

fn read(args: &[String]) -> Outcome<Options> {
    let mut options = Options {
        program: None,
        out: None,
        compare: None,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let slot = match arg.as_str() {
            "--program" => &mut options.program,
            "--out" => &mut options.out,
            "--compare" => &mut options.compare,
            _ => return Err(format!("record: unknown argument {arg}")),
        };
        let value = args.next().ok_or(format!("record: {arg} needs a path"))?;
        *slot = Some(value.into());
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_record_is_read_again() {
        let record = Record::from([("b/c d".into(), "12".into()), ("a".into(), "34".into())]);
        assert_eq!(write(&record), "34  a\n12  b/c d\n");
        assert_eq!(parse(&write(&record)), record);
        assert!(differences(&record, &record).is_empty());
    }

    #[test]
    fn differences_name_the_fact() {
        let before = parse("1  same\n2  changed\n3  gone\n");
        let now = parse("1  same\n9  changed\n4  added\n");
        let expected = ["missing    gone", "new        added", "different  changed"];
        assert_eq!(differences(&before, &now), expected);
    }
}
