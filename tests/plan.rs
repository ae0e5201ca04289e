//! Compiled plans: the same results as their model, and a reason for every file that is not a plan.
#![cfg(feature = "onnx")]

mod common;

use common::{TestDir, posewire, run, stderr, stdout};
use posewire::engine::{self, EngineChoice, Network, Outputs, Workspace};
use posewire::model::ModelFile;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn plan_of(model: &str) -> Vec<u8> {
    engine::compile(&ModelFile::open(&fixture(model)).unwrap(), None, None).unwrap()
}

/// A file with a corrected checksum, as an attacker would make it.
fn with_checksum(mut file: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&file[16..]);
    file[12..16].copy_from_slice(&checksum.to_le_bytes());
    file
}

fn load(path: &Path) -> posewire::Result<Box<dyn Network>> {
    engine::load(&ModelFile::open(path)?, EngineChoice::Auto, 1)
}

fn heatmaps(network: &mut dyn Network) -> Vec<f32> {
    let count = network.describe().input_len();
    let input: Vec<f32> = (0..count)
        .map(|index| (index as f32 * 0.37).sin() * 2.0)
        .collect();
    let mut work = Workspace::new(network.workspace(), 1).unwrap();
    let mut outputs = Outputs::new(network.describe());
    network.run(&mut work, &input, &mut outputs).unwrap();
    outputs.get(0).to_vec()
}

/// The emulated board runs plans that were compiled elsewhere, so its build needs no ONNX.
#[test]
#[cfg(feature = "demo")]
fn the_plans_of_the_test_board_are_those_of_their_models() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (model, kernel, plan) in [
        (
            "models/hand-demo.int8.onnx",
            "neon-dot",
            "tests/board/hand.plan",
        ),
        (
            "tests/fixtures/hand.qdq.onnx",
            "neon-dot",
            "tests/board/small.plan",
        ),
        (
            "tests/fixtures/hand.qdq.onnx",
            "portable",
            "tests/board/portable.plan",
        ),
    ] {
        let model_file = ModelFile::open(&root.join(model)).unwrap();
        let compiled = engine::compile(&model_file, Some(kernel), None);
        let stored = std::fs::read(root.join(plan)).unwrap();
        assert!(
            compiled.unwrap() == stored,
            "{plan} is stale: posewire compile --model {model} --kernel {kernel} --out {plan}"
        );
    }
}

#[test]
fn a_plan_can_be_compiled_for_every_family() {
    let model = ModelFile::open(&fixture("hand.qdq.onnx")).unwrap();
    let dir = TestDir::new("plan-families");
    for family in engine::kernel_families() {
        let plan = engine::compile(&model, Some(family), None).unwrap();
        let path = dir.file(&format!("{family}.plan"), &plan);
        // It runs here, or is refused with its family's name.
        match load(&path) {
            Ok(network) => assert_eq!(network.describe().name, format!("int8 ({family})")),
            Err(error) => assert!(error.to_string().contains(family), "{error}"),
        }
    }
}

#[test]
fn a_plan_can_be_compiled_for_every_core() {
    let model = ModelFile::open(&fixture("hand.qdq.onnx")).unwrap();
    let dir = TestDir::new("plan-cores");
    for core in engine::cores() {
        let family = engine::kernel_family_of(core).unwrap();
        let plan = engine::compile(&model, None, Some(core)).unwrap();
        match load(&dir.file(&format!("{core}.plan"), &plan)) {
            Ok(network) => assert_eq!(network.describe().name, format!("int8 ({family})")),
            Err(error) => assert!(error.to_string().contains(family), "{error}"),
        }
        // A kernel that is named goes before the core's.
        let portable = engine::compile(&model, Some("portable"), Some(core)).unwrap();
        let network = load(&dir.file(&format!("{core}.portable.plan"), &portable)).unwrap();
        assert_eq!(network.describe().name, "int8 (portable)");
    }
    let error = engine::compile(&model, None, Some("cortex")).unwrap_err();
    assert!(error.to_string().contains("cortex-a53"), "{error}");
}

/// Fuzzing starts from valid plans.
#[test]
fn the_plans_that_fuzzing_starts_from_are_those_of_their_models() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for model in [
        "plain",
        "residual",
        "hourglass",
        "transposed",
        "mapped",
        "float",
    ] {
        let file = ModelFile::open(&corpus.join(format!("onnx/{model}.onnx"))).unwrap();
        for kernel in ["portable", "avx2", "neon", "neon-dot"] {
            let compiled = engine::compile(&file, Some(kernel), None).unwrap();
            let plan = corpus.join(format!("plan/{model}-{kernel}.plan"));
            let stale = "run tests/fuzz/make.py";
            assert!(
                std::fs::read(&plan).unwrap() == compiled,
                "{}: {stale}",
                plan.display()
            );
        }
    }
}

#[test]
fn a_plan_gives_the_bytes_of_its_model() {
    let dir = TestDir::new("plan-same");
    for model in [
        "hand.qdq",
        "hand.qoperator",
        "hand.s8",
        "body.qdq",
        "body.s8",
    ] {
        let name = format!("{model}.onnx");
        let path = dir.file(model, &plan_of(&name));
        let mut from_plan = load(&path).unwrap();
        let mut from_model = load(&fixture(&name)).unwrap();
        assert_eq!(from_plan.describe(), from_model.describe());
        assert_eq!(
            heatmaps(from_plan.as_mut()),
            heatmaps(from_model.as_mut()),
            "{model}"
        );
        let card = |path: &Path| ModelFile::open(path).unwrap().card().cloned();
        assert_eq!(card(&path), card(&fixture(&name)));
    }
}

#[test]
fn compile_writes_what_every_command_takes() {
    let dir = TestDir::new("plan-commands");
    let plan = dir.path().join("hand.plan");
    let output = run(&[
        "compile",
        "--model",
        fixture("hand.qdq.onnx").to_str().unwrap(),
        "--out",
        plan.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("MB"));
    assert!(!dir.path().join("hand.plan.new").exists());
    let output = run(&["inspect", plan.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("for the kernel"));
}

fn refused(file: &[u8], words: &[&str]) {
    let dir = TestDir::new(&format!(
        "plan-refused-{}",
        words.join("-").replace('/', "")
    ));
    let path = dir.file("broken.plan", file);
    let output = run(&["inspect", path.to_str().unwrap()]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}

#[test]
fn stale_foreign_cut_and_changed_plans_are_refused_with_a_reason() {
    let plan = plan_of("hand.qdq.onnx");
    refused(&plan[..plan.len() - 1], &["bytes", "copy or compile"]);
    refused(&plan[..20], &["cut off"]);
    let mut changed = plan.clone();
    *changed.last_mut().unwrap() ^= 1;
    refused(&changed, &["damaged", "checksum"]);
    let mut older = plan.clone();
    older[8..12].copy_from_slice(&0_u32.to_le_bytes());
    refused(&older, &["format 0", "compile the model again"]);
    let card = u32::from_le_bytes(plan[24..28].try_into().unwrap()) as usize;
    let mut foreign = plan;
    foreign[40 + card] = b'Z';
    refused(
        &with_checksum(foreign),
        &["compiled for the kernel", "portable"],
    );
}

#[test]
fn a_plan_is_no_onnx_file_and_runs_on_no_other_engine() {
    let dir = TestDir::new("plan-engine");
    let plan = dir.file("hand.plan", &plan_of("hand.qdq.onnx"));
    let output = run(&[
        "infer",
        "--engine",
        "tract",
        "--model",
        plan.to_str().unwrap(),
        "--input",
        fixture("hand.input.npy").to_str().unwrap(),
        "--output",
        dir.path().join("out.npy").to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let again = run(&[
        "compile",
        "--model",
        plan.to_str().unwrap(),
        "--out",
        dir.path().join("again.plan").to_str().unwrap(),
    ]);
    assert_eq!(again.status.code(), Some(4));
    assert!(stderr(&again).contains("is a plan already"));
}

#[test]
fn a_float_model_cannot_be_compiled() {
    let dir = TestDir::new("plan-float");
    let out = dir.path().join("hand.plan");
    let output = run(&[
        "compile",
        "--model",
        fixture("hand.onnx").to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(stderr(&output).lines().count(), 1);
    assert!(!out.exists());
}

#[test]
fn a_plan_for_a_forced_kernel_is_for_that_kernel() {
    let dir = TestDir::new("plan-kernel");
    let plan = dir.path().join("hand.plan");
    let output = posewire()
        .args(["compile", "--model"])
        .arg(fixture("hand.qdq.onnx"))
        .arg("--out")
        .arg(&plan)
        .env("POSEWIRE_KERNEL", "portable")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let mut portable = load(&plan).unwrap();
    assert_eq!(portable.describe().name, "int8 (portable)");
    let mut best = load(&fixture("hand.qdq.onnx")).unwrap();
    assert_eq!(heatmaps(portable.as_mut()), heatmaps(best.as_mut()));
}
