//! Embeds every board profile: a file in `boards/` is a board, with no list to keep. Makes the program smaller.
//!
//! In: `boards/*.toml`. Out: `boards.rs`, the expression `&[(name, text), ...]` in the order of the names, and
//! arguments for LLVM's linker where Rust uses it.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs, io};

/// The first glibc that starts programs with packed relocations.
const PACKED_GLIBC: (u32, u32) = (2, 36);

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
    fs::write(variable("OUT_DIR")?.join("boards.rs"), list)?;
    for argument in link_arguments() {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    Ok(())
}

/// Equal functions are kept once, and relocations are packed: together a twelfth of the program's bytes. Only for
/// LLVM's linker, which Rust uses here unless it is told otherwise.
fn link_arguments() -> &'static [&'static str] {
    let text = |name: &str| env::var(name).unwrap_or_default();
    let (linker, flags) = (text("RUSTC_LINKER"), text("CARGO_ENCODED_RUSTFLAGS"));
    let is_chosen = !linker.is_empty() || flags.contains("linker") || flags.contains("fuse-ld");
    match text("TARGET").as_str() {
        "x86_64-unknown-linux-gnu" if is_chosen => &[],
        "x86_64-unknown-linux-gnu" if glibc() >= Some(PACKED_GLIBC) => {
            &["-Wl,--icf=all", "-Wl,-z,pack-relative-relocs"]
        }
        "x86_64-unknown-linux-gnu" => &["-Wl,--icf=all"],
        // Rust brings a C library that unpacks them. The linker is called without a compiler.
        "aarch64-unknown-linux-musl" if linker.ends_with("lld") => {
            &["--icf=all", "--pack-dyn-relocs=relr"]
        }
        _ => &[],
    }
}

/// The version of this machine's C library; `None` if it is not glibc.
fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
