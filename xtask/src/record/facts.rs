//! The recorded facts.

use super::packets;
use super::program::Program;
use crate::fixtures::{self, QUANTISED};
use crate::tools::{Outcome, text};
use posewire::engine::kernel_families;
use serde_json::Value;

/// Receives a fact's name and bytes.
type Note<'a> = &'a mut dyn FnMut(&str, &[u8]) -> Outcome<()>;

const FLOAT: [&str; 2] = ["hand", "body"];
const SHIPPED: [&str; 3] = ["hand", "body", "finder"];
const COMMANDS: [&str; 9] = [
    "demo", "run", "listen", "bench", "infer", "doctor", "boards", "inspect", "compile",
];
/// Recorded frames of a clip; the clip itself never ends.
const FRAMES: &str = "40";
/// Fields of a JSON line that differ from run to run.
const FLEETING: [&str; 4] = ["session", "captured_mono_us", "captured_wall_us", "age_us"];

/// Mistakes on the command line and in files that it names, each with its fact's name.
const MISTAKES: [(&str, &str); 38] = [
    ("no-command", "fly"),
    ("run-unknown-option", "run --speed 9"),
    ("run-near-miss", "run --heartbeat 9"),
    ("run-no-source", "run"),
    ("run-no-sink", "run --source demo"),
    ("run-source", "run --source tape:7 --json -"),
    (
        "run-source-twice",
        "run --source demo --source demo --json -",
    ),
    ("run-threads", "run --source demo --threads none"),
    ("run-threads-0", "run --source demo --threads 0 --json -"),
    ("run-bbox", "run --source demo --bbox 1,2,3"),
    (
        "run-bbox-empty",
        "run --source demo --bbox 1,2,0,3 --json -",
    ),
    ("bench-no-value", "bench --model"),
    (
        "run-heartbeat",
        "run --source demo --json - --heartbeat-ms 0",
    ),
    ("run-stale", "run --source demo --json - --stale-ms x"),
    ("run-realtime", "run --source demo --json - --realtime=200"),
    ("run-board", "run --source demo --json - --board toaster"),
    ("run-config", "run --config nowhere/run.toml"),
    (
        "run-model",
        "run --source demo --json - --model nowhere/x.onnx",
    ),
    (
        "run-model-folder",
        "run --source demo --json - --model tests",
    ),
    ("run-hash", "run --source demo --json - --model-sha256 abc"),
    ("run-engine", "run --source demo --json - --engine fast"),
    ("run-udp", "run --source demo --udp no-port"),
    ("run-serial", "run --source demo --serial /dev/no-such-line"),
    ("run-serial-rate", "run --source demo --serial /dev/ttyS0:0"),
    ("run-json", "run --source demo --json nowhere/x.jsonl"),
    ("run-image", "run --source image:nowhere/x.jpg --json -"),
    ("run-dir", "run --source dir:nowhere --json -"),
    ("run-mjpeg", "run --source mjpeg:nowhere.mjpeg --json -"),
    ("run-camera", "run --source v4l2:/dev/null --json -"),
    (
        "run-camera-size",
        "run --source demo --json - --camera-size 3",
    ),
    ("run-sandbox", "run --source demo --json - --sandbox maybe"),
    ("listen", "listen"),
    ("listen-serial", "listen --serial /dev/no-such-line"),
    ("infer-no-input", "infer --model x.onnx"),
    (
        "infer-input",
        "infer --model tests/fixtures/hand.qdq.onnx --input nowhere.npy --output nowhere/o.npy",
    ),
    ("inspect", "inspect"),
    ("inspect-shape", "inspect tests/fixtures/other-shape.onnx"),
    ("bench-no-card", "bench --model tests/fixtures/no-card.onnx"),
];

pub fn all(program: &Program, note: Note<'_>) -> Outcome<()> {
    plans(program, note)?;
    heatmaps(program, note)?;
    results(program, note)?;
    let heard = packets::of(program)?;
    note("packets/demo", &heard)?;
    texts(program, note)
}

fn plans(program: &Program, note: Note<'_>) -> Outcome<()> {
    let fixtures = QUANTISED.map(|name| (name, fixture(&format!("{name}.onnx"))));
    let shipped = SHIPPED.map(|name| (name, format!("builtin:{name}")));
    for (name, model) in fixtures.into_iter().chain(shipped) {
        for family in kernel_families() {
            let path = program.out("a.plan");
            let mut compile = program.command(&["compile", "--kernel", family])?;
            compile.args(["--model", &model, "--out"]).arg(&path);
            let plan = program.file(&mut compile, &path)?;
            let plan = plan.ok_or(format!("{name} cannot be compiled for {family}"))?;
            note(&format!("plan/{name}/{family}"), &plan)?;
        }
    }
    Ok(())
}

/// Heatmaps of the fixtures, by every kernel that this machine has.
fn heatmaps(program: &Program, note: Note<'_>) -> Outcome<()> {
    let path = program.out("a.npy");
    let mut infer = |name: &str, kernel: Option<&str>| -> Outcome<()> {
        let (model, input) = (text(&fixtures::model(name)?), text(&fixtures::input(name)?));
        let mut command = program.command(&["infer", "--model", &model, "--input", &input])?;
        command.arg("--output").arg(&path);
        if let Some(kernel) = kernel {
            command.env("POSEWIRE_KERNEL", kernel);
        }
        match (program.file(&mut command, &path)?, kernel) {
            (Some(bytes), _) => note(
                &format!("infer/{name}/{}", kernel.unwrap_or("auto")),
                &bytes,
            ),
            (None, Some(_)) => Ok(()),
            (None, None) => Err(format!("{name} does not run")),
        }
    };
    for name in FLOAT {
        infer(name, None)?;
    }
    for name in QUANTISED {
        for kernel in [None]
            .into_iter()
            .chain(kernel_families().into_iter().map(Some))
        {
            infer(name, kernel)?;
        }
    }
    Ok(())
}

/// JSON lines of runs over pictures and clips, without fields that differ between runs.
fn results(program: &Program, note: Note<'_>) -> Outcome<()> {
    let picture = format!("image:{}", fixture("baseline-420.jpg"));
    let hand = fixture("hand.qdq.onnx");
    let body = fixture("body.qdq.onnx");
    for (name, source, model, more) in [
        ("image-hand", picture.as_str(), hand.as_str(), None),
        ("image-body", &picture, &body, None),
        ("image-bbox", &picture, &hand, Some("--bbox=4,4,20,20")),
        ("demo-hand", "demo", "builtin:hand", None),
        ("demo-body", "demo", "builtin:body", None),
        (
            "demo-yuyv",
            "demo",
            "builtin:hand",
            Some("--camera-format=YUYV"),
        ),
    ] {
        let mut run = program.command(&["run", "--source", source, "--model", model])?;
        run.args(["--frames", FRAMES, "--json", "-", "--heartbeat-ms", "60000"])
            .args(more);
        let output = run.output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!(
                "{name}: {}",
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        note(&format!("run/{name}"), &lasting(&output.stdout)?)?;
    }
    Ok(())
}

/// JSON lines of frames, without fields that differ between runs.
fn lasting(lines: &[u8]) -> Outcome<Vec<u8>> {
    let mut kept = Vec::new();
    for line in String::from_utf8_lossy(lines).lines() {
        let mut line: Value =
            serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
        if line["kind"] != "keypoints" {
            continue;
        }
        if let Some(fields) = line.as_object_mut() {
            fields.retain(|name, _| !FLEETING.contains(&name.as_str()));
        }
        kept.extend_from_slice(format!("{line}\n").as_bytes());
    }
    Ok(kept)
}

fn texts(program: &Program, note: Note<'_>) -> Outcome<()> {
    note("help/posewire", &program.run(&["--help"])?.stdout)?;
    for command in COMMANDS {
        note(
            &format!("help/{command}"),
            &program.run(&[command, "--help"])?.stdout,
        )?;
    }
    for (name, line) in MISTAKES {
        let mut arguments: Vec<&str> = line.split(' ').collect();
        if arguments[0] == "run" {
            // A mistake that the program accepts must end as well.
            arguments.extend(["--frames", "1"]);
        }
        let output = program.run(&arguments)?;
        // The log lines before the error contain times.
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().filter(|line| line.starts_with("posewire: "));
        let said: Vec<&str> = said.collect();
        let said = format!("{:?}\n{}\n", output.status.code(), said.join("\n"));
        note(
            &format!("error/{name}"),
            &program.portable(said.as_bytes())?,
        )?;
    }
    Ok(())
}

fn fixture(name: &str) -> String {
    text(&std::path::Path::new("tests/fixtures").join(name))
}
