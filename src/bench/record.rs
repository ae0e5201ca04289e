//! The record of a run: what was measured, on what, and what disturbed it.

use crate::error::{Error, Result};
use crate::file;
use crate::limits::MAX_BENCH_RECORD_BYTES;
use crate::machine::{Identity, State};
use crate::stats::Summary;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The format of a record's JSON.
pub const FORMAT: &str = "posewire-bench-1";

/// All about one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`FORMAT`].
    pub format: String,
    /// The program's version.
    pub version: String,
    /// The command line.
    pub command: String,
    /// The machine.
    pub machine: Identity,
    /// The integer engine's kernel family.
    pub kernel_family: String,
    /// The model.
    pub model: ModelRecord,
    /// Threads of the network.
    pub threads: usize,
    /// Measured frames.
    pub frames: u64,
    /// The machine before the first frame.
    pub before: State,
    /// The machine after the last frame.
    pub after: State,
    /// Disturbances of the run. A clean run has none.
    pub disturbed: Vec<String>,
    /// Times of each stage.
    pub stages: Vec<StageRecord>,
    /// Resident memory of the program after the warm-up and at the end.
    pub resident_kib: [Option<u64>; 2],
    /// Energy of the processors a frame, in millijoules, idle parts of the machine included.
    pub energy_mj: Option<f64>,
    /// Times of each layer of the network, in order.
    pub layers: Vec<LayerRecord>,
    /// Behaviour under given frame rates.
    pub loads: Vec<LoadRecord>,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecord {
    /// As the command line names it.
    pub name: String,
    /// SHA-256 of its file.
    pub sha256: String,
    /// Length of its file.
    pub bytes: u64,
    /// Engine and kernel that ran it.
    pub engine: String,
}

/// Order statistics of a stage, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageRecord {
    /// The stage.
    pub name: String,
    /// Its order statistics.
    pub ms: Summary,
    /// Medians of parts of the run that follow each other: their spread is the noise.
    pub block_medians_ms: Vec<f64>,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerRecord {
    /// Its name and method.
    pub name: String,
    /// Median of its times.
    pub median_ms: f64,
    /// Multiply-accumulates of its definition.
    pub macs: u64,
    /// Its speed relative to the measured peak of one core, where that is known.
    pub peak_share: Option<f64>,
}

/// A run at one frame rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadRecord {
    /// Threads of the network.
    pub threads: usize,
    /// Frames that the camera took, a second.
    pub offered_fps: f64,
    /// Packets that were made, a second.
    pub sent_fps: f64,
    /// Frames for which there was a newer one when the network was ready.
    pub passed_over: u64,
    /// From a frame's capture to its packet.
    pub age_ms: Summary,
    /// From the start of a frame's work to its packet.
    pub work_ms: f64,
}

impl Record {
    /// Reads a record that [`to_json`](Record::to_json) wrote.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if it is none, or has other numbers than a run can give.
    pub fn read(path: &Path) -> Result<Record> {
        let bytes = file::read_bounded(path, MAX_BENCH_RECORD_BYTES)
            .map_err(|error| Error::data(path, error.to_string()))?;
        let record: Record = serde_json::from_slice(&bytes).map_err(|error| {
            let what = format!("is no record of `posewire bench --report`: {error}");
            Error::data(path, what)
        })?;
        if record.format != FORMAT {
            let what = format!("has the format {:?}, not {FORMAT:?}", record.format);
            return Err(Error::data(path, what));
        }
        let wrong = record.stages.iter().find(|stage| !stage.is_possible());
        match wrong {
            Some(stage) => Err(Error::data(
                path,
                format!("stage {:?} has times that are not positive", stage.name),
            )),
            None => Ok(record),
        }
    }

    /// JSON, for [`read`](Record::read).
    pub fn to_json(&self) -> String {
        // Only text, finite numbers and lists: nothing that JSON could not hold.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// A stage by its name.
    pub fn stage(&self, name: &str) -> Option<&StageRecord> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}

impl StageRecord {
    fn is_possible(&self) -> bool {
        let summary = [self.ms.median_ms, self.ms.p99_ms, self.ms.max_ms];
        let mut all = self.block_medians_ms.iter().chain(&summary);
        all.all(|ms| ms.is_finite() && *ms > 0.0)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A record whose stage `infer` has these block medians.
    pub fn record(medians_ms: &[f64]) -> Record {
        let median_ms = medians_ms.iter().sum::<f64>() / medians_ms.len() as f64;
        Record {
            format: FORMAT.into(),
            version: "1".into(),
            command: "posewire bench | \n".into(),
            machine: Identity::default(),
            kernel_family: "neon".into(),
            model: ModelRecord {
                name: "hand.plan".into(),
                sha256: "00".into(),
                bytes: 1,
                engine: "int8".into(),
            },
            threads: 1,
            frames: 160,
            before: State::default(),
            after: State::default(),
            disturbed: Vec::new(),
            stages: vec![StageRecord {
                name: "infer".into(),
                ms: Summary {
                    count: 160,
                    min_ms: median_ms,
                    median_ms,
                    p90_ms: median_ms,
                    p99_ms: median_ms,
                    p999_ms: median_ms,
                    max_ms: median_ms,
                },
                block_medians_ms: medians_ms.to_vec(),
            }],
            resident_kib: [None, Some(1)],
            energy_mj: None,
            layers: vec![LayerRecord {
                name: "conv | 1".into(),
                median_ms: 1.0,
                macs: 5,
                peak_share: Some(0.5),
            }],
            loads: vec![LoadRecord {
                threads: 1,
                offered_fps: 10.0,
                sent_fps: 9.0,
                passed_over: 3,
                age_ms: Summary::default(),
                work_ms: 1.0,
            }],
        }
    }

    fn read(name: &str, text: &str) -> Result<Record> {
        let path = std::env::temp_dir().join(format!("posewire-{name}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let found = Record::read(&path);
        std::fs::remove_file(path).unwrap();
        found
    }

    #[test]
    fn what_is_written_is_read() {
        let record = record(&[2.0, 2.5]);
        assert_eq!(read("bench-same", &record.to_json()).unwrap(), record);
    }

    #[test]
    fn other_formats_and_impossible_times_are_refused() {
        let good = record(&[2.0, 2.5]);
        let other = good.to_json().replace(FORMAT, "posewire-bench-9");
        let said = read("bench-format", &other).unwrap_err().to_string();
        assert!(said.contains("has the format"), "{said}");
        for wrong in ["0.0", "-2.5", "1e999"] {
            let text = good.to_json().replace("2.5", wrong);
            assert!(read("bench-times", &text).is_err(), "{wrong}");
        }
        let said = read("bench-text", "{}").unwrap_err().to_string();
        assert!(
            said.contains("is no record of `posewire bench --report`"),
            "{said}"
        );
    }

    proptest! {
        #[test]
        fn damaged_records_do_not_panic(at in 0_usize..2000, byte: u8) {
            let mut bytes = record(&[2.0, 2.5]).to_json().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(found) = read("bench-damaged", &String::from_utf8_lossy(&bytes)) {
                let _ = crate::bench::compare(&found, &found);
                let _ = crate::bench::report(&found, &["a.svg"]);
                let _ = (crate::bench::block_plot(&found), crate::bench::load_plot(&found));
            }
        }
    }
}
