//! The emulated board: a QEMU process that never outlives this one.
//!
//! The console goes to a file, the second serial line to a pair of named pipes.

use super::{Outcome, at};
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A Raspberry Pi 5's core. Its dot products also make emulation twice as fast as without.
const PROCESSOR: &str = "cortex-a76";
const PROCESSORS: u32 = 2;
const MEMORY_MIB: u32 = 512;
/// What the pipe of the serial line holds: the least that the kernel gives, so that a reader that
/// stops is soon noticed.
const PIPE_BYTES: usize = 4096;
const TAIL_LINES: usize = 25;

pub struct Machine {
    process: Child,
    console: PathBuf,
    /// What the board sends on its second serial line. Reading never waits.
    pub serial: File,
}

impl Machine {
    /// Switches the board on; `port` is where its agent reports.
    pub fn start(folder: &Path, kernel: &Path, initramfs: &Path, port: u16) -> Outcome<Self> {
        let console = folder.join("console.log");
        let serial = make_pipes(folder)?;
        let log = File::create(&console).map_err(at(&console))?;
        let errors = log.try_clone().map_err(at(&console))?;
        let process = Command::new("qemu-system-aarch64")
            .args(["-machine", "virt", "-cpu", PROCESSOR])
            .args(["-smp", &PROCESSORS.to_string()])
            .args(["-m", &MEMORY_MIB.to_string()])
            .args(["-display", "none", "-monitor", "none", "-no-reboot"])
            .args(["-serial", "stdio"])
            .args([
                "-netdev",
                "user,id=net",
                "-device",
                "virtio-net-pci,netdev=net",
            ])
            .arg("-chardev")
            .arg(format!(
                "pipe,id=line,path={}",
                folder.join("serial").display()
            ))
            .args(["-device", "pci-serial,chardev=line"])
            .arg("-kernel")
            .arg(kernel)
            .arg("-initrd")
            .arg(initramfs)
            .args([
                "-append",
                &format!("console=ttyAMA0 loglevel=6 panic=-1 board.port={port}"),
            ])
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|error| {
                format!("qemu-system-aarch64: {error}; Debian's package is qemu-system-arm")
            })?;
        Ok(Machine {
            process,
            console,
            serial,
        })
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// The end of what the kernel said.
    pub fn console_tail(&self) -> String {
        let bytes = fs::read(&self.console).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    /// Throws away what has arrived on the serial line.
    pub fn drain_serial(&mut self) -> usize {
        let mut buffer = [0; PIPE_BYTES];
        let mut drained = 0;
        while let Ok(bytes @ 1..) = self.serial.read(&mut buffer) {
            drained += bytes;
        }
        drained
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// QEMU's `pipe` takes PATH.in and PATH.out; the second is what the board sends.
fn make_pipes(folder: &Path) -> Outcome<File> {
    for name in ["serial.in", "serial.out"] {
        let path = folder.join(name);
        if path.exists() {
            fs::remove_file(&path).map_err(at(&path))?;
        }
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).map_err(at(&path))?;
    }
    let path = folder.join("serial.out");
    let serial = OpenOptions::new()
        .read(true)
        // Opening for both sides does not wait for the other one.
        .write(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(&path)
        .map_err(at(&path))?;
    rustix::pipe::fcntl_setpipe_size(&serial, PIPE_BYTES).map_err(at(&path))?;
    Ok(serial)
}
