//! Frequency scaling: the kernel may slow the processor between frames.

use super::{Finding, Subject};
use std::collections::BTreeSet;

const CHECK: &str = "governor";
const CPUS: &str = "/sys/devices/system/cpu";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let facts = subject.facts;
    let is_cpu = |name: &String| {
        name.strip_prefix("cpu").is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let governors: BTreeSet<String> = facts
        .names(CPUS)
        .into_iter()
        .filter(is_cpu)
        .filter_map(|cpu| facts.text(format!("{CPUS}/{cpu}/cpufreq/scaling_governor")))
        .collect();
    let names: Vec<&str> = governors.iter().map(String::as_str).collect();
    vec![match names[..] {
        [] => Finding::ok(CHECK, "the processor's clock is not scaled by Linux"),
        ["performance"] => Finding::ok(CHECK, "performance"),
        _ => Finding::warning(
            CHECK,
            format!(
                "{}: the clock falls between frames, and frames vary",
                names.join(", ")
            ),
            "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
        ),
    }]
}
