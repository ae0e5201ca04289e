//! The clock that times frames.

use super::{Finding, Subject};

const CHECK: &str = "clock";
/// Clocks that one instruction reads, without a bus, and that do not follow the processor's frequency.
const GOOD: [&str; 5] = [
    "arch_sys_counter",
    "tsc",
    "kvm-clock",
    "hyperv_clocksource_tsc_page",
    "xen",
];

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    vec![match subject.facts.files.text(path) {
        None => Finding::ok(CHECK, "not known"),
        Some(name) if GOOD.contains(&name.as_str()) => Finding::ok(CHECK, name),
        Some(name) => Finding::warning(
            CHECK,
            format!("{name}: reading it is slow, or not exact"),
            "look in the kernel's log why it does not use arch_sys_counter (ARM) or tsc (PC)",
        ),
    }]
}
