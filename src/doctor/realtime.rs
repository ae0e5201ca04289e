//! Permissions for real-time priorities and locked memory.

use super::{Finding, Subject};

const LIMITS: &str = "/proc/self/limits";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    const CHECK: &str = "realtime";
    let Some(wanted) = subject.board.limits.realtime else {
        return vec![Finding::ok(CHECK, "the board asks for none")];
    };
    let what = match limit(subject, "Max realtime priority") {
        _ if is_root(subject) => return vec![Finding::ok(CHECK, "this is root")],
        None => return vec![Finding::ok(CHECK, "not known")],
        Some(None) => return vec![Finding::ok(CHECK, "priorities are not limited")],
        Some(Some(limit)) => format!("priorities up to {limit}, the board's is {wanted}"),
    };
    vec![match limit(subject, "Max realtime priority") {
        Some(Some(limit)) if limit < u64::from(wanted) => Finding::warning(
            CHECK,
            what,
            "run the package's service, which has the right, or put `@video - rtprio 95` in /etc/security/limits.d/",
        ),
        _ => Finding::ok(CHECK, what),
    }]
}

pub(super) fn check_memory(subject: &Subject<'_>) -> Vec<Finding> {
    const CHECK: &str = "memlock";
    let budget_mib = subject.board.limits.memory_budget_mib;
    vec![match limit(subject, "Max locked memory") {
        _ if is_root(subject) => Finding::ok(CHECK, "this is root"),
        None => Finding::ok(CHECK, "not known"),
        Some(None) => Finding::ok(CHECK, "locked memory is not limited"),
        Some(Some(bytes)) if bytes >> 20 < budget_mib => Finding::warning(
            CHECK,
            format!(
                "{} KiB may be locked, the board's budget is {budget_mib} MiB",
                bytes >> 10
            ),
            "run the package's service, which has the right, or put `@video - memlock unlimited` in /etc/security/limits.d/",
        ),
        Some(Some(bytes)) => Finding::ok(CHECK, format!("{} MiB may be locked", bytes >> 20)),
    }]
}

fn is_root(subject: &Subject<'_>) -> bool {
    subject.facts.me().is_some_and(|me| me.uid == 0)
}

/// The hard limit. The inner `None` means unlimited.
fn limit(subject: &Subject<'_>, name: &str) -> Option<Option<u64>> {
    let values = subject.facts.files.field(LIMITS, name)?;
    match values.split_whitespace().nth(1)? {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    }
}
