//! Health of the program and its board: memory, processor time, temperature.
//!
//! In: the kernel's files. They are opened once, so that later readings open and allocate nothing. Out: a
//! [`Health`] with each known figure.

use crate::limits::{MAX_SENSOR_BYTES, MAX_THERMAL_ZONES};
use crate::process::memory;
use rustix::time::{ClockId, clock_gettime};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// `/proc/self/status` is 1.5 KiB long, and the line is in its first half.
const STATUS_BYTES: usize = 4096;
/// `/proc/self/statm` would count pages of unknown size.
const RESIDENT: &str = "VmRSS:";

/// Parts of the names of processors' thermal zones. Other sensors may be behind a slow bus or a driver that
/// waits for firmware, or never change, like the power controller of a Jetson.
const PROCESSORS: [&str; 7] = ["cpu", "gpu", "soc", "core", "pkg", "tj-", "bcm2"];

/// The line that `boards/init` keeps: state, network, signal (0 for unknown) and joins.
const RADIO: &str = "run/posewire/radio";

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// The allocator's figures, if it counts.
    pub heap: Option<memory::HeapStats>,
    /// Resident memory of the program.
    pub resident_kib: Option<u64>,
    /// Processor time of all threads since the previous reading.
    pub processor: Duration,
    /// Temperature of the hottest processor zone, in 0.1 degrees Celsius.
    pub hottest_decicelsius: Option<i16>,
    /// The radio of a card.
    pub radio: Option<Radio>,
}

/// State of the radio, as the first program of a card writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Radio {
    /// By the table in docs/wire.md; never 0.
    pub state: u8,
    /// Place in `wifi.toml` of the network that it is about; 0 for none.
    pub network: u8,
    pub signal_dbm: Option<i8>,
    /// Number of times that it joined a network, modulo 256.
    pub joined: u8,
}

/// The open files.
#[derive(Debug)]
pub struct Probe {
    status: Option<File>,
    zones: heapless::Vec<File, MAX_THERMAL_ZONES>,
    radio: Option<File>,
    /// Processor time at the last reading.
    processor: Duration,
}

impl Probe {
    /// Opens the files. A figure without a file is unknown in every reading.
    pub fn open() -> Self {
        Self::on(
            Path::new("/"),
            Path::new("/proc"),
            Path::new("/sys/class/thermal"),
        )
    }

    fn on(root: &Path, proc: &Path, thermal: &Path) -> Self {
        Probe {
            status: File::open(proc.join("self/status")).ok(),
            zones: processor_zones(thermal),
            radio: File::open(root.join(RADIO)).ok(),
            processor: processor_time(),
        }
    }

    pub fn read(&mut self) -> Health {
        let now = processor_time();
        let processor = now.saturating_sub(std::mem::replace(&mut self.processor, now));
        let hottest_milli = self.zones.iter().filter_map(temperature_milli).max();
        let heap = memory::heap_stats();
        Health {
            heap: (heap.live_bytes > 0).then_some(heap),
            resident_kib: self.status.as_ref().and_then(resident_kib),
            processor,
            hottest_decicelsius: hottest_milli.and_then(|milli| i16::try_from(milli / 100).ok()),
            radio: self.radio.as_ref().and_then(radio),
        }
    }
}

fn radio(file: &File) -> Option<Radio> {
    let mut line = [0; MAX_SENSOR_BYTES];
    let mut words = text(file, &mut line)?.split_ascii_whitespace();
    let radio = Radio {
        state: words.next()?.parse().ok()?,
        network: words.next()?.parse().ok()?,
        signal_dbm: Some(words.next()?.parse().ok()?).filter(|&dbm| dbm != 0),
        joined: words.next()?.parse().ok()?,
    };
    (radio.state > 0).then_some(radio)
}

/// Temperature files of the processors' zones.
fn processor_zones(thermal: &Path) -> heapless::Vec<File, MAX_THERMAL_ZONES> {
    let mut found = heapless::Vec::new();
    for zone in std::fs::read_dir(thermal).into_iter().flatten().flatten() {
        let zone = zone.path();
        let mut name = String::new();
        let read = File::open(zone.join("type"))
            .and_then(|file| file.take(MAX_SENSOR_BYTES as u64).read_to_string(&mut name));
        name.make_ascii_lowercase();
        let is_wanted = read.is_ok() && PROCESSORS.iter().any(|part| name.contains(part));
        if let Ok(temperature) = File::open(zone.join("temp"))
            && is_wanted
        {
            // Zones beyond the limit are ignored.
            let _ = found.push(temperature);
        }
    }
    found
}

fn temperature_milli(zone: &File) -> Option<i32> {
    let mut line = [0; MAX_SENSOR_BYTES];
    text(zone, &mut line)?.trim_ascii().parse().ok()
}

fn resident_kib(status: &File) -> Option<u64> {
    let mut lines = [0; STATUS_BYTES];
    let text = text(status, &mut lines)?;
    let figure = text.lines().find_map(|line| line.strip_prefix(RESIDENT))?;
    figure.trim_ascii().strip_suffix(" kB")?.parse().ok()
}

/// Reads from the beginning, where the kernel writes the text again.
fn text<'a>(file: &File, buffer: &'a mut [u8]) -> Option<&'a str> {
    let length = file.read_at(buffer, 0).ok()?;
    str::from_utf8(&buffer[..length]).ok()
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A folder in place of the kernel's, with these zones.
    fn board(name: &str, zones: &[(&str, &str)]) -> (std::path::PathBuf, Probe) {
        let root = std::env::temp_dir().join(format!("posewire-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("self")).unwrap();
        for (index, (kind, temperature)) in zones.iter().enumerate() {
            let zone = root.join(format!("thermal_zone{index}"));
            fs::create_dir(&zone).unwrap();
            fs::write(zone.join("type"), format!("{kind}\n")).unwrap();
            fs::write(zone.join("temp"), format!("{temperature}\n")).unwrap();
        }
        let probe = Probe::on(&root, &root, &root);
        (root, probe)
    }

    #[test]
    fn this_process_has_memory_and_uses_processor_time() {
        let mut probe = Probe::open();
        let before = probe.read();
        let pages = std::hint::black_box(vec![1_u8; 64 << 20]);
        while processor_time() - probe.processor < Duration::from_millis(5) {}
        let after = probe.read();
        drop(pages);
        let resident_kib = |health: Health| health.resident_kib.unwrap();
        let grown_kib = resident_kib(after).saturating_sub(resident_kib(before));
        // Other tests use memory meanwhile, but not enough to confuse KiB with pages or bytes.
        assert!((20 << 10..1 << 20).contains(&grown_kib), "{grown_kib}");
        assert!(after.processor >= Duration::from_millis(5));
    }

    #[test]
    fn the_hottest_zone_of_the_processor_counts_and_others_do_not() {
        let zones = [
            ("CPU-therm", "48500"),
            ("GPU-therm", "51250"),
            ("PMIC-Die", "100000"),
            ("iwlwifi_1", "70000"),
            ("soc-thermal", "broken"),
        ];
        let (root, mut probe) = board("zones", &zones);
        assert_eq!(probe.zones.len(), 3);
        assert_eq!(probe.read().hottest_decicelsius, Some(512));
        // Each reading reads the files again.
        fs::write(root.join("thermal_zone1/temp"), "-1500\n").unwrap();
        fs::write(root.join("thermal_zone0/temp"), "-40000\n").unwrap();
        assert_eq!(probe.read().hottest_decicelsius, Some(-15));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn what_is_not_there_or_makes_no_sense_is_unknown() {
        let (root, mut probe) = board("nothing", &[("cpu", "99999999")]);
        let health = probe.read();
        assert_eq!(
            (health.resident_kib, health.hottest_decicelsius),
            (None, None)
        );
        assert_eq!(health.radio, None);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn the_radio_of_a_card_is_read_from_its_line() {
        let (root, _) = board("radio", &[]);
        let line = root.join(RADIO);
        fs::create_dir_all(line.parent().unwrap()).unwrap();
        for (text, expected) in [
            ("3 2 -54 1              \n", Some((3, 2, Some(-54), 1))),
            ("1 0 0 0                \n", Some((1, 0, None, 0))),
            ("0 0 0 0                \n", None),
            ("", None),
            ("3 2 -540 1", None),
            ("joined", None),
        ] {
            fs::write(&line, text).unwrap();
            let mut probe = Probe::on(&root, &root, &root);
            let expected = expected.map(|(state, network, signal_dbm, joined)| Radio {
                state,
                network,
                signal_dbm,
                joined,
            });
            assert_eq!(probe.read().radio, expected, "{text:?}");
        }
        fs::remove_dir_all(root).unwrap();
    }
}
