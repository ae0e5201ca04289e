//! Temperature, and the reports of a Raspberry Pi's firmware on voltage and throttling.

use super::{Finding, Subject};
use crate::machine::{Throttling, hottest_c};

const CHECK: &str = "temperature";
/// A Raspberry Pi slows down at 80 degrees, other boards at higher temperatures.
const HOT_C: f64 = 75.0;
pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let files = &subject.facts.files;
    let mut findings = vec![match hottest_c(files) {
        None => Finding::ok(CHECK, "not known"),
        Some(degrees) if degrees >= HOT_C => Finding::warning(
            CHECK,
            format!("{degrees:.0} degrees Celsius: the processor slows down soon"),
            "put a heat sink or a fan on it",
        ),
        Some(degrees) => Finding::ok(CHECK, format!("{degrees:.0} degrees Celsius")),
    }];
    findings.extend(Throttling::read(files).map(throttling));
    findings
}

fn throttling(firmware: Throttling) -> Finding {
    const CHECK: &str = "throttling";
    let power = "use the board's own power supply and a short cable";
    let heat = "put a heat sink or a fan on it";
    if firmware.has_too_little_voltage() {
        return Finding::fail(
            CHECK,
            "the voltage is too low now: the board is slowed down",
            power,
        );
    }
    if firmware.is_slowed() {
        return Finding::warning(CHECK, "the processor is slowed down now", heat);
    }
    let before = firmware.since_start();
    if before.has_too_little_voltage() {
        return Finding::warning(CHECK, "the voltage was too low since the start", power);
    }
    if before.is_slowed() {
        return Finding::warning(CHECK, "the processor was slowed down since the start", heat);
    }
    Finding::ok(CHECK, "none since the start")
}
