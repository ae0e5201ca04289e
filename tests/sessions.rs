//! Sealed packets on a loopback network with an attacker in the middle: real senders, a real listener.
#![cfg(feature = "demo")]

mod common;

use common::{TestDir, posewire, spawn, terminate};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const PROBATION: Duration = Duration::from_millis(1100);

/// A listener under the key. Its lines arrive on a channel, so that the test can wait for one.
struct Listener {
    child: Child,
    to: String,
    lines: Receiver<Value>,
    log: Receiver<String>,
}

impl Listener {
    fn start(key: &Path) -> Self {
        // Another program may take the port before the listener does: then it ends, and the test fails.
        let probe = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = probe.local_addr().unwrap().to_string();
        drop(probe);
        let key = key.to_str().unwrap();
        let mut child = spawn(&[
            "listen",
            "--udp",
            &to,
            "--key-file",
            key,
            "--json",
            "--seconds",
            "300",
        ]);
        let (line, lines) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for text in out.lines().map_while(Result::ok) {
                let _ = line.send(serde_json::from_str(&text).unwrap());
            }
        });
        let (said, log) = mpsc::channel();
        let err = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for text in err.lines().map_while(Result::ok) {
                let _ = said.send(text);
            }
        });
        let first = log.recv_timeout(Duration::from_secs(30)).unwrap();
        assert!(
            first.contains("sandbox") || first.contains("listening"),
            "{first}"
        );
        std::thread::sleep(PROBATION);
        Listener {
            child,
            to,
            lines,
            log,
        }
    }

    /// The packets shown since the last call, as (instance, session, sequence).
    fn taken(&self) -> Vec<(u64, u64, u64)> {
        // Loopback and a pipe: the last packet is there long before.
        std::thread::sleep(Duration::from_millis(300));
        let number = |line: &Value, name: &str| line[name].as_u64().unwrap();
        self.lines
            .try_iter()
            .map(|line| {
                (
                    number(&line, "instance"),
                    number(&line, "session"),
                    number(&line, "sequence"),
                )
            })
            .collect()
    }

    fn end(mut self) -> Vec<String> {
        terminate(&self.child);
        assert!(self.child.wait().unwrap().success());
        self.log.iter().collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A sender of heartbeats: it waits for a camera that is not there. Its packets end at a socket of the
/// test's.
struct Sender {
    child: Child,
    socket: UdpSocket,
    /// Every packet that it has sent.
    sent: Vec<Vec<u8>>,
}

impl Sender {
    fn start(key: &Path, instance: u8, more: &[&str]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let timeout = Some(Duration::from_millis(5));
        socket.set_read_timeout(timeout).unwrap();
        let child = posewire()
            .args(["run", "--source", "v4l2:/dev/posewire-no-such-camera"])
            .args(["--udp", &socket.local_addr().unwrap().to_string()])
            .args(["--key-file", key.to_str().unwrap()])
            .args(["--heartbeat-ms", "50", "--instance", &instance.to_string()])
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Sender {
            child,
            socket,
            sent: Vec::new(),
        }
    }

    /// The packets that have come since the last call.
    fn fresh(&mut self) -> Vec<Vec<u8>> {
        let mut bytes = [0; 2048];
        let mut fresh = Vec::new();
        while let Ok(length) = self.socket.recv(&mut bytes) {
            fresh.push(bytes[..length].to_vec());
        }
        self.sent.extend(fresh.iter().cloned());
        fresh
    }

    /// Collects at least so many packets, and lets none through.
    fn record(&mut self, count: usize) -> Vec<Vec<u8>> {
        let until = Instant::now() + Duration::from_secs(60);
        let mut recorded = Vec::new();
        while recorded.len() < count && Instant::now() < until {
            recorded.extend(self.fresh());
        }
        assert!(recorded.len() >= count, "the sender sends nothing");
        recorded
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn key(dir: &TestDir) -> PathBuf {
    let path = dir.file("key", KEY.as_bytes());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Lets the senders' packets through for a while, and after each one all of `replayed` again. How many
/// packets of each sender went through.
fn pass_on(
    wire: &UdpSocket,
    listener: &Listener,
    senders: &mut [&mut Sender],
    replayed: &[Vec<u8>],
    time: Duration,
) -> Vec<usize> {
    let mut passed = vec![0; senders.len()];
    // What has waited here since the last call would be late.
    for sender in senders.iter_mut() {
        sender.fresh();
    }
    let until = Instant::now() + time;
    while Instant::now() < until {
        for (sender, passed) in senders.iter_mut().zip(&mut passed) {
            for packet in sender.fresh() {
                wire.send_to(&packet, &listener.to).unwrap();
                *passed += 1;
                let again = sender.sent.iter().rev().take(3);
                for old in replayed.iter().chain(again) {
                    wire.send_to(old, &listener.to).unwrap();
                }
            }
        }
    }
    passed
}

/// A busy machine may hold a packet back here for 500 ms: it is then refused, as it should be.
fn assert_all_but_late(taken: usize, passed: usize) {
    assert!(
        taken <= passed && taken + passed / 5 >= passed,
        "{taken} of {passed}"
    );
}

fn of_instance(taken: &[(u64, u64, u64)], instance: u64) -> Vec<(u64, u64, u64)> {
    let of_it = taken.iter().copied().filter(|(one, ..)| *one == instance);
    of_it.collect()
}

#[test]
fn no_recording_passes_and_none_keeps_two_live_senders_out() {
    let dir = TestDir::new("recordings");
    let key = key(&dir);
    let mut old = Vec::new();
    for instance in [1, 2] {
        let mut sender = Sender::start(&key, instance, &[]);
        old.extend(sender.record(5));
    }
    let listener = Listener::start(&key);
    let wire = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (mut one, mut two) = (Sender::start(&key, 1, &[]), Sender::start(&key, 2, &[]));
    // Both are heard before the first recording is sent.
    for sender in [&mut one, &mut two] {
        for packet in sender.record(1) {
            wire.send_to(&packet, &listener.to).unwrap();
        }
    }
    assert!(listener.taken().len() >= 2);

    let time = Duration::from_secs(2);
    let passed = pass_on(&wire, &listener, &mut [&mut one, &mut two], &old, time);
    let taken = listener.taken();
    for (instance, passed) in [1, 2].into_iter().zip(passed) {
        let of_it = of_instance(&taken, instance);
        assert!(passed >= 10, "{passed} packets in 2 s");
        assert_all_but_late(of_it.len(), passed);
        assert!(
            of_it.is_sorted_by(|(_, s, a), (_, t, b)| s == t && a < b),
            "{of_it:?}"
        );
    }

    // Held back for 2 s, then sent in order: the first second of them is refused.
    let until = Instant::now() + Duration::from_secs(2);
    let mut held = Vec::new();
    while Instant::now() < until {
        held.extend(one.fresh());
    }
    for packet in &held {
        wire.send_to(packet, &listener.to).unwrap();
    }
    let taken = listener.taken();
    assert!(held.len() >= 10, "{} packets in 2 s", held.len());
    assert!(
        taken.len() <= held.len() / 2,
        "{} of {}",
        taken.len(),
        held.len()
    );

    // A restart is taken at once.
    drop(one);
    let mut one = Sender::start(&key, 1, &[]);
    for packet in one.record(1) {
        wire.send_to(&packet, &listener.to).unwrap();
    }
    let passed = pass_on(
        &wire,
        &listener,
        &mut [&mut one],
        &old,
        Duration::from_secs(1),
    );
    let taken = listener.taken();
    assert!(
        passed[0] >= 5 && taken.len() >= passed[0] / 5 * 4,
        "{} of {}",
        taken.len(),
        passed[0]
    );

    let log = listener.end();
    assert!(log.len() < 60, "{} lines: {log:#?}", log.len());
    let last = log.last().unwrap();
    assert!(
        last.contains("held back") && last.contains(" 3 session(s)"),
        "{last}"
    );
}

#[test]
fn a_receiver_that_restarts_does_not_keep_to_a_recording() {
    let dir = TestDir::new("restarted");
    let key = key(&dir);
    let old = Sender::start(&key, 0, &[]).record(10);
    let mut live = Sender::start(&key, 0, &[]);
    live.record(1);
    let listener = Listener::start(&key);
    let wire = UdpSocket::bind("127.0.0.1:0").unwrap();
    // The residue of a receiver without state: it takes a recording while the live sender is silent.
    wire.send_to(&old[5], &listener.to).unwrap();
    assert_eq!(listener.taken().len(), 1);
    let passed = pass_on(
        &wire,
        &listener,
        &mut [&mut live],
        &old,
        Duration::from_secs(1),
    );
    let taken = listener.taken();
    assert!(passed[0] >= 5, "{passed:?}");
    assert_all_but_late(taken.len(), passed[0]);
    listener.end();
}

#[test]
fn a_session_file_counts_starts_and_must_be_writable() {
    let dir = TestDir::new("session-file");
    let key = key(&dir);
    let file = dir.path().join("session");
    let file_text = file.to_str().unwrap();
    let mut epochs = Vec::new();
    for _ in 0..2 {
        Sender::start(&key, 0, &["--session-file", file_text]).record(1);
        let text = std::fs::read_to_string(&file).unwrap();
        epochs.push(text.trim_end().parse::<u64>().unwrap());
    }
    assert!(epochs[1] > epochs[0], "{epochs:?}");
    std::fs::write(&file, "no number").unwrap();
    let key = key.to_str().unwrap();
    let refused = posewire()
        .args([
            "run",
            "--source",
            "demo",
            "--udp",
            "127.0.0.1:9",
            "--key-file",
            key,
        ])
        .args(["--session-file", file_text])
        .output()
        .unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(
        said.contains("session") && said.contains("no session number"),
        "{said}"
    );
}

#[test]
fn a_flood_is_few_lines_of_log_and_stops_no_packet() {
    let dir = TestDir::new("flood");
    let key = key(&dir);
    let listener = Listener::start(&key);
    let wire = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut live = Sender::start(&key, 0, &[]);
    let first = live.record(1);
    for packet in &first {
        wire.send_to(packet, &listener.to).unwrap();
    }
    for round in 0..100 {
        for length in 0..50 {
            let rubbish = [round as u8; 50];
            wire.send_to(&rubbish[..length], &listener.to).unwrap();
            wire.send_to(&first[0], &listener.to).unwrap();
        }
        // A socket's buffer is finite.
        std::thread::sleep(Duration::from_millis(2));
    }
    let passed = pass_on(
        &wire,
        &listener,
        &mut [&mut live],
        &[],
        Duration::from_secs(1),
    );
    assert!(passed[0] >= 5, "{passed:?}");
    assert_all_but_late(listener.taken().len(), passed[0] + first.len());
    let log = listener.end();
    assert!(log.len() < 60, "{} lines", log.len());
}
