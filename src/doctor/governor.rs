//! Frequency scaling: the kernel may slow the processor between frames.

use super::{Finding, Subject};
use crate::machine;

const CHECK: &str = "governor";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let governors = machine::governors(&subject.facts.files);
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
