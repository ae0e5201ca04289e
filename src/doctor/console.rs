//! Kernel messages and login programs on the serial line.

use super::{Finding, Subject, serial};

const CHECK: &str = "console";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let facts = subject.facts;
    let Some((device, was_asked)) = serial::line(subject) else {
        return Vec::new();
    };
    let terminal = serial::terminal(subject, &device);
    // `console=ttyS0,115200`, and names of links: `console=serial0,115200`.
    let of_command_line = facts.files.text("/proc/cmdline").unwrap_or_default();
    let on_line = of_command_line
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("console="))
        .filter_map(|value| value.split(',').next())
        .any(|name| {
            name == terminal
                || serial::terminal(subject, format!("/dev/{name}").as_ref()) == terminal
        });
    let is_active = facts
        .files
        .text("/sys/class/tty/console/active")
        .is_some_and(|names| names.split_whitespace().any(|name| name == terminal));
    let gettys = facts.gettys(&terminal);
    let mut findings = Vec::new();
    if on_line || is_active {
        findings.push(Finding::bad(
            was_asked,
            CHECK,
            format!("the kernel writes its messages on {terminal}"),
            format!("take console={terminal} (or serial0) out of the kernel's command line: cmdline.txt, extlinux.conf or raspi-config"),
        ));
    }
    if let Some(program) = gettys.first() {
        findings.push(Finding::bad(
            was_asked,
            CHECK,
            format!("{program} waits for logins on {terminal}"),
            format!("sudo systemctl disable --now serial-getty@{terminal} (on a Jetson: nvgetty)"),
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, format!("none on {terminal}")));
    }
    findings
}
