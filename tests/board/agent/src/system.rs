//! Tasks of an init: file systems, kernel modules, network, power.

use crate::Outcome;
use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, delete_module, finit_module, reboot};
use std::ffi::CString;
use std::fs::{self, File};
use std::process::Command;

/// Folder of all kernel modules, and of the lists with their order.
const MODULES: &str = "/modules";
const ADDRESS: &str = "10.0.2.15/24";
const GATEWAY: &str = "10.0.2.2";

pub fn mount_all() -> Outcome<()> {
    for (kind, at) in [
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("devtmpfs", "/dev"),
        ("tmpfs", "/tmp"),
    ] {
        mount_one(kind, at)?;
    }
    fs::create_dir_all("/log").map_err(|error| format!("/log: {error}"))
}

fn mount_one(kind: &str, at: &str) -> Outcome<()> {
    fs::create_dir_all(at).map_err(|error| format!("{at}: {error}"))?;
    mount(kind, at, kind, MountFlags::empty(), None)
        .map_err(|error| format!("mounting {kind} at {at}: {error}"))
}

pub fn load_at_boot() -> Outcome<()> {
    load("boot", "")
}

/// Loads the modules of a list in order, except those that are already loaded. `options` are for the last one.
pub fn load(list: &str, options: &str) -> Outcome<()> {
    let path = format!("{MODULES}/{list}.list");
    let names = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let names: Vec<&str> = names.lines().collect();
    for (index, name) in names.iter().enumerate() {
        let own = if index + 1 == names.len() {
            options
        } else {
            ""
        };
        let options = CString::new(own).map_err(|error| error.to_string())?;
        let path = format!("{MODULES}/{name}.ko");
        let file = File::open(&path).map_err(|error| format!("{path}: {error}"))?;
        match finit_module(&file, &options, 0) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(format!("loading {name}: {error}")),
        }
    }
    Ok(())
}

pub fn unload(name: &str) -> Outcome<()> {
    // O_NONBLOCK: return an error if the module is in use, instead of waiting.
    const AT_ONCE: i32 = 0o4000;
    let text = CString::new(name).map_err(|error| error.to_string())?;
    delete_module(&text, AT_ONCE).map_err(|error| format!("unloading {name}: {error}"))
}

pub fn bring_up_network() -> Outcome<()> {
    for line in [
        "link set lo up".to_string(),
        "link set eth0 up".to_string(),
        format!("addr add {ADDRESS} dev eth0"),
        format!("route add default via {GATEWAY}"),
    ] {
        busybox(&format!("ip {line}"))?;
    }
    Ok(())
}

/// Runs one of busybox's programs to its end and returns its output.
pub fn busybox(line: &str) -> Outcome<String> {
    let output = Command::new("/bin/busybox")
        .args(line.split_whitespace())
        .output()
        .map_err(|error| format!("busybox: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("busybox {line}: {said}{text}"))
    }
}

/// `board.port` of the kernel's command line.
pub fn host_port() -> Outcome<u16> {
    fs::read_to_string("/proc/cmdline")
        .map_err(|error| format!("/proc/cmdline: {error}"))?
        .split_whitespace()
        .find_map(|word| word.strip_prefix("board.port="))
        .and_then(|port| port.parse().ok())
        .ok_or_else(|| "board.port is not on the kernel's command line".to_string())
}

/// Time since the kernel started.
pub fn uptime_ms() -> u64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok());
    (1000.0 * seconds.unwrap_or(0.0_f64)) as u64
}

pub fn power_off() -> ! {
    // There is no disk, so no data can be lost.
    if let Err(error) = reboot(RebootCommand::PowerOff) {
        eprintln!("agent: power-off: {error}");
    }
    loop {
        std::thread::park();
    }
}
