//! `cargo xtask deb`: the Debian package of a board.
//!
//! In: a board's name and this repository. Out: `posewire-NAME_VERSION_arm64.deb` with the static program, the
//! shipped networks as plans for the board's processor, its configuration and the service. The file is whole or
//! absent. The same program, plans and commit give the same bytes.

mod archive;
mod files;
#[cfg(test)]
mod tests;
pub mod trial;

use crate::tools::{Outcome, at, run};
use crate::{cargo, plans, tools};
use files::Contents;
use posewire::board::{self, Profile};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Debian's format of a version.
const MAINTAINER: &str = "DEBEMAIL";
const NO_MAINTAINER: &str = "posewire@localhost.localdomain";

/// Makes the package that `args` ask for.
pub fn main(args: &[String]) -> Outcome<bool> {
    let (mut board, mut out) = (None, None);
    let mut rest = args.iter();
    while let Some(option) = rest.next() {
        let value = rest
            .next()
            .ok_or_else(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--board" => board = Some(value),
            "--out" => out = Some(PathBuf::from(value)),
            _ => return Err(format!("unknown option {option}")),
        }
    }
    let board = board.ok_or("--board is missing: posewire boards lists them")?;
    let out = match out {
        Some(out) => out,
        None => tools::target()?.join("deb"),
    };
    let deb = build(board, &out)?;
    let bytes = fs::metadata(&deb).map_err(at(&deb))?.len();
    println!("{} ({:.1} MB)", deb.display(), bytes as f64 / 1e6);
    Ok(true)
}

/// Makes a board's package in the folder `out`.
fn build(board: &str, out: &Path) -> Outcome<PathBuf> {
    let board = board::find(board).map_err(|error| error.to_string())?;
    let architecture = Architecture::of(&board)?;
    fs::create_dir_all(out).map_err(at(out))?;
    let time = source_time()?;
    let program = cargo::board_program(&board.target)?;
    let email = std::env::var(MAINTAINER).unwrap_or_else(|_| NO_MAINTAINER.into());
    let date = run(Command::new("date").args(["-R", "-u", "-d", &format!("@{time}")]))?;
    let contents = Contents {
        board: &board,
        architecture,
        version: VERSION,
        date: date.trim(),
        maintainer: &format!("The posewire authors <{email}>"),
        program: fs::read(&program).map_err(at(&program))?,
        plans: plans::compile(&board.kernel, board.compile_for.as_deref())?,
    };
    let name = format!(
        "{}_{VERSION}_{}.deb",
        contents.package_name(),
        architecture.name
    );
    let deb = out.join(name);
    let package = make(&contents, time).map_err(at(&deb))?;
    write(&deb, &package)?;
    Ok(deb)
}

fn make(contents: &Contents<'_>, time: u64) -> std::io::Result<Vec<u8>> {
    let data = contents.data()?;
    archive::package(&contents.control(&data), &data, time)
}

/// A processor architecture by Debian's name.
#[derive(Debug, Clone, Copy)]
struct Architecture {
    name: &'static str,
    target: &'static str,
    /// Libraries that the program links to.
    depends: &'static str,
}

const ARCHITECTURES: [Architecture; 2] = [
    Architecture {
        name: "arm64",
        target: cargo::BOARD_TARGET,
        depends: "",
    },
    Architecture {
        name: "armhf",
        target: "armv7-unknown-linux-gnueabihf",
        depends: "libc6 (>= 2.36), libgcc-s1 (>= 3.5)",
    },
];

impl Architecture {
    fn of(board: &Profile) -> Outcome<Self> {
        ARCHITECTURES
            .into_iter()
            .find(|architecture| architecture.target == board.target)
            .ok_or_else(|| {
                format!(
                    "packages are for {}, the board {} is {}",
                    ARCHITECTURES
                        .map(|architecture| architecture.target)
                        .join(" and "),
                    board.name,
                    board.target
                )
            })
    }
}

/// Time of every file: the last commit's, or SOURCE_DATE_EPOCH.
fn source_time() -> Outcome<u64> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => run(Command::new("git")
            .args(["log", "-1", "--format=%ct"])
            .current_dir(tools::repository()?))
        .map_err(|error| format!("{error}: outside a clone, set SOURCE_DATE_EPOCH"))?,
    };
    let text = text.trim();
    text.parse()
        .map_err(|_| format!("SOURCE_DATE_EPOCH is {text:?}, not a number of seconds"))
}

/// Writes the file whole or not at all.
fn write(deb: &Path, bytes: &[u8]) -> Outcome<()> {
    tools::replace(deb, |partial| fs::write(partial, bytes))
}
