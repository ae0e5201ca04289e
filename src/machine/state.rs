//! What a machine does at this moment: clock, temperature, throttling, energy.

use super::Files;
use serde::{Deserialize, Serialize};

const CPUS: &str = "/sys/devices/system/cpu";
const ZONES: &str = "/sys/class/thermal";
const POWERCAP: &str = "/sys/class/powercap";
const SENSORS: &str = "/sys/class/hwmon";
/// The name of the power sensor of a Jetson.
const POWER_SENSOR: &str = "ina3221";
/// Files of the firmware's report, by Raspberry Pi model.
const FIRMWARE: [&str; 2] = [
    "/sys/devices/platform/soc/soc:firmware/get_throttled",
    "/sys/devices/platform/scb/soc:firmware/get_throttled",
];
/// Plausible readings. Missing sensors give values outside.
const SENSIBLE_C: std::ops::Range<f64> = -40.0..150.0;

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The highest clock of the processors at this moment.
    pub clock_mhz: Option<f64>,
    /// Temperature of the hottest zone, in degrees Celsius.
    pub hottest_c: Option<f64>,
    /// The firmware's report of a Raspberry Pi.
    pub throttling: Option<Throttling>,
    /// Times that the processors were slowed down because of heat, where Linux counts them.
    pub throttled_count: Option<u64>,
    /// Energy that the processors took since some moment, in microjoules. It wraps at `energy_wraps_uj`.
    pub energy_uj: Option<u64>,
    /// The value at which `energy_uj` starts again at 0.
    pub energy_wraps_uj: Option<u64>,
    /// Power that the whole board takes, in milliwatts.
    pub power_mw: Option<f64>,
    /// Time that the main thread waited for a processor since its start, in nanoseconds.
    pub waited_ns: Option<u64>,
}

impl State {
    /// Reads a machine's files.
    pub fn read(files: &Files) -> Self {
        let (energy_uj, energy_wraps_uj) = energy(files).unzip();
        State {
            clock_mhz: clock_mhz(files),
            hottest_c: hottest_c(files),
            throttling: Throttling::read(files),
            throttled_count: throttled_count(files),
            energy_uj,
            energy_wraps_uj,
            power_mw: power_mw(files),
            waited_ns: waited_ns(files),
        }
    }

    /// Energy from this reading to a later one, in millijoules.
    pub fn energy_until_mj(&self, later: &State) -> Option<f64> {
        let (from, to) = (self.energy_uj?, later.energy_uj?);
        let taken = match to.checked_sub(from) {
            Some(taken) => taken,
            None => self.energy_wraps_uj?.checked_sub(from)? + to,
        };
        Some(taken as f64 / 1e3)
    }
}

/// The firmware's bits of a Raspberry Pi.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttling(u32);

impl Throttling {
    /// The bits for the present. The bits for the time since the start are 16 places higher.
    const TOO_LITTLE_VOLTAGE: u32 = 1;
    const SLOWED: u32 = 1 << 1 | 1 << 2 | 1 << 3;
    const SINCE_START: u32 = 16;

    /// The firmware's bits.
    #[cfg(test)]
    pub fn from_bits(bits: u32) -> Self {
        Throttling(bits)
    }

    /// The firmware's report; `None` if there is none.
    pub fn read(files: &Files) -> Option<Self> {
        FIRMWARE.iter().find_map(|path| {
            let text = files.text(path)?;
            u32::from_str_radix(text.trim_start_matches("0x"), 16)
                .ok()
                .map(Throttling)
        })
    }

    /// The voltage is too low now.
    pub fn has_too_little_voltage(self) -> bool {
        self.0 & Self::TOO_LITTLE_VOLTAGE != 0
    }

    /// The processor is slowed down now.
    pub fn is_slowed(self) -> bool {
        self.0 & Self::SLOWED != 0
    }

    /// What happened since the board started.
    pub fn since_start(self) -> Throttling {
        Throttling(self.0 >> Self::SINCE_START)
    }
}

/// Temperature of the hottest zone, in degrees Celsius.
pub fn hottest_c(files: &Files) -> Option<f64> {
    files
        .numbered(ZONES, "thermal_zone")
        .into_iter()
        .filter_map(|zone| files.number::<i64>(format!("{ZONES}/{zone}/temp")))
        .map(|millidegrees| millidegrees as f64 / 1000.0)
        .filter(|degrees| SENSIBLE_C.contains(degrees))
        .max_by(f64::total_cmp)
}

fn clock_mhz(files: &Files) -> Option<f64> {
    let scaled = files
        .numbered(CPUS, "cpu")
        .into_iter()
        .filter_map(|cpu| files.number::<f64>(format!("{CPUS}/{cpu}/cpufreq/scaling_cur_freq")))
        .max_by(f64::total_cmp);
    let khz_to_mhz = scaled.map(|khz| khz / 1e3);
    khz_to_mhz.or_else(|| files.field("/proc/cpuinfo", "cpu MHz")?.parse().ok())
}

fn throttled_count(files: &Files) -> Option<u64> {
    let counts = files.numbered(CPUS, "cpu").into_iter().filter_map(|cpu| {
        let folder = format!("{CPUS}/{cpu}/thermal_throttle");
        let count = |kind| files.number::<u64>(format!("{folder}/{kind}_throttle_count"));
        Some(count("core")?.saturating_add(count("package").unwrap_or(0)))
    });
    counts.reduce(u64::saturating_add)
}

/// Energy of all processor packages, and where the first of the counters wraps.
fn energy(files: &Files) -> Option<(u64, u64)> {
    let packages = files.numbered(POWERCAP, "intel-rapl:");
    let read = |package: &String| {
        let figure = |name| files.number::<u64>(format!("{POWERCAP}/{package}/{name}"));
        Some((figure("energy_uj")?, figure("max_energy_range_uj")?))
    };
    match &packages[..] {
        [one] => read(one),
        // Two counters that wrap at their own times give no sum.
        _ => None,
    }
}

/// The first channel is the whole board's.
fn power_mw(files: &Files) -> Option<f64> {
    files.names(SENSORS).into_iter().find_map(|sensor| {
        let folder = format!("{SENSORS}/{sensor}");
        if files.text(format!("{folder}/name"))? != POWER_SENSOR {
            return None;
        }
        let figure = |name| files.number::<f64>(format!("{folder}/{name}"));
        Some(figure("in1_input")? * figure("curr1_input")? / 1e3)
    })
}

fn waited_ns(files: &Files) -> Option<u64> {
    let text = files.text("/proc/self/schedstat")?;
    text.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Identity;
    use std::fs;
    use std::path::PathBuf;

    fn machine(name: &str, files: &[(&str, &str)]) -> (PathBuf, Files) {
        let root = std::env::temp_dir().join(format!("posewire-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir_all(&root).unwrap();
        (root.clone(), Files::below(root))
    }

    #[test]
    fn a_raspberry_pi() {
        let (root, files) = machine(
            "machine-pi",
            &[
                ("proc/device-tree/model", "Raspberry Pi 5 Model B\0"),
                (
                    "proc/cpuinfo",
                    "processor\t: 0\nFeatures\t: fp asimd asimddp\nCPU part\t: 0xd0b\n",
                ),
                ("proc/sys/kernel/osrelease", "6.6.31\n"),
                ("proc/self/schedstat", "100 2000 3\n"),
                (
                    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
                    "1500000\n",
                ),
                (
                    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
                    "ondemand\n",
                ),
                (
                    "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq",
                    "2400000\n",
                ),
                (
                    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor",
                    "ondemand\n",
                ),
                ("sys/devices/system/cpu/cpufreq/boost", "1\n"),
                ("sys/class/thermal/thermal_zone0/temp", "51250\n"),
                ("sys/class/thermal/thermal_zone1/temp", "-274000\n"),
                (
                    "sys/devices/platform/soc/soc:firmware/get_throttled",
                    "0x50000\n",
                ),
            ],
        );
        let identity = Identity::read(&files);
        assert_eq!(identity.board.as_deref(), Some("Raspberry Pi 5 Model B"));
        assert_eq!(identity.processor.as_deref(), Some("ARM part 0xd0b"));
        assert_eq!(identity.instructions, ["asimddp"]);
        assert_eq!(
            (identity.cores, identity.kernel.as_deref()),
            (2, Some("6.6.31"))
        );
        assert_eq!(identity.governors, ["ondemand"]);
        let state = State::read(&files);
        assert_eq!(
            (state.clock_mhz, state.hottest_c),
            (Some(2400.0), Some(51.25))
        );
        assert_eq!((state.waited_ns, state.energy_uj), (Some(2000), None));
        let throttling = state.throttling.unwrap();
        assert!(!throttling.is_slowed() && !throttling.has_too_little_voltage());
        assert!(throttling.since_start().has_too_little_voltage());
        assert!(throttling.since_start().is_slowed());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_desktop_counts_energy_and_a_jetson_measures_power() {
        let rapl = "sys/class/powercap/intel-rapl:0";
        let (root, files) = machine(
            "machine-desktop",
            &[
                ("sys/class/dmi/id/product_name", "Thing\n"),
                (
                    "proc/cpuinfo",
                    "model name\t: A Fast One\ncpu MHz\t\t: 3400.5\nflags\t\t: fpu avx2\n",
                ),
                (&format!("{rapl}/energy_uj"), "900\n"),
                (&format!("{rapl}/max_energy_range_uj"), "1000\n"),
                ("sys/class/powercap/intel-rapl:0:0/energy_uj", "1\n"),
                (
                    "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count",
                    "3\n",
                ),
                (
                    "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count",
                    "4\n",
                ),
                ("sys/class/hwmon/hwmon0/name", "acpitz\n"),
                ("sys/class/hwmon/hwmon1/name", "ina3221\n"),
                ("sys/class/hwmon/hwmon1/in1_input", "5000\n"),
                ("sys/class/hwmon/hwmon1/curr1_input", "1200\n"),
            ],
        );
        let identity = Identity::read(&files);
        assert_eq!(identity.processor.as_deref(), Some("A Fast One"));
        assert_eq!(
            (identity.board.as_deref(), &identity.instructions[..]),
            (Some("Thing"), &["avx2".to_string()][..])
        );
        let before = State::read(&files);
        assert_eq!(
            (before.clock_mhz, before.throttled_count),
            (Some(3400.5), Some(7))
        );
        assert_eq!(before.power_mw, Some(6000.0));
        fs::write(root.join(format!("{rapl}/energy_uj")), "100\n").unwrap();
        assert_eq!(before.energy_until_mj(&State::read(&files)), Some(0.2));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn nothing_is_known_of_an_empty_folder() {
        let (root, files) = machine("machine-empty", &[]);
        assert_eq!(State::read(&files), State::default());
        assert_eq!(Identity::read(&files), Identity::default());
        fs::remove_dir_all(root).unwrap();
    }
}
