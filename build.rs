//! Embeds every board profile: a file in `boards/` is a board, with no list to keep.
//!
//! In: `boards/*.toml`. Out: `boards.rs`, the expression `&[(name, text), ...]` in the order of the names.

use std::fmt::Write;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let variable = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .ok_or_else(|| io::Error::other(format!("cargo does not say {name}")))
    };
    let boards = variable("CARGO_MANIFEST_DIR")?.join("boards");
    println!("cargo::rerun-if-changed={}", boards.display());
    let mut files = fs::read_dir(&boards)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    files.sort();
    let mut list = String::from("&[\n");
    for path in files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        writeln!(list, "({name:?}, include_str!({path:?})),").map_err(io::Error::other)?;
    }
    list.push(']');
    fs::write(variable("OUT_DIR")?.join("boards.rs"), list)
}
