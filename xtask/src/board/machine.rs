//! The emulated board. Its second serial line goes to a pair of named pipes.

use crate::emulator::Emulator;
use crate::tools::{Outcome, at};
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The core of a Raspberry Pi 5. Emulation with its dot products is twice as fast as without.
const PROCESSOR: &str = "cortex-a76";
const PROCESSORS: &str = "2";
const MEMORY_MIB: &str = "512";
/// Capacity of the serial line's pipe: the minimum of the kernel, so that a reader that stops is soon noticed.
const PIPE_BYTES: usize = 4096;

pub struct Machine {
    pub emulator: Emulator,
    /// The output of the board's second serial line. Reads do not block.
    pub serial: File,
}

impl Machine {
    /// Switches the board on. Its agent connects to `port`.
    pub fn start(folder: &Path, kernel: &Path, initramfs: &Path, port: u16) -> Outcome<Self> {
        let serial = make_pipes(folder)?;
        let text = |path: &Path| path.display().to_string();
        let (kernel, initramfs) = (text(kernel), text(initramfs));
        let pipe = format!("pipe,id=line,path={}", text(&folder.join("serial")));
        let words = format!("console=ttyAMA0 loglevel=6 panic=-1 board.port={port}");
        let machine = [
            ("-machine", "virt"),
            ("-cpu", PROCESSOR),
            ("-smp", PROCESSORS),
            ("-m", MEMORY_MIB),
            ("-serial", "stdio"),
            ("-netdev", "user,id=net"),
            ("-device", "virtio-net-pci,netdev=net"),
            ("-chardev", &pipe),
            ("-device", "pci-serial,chardev=line"),
            ("-kernel", &kernel),
            ("-initrd", &initramfs),
            ("-append", &words),
        ];
        Ok(Machine {
            emulator: Emulator::start(&machine, folder.join("console.log"))?,
            serial,
        })
    }

    /// Discards the bytes that have arrived on the serial line.
    pub fn drain_serial(&mut self) -> usize {
        let mut buffer = [0; PIPE_BYTES];
        let mut drained = 0;
        while let Ok(bytes @ 1..) = self.serial.read(&mut buffer) {
            drained += bytes;
        }
        drained
    }
}

/// QEMU's `pipe` takes PATH.in and PATH.out. The board's output is in the second.
pub fn make_pipes(folder: &Path) -> Outcome<File> {
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
        // A pipe that is opened for reading and writing does not wait for a peer.
        .write(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(&path)
        .map_err(at(&path))?;
    rustix::pipe::fcntl_setpipe_size(&serial, PIPE_BYTES).map_err(at(&path))?;
    Ok(serial)
}
