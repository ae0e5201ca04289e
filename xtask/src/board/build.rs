//! Collects the packages, programs and pictures of the emulated board in one folder.

use super::initramfs::{self, Contents};
use super::pictures;
use super::running::Files;
use crate::cargo;
use crate::debian::packages;
use crate::tools::{self, Outcome};
use std::path::PathBuf;

const AGENT: &str = "board-agent";

pub fn prepare() -> Outcome<Files> {
    let repository = tools::repository()?;
    let folder = tools::board_folder()?;
    let packages = packages::fetch(&folder)?;
    let posewire = cargo::board_program(cargo::BOARD_TARGET)?;
    let agent = agent()?;
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

/// Builds the agent and returns its path.
pub fn agent() -> Outcome<PathBuf> {
    let no_debug = "--config=profile.dev.debug=0";
    cargo::build(AGENT, &["--target", cargo::BOARD_TARGET, no_debug])?;
    Ok(tools::target()?
        .join(cargo::BOARD_TARGET)
        .join("debug")
        .join(AGENT))
}
