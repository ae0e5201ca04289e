//! Temperature, and the reports of a Raspberry Pi's firmware on voltage and throttling.

use super::{Finding, Subject};

const CHECK: &str = "temperature";
const ZONES: &str = "/sys/class/thermal";
/// Files of the firmware's report, by Raspberry Pi model.
const FIRMWARE: [&str; 2] = [
    "/sys/devices/platform/soc/soc:firmware/get_throttled",
    "/sys/devices/platform/scb/soc:firmware/get_throttled",
];
/// A Raspberry Pi slows down at 80 degrees, other boards at higher temperatures.
const HOT_C: f64 = 75.0;
/// Plausible readings. Missing sensors give values outside.
const SENSIBLE_C: std::ops::Range<f64> = -40.0..150.0;

/// The firmware's bits for the present. The bits for the time since the start are 16 places higher.
const TOO_LITTLE_VOLTAGE: u32 = 1;
const SLOWED: u32 = 1 << 1 | 1 << 2 | 1 << 3;
const SINCE_START: u32 = 16;

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let facts = subject.facts;
    let hottest = facts
        .names(ZONES)
        .into_iter()
        .filter(|name| name.starts_with("thermal_zone"))
        .filter_map(|zone| facts.number::<i64>(format!("{ZONES}/{zone}/temp")))
        .map(|millidegrees| millidegrees as f64 / 1000.0)
        .filter(|degrees| SENSIBLE_C.contains(degrees))
        .max_by(f64::total_cmp);
    let mut findings = vec![match hottest {
        None => Finding::ok(CHECK, "not known"),
        Some(degrees) if degrees >= HOT_C => Finding::warning(
            CHECK,
            format!("{degrees:.0} degrees Celsius: the processor slows down soon"),
            "put a heat sink or a fan on it",
        ),
        Some(degrees) => Finding::ok(CHECK, format!("{degrees:.0} degrees Celsius")),
    }];
    let bits = FIRMWARE.iter().find_map(|path| {
        let text = facts.text(path)?;
        u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
    });
    findings.extend(bits.map(throttling));
    findings
}

fn throttling(bits: u32) -> Finding {
    const CHECK: &str = "throttling";
    let power = "use the board's own power supply and a short cable";
    let heat = "put a heat sink or a fan on it";
    if bits & TOO_LITTLE_VOLTAGE != 0 {
        return Finding::fail(
            CHECK,
            "the voltage is too low now: the board is slowed down",
            power,
        );
    }
    if bits & SLOWED != 0 {
        return Finding::warning(CHECK, "the processor is slowed down now", heat);
    }
    let before = bits >> SINCE_START;
    if before & TOO_LITTLE_VOLTAGE != 0 {
        return Finding::warning(CHECK, "the voltage was too low since the start", power);
    }
    if before & SLOWED != 0 {
        return Finding::warning(CHECK, "the processor was slowed down since the start", heat);
    }
    Finding::ok(CHECK, "none since the start")
}
