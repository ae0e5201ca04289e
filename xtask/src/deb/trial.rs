//! `cargo xtask deb-test`: a package in an arm64 Debian with Debian's kernel, systemd and dpkg, on an emulated board
//! with a virtual camera.
//!
//! In: this repository and the machine's package sources. Out: a line for each fact that tests/package/steps reports.
//! Downloads and builds are in the build folder, under `board`.

use crate::debian::cpio::Archive;
use crate::debian::modules::Modules;
use crate::debian::packages::{self, Packages};
use crate::emulator::Emulator;
use crate::tools;
use crate::tools::{Outcome, at, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const BOARD: &str = "qemu-virt";
/// The Debian release, by its name in package sources.
const SUITE: &str = "bookworm";
const PACKAGES: [&str; 2] = ["?essential", "systemd-sysv,udev,kmod,usr-is-merged"];
const MERGED_USR: &str = "/usr/share/mmdebstrap/hooks/merged-usr";
/// Time limit on a busy machine.
const LONGEST: Duration = Duration::from_secs(1200);
/// Prefix of each line of tests/package/steps.
const SAYS: &str = "deb-test: ";

pub fn main() -> Outcome<bool> {
    let folder = tools::board_folder()?;
    let debian = debian(&folder)?;
    let packages = packages::fetch(&folder)?;
    let deb = super::build(BOARD, &folder)?;
    let mut initramfs = fs::read(&debian).map_err(at(&debian))?;
    initramfs.extend(trial(&deb, &packages)?);
    let path = folder.join("debian-initramfs");
    fs::write(&path, initramfs).map_err(at(&path))?;
    let machine = [
        ("-machine", "virt"),
        // The processor of the board suite.
        ("-cpu", "cortex-a76"),
        ("-smp", "2"),
        ("-m", "1536"),
        ("-serial", "stdio"),
        ("-kernel", &packages.kernel.display().to_string()),
        ("-initrd", &path.display().to_string()),
        (
            "-append",
            "console=ttyAMA0 quiet systemd.show_status=0 systemd.firstboot=off",
        ),
    ];
    let mut board = Emulator::start(&machine, folder.join("debian-console.log"))?;
    let mut heard = 0;
    loop {
        let (number, line) = board
            .wait_for_line(heard, |line| line.contains(SAYS), LONGEST)
            .map_err(|error| format!("the package's trial says nothing{error}"))?;
        heard = number + 1;
        let (_, text) = line.split_once(SAYS).unwrap_or_default();
        println!(
            "{:>6.1} s  {text}",
            board.switched_on.elapsed().as_secs_f64()
        );
        match text.split_once(':').map_or(text, |(word, _)| word) {
            "done" => return Ok(true),
            "failed" => return Err(format!("it failed; the console's end:\n{}", board.tail())),
            _ => {}
        }
    }
}

/// Debian's packages for the board's processor, unpacked into an archive for the kernel.
fn debian(folder: &Path) -> Outcome<PathBuf> {
    let archive = folder.join("debian.cpio");
    if archive.exists() {
        return Ok(archive);
    }
    println!("fetching Debian {SUITE} for {}", packages::ARCHITECTURE);
    let hook = tools::repository()?.join("tests/package/debian-root");
    let hook = format!(
        "--extract-hook='{}' \"$1\" '{}'",
        hook.display(),
        archive.display()
    );
    run(Command::new("mmdebstrap")
        .args(["--quiet", "--variant=extract"])
        .arg(format!("--architectures={}", packages::ARCHITECTURE))
        .args(PACKAGES.map(|names| format!("--include={names}")))
        .arg(format!("--hook-dir={MERGED_USR}"))
        // The hook works on the files of the packages.
        .args(["--skip=cleanup/apt,download/empty", &hook])
        .args(["--format=null", SUITE, "/dev/null"]))
    .map_err(|error| format!("{error}; needed are Debian's packages mmdebstrap and cpio"))?;
    Ok(archive)
}

/// The steps and their files: a second archive, which the kernel unpacks over the first.
fn trial(deb: &Path, packages: &Packages) -> Outcome<Vec<u8>> {
    let scripts = tools::repository()?.join("tests/package");
    let read = |path: &Path| fs::read(path).map_err(at(path));
    let mut archive = Archive::default();
    // The kernel opens it for the first program, before devtmpfs is mounted.
    archive.device("dev/console", 5, 1);
    archive.program("init", &read(&scripts.join("init"))?);
    archive.folder("test");
    archive.folder("test/modules");
    archive.program("test/steps", &read(&scripts.join("steps"))?);
    archive.file("test/posewire.deb", &read(deb)?);
    let modules = Modules::find(&packages.modules)?;
    let order = modules.order(&["vivid"])?;
    archive.file("test/modules/list", (order.join("\n") + "\n").as_bytes());
    modules.put(&order, &mut archive, "test/modules")?;
    Ok(archive.finish())
}
