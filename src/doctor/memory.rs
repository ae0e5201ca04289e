//! Free memory against the board's budget, and the kernel's support for limiting a service.

use super::{Finding, Subject};

const CHECK: &str = "memory";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let budget_mib = subject.board.limits.memory_budget_mib;
    let available = subject
        .facts
        .files
        .field("/proc/meminfo", "MemAvailable")
        .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    let Some(available_mib) = available.map(|kib| kib >> 10) else {
        return vec![Finding::ok(CHECK, "not known")];
    };
    let what = format!("{available_mib} MiB free, the board's budget is {budget_mib} MiB");
    let advice = "end other programs, a desktop for example";
    vec![if available_mib < budget_mib {
        Finding::fail(CHECK, what, advice)
    } else if available_mib < 2 * budget_mib {
        Finding::warning(CHECK, what, advice)
    } else {
        Finding::ok(CHECK, what)
    }]
}

/// Checks the accounting that `MemoryMax=` needs. Raspberry Pi OS starts its kernel without it.
pub(super) fn check_cgroup(subject: &Subject<'_>) -> Vec<Finding> {
    const CHECK: &str = "cgroup";
    let controllers = subject
        .facts
        .files
        .text("/sys/fs/cgroup/cgroup.controllers");
    vec![match controllers {
        None => Finding::ok(CHECK, "not known"),
        Some(names) if names.split_whitespace().any(|name| name == "memory") => {
            Finding::ok(CHECK, "a service's memory can be limited")
        }
        Some(_) => Finding::warning(
            CHECK,
            "the kernel does not count memory: MemoryMax= of the service has no effect",
            "put cgroup_enable=memory into cmdline.txt, on its one line",
        ),
    }]
}
