//! The memory budget and the constant heap, on the program itself: its own figures and the kernel's.
#![cfg(feature = "demo")]

mod common;

use common::{TestDir, posewire, run, stderr, stdout, terminate};
use posewire::wire::{Body, Flags, PacketView};
use std::fs;
use std::net::UdpSocket;
use std::process::Child;
use std::time::Duration;

/// A small network, as a plan for this processor.
fn plan(folder: &TestDir) -> String {
    let path = folder.path().join("hand.plan").display().to_string();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/hand.qdq.onnx");
    let output = run(&["compile", "--model", model, "--out", &path]);
    assert!(output.status.success(), "{}", stderr(&output));
    path
}

/// The last row of the table, in KiB.
fn total_kib(table: &str) -> u64 {
    let row = table
        .lines()
        .find(|line| line.starts_with("in all"))
        .unwrap();
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(words[3], "KiB");
    words[2].parse().unwrap()
}

#[test]
fn one_page_too_few_is_refused_with_the_table_and_the_exact_sum_runs() {
    let folder = TestDir::new("budget");
    let plan = plan(&folder);
    let settings = [
        "--source",
        "demo",
        "--camera-format",
        "YUYV",
        "--threads",
        "2",
        "--json",
        "-",
    ];
    let table = run(&[&["inspect", "--budget", &plan][..], &settings].concat());
    assert!(table.status.success(), "{}", stderr(&table));
    let total = total_kib(&stdout(&table));
    // The program alone is larger than a mebibyte.
    assert!((1024..200 << 10).contains(&total), "{total}");

    let run_with = |kib: u64| {
        let budget = format!("{kib}KiB");
        let more = [
            "--model",
            &plan,
            "--memory-budget",
            &budget,
            "--frames",
            "3",
        ];
        run(&[&["run"][..], &settings, &more].concat())
    };
    let refused = run_with(total - 4);
    assert_eq!(refused.status.code(), Some(9), "{}", stderr(&refused));
    assert_eq!(total_kib(&stderr(&refused)), total);
    assert!(
        stderr(&refused)
            .lines()
            .last()
            .unwrap()
            .starts_with("posewire: error: memory: ")
    );
    assert!(refused.stdout.is_empty());
    let exact = run_with(total);
    assert_eq!(exact.status.code(), Some(0), "{}", stderr(&exact));
    assert_eq!(common::lines(&exact.stdout).len(), 4);
}

#[test]
fn a_budget_that_nothing_fits_into_still_gives_the_table() {
    let output = run(&[
        "run",
        "--source",
        "demo",
        "--json",
        "-",
        "--memory-budget",
        "1MiB",
    ]);
    assert_eq!(output.status.code(), Some(9), "{}", stderr(&output));
    assert!(total_kib(&stderr(&output)) > 1024);
}

#[test]
fn what_passes_the_budget_while_it_runs_ends_with_the_same_code() {
    // Decoding a picture of 10,000 x 2,000 px takes more than a budget counts for pictures in files.
    let folder = TestDir::new("passes");
    let plan = plan(&folder);
    let mut picture = b"P6 10000 2000 255\n".to_vec();
    picture.resize(picture.len() + 3 * 10_000 * 2_000, 7);
    let source = format!("image:{}", folder.file("large.ppm", &picture).display());
    let table = run(&[
        "inspect", "--budget", &plan, "--source", &source, "--json", "-",
    ]);
    let budget = format!("{}KiB", total_kib(&stdout(&table)));
    let more = ["--memory-budget", &budget, "--json", "-"];
    let output = run(&[&["run", "--model", &plan, "--source", &source][..], &more].concat());
    assert_eq!(output.status.code(), Some(9), "{}", stderr(&output));
    let last = stderr(&output).lines().last().unwrap().to_string();
    assert!(
        last.starts_with("posewire: error: memory: the heap would take "),
        "{last}"
    );
}

#[test]
fn a_network_whose_memory_is_not_fixed_has_no_budget() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/hand.onnx");
    let more = ["--memory-budget", "4GiB", "--json", "-", "--frames", "1"];
    let output = run(&[&["run", "--source", "demo", "--model", model][..], &more].concat());
    assert_eq!(output.status.code(), Some(9));
    assert!(
        stderr(&output).contains("quantise it"),
        "{}",
        stderr(&output)
    );
}

/// Resident memory that is a process's own, from the kernel, in KiB: heap, stacks and data that it wrote. Not pages
/// of files: the kernel maps them 64 KiB at a time when code first runs, and takes them back when it likes.
fn own_kib(process: &Child) -> u64 {
    let path = format!("/proc/{}/smaps_rollup", process.id());
    let text = fs::read_to_string(path).unwrap();
    let row = text
        .lines()
        .find(|line| line.starts_with("Anonymous:"))
        .unwrap();
    row.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Runs the program and measures its own memory twice: after `frames / 2` frames and the first statistics, and
/// again `frames * 9 / 20` frames later. Returns both, in KiB, and the program's line about its heap. Packets that a
/// busy machine loses delay the measurements and change nothing else.
fn steady(format: &str, frames: u64) -> (u64, u64, String) {
    let folder = TestDir::new(&format!("steady-{format}"));
    let plan = plan(&folder);
    // A file, because an unread pipe would fill up and block the program.
    let log = folder.path().join("log");
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let to = receiver.local_addr().unwrap().to_string();
    let mut child = posewire()
        .args([
            "run",
            "--source",
            "demo",
            "--camera-format",
            format,
            "--camera-fps",
            "1000",
        ])
        .args([
            "--model",
            &plan,
            "--udp",
            &to,
            // An end, in case this test fails.
            "--frames",
            &(frames + 60_000).to_string(),
        ])
        .args(["--stats-seconds", "1", "--threads", "2"])
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut bytes = [0; 2048];
    // Code takes memory when it first runs, also the code for the figures.
    let mut figures = false;
    let (mut first, mut late) = (None, u64::MAX);
    let last = loop {
        let length = receiver.recv(&mut bytes).unwrap();
        let packet = PacketView::new(&bytes[..length]).unwrap().to_packet();
        let ended = packet.flags.contains(Flags::LAST);
        assert!(!ended, "the run ended before it had been looked at");
        figures |= matches!(packet.body, Body::Stats(_));
        let index = u64::from(packet.frame_index);
        if index >= late {
            break own_kib(&child);
        }
        if first.is_none() && figures && index >= frames / 2 {
            first = Some(own_kib(&child));
            late = index + frames * 9 / 20;
        }
    };
    terminate(&child);
    assert!(child.wait().unwrap().success());
    let log = fs::read_to_string(log).unwrap();
    let heap = log
        .lines()
        .find(|line| line.contains("heap: "))
        .unwrap()
        .to_string();
    (first.unwrap_or(0), last, heap)
}

/// `POSEWIRE_STEADY_FRAMES=100000 cargo test --release --test memory` is the long form.
#[test]
fn raw_pictures_take_nothing_of_the_heap_and_memory_stays_flat() {
    if std::env::var_os("POSEWIRE_TEST_RUNNER").is_some() {
        // The kernel's figures would be the emulator's.
        return;
    }
    let frames = std::env::var("POSEWIRE_STEADY_FRAMES").map_or(1200, |text| text.parse().unwrap());
    for format in ["YUYV", "NV12", "GREY"] {
        let (first, last, heap) = steady(format, frames);
        println!("{format}: at least {frames} frames, {first} KiB and {last} KiB; {heap}");
        assert!(heap.contains(" 0 allocations since"), "{format}: {heap}");
        assert!(
            first > 1024 && last <= first,
            "{format}: {first} KiB, then {last} KiB"
        );
    }
}
