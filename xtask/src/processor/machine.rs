//! One emulated processor, from start to the end of its tests.

use super::Model;
use super::boot::{self, BLOCK_KIB, MEMORY_MIB};
use super::packages::Packages;
use crate::emulator::Emulator;
use crate::tools::{Outcome, at};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(900);
const LOOK_EVERY: Duration = Duration::from_millis(200);
const TAIL_LINES: usize = 15;

/// Bochs misses some code changes once AMX is on. These options keep the kernel from patching code that runs. Bochs
/// also fails with five-level paging and with power management.
const WORDS: &str = "console=ttyS0 quiet panic=-1 nokaslr no5lvl acpi=off tsc=unstable \
                     spectre_v2=retpoline";

/// Property cases per test; emulation is slow.
const CASES: u32 = 16;

/// The kernel's message after its init has ended well.
const ENDED_WELL: &str = "exitcode=0x00000000";
const ENDED: &str = "Kernel panic";

pub struct Machine<'a> {
    folder: &'a Path,
    model: &'a Model,
}

impl<'a> Machine<'a> {
    pub fn new(folder: &'a Path, model: &'a Model) -> Outcome<Self> {
        fs::create_dir_all(folder).map_err(at(folder))?;
        Ok(Machine { folder, model })
    }

    /// Runs the tests. Returns the kernels that were compared.
    pub fn run(&self, packages: &Packages, kernel: &[u8], initramfs: &[u8]) -> Outcome<String> {
        let serial = self.folder.join("serial");
        if serial.exists() {
            fs::remove_file(&serial).map_err(at(&serial))?;
        }
        let settings = self.settings(packages, kernel, initramfs)?;
        let mut bochs = self.start(packages, &settings, serial)?;
        loop {
            let is_running = bochs.is_running();
            let said = bochs.said();
            if said.contains(ENDED_WELL) || !is_running || bochs.switched_on.elapsed() > LIMIT {
                return judge(&said, self.model.kernel);
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Writes all files and returns the path of Bochs' settings.
    fn settings(&self, packages: &Packages, kernel: &[u8], initramfs: &[u8]) -> Outcome<PathBuf> {
        let put = |name: &str, bytes: &[u8]| -> Outcome<PathBuf> {
            let path = self.folder.join(name);
            fs::write(&path, bytes).map_err(at(&path))?;
            Ok(path)
        };
        let Model { words, tests, .. } = self.model;
        let words = format!(
            "{WORDS} {words} PROPTEST_CASES={CASES} -- {} --test-threads=1 --nocapture",
            tests.join(" ")
        );
        let share = packages.bochs_root.join("usr/share");
        let mut lines = vec![
            "plugin_ctrl: unmapped=true, biosdev=true, serial=true, speaker=false".to_string(),
            "config_interface: textconfig".into(),
            "display_library: term".into(),
            format!(
                "cpu: model={}, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1",
                self.model.bochs
            ),
            format!("memory: guest={MEMORY_MIB}, host={MEMORY_MIB}, block_size={BLOCK_KIB}"),
            format!("romimage: file={}/bochs/BIOS-bochs-latest", share.display()),
            format!(
                "vgaromimage: file={}/bochs/VGABIOS-lgpl-latest",
                share.display()
            ),
            format!(
                "com1: enabled=1, mode=file, dev={}",
                self.folder.join("serial").display()
            ),
            // A fixed time, so that runs are equal.
            "clock: sync=none, time0=1700000000".into(),
            format!("log: {}", self.folder.join("log").display()),
            "panic: action=fatal".into(),
        ];
        let extension = boot::extension();
        let path = put(extension.name, &extension.bytes)?;
        lines.push(format!(
            "optromimage1: file={}, address=0x{:x}",
            path.display(),
            extension.address
        ));
        for (index, piece) in boot::pieces(kernel, initramfs, &words)?.iter().enumerate() {
            let path = put(piece.name, &piece.bytes)?;
            lines.push(format!(
                "optramimage{}: file={}, address=0x{:x}",
                index + 1,
                path.display(),
                piece.address
            ));
        }
        put("bochsrc", (lines.join("\n") + "\n").as_bytes())
    }

    /// Uses its own libraries.
    fn start(&self, packages: &Packages, settings: &Path, serial: PathBuf) -> Outcome<Emulator> {
        let root = &packages.bochs_root;
        let libraries = root.join("usr/lib/x86_64-linux-gnu");
        let loader = root.join("usr/lib64/ld-linux-x86-64.so.2");
        let output = self.folder.join("bochs.log");
        let log = File::create(&output).map_err(at(&output))?;
        let errors = log.try_clone().map_err(at(&output))?;
        let mut bochs = Command::new(&loader);
        bochs
            .arg("--library-path")
            .arg(&libraries)
            .arg(root.join("usr/bin/bochs-bin"))
            .args(["-q", "-f"])
            .arg(settings)
            .env("LTDL_LIBRARY_PATH", libraries.join("bochs/plugins"))
            .env("TERM", "linux")
            .stdout(log)
            .stderr(errors);
        Emulator::run(&mut bochs, serial)
    }
}

/// Judges the console's output. Its last lines may be lost; the tests of networks print the kernels first.
fn judge(said: &str, wanted: &str) -> Outcome<String> {
    let after = |words: &str| {
        let (_, rest) = said.split_once(words)?;
        rest.split(['\r', '\n', '.']).next()
    };
    let failed = |what: &str| {
        let lines: Vec<&str> = said.lines().collect();
        let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
        Err(format!("{what}\n{}", tail.join("\n")))
    };
    if !said.contains(ENDED_WELL) {
        return match said.contains(ENDED) {
            true => failed("a test failed, or the system did"),
            false => failed("the tests did not end in time"),
        };
    }
    let (Some(kernels), Some(count)) = (after("kernels of this processor: "), after("running "))
    else {
        return failed("the tests did not say what they compared");
    };
    if !kernels.split(", ").any(|kernel| kernel == wanted) {
        return failed(&format!("{wanted} is not among the kernels compared"));
    }
    Ok(format!("{kernels}: {count}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSOLE: &str = "booting\r\nrunning 3 tests\r\ntest a ... kernels of this processor: amx, \
                           avx2.\r\nok\r\nKernel panic - Attempted to kill init! exitcode=0x00000000";

    #[test]
    fn what_was_compared_is_read_from_the_console() {
        assert_eq!(judge(CONSOLE, "amx").unwrap(), "amx, avx2: 3 tests");
    }

    #[test]
    fn a_kernel_that_was_not_compared_is_a_failure() {
        assert!(judge(CONSOLE, "avx-vnni").is_err());
        assert!(judge(CONSOLE, "avx").is_err());
    }

    #[test]
    fn failed_and_cut_off_tests_are_failures() {
        let failed = CONSOLE.replace("0x00000000", "0x00006500");
        assert!(
            judge(&failed, "amx")
                .unwrap_err()
                .starts_with("a test failed")
        );
        assert!(judge("booting", "amx").unwrap_err().contains("in time"));
    }
}
