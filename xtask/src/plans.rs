//! The demo networks, compiled for a board by the full program on this machine.

use crate::tools::{Outcome, at, run};
use crate::{cargo, tools};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Environment variable: a program to compile with instead of building one.
const OTHER_COMPILER: &str = "POSEWIRE_COMPILER";
/// The shipped networks.
const NETWORKS: [&str; 3] = ["hand", "body", "finder"];

/// Each network's name, and its plan for a kernel family, and for a core if there is one.
pub fn compile(kernel: &str, core: Option<&str>) -> Outcome<Vec<(&'static str, Vec<u8>)>> {
    let compiler = compiler()?;
    let folder = tools::target()?.join("plans");
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    NETWORKS
        .iter()
        .map(|&name| {
            let plan = folder.join(format!("{kernel}-{name}.plan"));
            run(Command::new(&compiler)
                .args(["compile", "--model", &format!("builtin:{name}")])
                .args(["--kernel", kernel])
                .args(core.iter().flat_map(|core| ["--cpu", core]))
                .arg("--out")
                .arg(&plan))?;
            Ok((name, fs::read(&plan).map_err(at(&plan))?))
        })
        .collect()
}

/// The full program of this machine. It runs once, so an existing release is used, or else the quickest build.
pub fn compiler() -> Outcome<PathBuf> {
    if let Some(path) = std::env::var_os(OTHER_COMPILER) {
        return Ok(path.into());
    }
    let target = tools::target()?;
    let built = |profile: &str| target.join(profile).join("posewire");
    let profile = match built("release").exists() {
        true => "release",
        false => "quick",
    };
    println!("building posewire for this machine, to compile the plans: minutes, the first time");
    cargo::build("posewire", &["--profile", profile])?;
    Ok(built(profile))
}
