//! `posewire run` and `posewire listen` as two processes, as a user starts them.
#![cfg(feature = "demo")]

mod common;

use common::{
    TestDir, line_with, lines, posewire, run, signal, spawn, stderr, terminate, wait_for,
};
use posewire::source::{FrameLength, frame_length};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::process::{Child, ChildStderr, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const HAND_CLIP: &[u8] = include_bytes!("../models/demo/clips/hand.mjpeg");

/// A small network: these tests are about packets, not about accuracy.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/hand.qdq.onnx");

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A listener with these options: its address, and its log from the moment that it listens.
fn listen(more: &[&str]) -> (String, Child, BufReader<ChildStderr>) {
    let mut said = String::new();
    // Another program may take the port before the listener does.
    for _ in 0..5 {
        let to = format!("127.0.0.1:{}", free_port());
        // It ends some time if what it waits for does not come.
        let always = ["listen", "--udp", &to, "--seconds", "600"];
        let mut listener = spawn(&[&always[..], more].concat());
        match line_with(&mut listener, "listening") {
            Ok((_, log)) => return (to, listener, log),
            Err(instead) => said = instead,
        }
        listener.wait().unwrap();
    }
    panic!("no listener could start: {said}");
}

/// The JPEGs of a clip, one by one.
fn pictures(mut clip: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let FrameLength::Complete(length) = frame_length(clip) {
        found.push(&clip[..length]);
        clip = &clip[length..];
    }
    assert!(clip.is_empty() && !found.is_empty());
    found
}

#[test]
fn the_listener_sees_the_senders_keypoints() {
    let (to, listener, mut log) = listen(&["--json", "--packets", "9"]);
    let sender = run(&[
        "run", "--source", "demo", "--model", MODEL, "--udp", &to, "--json", "-", "--frames", "8",
    ]);
    assert!(sender.status.success(), "{}", stderr(&sender));
    let received = listener.wait_with_output().unwrap();
    assert!(received.status.success());

    let (sent, received) = (lines(&sender.stdout), lines(&received.stdout));
    // Eight frames and the last packet; every field is the same at both ends.
    assert_eq!(sent.len(), 9);
    assert_eq!(sent, received);
    let sequence: Vec<u64> = received
        .iter()
        .map(|p| p["sequence"].as_u64().unwrap())
        .collect();
    assert_eq!(sequence, (0..9).collect::<Vec<_>>());
    assert_eq!(received[0]["keypoints"].as_array().unwrap().len(), 21);
    assert_eq!(
        received[8]["flags"].as_array().unwrap().last().unwrap(),
        "last"
    );

    let mut counts = String::new();
    log.read_to_string(&mut counts).unwrap();
    assert!(
        counts.contains("9 packets (8 keypoints, 1 heartbeats, 0 stats), 0 lost"),
        "{counts}"
    );
}

#[test]
fn the_figures_in_the_packets_are_those_of_the_packets_and_of_the_log() {
    let (to, mut listener, mut heard) = listen(&["--json"]);
    // A pipe that nobody reads holds 64 KiB.
    let mut printed = BufReader::new(listener.stdout.take().unwrap());
    let (last_came, last) = mpsc::channel();
    let received = std::thread::spawn(move || {
        let mut all = String::new();
        loop {
            let before = all.len();
            if printed.read_line(&mut all).unwrap() == 0 {
                return all;
            }
            if all[before..].contains("\"last\"") {
                last_came.send(()).unwrap();
            }
        }
    });
    let sender = run(&[
        "run",
        "--source",
        "demo",
        "--model",
        MODEL,
        "--udp",
        &to,
        "--json",
        "-",
        "--frames",
        "40",
        "--stats-seconds",
        "1",
    ]);
    let log = stderr(&sender);
    assert!(sender.status.success(), "{log}");
    // What was still in the socket would be lost.
    last.recv().expect("the last packet came");
    terminate(&listener);
    assert!(listener.wait().unwrap().success());
    let packets = lines(received.join().unwrap().as_bytes());
    assert_eq!(packets, lines(&sender.stdout));

    let (mut keypoints, mut found, mut heartbeats, mut stats) = (0, 0, 0, 0);
    for (at, packet) in packets.iter().enumerate() {
        assert_eq!(packet["sequence"], at);
        match packet["kind"].as_str().unwrap() {
            "keypoints" => {
                keypoints += 1;
                let flags = packet["flags"].as_array().unwrap();
                found += usize::from(!flags.iter().any(|flag| flag == "lost"));
            }
            "heartbeat" => heartbeats += 1,
            _ => {
                stats += 1;
                let figures = &packet["stats"];
                assert_eq!(figures["frames"], keypoints, "{packet}");
                assert_eq!(figures["found"], found);
                assert_eq!(figures["heartbeats"], heartbeats);
                for none in ["failed", "dropped", "skipped", "lost", "reopened"] {
                    assert_eq!(figures[none], 0, "{none}");
                }
                assert!(figures["period_ms"].as_u64().unwrap() >= 1000, "{packet}");
                assert!(figures["uptime_s"].as_u64().unwrap() >= stats);
                assert!(figures["resident_kib"].as_u64().unwrap() > 1000, "{packet}");
                let infer = &figures["stages"]["infer"];
                assert!(infer["max_us"].as_u64() >= infer["median_us"].as_u64());
                assert_eq!(infer["count"], figures["stages"]["send"]["count"]);
            }
        }
    }
    // 40 frames at 15 a second.
    assert!(stats >= 2 && keypoints == 40, "{stats} {keypoints}");
    let totals = format!(
        "{keypoints} frames, {found} found, 0 failed, {heartbeats} heartbeats, 0 packets dropped"
    );
    assert!(log.contains(&totals), "{totals}: {log}");
    let mut counts = String::new();
    heard.read_to_string(&mut counts).unwrap();
    let expected = format!(
        "{} packets ({keypoints} keypoints, {heartbeats} heartbeats, {stats} stats), 0 lost",
        packets.len()
    );
    assert!(counts.contains(&expected), "{counts}");
}

/// Sends three frames and the last packet to `to`. The listener's packets, or `None` if it cannot listen there.
fn heard(listen_on: &str, to: &str) -> Option<usize> {
    let mut listener = spawn(&[
        "listen",
        "--udp",
        listen_on,
        "--json",
        "--packets",
        "4",
        "--seconds",
        "20",
    ]);
    let Ok((_, mut log)) = line_with(&mut listener, "listening") else {
        listener.wait().unwrap();
        return None;
    };
    let sender = run(&[
        "run", "--source", "demo", "--model", MODEL, "--udp", to, "--frames", "3",
    ]);
    assert!(sender.status.success(), "{}", stderr(&sender));
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    let output = listener.wait_with_output().unwrap();
    assert!(output.status.success(), "{rest}");
    Some(lines(&output.stdout).len())
}

#[test]
fn a_name_and_a_group_are_sent_to_and_listened_on() {
    let port = free_port();
    let at = |host: &str| format!("{host}:{port}");
    // All addresses of the name are heard, and the one that is sent to is the one that a user names most often.
    assert_eq!(heard(&at("localhost"), &at("localhost")), Some(4));
    assert_eq!(heard(&at("127.0.0.1"), &at("localhost")), Some(4));
    assert_eq!(heard(&at("localhost"), &at("127.0.0.1")), Some(4));
    // A machine without a route to the group has no listener.
    let group = at("239.255.77.7");
    assert_eq!(heard(&group, &group).unwrap_or(4), 4);
}

#[test]
fn the_process_that_looks_names_up_answers_and_ends_with_its_sender() {
    let mut child = posewire()
        .args(["look-up", "localhost:9"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    let mut from = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..2 {
        to.write_all(b"\n").unwrap();
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        assert!(
            line.split_whitespace().any(|word| word == "127.0.0.1:9"),
            "{line}"
        );
    }
    drop(to);
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_absent_receiver_does_not_stop_the_sender() {
    // Nobody listens on the port of a service that throws everything away, and no test gets it as a free one.
    let to = "127.0.0.1:9";
    let sender = run(&[
        "run", "--source", "demo", "--model", MODEL, "--udp", to, "--frames", "3",
    ]);
    assert!(sender.status.success(), "{}", stderr(&sender));
    assert!(stderr(&sender).contains("3 frames"));
}

#[test]
fn a_flood_of_unreadable_pictures_is_said_at_powers_of_two() {
    let dir = TestDir::new("flood");
    let good = pictures(HAND_CLIP)[0];
    // Start markers with an end right behind them, then one picture.
    let mut clip = [0xFF, 0xD8, 0xFF, 0xD9].repeat(3000);
    clip.extend(good);
    let clip = dir.file("clip.mjpeg", &clip);
    for number in 0..40 {
        dir.file(&format!("{number:02}.png"), b"no picture");
    }
    dir.file("good.jpg", good);
    for (source, most) in [
        (format!("mjpeg:{}", clip.display()), 12),
        (format!("dir:{}", dir.path().display()), 6),
    ] {
        let output = run(&["run", "--source", &source, "--model", MODEL, "--json", "-"]);
        let log = stderr(&output);
        assert!(output.status.success(), "{log}");
        assert_eq!(log.matches("skipped (").count(), most, "{log}");
    }
}

#[test]
fn a_signal_ends_the_stream_with_a_last_packet() {
    for name in ["-TERM", "-INT", "-HUP"] {
        // Programs that `nohup` started ignore SIGHUP, and so do their children.
        if name == "-HUP" && hangups_are_ignored() {
            continue;
        }
        let mut sender = spawn(&["run", "--source", "demo", "--model", MODEL, "--json", "-"]);
        let mut out = BufReader::new(sender.stdout.take().unwrap());
        let mut first = String::new();
        out.read_line(&mut first).unwrap();
        signal(&sender, name);
        let mut rest = Vec::new();
        out.read_to_end(&mut rest).unwrap();
        assert_eq!(sender.wait().unwrap().code(), Some(0), "{name}");
        let last = lines(&rest).pop().unwrap();
        assert!(
            last["flags"].as_array().unwrap().contains(&"last".into()),
            "{name}: {last}"
        );
    }
}

fn hangups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    u64::from_str_radix(mask.unwrap().trim(), 16).unwrap() & 1 == 1
}

/// A pipe that takes no byte more, and its other end.
fn jammed_pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let (reader, mut writer) = std::io::pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    for piece in [&[0; 4096][..], &[0]] {
        while writer.write(piece).is_ok() {}
    }
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

/// The next packet's flags, in bits.
fn flags(receiver: &UdpSocket) -> u16 {
    let mut packet = [0; 2048];
    receiver.recv(&mut packet).expect("packets stop");
    u16::from_le_bytes([packet[6], packet[7]])
}

#[test]
fn readers_that_stop_hold_up_neither_packets_nor_the_end() {
    const LAST: u16 = 1 << 5;
    let dir = TestDir::new("stopped");
    let fifo = dir.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    for json in ["-", fifo.to_str().unwrap()] {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let (_output, stdout) = jammed_pipe();
        let (_log, stderr) = jammed_pipe();
        let to = receiver.local_addr().unwrap().to_string();
        let mut sender = posewire()
            .args(["run", "--source", "demo", "--model", MODEL])
            .args(["--camera-fps", "60", "--stats-seconds", "1"])
            .args(["--udp", &to, "--json", json])
            .env("RUST_LOG", "trace")
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap();
        for _ in 0..60 {
            assert_eq!(flags(&receiver) & LAST, 0);
        }
        terminate(&sender);
        while flags(&receiver) & LAST == 0 {}
        // A stream that waited for its readers would be ended with another code.
        assert_eq!(sender.wait().unwrap().code(), Some(0), "--json {json}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_its_own_output_alone() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let to = receiver.local_addr().unwrap().to_string();
    let mut sender = spawn(&[
        "run", "--source", "demo", "--model", MODEL, "--udp", &to, "--json", "-",
    ]);
    let mut out = BufReader::new(sender.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    for _ in 0..20 {
        flags(&receiver);
    }
    assert!(sender.try_wait().unwrap().is_none());
    terminate(&sender);
    assert_eq!(sender.wait().unwrap().code(), Some(0));
}

#[test]
fn a_listener_without_a_reader_ends() {
    let (to, mut listener, _log) = listen(&[]);
    drop(listener.stdout.take());
    let sender = run(&[
        "run", "--source", "demo", "--model", MODEL, "--udp", &to, "--frames", "5",
    ]);
    assert!(sender.status.success(), "{}", stderr(&sender));
    assert_eq!(listener.wait().unwrap().code(), Some(0));
}

#[test]
fn a_camera_that_is_not_there_is_waited_for_and_said_to_be_missing() {
    let device = "v4l2:/dev/video-none";
    let mut sender = spawn(&["run", "--source", device, "--model", MODEL, "--json", "-"]);
    let mut packets = BufReader::new(sender.stdout.take().unwrap());
    let mut log = wait_for(&mut sender, "no such device");
    let mut line = String::new();
    for _ in 0..3 {
        line.clear();
        packets.read_line(&mut line).unwrap();
        let packet: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(packet["kind"], "heartbeat");
        let flags = packet["flags"].as_array().unwrap();
        assert!(flags.iter().any(|flag| flag == "no_camera"), "{line}");
        assert!(flags.iter().any(|flag| flag == "stale"), "{line}");
    }
    terminate(&sender);
    let mut rest = String::new();
    packets.read_to_string(&mut rest).unwrap();
    assert!(
        rest.trim_end().ends_with('}') && rest.contains("last"),
        "{rest}"
    );
    assert!(sender.wait().unwrap().success());
    let mut said = String::new();
    log.read_to_string(&mut said).unwrap();
    assert!(!said.contains("no such device"), "said again: {said}");
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let mut sender = spawn(&["run", "--source", "demo", "--model", MODEL, "--json", "-"]);
    let mut out = BufReader::new(sender.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    assert_eq!(sender.wait().unwrap().code(), Some(0));
}

#[test]
fn a_bad_picture_in_a_folder_or_a_stream_is_counted_and_skipped() {
    let dir = TestDir::new("skip");
    let good = pictures(HAND_CLIP);
    let half = &good[1][..good[1].len() / 2];
    std::fs::create_dir(dir.path().join("pictures")).unwrap();
    dir.file("pictures/1.jpg", good[0]);
    dir.file("pictures/2.jpg", half);
    dir.file("pictures/10.jpg", good[2]);
    dir.file("pictures/notes.txt", b"not a picture");
    let stream = dir.file("clip.mjpeg", &[good[0], half, good[2]].concat());
    for (source, files) in [
        (
            format!("dir:{}", dir.path().join("pictures").display()),
            [json!("1.jpg"), json!("10.jpg")],
        ),
        (
            format!("mjpeg:{}", stream.display()),
            [json!(null), json!(null)],
        ),
    ] {
        let output = run(&["run", "--source", &source, "--model", MODEL, "--json", "-"]);
        let log = stderr(&output);
        assert!(output.status.success(), "{log}");
        assert!(
            log.contains("2 frames") && log.contains("1 pictures skipped"),
            "{log}"
        );
        let (indexes, names): (Vec<_>, Vec<_>) = lines(&output.stdout)
            .into_iter()
            .filter(|packet| packet["kind"] == "keypoints")
            .map(|packet| {
                (
                    packet["frame_index"].as_u64().unwrap(),
                    packet["file"].clone(),
                )
            })
            .unzip();
        assert_eq!(indexes, [0, 2], "{source}");
        assert_eq!(names, files, "{source}");
    }
}

#[test]
fn half_a_jpeg_alone_is_an_error() {
    let dir = TestDir::new("half");
    let picture = pictures(HAND_CLIP)[0];
    let half = dir.file("half.jpg", &picture[..picture.len() / 2]);
    let source = format!("image:{}", half.display());
    let output = run(&["run", "--source", &source, "--model", MODEL, "--json", "-"]);
    assert_eq!(output.status.code(), Some(6));
    let log = stderr(&output);
    assert!(
        log.lines()
            .last()
            .unwrap()
            .contains("half.jpg: the JPEG is cut off"),
        "{log}"
    );
}

#[test]
fn a_given_box_and_a_configuration_file() {
    let dir = TestDir::new("settings");
    let picture = dir.file("hand.jpg", pictures(HAND_CLIP)[0]);
    let config = format!(
        "source = 'image:{}'\nmodel = '{MODEL}'\nmirrored = true\ninstance = 7\njson = '/dev/null'\n",
        picture.display()
    );
    let config = dir.file("run.toml", config.as_bytes());
    let output = run(&[
        "run",
        "--config",
        config.to_str().unwrap(),
        "--json",
        "-",
        "--bbox",
        "100,100,200,200",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let packet = &lines(&output.stdout)[0];
    assert_eq!(packet["instance"], 7);
    assert!(
        packet["flags"]
            .as_array()
            .unwrap()
            .contains(&"mirrored".into())
    );
    // 200 px grown by the card's 1.5: no joint of the crop can be further out.
    for joint in packet["keypoints"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|joint| !joint.is_null())
    {
        let x = joint[0].as_f64().unwrap();
        assert!((50.0..=350.0).contains(&x), "{joint}");
    }
}

#[test]
fn systemd_hears_of_the_start_of_packets_and_of_the_end() {
    let dir = TestDir::new("notify");
    let socket = dir.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
    let mut sender = common::posewire()
        .args([
            "run",
            "--source",
            "demo",
            "--model",
            MODEL,
            "--json",
            "/dev/null",
        ])
        .args(["--frames", "8"])
        .env("NOTIFY_SOCKET", &socket)
        .env("WATCHDOG_USEC", "400000")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Read while it runs: the socket holds eleven messages, and what does not fit is not sent.
    manager
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let (mut heard, mut bytes) = (Vec::new(), [0; 256]);
    loop {
        let ended = sender.try_wait().unwrap().is_some();
        match manager.recv(&mut bytes) {
            Ok(length) => heard.push(String::from_utf8_lossy(&bytes[..length]).into_owned()),
            Err(_) if ended => break,
            Err(_) => {}
        }
    }
    let output = sender.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(heard[0], "READY=1");
    assert_eq!(heard.last().unwrap(), "STOPPING=1");
    // Half a second of frames at least, and food each 100 ms.
    let fed = heard.iter().filter(|said| *said == "WATCHDOG=1").count();
    assert!(fed >= 2, "{heard:?}");
    assert!(heard.iter().any(|said| said.starts_with("STATUS=")));
}

#[test]
fn sealed_packets_are_taken_with_their_key_once_and_with_no_other() {
    let dir = TestDir::new("sealed");
    let (right, wrong) = ("0123456789abcdef".repeat(4), "00".repeat(32));
    let right = dir.file("right.key", format!("{right}\n").as_bytes());
    let wrong = dir.file("wrong.key", wrong.as_bytes());
    let listeners = [right.as_path(), wrong.as_path()]
        .map(|key| listen(&["--key-file", key.to_str().unwrap()]));
    // Their first second is probation.
    std::thread::sleep(Duration::from_millis(1100));
    // A man in the middle: every packet reaches both listeners, twice, and once damaged.
    let middle = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = middle.local_addr().unwrap().to_string();
    let sender = run(&[
        "run",
        "--source",
        "demo",
        "--model",
        MODEL,
        "--udp",
        &address,
        "--frames",
        "5",
        "--key-file",
        right.to_str().unwrap(),
    ]);
    assert!(sender.status.success(), "{}", stderr(&sender));
    middle.set_nonblocking(true).unwrap();
    let mut bytes = [0; 2048];
    let mut passed_on = 0;
    while let Ok(length) = middle.recv(&mut bytes) {
        for (to, ..) in &listeners {
            for _ in 0..2 {
                middle.send_to(&bytes[..length], to).unwrap();
            }
            middle.send_to(&bytes[..length - 1], to).unwrap();
            bytes[20] ^= 1;
            middle.send_to(&bytes[..length], to).unwrap();
            bytes[20] ^= 1;
        }
        passed_on += 1;
    }
    assert_eq!(passed_on, 6, "five frames and the last packet");
    // Faults are logged at powers of two: rubbish fills them up to the next one.
    let expected = [
        (
            16,
            "6 packets (5 keypoints, 1 heartbeats, 0 stats), 0 lost, 0 out of order, 16 invalid, 6 replayed, 0 held back",
        ),
        (
            32,
            "0 packets (0 keypoints, 0 heartbeats, 0 stats), 0 lost, 0 out of order, 32 invalid, 0 replayed, 0 held back",
        ),
    ];
    for ((to, mut listener, mut log), (invalid, expected)) in listeners.into_iter().zip(expected) {
        for _ in 0..invalid / 4 {
            middle.send_to(b"rubbish", &to).unwrap();
        }
        // What is still in the socket at the signal is lost.
        let mut said = String::new();
        while !said.contains(&format!(
            "not a packet: too short for a sealed packet ({invalid} so far)"
        )) {
            assert!(log.read_line(&mut said).unwrap() > 0, "{said}");
        }
        terminate(&listener);
        assert!(listener.wait().unwrap().success());
        log.read_to_string(&mut said).unwrap();
        assert!(said.contains(expected), "{said}");
    }
}
