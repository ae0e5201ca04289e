//! Gets everything that a board needs into one folder: packages, programs, pictures.

use super::initramfs::{self, Contents};
use super::running::Files;
use super::{Outcome, at, packages, pictures};
use crate::cargo;
use crate::tools;
use std::fs;
use std::path::PathBuf;

const AGENT: &str = "board-agent";

/// What is fetched, and what is made of it.
pub fn folder() -> Outcome<PathBuf> {
    let folder = tools::target()?.join("board");
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    Ok(folder)
}

pub fn prepare() -> Outcome<Files> {
    let repository = tools::repository()?;
    let folder = folder()?;
    let packages = packages::fetch(&folder)?;
    let posewire = cargo::board_program(cargo::BOARD_TARGET)?;
    let no_debug = "--config=profile.dev.debug=0";
    cargo::build(AGENT, &["--target", cargo::BOARD_TARGET, no_debug])?;
    let agent = tools::target()?
        .join(cargo::BOARD_TARGET)
        .join("debug")
        .join(AGENT);
    let clips = repository.join("models/demo/clips");
    let pictures = pictures::load(&clips)?;
    let initramfs = folder.join("initramfs");
    initramfs::write(
        &Contents {
            packages: &packages,
            agent: &agent,
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
