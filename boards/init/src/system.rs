//! File systems, kernel modules, power.

use crate::CARD;
use crate::file::read_bounded;
use crate::output::say;
use crate::service::End;
use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, finit_module, reboot};
use std::ffi::CString;
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

/// One folder with all modules, and the file with their order.
const MODULES: &str = "/modules";
const ORDER: &str = "/modules/order";
/// The module that makes the board an Ethernet adapter on USB.
const GADGET: &str = "g_ether";
const SERIAL_NUMBER: &str = "/proc/device-tree/serial-number";
const MAX_SERIAL_BYTES: u64 = 64;
/// posewire takes no longer file of settings.
const MAX_SETTINGS_BYTES: u64 = 64 << 10;

pub fn mount_all() {
    for (kind, at) in [
        ("devtmpfs", "/dev"),
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("tmpfs", "/tmp"),
    ] {
        let mounted = fs::create_dir_all(at)
            .and_then(|()| Ok(mount(kind, at, kind, MountFlags::NOSUID, None)?));
        if let Err(error) = mounted {
            say(&format!("mounting {kind} at {at}: {error}"));
        }
    }
    for folder in [CARD, "/etc"] {
        if let Err(error) = fs::create_dir_all(folder) {
            say(&format!("{folder}: {error}"));
        }
    }
}

/// Makes the kernel keep every line of the log, and signal Ctrl-Alt-Del to this program.
pub fn tell_the_kernel() {
    write("/proc/sys/kernel/printk_devkmsg", "on\n");
    if let Err(error) = reboot(RebootCommand::CadOff) {
        say(&format!("Ctrl-Alt-Del: {error}"));
    }
}

fn write(path: &str, text: &str) {
    if let Err(error) = fs::write(path, text) {
        say(&format!("{path}: {error}"));
    }
}

/// Loads the board's modules. A failure is one line; the others still load.
pub fn load_modules() {
    let names = match fs::read_to_string(ORDER) {
        Ok(names) => names,
        Err(error) => return say(&format!("{ORDER}: {error}")),
    };
    let words = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    for name in names.lines() {
        let mut options = options(&words, name);
        if name == GADGET && options.is_empty() {
            options = gadget_options(serial_number());
        }
        if let Err(error) = load_module(name, &options) {
            say(&format!("module {name}: {error}"));
        }
    }
    full_speed();
}

fn load_module(name: &str, options: &str) -> std::io::Result<()> {
    let file = File::open(Path::new(MODULES).join(format!("{name}.ko")))?;
    match finit_module(&file, &CString::new(options)?, 0) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A module's options from the kernel's command line: `module.option=value`, as for built-in modules.
fn options(command_line: &str, module: &str) -> String {
    let plain = |name: &str| name.replace('-', "_");
    let own: Vec<&str> = command_line
        .split_whitespace()
        .filter_map(|word| word.split_once('.'))
        .filter(|(name, _)| plain(name) == plain(module))
        .map(|(_, option)| option)
        .collect();
    own.join(" ")
}

/// The board's own number, if its firmware gives one.
pub fn serial_number() -> Option<u64> {
    let text = read_bounded(Path::new(SERIAL_NUMBER), MAX_SERIAL_BYTES).ok()?;
    u64::from_str_radix(text.trim_end_matches('\0'), 16).ok()
}

/// Hardware addresses for both ends of the cable: with random ones a computer would see a new adapter after each
/// start. The first byte says that they are local.
fn gadget_options(serial: Option<u64>) -> String {
    let Some(serial) = serial else {
        return String::new();
    };
    let [.., a, b, c, d] = serial.to_be_bytes();
    let end = format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}");
    format!("dev_addr=02:01:{end} host_addr=02:02:{end} iManufacturer=posewire")
}

/// Even frame times matter more here than a cool board.
fn full_speed() {
    let Ok(policies) = fs::read_dir("/sys/devices/system/cpu/cpufreq") else {
        // Emulated boards have none.
        return;
    };
    for policy in policies.flatten() {
        let path = policy.path().join("scaling_governor");
        write(&path.to_string_lossy(), "performance");
    }
}

/// Warns of a serial line that is also a console: kernel messages would mix with the packets.
pub fn warn_of_a_shared_line() {
    let consoles = fs::read_to_string("/sys/class/tty/console/active").unwrap_or_default();
    // posewire itself says what is wrong with the file.
    let path = Path::new(CARD).join("posewire.toml");
    let settings = read_bounded(&path, MAX_SETTINGS_BYTES).unwrap_or_default();
    if let Some(line) = shared_line(&consoles, &settings) {
        say(&format!(
            "the serial line /dev/{line} is also a console: take console={line},... out of cmdline.txt"
        ));
    }
}

fn shared_line<'a>(consoles: &'a str, settings: &str) -> Option<&'a str> {
    let settings: toml::Table = settings.parse().ok()?;
    let serial = settings.get("serial")?.as_str()?;
    let device = serial.strip_prefix("/dev/")?;
    let device = device.split_once(':').map_or(device, |(device, _)| device);
    consoles.split_whitespace().find(|&name| name == device)
}

/// Powers off or restarts. If the kernel refuses, it waits for the plug to be pulled.
pub fn leave(end: End) -> ! {
    let command = match end {
        End::PowerOff => RebootCommand::PowerOff,
        End::Restart => RebootCommand::Restart,
    };
    if let Err(error) = reboot(command) {
        say(&format!("{error}: pull the plug, nothing can be lost"));
    }
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_a_module_come_from_the_kernels_command_line() {
        let line = "console=ttyS1 uvcvideo.quirks=0x80 vivid.n_devs=1 uvcvideo.timeout=9000\n";
        assert_eq!(options(line, "uvcvideo"), "quirks=0x80 timeout=9000");
        assert_eq!(options("snd-usb.x=1", "snd_usb"), "x=1");
        assert_eq!(options(line, "dwc2"), "");
    }

    #[test]
    fn a_gadget_has_the_same_addresses_after_each_start() {
        assert_eq!(
            gadget_options(Some(0x1000_0000_9ab3_01d2)),
            "dev_addr=02:01:9a:b3:01:d2 host_addr=02:02:9a:b3:01:d2 iManufacturer=posewire"
        );
        assert_eq!(gadget_options(None), "");
    }

    #[test]
    fn a_robots_line_that_is_a_console_is_noticed() {
        let settings = "source = 'v4l2:auto'\nserial = '/dev/ttyS1:115200'\n";
        assert_eq!(shared_line("tty0 ttyS1\n", settings), Some("ttyS1"));
        assert_eq!(shared_line("tty0\n", settings), None);
        assert_eq!(shared_line("ttyS1\n", "serial = '/dev/ttyUSB0'"), None);
        assert_eq!(shared_line("ttyS1\n", "= broken"), None);
    }
}
