//! Gets everything that a board needs into one folder: packages, programs, pictures.

use super::initramfs::{self, Contents};
use super::running::Files;
use super::{Outcome, at, packages, pictures};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "aarch64-unknown-linux-musl";
/// Builds the program under test: the one for boards, which runs plans and reads no ONNX. Emulated, an
/// unoptimised network would be too slow.
const BUILD_POSEWIRE: &[&str] = &[
    "build",
    "--locked",
    "--release",
    "--package=posewire",
    "--no-default-features",
    "--features=plan",
    "--target",
    TARGET,
];
const BUILD_AGENT: &[&str] = &[
    "build",
    "--locked",
    "--package=board-agent",
    "--target",
    TARGET,
    "--config=profile.dev.debug=0",
];
/// A program to test instead of building one.
const OTHER_BINARY: &str = "POSEWIRE_BOARD_BINARY";

pub fn prepare() -> Outcome<Files> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("xtask is not inside the repository")?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| repository.join("target"), PathBuf::from);
    let folder = target.join("board");
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let packages = packages::fetch(&folder)?;
    let built = |arguments: &[&str], profile: &str, name: &str| -> Outcome<PathBuf> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let status = Command::new(cargo)
            .args(arguments)
            .arg("--target-dir")
            .arg(&target)
            .current_dir(repository)
            .status()
            .map_err(|error| format!("cargo: {error}"))?;
        if !status.success() {
            return Err(format!("cargo could not build {name}"));
        }
        Ok(target.join(TARGET).join(profile).join(name))
    };
    let posewire = match std::env::var_os(OTHER_BINARY) {
        Some(path) => PathBuf::from(path),
        None => built(BUILD_POSEWIRE, "release", "posewire")?,
    };
    let clips = repository.join("models/demo/clips");
    let pictures = pictures::load(&clips)?;
    let initramfs = folder.join("initramfs");
    initramfs::write(
        &Contents {
            packages: &packages,
            agent: &built(BUILD_AGENT, "debug", "board-agent")?,
            posewire: &posewire,
            plans: &repository.join("tests/board"),
            pictures: &pictures,
        },
        &initramfs,
    )?;
    Ok(Files {
        folder,
        kernel: packages.kernel,
        initramfs,
        joints: pictures.into_iter().map(|picture| picture.joints).collect(),
    })
}
