//! Gets everything that a board needs into one folder: packages, programs, pictures.

use super::initramfs::{self, Contents};
use super::running::Files;
use super::{Outcome, at, packages, pictures};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const TARGET: &str = "aarch64-unknown-linux-musl";
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

/// Where things are built.
pub struct Workshop {
    pub repository: PathBuf,
    target: PathBuf,
    /// What is fetched, and what is made of it.
    pub folder: PathBuf,
}

impl Workshop {
    pub fn open() -> Outcome<Self> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .ok_or("xtask is not inside the repository")?;
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| repository.join("target"), PathBuf::from);
        let folder = target.join("board");
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        Ok(Workshop {
            repository: repository.into(),
            target,
            folder,
        })
    }

    /// The program as it ships for boards.
    pub fn posewire(&self) -> Outcome<PathBuf> {
        match std::env::var_os(OTHER_BINARY) {
            Some(path) => Ok(PathBuf::from(path)),
            None => self.build(BUILD_POSEWIRE, &format!("{TARGET}/release/posewire")),
        }
    }

    /// Runs cargo; `product` is a path in the build folder.
    pub fn build(&self, arguments: &[&str], product: &str) -> Outcome<PathBuf> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let status = Command::new(cargo)
            .args(arguments)
            .arg("--target-dir")
            .arg(&self.target)
            .current_dir(&self.repository)
            .status()
            .map_err(|error| format!("cargo: {error}"))?;
        if status.success() {
            Ok(self.target.join(product))
        } else {
            Err(format!("cargo could not build {product}"))
        }
    }
}

pub fn prepare(shop: &Workshop) -> Outcome<Files> {
    let packages = packages::fetch(&shop.folder)?;
    let posewire = shop.posewire()?;
    let clips = shop.repository.join("models/demo/clips");
    let pictures = pictures::load(&clips)?;
    let initramfs = shop.folder.join("initramfs");
    initramfs::write(
        &Contents {
            packages: &packages,
            agent: &shop.build(BUILD_AGENT, &format!("{TARGET}/debug/board-agent"))?,
            posewire: &posewire,
            plans: &shop.repository.join("tests/board"),
            pictures: &pictures,
        },
        &initramfs,
    )?;
    Ok(Files {
        folder: shop.folder.clone(),
        kernel: packages.kernel,
        initramfs,
        joints: pictures.into_iter().map(|picture| picture.joints).collect(),
    })
}
