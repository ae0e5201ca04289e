//! Mistakes of a user: each gives one line that says what is wrong, where and what to do, and the documented exit
//! code. Never a panic, never a partly written result.
#![cfg(feature = "onnx")]

mod common;

use common::{TestDir, posewire, run, serial_lines_can_be_set, stderr, stdout, terminate};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// Runs the program, which must fail with this code and one line that has all of `words`.
fn fails(args: &[&str], code: i32, words: &[&str]) {
    let output = run(args);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
    assert_eq!(text.lines().count(), 1, "{args:?}: {text}");
    assert!(text.starts_with("posewire: error: "), "{args:?}: {text}");
    for word in words {
        assert!(text.contains(word), "{args:?}: no {word:?} in {text}");
    }
}

fn fixture(name: &str) -> String {
    format!("{FIXTURES}/{name}")
}

#[test]
fn the_command_line() {
    fails(&["fly"], 2, &["fly", "--help"]);
    fails(&["run", "--speed", "9"], 2, &["--speed", "--help"]);
    fails(&["run"], 2, &["--source"]);
    fails(
        &["run", "--source", "tape:7", "--json", "-"],
        2,
        &["tape:7", "v4l2:DEVICE"],
    );
    fails(
        &["run", "--source", "demo", "--threads", "none"],
        2,
        &["--threads"],
    );
    fails(
        &["run", "--source", "demo", "--bbox", "1,2,3"],
        2,
        &["1,2,3", "width"],
    );
    fails(&["infer", "--model", "x.onnx"], 2, &["--input"]);
    fails(
        &["run", "--source", "demo", "--serial", "/dev/ttyS0:0"],
        2,
        &["/dev/ttyS0:0", "rate"],
    );
    fails(&["inspect"], 2, &["no model file"]);
    fails(
        &["bench", "--model", "x", "--engine", "fast"],
        2,
        &["fast", "auto"],
    );
}

#[test]
fn model_files() {
    let dir = TestDir::new("models");
    let good = std::fs::read(fixture("hand.qdq.onnx")).unwrap();
    let cut = dir.file("cut.onnx", &good[..good.len() / 2]);
    let empty = dir.file("empty.onnx", b"");
    let text = dir.file("text.onnx", b"this is not a network");
    fails(
        &["inspect", "/nowhere/x.onnx"],
        4,
        &["/nowhere/x.onnx", "cannot be opened"],
    );
    fails(
        &["inspect", cut.to_str().unwrap()],
        4,
        &["cut.onnx", "cut off"],
    );
    fails(&["inspect", empty.to_str().unwrap()], 4, &["empty.onnx"]);
    fails(
        &["inspect", text.to_str().unwrap()],
        4,
        &["text.onnx", "not an ONNX file"],
    );
    fails(&["inspect", dir.path().to_str().unwrap()], 4, &["folder"]);
    fails(
        &["inspect", &fixture("other-shape.onnx")],
        4,
        &["[1, 3, 64, 64]", "[1, 3, 256, 256]"],
    );
    fails(
        &["bench", "--model", &fixture("no-card.onnx")],
        4,
        &["no model card", "no-card.toml"],
    );
}

/// A field of a protobuf: a length and bytes.
fn piece(field: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![field << 3 | 2];
    let mut length = body.len();
    while length > 0x7F {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    [&bytes, body].concat()
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|input| piece(1, input.as_bytes()));
    let rest = [piece(2, output.as_bytes()), piece(4, operator.as_bytes())];
    piece(1, &inputs.chain(rest.concat()).collect::<Vec<u8>>())
}

/// A model from a picture `x` of 64 x 64 to `y` of the same shape.
fn model(parts: &[u8]) -> Vec<u8> {
    let value = |field: u8, name: &str| {
        let sides: Vec<u8> = [1, 3, 64, 64]
            .iter()
            .flat_map(|&side| piece(1, &[8, side]))
            .collect();
        let tensor = piece(1, &[vec![8, 1], piece(2, &sides)].concat());
        piece(
            field,
            &[piece(1, name.as_bytes()), piece(2, &tensor)].concat(),
        )
    };
    let graph = [parts, &value(11, "x"), &value(12, "y")].concat();
    [vec![8, 8], piece(8, &[16, 13]), piece(7, &graph)].concat()
}

fn chain(count: usize) -> Vec<u8> {
    let names: Vec<String> = (1..count).map(|index| format!("t{index}")).collect();
    let names: Vec<&str> = ["x"]
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .chain(["y"])
        .collect();
    let nodes = names
        .windows(2)
        .map(|pair| node("Relu", &pair[..1], pair[1]));
    model(&nodes.collect::<Vec<_>>().concat())
}

#[test]
fn small_onnx_files_that_take_much() {
    let dir = TestDir::new("bombs");
    // The product of two constants is a shape only once an engine computes it.
    let side = [
        piece(8, b"k"),
        vec![8, 1, 16, 7],
        piece(7, &[0x80, 0x80, 1]),
    ]
    .concat();
    let grown = [
        node("Mul", &["k", "k"], "s"),
        node("ConstantOfShape", &["s"], "c"),
        node("ReduceSum", &["c"], "r"),
        node("Add", &["x", "r"], "y"),
        piece(5, &side),
    ];
    for (name, file, words) in [
        (
            "empty",
            piece(7, &[0x0A, 0].repeat(100_000)),
            &["node", "most nodes"][..],
        ),
        ("chain", chain(20_000), &["node t", "most nodes"]),
        ("tract", chain(5_000), &["t4097", "tract"]),
        ("grown", model(&grown.concat()), &["heap", "while it loads"]),
    ] {
        let file = dir.file(&format!("{name}.onnx"), &file);
        fails(&["inspect", file.to_str().unwrap()], 4, words);
    }
}

#[test]
fn a_program_that_loads_a_model_hears_sigterm() {
    let dir = TestDir::new("loading");
    let model = dir.file("chain.onnx", &chain(4_000));
    dir.file(
        "chain.toml",
        &std::fs::read(fixture("hand-card.toml")).unwrap(),
    );
    let mut command = posewire();
    command.args(["run", "--source", "demo", "--json", "/dev/null", "--model"]);
    let mut running = command.arg(model).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    terminate(&running);
    // It would load for ten seconds and more.
    let ended = (0..40).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        running.try_wait().unwrap().is_some()
    });
    let _ = running.kill();
    let _ = running.wait();
    assert!(ended);
}

#[test]
fn a_model_with_another_hash_than_was_asked_for() {
    let dir = TestDir::new("pinned");
    let onnx = fixture("hand.qdq.onnx");
    let plan = dir.path().join("hand.plan");
    let plan = plan.to_str().unwrap();
    let compiled = run(&["compile", "--model", &onnx, "--out", plan]);
    assert!(compiled.status.success(), "{}", stderr(&compiled));
    // Neither file is a model: the hash is checked first.
    let text = dir.file("text.onnx", b"this is not a network");
    let cut = dir.file("cut.plan", &std::fs::read(plan).unwrap()[..100]);
    let wrong = "0123456789abcdef".repeat(4);
    let pinned = |model: &str, hash: &str| {
        let mut args: Vec<String> = ["run", "--source", "demo", "--json", "-", "--frames", "1"]
            .map(Into::into)
            .into();
        args.extend(["--model", model, "--model-sha256", hash].map(Into::into));
        args
    };
    for model in [&onnx, plan, text.to_str().unwrap(), cut.to_str().unwrap()] {
        let bytes = std::fs::read(model).unwrap();
        let right = posewire::model::ModelHash::of(&bytes).to_string();
        let args = pinned(model, &wrong);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        fails(&args, 4, &[model, &right, &wrong]);
    }
    for malformed in ["", "abc", &wrong[1..], &wrong.replace('0', "x")] {
        let args = pinned(&onnx, malformed);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        fails(&args, 2, &["model-sha256", "64 hexadecimal digits"]);
    }
    // The hash that `inspect` prints is right.
    for model in [&onnx, plan, "builtin:hand"] {
        let printed = stdout(&run(&["inspect", model]));
        let line = printed.lines().find(|line| line.starts_with("sha256"));
        let hash = line.unwrap().split_whitespace().nth(1).unwrap();
        let config = format!(
            "source = 'demo'\nmodel = '{model}'\nmodel-sha256 = '{hash}'\njson = '-'\nframes = 1\n"
        );
        let config = dir.file("run.toml", config.as_bytes());
        let output = run(&["run", "--config", config.to_str().unwrap()]);
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

#[test]
fn every_cut_of_a_model_is_an_error_and_no_panic() {
    let dir = TestDir::new("cuts");
    let good = std::fs::read(fixture("hand.qdq.onnx")).unwrap();
    for part in 1..12 {
        let cut = dir.file("cut.onnx", &good[..good.len() * part / 12]);
        fails(&["inspect", cut.to_str().unwrap()], 4, &["cut.onnx"]);
    }
}

#[test]
fn a_card_beside_a_foreign_model_is_used_and_checked() {
    let dir = TestDir::new("cards");
    let model = std::fs::read(fixture("no-card.onnx")).unwrap();
    let model = dir.file("foreign.onnx", &model);
    let card = include_str!("fixtures/hand-card.toml");
    dir.file("foreign.toml", card.as_bytes());
    let output = run(&["inspect", model.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));

    dir.file(
        "foreign.toml",
        card.replace("crop_padding = 1.5", "crop_padding = 9")
            .as_bytes(),
    );
    fails(
        &["inspect", model.to_str().unwrap()],
        4,
        &["foreign.toml", "crop_padding"],
    );
    dir.file("foreign.toml", format!("colour = 'bgr'\n{card}").as_bytes());
    fails(
        &["inspect", model.to_str().unwrap()],
        4,
        &["foreign.toml", "colour"],
    );
}

#[test]
fn pictures_and_folders() {
    let dir = TestDir::new("pictures");
    let text = dir.file("text.jpg", b"not a picture");
    let model = fixture("hand.qdq.onnx");
    let source = |source: String, words: &[&str]| {
        fails(
            &[
                "run",
                "--source",
                &source,
                "--model",
                &model,
                "--json",
                "/dev/null",
            ],
            6,
            words,
        );
    };
    source(
        "image:/nowhere/hand.jpg".into(),
        &["/nowhere/hand.jpg", "no such file"],
    );
    source(
        format!("dir:{}/empty", dir.path().display()),
        &["empty", "cannot be read"],
    );
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    source(
        format!("dir:{}/empty", dir.path().display()),
        &["no pictures"],
    );
    source(
        format!("mjpeg:{}/none.mjpeg", dir.path().display()),
        &["none.mjpeg"],
    );
    source("v4l2:/dev/null".into(), &["/dev/null", "not a V4L2 device"]);

    // The file is read when its turn comes, after the log's first lines.
    let output = posewire()
        .args(["run", "--model", &model, "--json", "/dev/null", "--source"])
        .arg(format!("image:{}", text.display()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(stderr(&output).lines().last().unwrap().contains("text.jpg"));
}

#[test]
fn sinks_and_ports() {
    let model = fixture("hand.qdq.onnx");
    let dir = TestDir::new("sinks");
    let picture = dir.file("grey.pgm", b"P5 2 2 255\n\x00\x40\x80\xff");
    let source = format!("image:{}", picture.display());
    let to = |option: &str, value: &str, words: &[&str]| {
        fails(
            &["run", "--source", &source, "--model", &model, option, value],
            7,
            words,
        );
    };
    to("--udp", "no-port", &["no-port", "HOST:PORT"]);
    to("--udp", "127.0.0.1:0", &["127.0.0.1:0", "port 0"]);
    to("--udp", "0.0.0.0:9000", &["0.0.0.0:9000", "the receiver's"]);
    to("--udp", "[fe80::1]:9000", &["name the interface"]);
    to("--udp", "no-such-host.invalid:9000", &["not known"]);
    let typo = "/dev/ttyUSB0:115200n8";
    fails(
        &[
            "run", "--source", &source, "--model", &model, "--serial", typo,
        ],
        2,
        &["--serial", typo, "try /dev/ttyUSB0:115200"],
    );
    fails(
        &["listen", "--serial", "/dev/ttyUSB0,9600"],
        2,
        &["try /dev/ttyUSB0:9600"],
    );
    fails(&["listen", "--udp", "127.0.0.1:0"], 6, &["port 0"]);
    to(
        "--serial",
        "/dev/no-such-line",
        &["no-such-line", "plugged in"],
    );
    if serial_lines_can_be_set() {
        to("--serial", "/dev/null:9600", &["/dev/null", "not a serial"]);
    }
    to(
        "--json",
        "/nowhere/x.jsonl",
        &["/nowhere/x.jsonl", "cannot be written"],
    );
    to("--overlay", "/dev/null/pictures", &["/dev/null/pictures"]);
    fails(
        &["run", "--source", &source, "--model", &model],
        2,
        &["--udp", "--json"],
    );

    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    fails(
        &["listen", "--udp", &format!("127.0.0.1:{port}")],
        6,
        &["in use", "another port"],
    );
    fails(
        &["listen", "--serial", "/dev/no-such-line"],
        6,
        &["no-such-line", "plugged in"],
    );
    fails(&["listen"], 2, &["--udp", "--serial"]);
    fails(
        &["listen", "--udp", "127.0.0.1:0", "--serial", "/dev/null"],
        2,
        &["one of", "--udp", "--serial"],
    );
}

#[test]
fn configuration_files() {
    let dir = TestDir::new("config");
    let config = |text: &str| dir.file("run.toml", text.as_bytes());
    let path = config("threads = 2\nspeed = 9\n");
    let path = path.to_str().unwrap();
    fails(&["run", "--config", path], 3, &["run.toml", "speed"]);
    config("threads = 'two'\n");
    fails(&["run", "--config", path], 3, &["run.toml"]);
    fails(
        &["run", "--config", "/nowhere/run.toml"],
        3,
        &["/nowhere/run.toml"],
    );
    assert!(Path::new(path).exists());
}

#[test]
fn text_from_outside_forges_no_line_and_moves_no_cursor() {
    const EVIL: &str =
        "x\x1b[2J\x1b]0;owned\x07\n[ERROR posewire] forged\x7f\u{9b}31m\u{202e}\u{2066}\u{2028}gnp";
    let dir = TestDir::new("text");
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (model, nowhere) = (fixture("hand.qdq.onnx"), at(EVIL));
    let copy = at(&format!("{EVIL}.onnx"));
    std::fs::copy(&model, &copy).unwrap();
    std::fs::create_dir(at("pictures")).unwrap();
    dir.file(&format!("pictures/{EVIL}.png"), b"no picture");
    // A node's name of the same length.
    let layer = "x\x1b[2J\n[ERROR posewire] forged\x7f";
    let mut named = std::fs::read(&model).unwrap();
    let known = b"backbone.layer4.0.downsample.0";
    for at in 0..named.len() - known.len() {
        if named[at..].starts_with(known) {
            named[at..at + known.len()].copy_from_slice(layer.as_bytes());
        }
    }
    let named = dir.file("named.onnx", &named);
    let named = named.to_str().unwrap();
    let report = at("report");
    let config = dir.file(
        "evil.toml",
        b"source = \"demo\"\n\"\\u001b[2J\\nforged\\u202e\" = 1\n",
    );
    let (image, mjpeg) = (format!("image:{nowhere}"), format!("mjpeg:{nowhere}"));
    let pictures = format!("dir:{}", at("pictures"));
    let runs: [&[&str]; 13] = [
        &[
            "run", "--model", &nowhere, "--source", "demo", "--json", "-",
        ],
        &["run", "--config", &nowhere],
        &["run", "--config", config.to_str().unwrap()],
        &[
            "run",
            "--key-file",
            &nowhere,
            "--source",
            "demo",
            "--json",
            "-",
        ],
        &["run", "--model", &model, "--source", &image, "--json", "-"],
        &["run", "--model", &model, "--source", &mjpeg, "--json", "-"],
        &[
            "run", "--model", &model, "--source", &pictures, "--json", "-",
        ],
        &["run", "--source", "demo", "--udp", EVIL],
        &["run", "--source", "demo", "--serial", EVIL],
        &["inspect", &copy],
        &["bench", "--model", named, "--frames", "1", "--layers"],
        &[
            "bench", "--model", named, "--frames", "1", "--report", &report,
        ],
        &[
            "compile",
            "--model",
            &model,
            "--out",
            &at(&format!("none/{EVIL}")),
        ],
    ];
    let bad = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{2066}\u{2028}".contains(c));
    for args in runs {
        let output = run(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output);
        assert!(!text.is_empty(), "{args:?}");
        assert!(!text.contains(bad), "{args:?}: {text:?}");
        let forged = text
            .lines()
            .any(|line| line.starts_with("[ERROR posewire]"));
        assert!(!forged, "{args:?}: {text}");
    }
    let page = std::fs::read_to_string(format!("{report}/bench.md")).unwrap();
    assert!(!page.contains(bad), "{page:?}");
}

#[test]
fn tensors() {
    let dir = TestDir::new("tensors");
    let text = dir.file("x.npy", b"\x93NUMPY but not really");
    let infer = |input: &str, words: &[&str]| {
        let out = dir.path().join("out.npy");
        fails(
            &[
                "infer",
                "--model",
                &fixture("hand.qdq.onnx"),
                "--input",
                input,
                "--output",
                out.to_str().unwrap(),
            ],
            8,
            words,
        );
        assert!(!out.exists());
    };
    infer("/nowhere/x.npy", &["/nowhere/x.npy"]);
    infer(text.to_str().unwrap(), &["x.npy"]);
}

#[test]
fn help_has_an_example() {
    for command in ["run", "infer", "bench", "inspect", "listen", "demo"] {
        if command == "demo" && !cfg!(feature = "demo") {
            continue;
        }
        let output = run(&[command, "--help"]);
        assert!(output.status.success());
        assert!(
            common::stdout(&output).contains("Example: posewire "),
            "{command}"
        );
    }
}

#[test]
fn outputs_that_are_inputs() {
    let dir = TestDir::new("outputs");
    let model = dir.file("m.onnx", &std::fs::read(fixture("hand.qdq.onnx")).unwrap());
    let key = dir.file("key", "0123456789abcdef".repeat(4).as_bytes());
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let picture = dir.file("grey.pgm", b"P5 2 2 255\n\x00\x40\x80\xff");
    let before = std::fs::read(&model).unwrap();
    let [model, key] = [&model, &key].map(|path| path.to_str().unwrap());
    let source = format!("image:{}", picture.display());
    let always = ["run", "--source", &source, "--model", model];
    let refused = |more: &[&str], words: &[&str]| fails(&[&always[..], more].concat(), 2, words);
    refused(&["--json", model], &["--json", "--model"]);
    let sealed = ["--udp", "127.0.0.1:9", "--key-file", key];
    for (file, role) in [(model, "--model"), (key, "--key-file")] {
        refused(
            &[&sealed[..], &["--session-file", file]].concat(),
            &["--session-file", role],
        );
    }
    let session = dir.path().join("session");
    let session = session.to_str().unwrap();
    refused(
        &[&sealed[..], &["--session-file", session, "--json", session]].concat(),
        &["--session-file", "--json"],
    );
    // As the shell's `>> FILE` does.
    for (args, file, words) in [
        (
            &[&always[..], &["--json", "-"]].concat()[..],
            model,
            "--model",
        ),
        (&["inspect", model], model, "the model"),
        (&["bench", "--model", model], model, "--model"),
        (
            &["listen", "--udp", "127.0.0.1:9", "--key-file", key],
            key,
            "--key-file",
        ),
    ] {
        let contents = std::fs::read(file).unwrap();
        let out = std::fs::File::options().append(true).open(file).unwrap();
        let output = posewire().args(args).stdout(out).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains("/dev/stdout") && said.contains(words),
            "{said}"
        );
        assert_eq!(std::fs::read(file).unwrap(), contents);
    }
    assert_eq!(std::fs::read(model).unwrap(), before);
}

#[test]
fn a_key_that_every_user_can_read_is_said_and_taken() {
    let dir = TestDir::new("key-mode");
    let key = dir.file("key", "0123456789abcdef".repeat(4).as_bytes());
    for (mode, is_open) in [(0o600, false), (0o640, false), (0o604, true), (0o602, true)] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        let output = run(&[
            "run",
            "--source",
            "image:/no/such",
            "--udp",
            "127.0.0.1:9",
            "--key-file",
            key.to_str().unwrap(),
        ]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(6), "{said}");
        let warning = format!("(mode {mode:03o}): chmod 600");
        assert_eq!(said.contains(&warning), is_open, "{said}");
    }
}

#[test]
fn a_full_disk_behind_standard_output_is_an_error() {
    let model = fixture("hand.qdq.onnx");
    for args in [
        &["boards"][..],
        &["--help"],
        &["run", "--help"],
        &["inspect", &model],
        &["bench", "--model", &model, "--frames", "1"],
    ] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = posewire().args(args).stdout(full).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(7), "{args:?}: {said}");
        let line = said.lines().last().unwrap();
        assert!(
            line.contains("standard output") && line.contains("No space"),
            "{said}"
        );
    }
}
