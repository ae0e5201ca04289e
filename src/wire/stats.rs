//! The body of a stats packet: counts, times and health of the sender.
//!
//! In and out: [`WireStats`] and its bytes after the header, in the order of the table in docs/wire.md. New fields are
//! only added at the end. A reader skips unknown fields, and refuses a body that lacks the fields of the first
//! version.

use super::layout::{RADIO_BYTES, STATS_BYTES, STATS_STAGES};
use crate::stats::Stage;
use serde::{Serialize, Serializer};
use std::fmt;

// A new stage changes the table in docs/wire.md: it goes after all other fields.
const _: () = assert!(Stage::ALL.len() == STATS_STAGES);

/// A stage's times in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct WireStage {
    /// Number of measured values.
    pub count: u32,
    /// Median, in microseconds.
    pub median_us: u32,
    /// 99th percentile, in microseconds.
    pub p99_us: u32,
    /// Maximum, in microseconds.
    pub max_us: u32,
}

/// State of the radio of a card. The states are in docs/wire.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct WireRadio {
    /// Never 0.
    pub state: u8,
    /// Place of the network in `wifi.toml`; 0 for none.
    pub network: u8,
    /// Signal of the access point.
    pub signal_dbm: Option<i8>,
    /// Number of times that a network was joined, modulo 256.
    pub joined: u8,
}

impl WireRadio {
    fn encode(self) -> [u8; RADIO_BYTES] {
        let signal = self.signal_dbm.unwrap_or(UNKNOWN_SIGNAL).to_le_bytes();
        [self.state, self.network, signal[0], self.joined, 0, 0]
    }

    /// `None` without a radio.
    fn decode(bytes: &[u8; RADIO_BYTES]) -> Option<Self> {
        let [state, network, signal, joined, ..] = *bytes;
        let signal = i8::from_le_bytes([signal]);
        (state > 0).then_some(WireRadio {
            state,
            network,
            signal_dbm: (signal != UNKNOWN_SIGNAL).then_some(signal),
            joined,
        })
    }

    /// The state in words; a state of later versions has none.
    pub fn state_name(self) -> &'static str {
        match self.state {
            1 => "searching",
            2 => "joining",
            3 => "joined",
            4 => "wrong passphrase",
            5 => "refused",
            6 => "wrong wifi.toml",
            7 => "no radio",
            _ => "unknown",
        }
    }
}

/// Statistics of a sender. Counters cover the whole run and wrap. `None` is an unknown figure.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct WireStats {
    /// Time since the sender started.
    pub uptime_s: u32,
    /// Period of the times: since the previous stats packet, or since the start.
    pub period_ms: u32,
    /// Frames of the period.
    pub frames: u32,
    /// Frames with an instance.
    pub found: u32,
    /// Frames on which the network failed.
    pub failed: u32,
    /// Heartbeats of the period.
    pub heartbeats: u32,
    /// Packets that a sink could not deliver.
    pub dropped: u32,
    /// Pictures that could not be read.
    pub skipped: u32,
    /// Pictures that a newer one replaced.
    pub passed_over: u32,
    /// Pictures that the camera's driver lost.
    pub lost: u32,
    /// Number of times that the camera was opened again.
    pub reopened: u32,
    /// Heap in use; `None` if it is not counted.
    pub heap_bytes: Option<u32>,
    /// Highest heap use since the start; `None` if it is not counted.
    pub heap_most_bytes: Option<u32>,
    /// Allocations since the first 30 frames.
    pub allocations: Option<u32>,
    /// Resident memory of the program.
    pub resident_kib: Option<u32>,
    /// Processor time of all threads in the period.
    pub processor_ms: u32,
    /// In the order of [`Stage::ALL`].
    #[serde(serialize_with = "by_name")]
    pub stages: [WireStage; STATS_STAGES],
    /// The hottest of the processor's thermal zones, in 0.1 degrees Celsius.
    pub hottest_decicelsius: Option<i16>,
    /// The radio of a card. Only its sender adds these bytes to the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radio: Option<WireRadio>,
}

fn by_name<S: Serializer>(
    stages: &[WireStage; STATS_STAGES],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(Stage::ALL.map(Stage::name).into_iter().zip(stages))
}

/// The value of an unknown figure.
const UNKNOWN: u32 = u32::MAX;
const UNKNOWN_TEMPERATURE: i16 = i16::MIN;
const UNKNOWN_SIGNAL: i8 = i8::MIN;

/// An encoded body.
pub(super) type StatsBody = heapless::Vec<u8, { STATS_BYTES + RADIO_BYTES }>;

fn known(raw: u32) -> Option<u32> {
    (raw != UNKNOWN).then_some(raw)
}

impl WireStats {
    pub(super) fn encode(&self) -> StatsBody {
        let raw = |figure: Option<u32>| figure.unwrap_or(UNKNOWN);
        let figures = [
            self.uptime_s,
            self.period_ms,
            self.frames,
            self.found,
            self.failed,
            self.heartbeats,
            self.dropped,
            self.skipped,
            self.passed_over,
            self.lost,
            self.reopened,
            raw(self.heap_bytes),
            raw(self.heap_most_bytes),
            raw(self.allocations),
            raw(self.resident_kib),
            self.processor_ms,
        ];
        let stages = self
            .stages
            .iter()
            .flat_map(|stage| [stage.count, stage.median_us, stage.p99_us, stage.max_us]);
        let mut bytes = [0; STATS_BYTES];
        let (words, temperature) = bytes.as_chunks_mut();
        for (word, figure) in words.iter_mut().zip(figures.into_iter().chain(stages)) {
            *word = figure.to_le_bytes();
        }
        let hottest = self.hottest_decicelsius.unwrap_or(UNKNOWN_TEMPERATURE);
        temperature.copy_from_slice(&hottest.to_le_bytes());
        let radio = self.radio.map(WireRadio::encode);
        // The body has room for both.
        let both = bytes.into_iter().chain(radio.into_iter().flatten());
        both.collect()
    }

    /// `None` if it is too short.
    pub(super) fn decode(body: &[u8]) -> Option<Self> {
        let (first, more) = body.split_first_chunk::<STATS_BYTES>()?;
        let (words, temperature) = first.as_chunks();
        let mut words = words.iter().map(|&word| u32::from_le_bytes(word));
        // There are enough words for the calls below.
        let mut next = || words.next().unwrap_or(UNKNOWN);
        // Fields are evaluated in the order of this list.
        Some(WireStats {
            uptime_s: next(),
            period_ms: next(),
            frames: next(),
            found: next(),
            failed: next(),
            heartbeats: next(),
            dropped: next(),
            skipped: next(),
            passed_over: next(),
            lost: next(),
            reopened: next(),
            heap_bytes: known(next()),
            heap_most_bytes: known(next()),
            allocations: known(next()),
            resident_kib: known(next()),
            processor_ms: next(),
            stages: std::array::from_fn(|_| WireStage {
                count: next(),
                median_us: next(),
                p99_us: next(),
                max_us: next(),
            }),
            hottest_decicelsius: temperature
                .try_into()
                .ok()
                .map(i16::from_le_bytes)
                .filter(|&hottest| hottest != UNKNOWN_TEMPERATURE),
            radio: more.first_chunk().and_then(WireRadio::decode),
        })
    }
}

/// On one line, for people.
impl fmt::Display for WireStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "up {} s: {} frames, {} found, {} failed, {} heartbeats, {} packets dropped; \
             {} pictures skipped, {} passed over, {} lost, reopened {} times; {} ms of {} ms busy",
            self.uptime_s,
            self.frames,
            self.found,
            self.failed,
            self.heartbeats,
            self.dropped,
            self.skipped,
            self.passed_over,
            self.lost,
            self.reopened,
            self.processor_ms,
            self.period_ms,
        )?;
        let figures = [
            (self.heap_bytes, "bytes of heap"),
            (self.heap_most_bytes, "bytes at most"),
            (self.allocations, "allocations"),
            (self.resident_kib, "KiB resident"),
        ];
        for (figure, what) in figures {
            if let Some(figure) = figure {
                write!(f, ", {figure} {what}")?;
            }
        }
        if let Some(hottest) = self.hottest_decicelsius {
            write!(f, ", {:.1} degC", f32::from(hottest) / 10.0)?;
        }
        if let Some(radio) = self.radio {
            write!(f, ", Wi-Fi {}", radio.state_name())?;
            if radio.network > 0 {
                write!(f, " (network {})", radio.network)?;
            }
            if let Some(dbm) = radio.signal_dbm {
                write!(f, " {dbm} dBm")?;
            }
        }
        f.write_str("; median/p99/max ms:")?;
        for (stage, times) in Stage::ALL.into_iter().zip(&self.stages) {
            if times.count > 0 {
                let ms = |us: u32| f64::from(us) / 1000.0;
                let (median, p99, max) = (ms(times.median_us), ms(times.p99_us), ms(times.max_us));
                write!(f, " {} {median:.2}/{p99:.2}/{max:.2}", stage.name())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Any bytes are a body, and each body has its own bytes: see below.
    pub(in crate::wire) fn any_stats() -> impl Strategy<Value = WireStats> {
        let lengths = prop_oneof![Just(STATS_BYTES), Just(STATS_BYTES + RADIO_BYTES)];
        lengths
            .prop_flat_map(|length| proptest::collection::vec(any::<u8>(), length))
            .prop_map(|bytes| WireStats::decode(&bytes).unwrap())
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_and_written_back_the_same(
            bytes in proptest::collection::vec(any::<u8>(), STATS_BYTES),
            radio in proptest::option::of((1..=u8::MAX, any::<[u8; 3]>())),
            more in proptest::collection::vec(any::<u8>(), 0..300),
            missing in 1..=STATS_BYTES,
        ) {
            prop_assert_eq!(WireStats::decode(&bytes[..STATS_BYTES - missing]), None);
            let without = [&bytes[..], &[0; RADIO_BYTES]].concat();
            prop_assert_eq!(WireStats::decode(&without), WireStats::decode(&bytes));
            let radio = radio.map(|(state, [a, b, c])| [state, a, b, c, 0, 0]);
            let bytes: Vec<u8> = bytes.into_iter().chain(radio.into_iter().flatten()).collect();
            let stats = WireStats::decode(&bytes).unwrap();
            prop_assert_eq!(&stats.encode()[..], &bytes[..]);
            // Fields of a later version are skipped.
            if radio.is_some() {
                let longer = [&bytes[..], &more].concat();
                prop_assert_eq!(WireStats::decode(&longer), Some(stats));
            }
        }
    }

    #[test]
    fn what_is_not_known_is_neither_shown_nor_written_as_a_number() {
        let mut stats = WireStats::default();
        assert_eq!(WireStats::decode(&stats.encode()), Some(stats.clone()));
        let line = stats.to_string();
        assert!(!line.contains("heap") && !line.contains("degC"), "{line}");
        assert!(!line.contains("Wi-Fi"), "{line}");
        assert!(
            line.ends_with("0 ms of 0 ms busy; median/p99/max ms:"),
            "{line}"
        );
        let json = serde_json::to_value(&stats).unwrap();
        assert!(json["heap_bytes"].is_null() && json["frames"] == 0);

        stats.heap_bytes = Some(0);
        stats.hottest_decicelsius = Some(-5);
        stats.radio = Some(WireRadio {
            state: 4,
            network: 2,
            ..WireRadio::default()
        });
        stats.stages[Stage::Infer as usize] = WireStage {
            count: 3,
            median_us: 1_500,
            p99_us: 2_000,
            max_us: 2_500,
        };
        assert_eq!(WireStats::decode(&stats.encode()), Some(stats.clone()));
        let line = stats.to_string();
        let expected = ", 0 bytes of heap, -0.5 degC, Wi-Fi wrong passphrase (network 2);";
        assert!(line.contains(expected), "{line}");
        assert!(line.ends_with("ms: infer 1.50/2.00/2.50"), "{line}");
        let json = serde_json::to_value(&stats).unwrap();
        assert_eq!(json["stages"]["infer"]["p99_us"], 2_000);
        assert_eq!(json["stages"].as_object().unwrap().len(), 6);
    }
}
