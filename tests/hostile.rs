//! Models and plans broken on purpose: an error or a network that runs, never a panic.
//!
//! Each file of the corpus is changed at random, many times, with a seed that a failure prints.
//! `POSEWIRE_HOSTILE_ROUNDS` sets more rounds than a test run can afford. A file that caused a fault belongs
//! in tests/corpus/.
#![cfg(feature = "onnx")]

use posewire::engine::{self, EngineChoice, Outputs, Workspace};
use posewire::model::ModelFile;
use std::path::{Path, PathBuf};

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Numbers near limits.
const EDGES: [u32; 12] = [
    0,
    1,
    2,
    255,
    256,
    4096,
    65_536,
    i32::MAX as u32,
    1 << 31,
    u32::MAX,
    0x7FC0_0000, // NaN
    0x7F80_0000, // infinity
];

/// Changes a few places of `file[range]`.
fn mutate(file: &mut Vec<u8>, range: std::ops::Range<usize>, random: &mut Random) {
    for _ in 0..1 + random.below(4) {
        let at = range.start + random.below(range.len());
        match random.below(5) {
            0 => file[at] ^= 1 << random.below(8),
            1 => file[at] = random.next() as u8,
            2 if at + 4 <= file.len() => {
                let edge = EDGES[random.below(EDGES.len())];
                file[at..at + 4].copy_from_slice(&edge.to_le_bytes());
            }
            3 => {
                let count = (1 + random.below(8)).min(file.len() - at);
                file.drain(at..at + count);
            }
            _ => {
                let from = range.start + random.below(range.len());
                let count = random.below(32).min(file.len() - from.max(at));
                file.copy_within(from..from + count, at);
            }
        }
        if file.len() < range.end {
            break;
        }
    }
}

fn rounds(default: usize) -> usize {
    std::env::var("POSEWIRE_HOSTILE_ROUNDS")
        .map(|rounds| rounds.parse().expect("a number"))
        .unwrap_or(default)
}

fn corpus(folder: &str) -> Vec<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(folder);
    let mut files: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "onnx")
        })
        .collect();
    files.sort();
    files
}

/// Loads a file and runs it. True if it loads.
fn survives(path: &Path, what: &str) -> bool {
    let attempt = std::panic::catch_unwind(|| {
        let model = ModelFile::open(path)?;
        let mut network = engine::load(&model, EngineChoice::Auto, 1)?;
        let mut work = Workspace::new(network.workspace(), 1)?;
        let input = vec![0.5; network.describe().input_len()];
        let mut outputs = Outputs::new(network.describe());
        network.run(&mut work, &input, &mut outputs)
    });
    match attempt {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            assert_eq!(error.to_string().lines().count(), 1, "{what}: {error}");
            false
        }
        Err(_) => panic!("{what}: a panic"),
    }
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("posewire-hostile-{name}-{}", std::process::id()))
}

#[test]
fn broken_plans() {
    let path = scratch("plan");
    let mut ran = 0;
    let models = ["hand.qdq.onnx", "body.s8.onnx"];
    for model in models {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(model);
        let good = engine::compile(&ModelFile::open(&fixture).unwrap(), None, None).unwrap();
        let length = |at: usize| u32::from_le_bytes(good[at..at + 4].try_into().unwrap()) as usize;
        let network = 40 + length(24) + length(28);
        for round in 0..rounds(400) {
            let mut random = Random(round as u64);
            let mut file = good.clone();
            // Mostly changes the network section, where every number matters.
            let range = match random.below(8) {
                0 => 16..file.len(),
                _ => network..network + length(32),
            };
            mutate(&mut file, range, &mut random);
            let size = file.len() as u64;
            file[16..24].copy_from_slice(&size.to_le_bytes());
            let checksum = crc32fast::hash(&file[16..]);
            file[12..16].copy_from_slice(&checksum.to_le_bytes());
            std::fs::write(&path, &file).unwrap();
            ran += usize::from(survives(&path, &format!("{model}, round {round}")));
        }
    }
    std::fs::remove_file(&path).unwrap();
    // Files with changed names and biases still run, so the changes pass the checksum and reach the other checks.
    assert!(ran > 0, "no changed plan got through");
}

/// Every file of the corpus with the words of its error. A file with no words runs.
#[test]
fn each_broken_file_gets_its_reason() {
    let reasons = [
        ("axis-out-of-range", "weights: does not run in integers"),
        ("cycle", "Loop"),
        ("extreme-bias", ""),
        ("good", ""),
        ("huge-dims", "constant w: has more than"),
        ("huge-group", "conv: has weights"),
        ("huge-input", "input input"),
        ("huge-pads", "conv: has 1099511627776 in its pads"),
        ("infinite-scale", "bias: its scale b_scale is inf"),
        ("large-input", ""),
        ("minimum-pads", "conv: has -9223372036854775808 in its pads"),
        ("missing-input", "nowhere"),
        ("missing-output", "no entry"),
        ("nan-scale", "quantize_y: its scale y_scale is NaN"),
        ("negative-axis", "weights: does not run in integers"),
        ("negative-dims", "sides below 0"),
        ("negative-pads", "conv: has -1 in its pads"),
        ("negative-scale", "weights: its scale w_scale is -1"),
        ("no-scales", "weights: does not run in integers"),
        ("no-weights", "\"conv\""),
        ("same-output-twice", "yq"),
        ("too-few-inputs", "\"weights\""),
        ("too-few-scales", "weights: does not run in integers"),
        ("wrong-kernel-shape", "\"conv\""),
        ("wrong-rank", "\"conv\""),
        ("wrong-zero-point-type", ""),
        ("zero-scale", "quantize: its scale x_scale is 0"),
        ("zero-stride", "conv: has 0 in its strides"),
    ];
    let files = corpus("corpus");
    assert_eq!(files.len(), reasons.len());
    for (path, (name, reason)) in files.iter().zip(reasons) {
        assert_eq!(path.file_stem().unwrap(), name);
        let loaded =
            ModelFile::open(path).and_then(|model| engine::load(&model, EngineChoice::Auto, 1));
        match loaded {
            Ok(_) => assert_eq!(reason, "", "{name} loads"),
            Err(error) => {
                let text = error.to_string();
                assert!(
                    !reason.is_empty() && text.contains(reason),
                    "{name}: {text}"
                );
            }
        }
    }
}

#[test]
fn broken_onnx_files() {
    let path = scratch("onnx");
    for model in corpus("fixtures").into_iter().chain(corpus("corpus")) {
        survives(&model, &model.display().to_string());
        let good = std::fs::read(&model).unwrap();
        for round in 0..rounds(15) {
            let mut random = Random(round as u64);
            let mut file = good.clone();
            let end = file.len();
            mutate(&mut file, 0..end, &mut random);
            std::fs::write(&path, &file).unwrap();
            survives(&path, &format!("{}, round {round}", model.display()));
        }
    }
    std::fs::remove_file(&path).unwrap();
}
