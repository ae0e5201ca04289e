//! The serial line: it must exist, be permitted, and have a steady rate.

use super::{Finding, Subject};
use crate::text::Shown;
use std::path::{Path, PathBuf};

const CHECK: &str = "serial";
/// Name of a Raspberry Pi's mini-UART in the device tree.
const MINI_UART: &str = "brcm,bcm2835-aux-uart";

/// The requested line, else the board's; true if it was requested.
pub(super) fn line(subject: &Subject<'_>) -> Option<(PathBuf, bool)> {
    match (&subject.request.serial, &subject.board.serial.device) {
        (Some(spec), _) => Some((spec.device.clone().into(), true)),
        (None, Some(device)) => Some((device.into(), false)),
        (None, None) => None,
    }
}

/// The kernel's name of the terminal that a path leads to.
pub(super) fn terminal(subject: &Subject<'_>, device: &Path) -> String {
    let device = subject.facts.device(device);
    device.to_string_lossy().replacen("/dev/", "", 1)
}

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let facts = subject.facts;
    let Some((device, was_asked)) = line(subject) else {
        return vec![Finding {
            notes: subject.board.serial.traps.clone(),
            ..Finding::ok(CHECK, "none is asked for: give --serial DEVICE")
        }];
    };
    let shown = Shown::path(&device);
    let terminal = terminal(subject, &device);
    let name = match format!("/dev/{terminal}") {
        real if real == shown.to_string() => real,
        real => format!("{shown} ({real})"),
    };
    let compatible = facts
        .files
        .text(format!(
            "/sys/class/tty/{terminal}/device/of_node/compatible"
        ))
        .unwrap_or_default();
    let may_use = facts.me().and_then(|me| facts.may_use(&device, &me));
    let mut finding = if !facts.exists(&device) {
        Finding::bad(
            was_asked,
            CHECK,
            format!("{name}: there is no such device"),
            "switch the line on as the notes say, or plug the adapter in",
        )
    } else if may_use == Some(false) {
        Finding::bad(
            was_asked,
            CHECK,
            format!("{name}: no permission"),
            "sudo usermod -aG dialout USER, and log in again",
        )
    } else if compatible.split('\0').any(|name| name == MINI_UART) {
        Finding::warning(
            CHECK,
            format!("{name} is the mini-UART, whose rate follows the core's clock"),
            "put dtoverlay=disable-bt in config.txt and use /dev/ttyAMA0, or at least enable_uart=1",
        )
    } else {
        Finding::ok(CHECK, name)
    };
    finding.notes = subject.board.serial.traps.clone();
    vec![finding]
}
