//! The kernel's support for the sandbox.

use super::{Finding, Subject};

const CHECK: &str = "sandbox";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let seccomp = subject
        .facts
        .files
        .field("/proc/self/status", "Seccomp")
        .is_some();
    let landlock = match subject.facts.landlock_abi {
        Some(abi) => format!("Landlock version {abi}"),
        None => "no Landlock (the kernel has none, or was started without it)".into(),
    };
    vec![if seccomp {
        Finding::ok(CHECK, format!("seccomp, {landlock}"))
    } else {
        Finding::warning(
            CHECK,
            format!("no seccomp, {landlock}"),
            "use a kernel with CONFIG_SECCOMP_FILTER",
        )
    }]
}
