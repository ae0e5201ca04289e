//! `posewire run` and `posewire listen` on pseudo-terminals in place of serial lines.
#![cfg(feature = "demo")]

mod common;

use common::{
    TestDir, line_with, lines, run, serial_lines_can_be_set, spawn, stderr, terminate, wait_for,
};
use posewire::wire::{PacketView, RESYNC, cobs};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

/// A small network: these tests are about packets, not about accuracy.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/hand.qdq.onnx");

const HAND_CLIP: &[u8] = include_bytes!("../models/demo/clips/hand.mjpeg");

/// Time that the kernel waits when a jammed line is closed with bytes in it.
const CLOSING_WAIT: Duration = Duration::from_secs(30);

/// Opens a pseudo-terminal as a serial line: the end of the tests, and the path that the program opens.
fn line() -> (File, String) {
    // Close-on-exec, or the started programs would hold the far end open.
    let far = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&far).unwrap();
    unlockpt(&far).unwrap();
    let near = ptsname(&far, Vec::new()).unwrap();
    (far.into(), near.into_string().unwrap())
}

/// All bytes until the near end is closed.
fn read_all(mut far: File) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 1024]);
    // A pseudo-terminal's end is an error.
    while let Ok(length) = far.read(&mut buffer) {
        all.extend_from_slice(&buffer[..length]);
    }
    all
}

#[test]
fn the_listener_sees_the_senders_keypoints() {
    if !serial_lines_can_be_set() {
        return;
    }
    let ((mut from, sender_end), (mut to, listener_end)) = (line(), line());
    let mut listener = spawn(&[
        "listen",
        "--serial",
        &format!("{listener_end}:230400"),
        "--json",
        "--packets",
        "9",
        // It ends after a while if a packet is lost.
        "--seconds",
        "600",
    ]);
    let mut log = wait_for(&mut listener, "listening");
    // The wire between the two. Bytes from before the start of the sender are noise.
    let wire = thread::spawn(move || {
        to.write_all(b"noise before the first frame").unwrap();
        let mut buffer = [0; 100];
        while let Ok(length) = from.read(&mut buffer) {
            to.write_all(&buffer[..length]).unwrap();
        }
        to
    });
    let sender = run(&[
        "run",
        "--source",
        "demo",
        "--model",
        MODEL,
        "--serial",
        &format!("{sender_end}:230400"),
        "--json",
        "-",
        "--frames",
        "8",
    ]);
    assert!(sender.status.success(), "{}", stderr(&sender));
    let received = listener.wait_with_output().unwrap();
    assert!(received.status.success());
    drop(wire.join().unwrap());

    let (sent, received) = (lines(&sender.stdout), lines(&received.stdout));
    // Eight frames and the last packet; every field is the same at both ends.
    assert_eq!(sent.len(), 9);
    assert_eq!(sent, received);
    assert_eq!(received[0]["keypoints"].as_array().unwrap().len(), 21);
    let mut counts = String::new();
    log.read_to_string(&mut counts).unwrap();
    assert!(
        counts.contains(
            "9 packets (8 keypoints, 1 heartbeats, 0 stats), 0 lost, 0 out of order, 0 invalid"
        ),
        "{counts}"
    );
}

#[test]
fn the_line_is_brought_in_step_and_each_frame_ends_with_a_zero() {
    if !serial_lines_can_be_set() {
        return;
    }
    let (far, near) = line();
    let reader = thread::spawn(move || read_all(far));
    let sender = run(&[
        "run", "--source", "demo", "--model", MODEL, "--serial", &near, "--frames", "3",
    ]);
    assert!(sender.status.success(), "{}", stderr(&sender));
    let bytes = reader.join().unwrap();
    let bytes = bytes.strip_prefix(&RESYNC).unwrap();
    let bytes = bytes.strip_suffix(&[0]).unwrap();
    let frames: Vec<&[u8]> = bytes.split(|&byte| byte == 0).collect();
    let sequence = frames.iter().map(|frame| {
        let packet = cobs::decode(frame).unwrap();
        PacketView::new(&packet).unwrap().sequence()
    });
    assert_eq!(sequence.collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn a_line_that_nobody_reads_neither_slows_the_run_down_nor_holds_up_its_end() {
    if !serial_lines_can_be_set() {
        return;
    }
    let (far, near) = line();
    let dir = TestDir::new("jam");
    // Faster than the clip, and more packets than a pseudo-terminal holds.
    let clip = dir.file("clip.mjpeg", &HAND_CLIP.repeat(20));
    let source = format!("mjpeg:{}", clip.display());
    let mut sender = spawn(&[
        "run", "--source", &source, "--model", MODEL, "--serial", &near, "--frames", "300",
    ]);
    // This line comes before the close. The time of the frames depends on the machine.
    let (totals, mut rest) = line_with(&mut sender, " found, ").unwrap();
    let start = Instant::now();
    assert!(totals.contains("300 frames"), "{totals}");
    assert!(
        totals.contains("packets dropped") && !totals.contains(" 0 packets dropped"),
        "{totals}"
    );
    let mut log = String::new();
    rest.read_to_string(&mut log).unwrap();
    assert!(sender.wait().unwrap().success(), "{log}");
    assert!(start.elapsed() < CLOSING_WAIT / 2, "{log}");
    // stage, min, median: far below the 33 ms between a camera's frames.
    let send = log.lines().find(|row| row.contains(" send ")).unwrap();
    let figures: Vec<f64> = send
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    assert!(figures[1] < 5.0, "{send}");
    drop(far);
}

#[test]
fn a_line_that_goes_away_does_not_end_the_run() {
    if !serial_lines_can_be_set() {
        return;
    }
    let (mut far, near) = line();
    let dir = TestDir::new("away");
    let sent = dir.path().join("packets.jsonl");
    let mut sender = spawn(&[
        "run",
        "--source",
        "demo",
        "--model",
        MODEL,
        "--serial",
        &near,
        "--json",
        &sent.display().to_string(),
        // An end, in case this test fails.
        "--frames",
        "3000",
    ]);
    let (mut splitter, mut buffer, mut found) = (cobs::Splitter::default(), [0; 256], 0);
    while found < 3 {
        let length = far.read(&mut buffer).unwrap();
        let mut rest = &buffer[..length];
        while let Some(frame) = splitter.next_frame(&mut rest) {
            let packet = frame.and_then(cobs::decode).unwrap();
            assert!(PacketView::new(&packet).is_ok());
            found += 1;
        }
    }
    drop(far);
    let _log = wait_for(&mut sender, "opening it again");
    let count = || fs::read_to_string(&sent).unwrap().lines().count();
    let before = count();
    while count() < before + 20 {
        let ended = sender.try_wait().unwrap();
        assert!(ended.is_none(), "the run ended: {ended:?}");
        thread::sleep(Duration::from_millis(20));
    }
    terminate(&sender);
    assert!(sender.wait().unwrap().success());
    let packets = lines(&fs::read(&sent).unwrap());
    for (at, packet) in packets.iter().enumerate() {
        assert_eq!(packet["sequence"], at);
    }
    let flags = packets.last().unwrap()["flags"].as_array().unwrap();
    assert!(flags.contains(&"last".into()), "{flags:?}");
}
