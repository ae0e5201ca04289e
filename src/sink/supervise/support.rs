//! The one request to a watchdog that tells it from other devices.

use rustix::ioctl::{Getter, Opcode, ioctl, opcode};
use std::os::fd::AsFd;

/// `struct watchdog_info` of <linux/watchdog.h>.
#[repr(C)]
struct Info {
    options: u32,
    firmware_version: u32,
    identity: [u8; 32],
}

/// `WDIOC_GETSUPPORT`.
const GET_SUPPORT: Opcode = opcode::read::<Info>(b'W', 0);

/// The device answers as the kernel's watchdogs do.
pub(super) fn is_watchdog(device: impl AsFd) -> bool {
    // SAFETY: a watchdog's driver writes one `Info`, of which all bytes are valid, and `device` stays open while it is
    // borrowed. Another driver does not know the request, whose number holds the size and the direction.
    unsafe { ioctl(device, Getter::<GET_SUPPORT, Info>::new()) }.is_ok()
}
