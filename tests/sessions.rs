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
    /// A listener that acts on packets.
    fn start(key: &Path) -> Self {
        let listener = Self::open(key);
        std::thread::sleep(PROBATION);
        listener
    }

    /// A listener that still learns, for `PROBATION`.
    fn open(key: &Path) -> Self {
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
            "3600",
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

/// Two boards on one network, and a robot for each key. The network records everything, and it repeats, holds back,
/// reorders and loses packets; boards and robots restart. `POSEWIRE_SESSIONS_SECONDS` is the time; 600 without it.
#[test]
#[ignore = "takes ten minutes: .ci/full"]
fn boards_and_robots_under_attack_for_ten_minutes() {
    let seconds = std::env::var("POSEWIRE_SESSIONS_SECONDS");
    let seconds = seconds.map_or(600, |text| text.parse().unwrap());
    let dir = TestDir::new("attack");
    let mut network = Network::new(&dir);
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        network.step();
        std::thread::sleep(Duration::from_millis(2));
    }
    network.judge();
}

/// Number of a start, and of a packet in it. Both are in each packet, also in a sealed one.
type PacketId = (u32, u32);

fn id(packet: &[u8]) -> PacketId {
    let word = |at: usize| u32::from_le_bytes(packet[at..at + 4].try_into().unwrap());
    (word(8), word(12))
}

struct Recorded {
    bytes: Vec<u8>,
    came: Instant,
}

/// The network's present treatment of a board's packets.
enum Mood {
    Pass,
    Lose,
    Hold(Vec<Recorded>),
    /// A packet overtakes the one before it.
    Swap(Option<Recorded>),
}

struct Board {
    robot: usize,
    instance: u8,
    key: PathBuf,
    sender: Sender,
    started: Instant,
    mood: Mood,
    until: Instant,
    /// Its starts, in order.
    sessions: Vec<u32>,
}

/// A receiver, and what it has taken.
struct Robot {
    key: PathBuf,
    listener: Option<Listener>,
    restart: Option<std::thread::JoinHandle<Listener>>,
    /// From when on it acts.
    ready: Instant,
    /// The packets that it took: which receiver's life, instance, packet.
    taken: Vec<(usize, u64, PacketId)>,
    lives: usize,
}

impl Robot {
    /// It has acted on packets for some time.
    fn acts_for(&self, time: Duration) -> bool {
        self.listener.is_some() && Instant::now() >= self.ready + time
    }

    fn note(&mut self, line: &Value) {
        let number = |name: &str| line[name].as_u64().unwrap();
        let packet = (number("session") as u32, number("sequence") as u32);
        self.taken.push((self.lives, number("instance"), packet));
    }
}

struct Network {
    boards: Vec<Board>,
    robots: Vec<Robot>,
    wire: UdpSocket,
    recordings: Vec<Recorded>,
    /// For each packet, the shortest time that the network has kept it before a copy was sent.
    kept: std::collections::HashMap<PacketId, Duration>,
    /// Packets that were passed on at once, to a robot that was ready, from a board that has run for a second.
    due: Vec<(usize, Instant, PacketId)>,
    next_event: Instant,
    random: u64,
    restarts: usize,
    copies: usize,
}

impl Network {
    fn new(dir: &TestDir) -> Self {
        let now = Instant::now();
        let keys = [KEY.to_owned(), KEY.chars().rev().collect()].map(|text| {
            let path = dir.file(&format!("key-{}", &text[..4]), text.as_bytes());
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            path
        });
        let robots = keys.clone().map(|key| Robot {
            listener: Some(Listener::start(&key)),
            key,
            restart: None,
            ready: Instant::now(),
            taken: Vec::new(),
            lives: 0,
        });
        let boards = [(0, 1), (1, 1), (0, 2)].map(|(robot, instance)| Board {
            robot,
            instance,
            key: keys[robot].clone(),
            sender: Sender::start(&keys[robot], instance, &[]),
            started: now,
            mood: Mood::Pass,
            until: now,
            sessions: Vec::new(),
        });
        Network {
            boards: boards.into(),
            robots: robots.into(),
            wire: UdpSocket::bind("127.0.0.1:0").unwrap(),
            recordings: Vec::new(),
            kept: Default::default(),
            due: Vec::new(),
            next_event: now + Duration::from_secs(5),
            random: 0x9E37_79B9_7F4A_7C15,
            restarts: 0,
            copies: 0,
        }
    }

    fn random(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % below.max(1) as u64) as usize
    }

    /// Sends a copy of a packet to every robot.
    fn send(&mut self, packet: &[u8], came: Instant) {
        let kept = came.elapsed();
        let least = self.kept.entry(id(packet)).or_insert(kept);
        *least = kept.min(*least);
        self.copies += 1;
        for robot in &self.robots {
            if let Some(listener) = &robot.listener {
                self.wire.send_to(packet, &listener.to).unwrap();
            }
        }
    }

    fn step(&mut self) {
        for index in 0..self.boards.len() {
            self.pass_on(index);
        }
        self.listen();
        if Instant::now() >= self.next_event {
            let pause = 200 + self.random(2000) as u64;
            self.next_event = Instant::now() + Duration::from_millis(pause);
            self.event();
        }
    }

    /// Counts the packets that the robots have taken since the last step.
    fn listen(&mut self) {
        for robot in &mut self.robots {
            if let Some(restart) = robot.restart.take_if(|restart| restart.is_finished()) {
                robot.listener = Some(restart.join().unwrap());
                robot.ready = Instant::now() + PROBATION;
            }
            let lines = robot.listener.iter().flat_map(|one| one.lines.try_iter());
            for line in lines.collect::<Vec<_>>() {
                robot.note(&line);
            }
        }
    }

    /// What the board has sent since the last step, as the network's mood is.
    fn pass_on(&mut self, index: usize) {
        let fresh = self.boards[index].sender.fresh();
        self.boards[index].sender.sent.clear();
        let came = Instant::now();
        for bytes in fresh {
            let board = &mut self.boards[index];
            let session = id(&bytes).0;
            if board.sessions.last() != Some(&session) {
                board.sessions.push(session);
            }
            let packet = Recorded { bytes, came };
            let mut live = Vec::new();
            match &mut board.mood {
                Mood::Pass => live.push(packet.bytes.clone()),
                Mood::Lose => {}
                Mood::Hold(held) => held.push(Recorded {
                    bytes: packet.bytes.clone(),
                    came,
                }),
                Mood::Swap(waiting) => match waiting.take() {
                    None => {
                        *waiting = Some(Recorded {
                            bytes: packet.bytes.clone(),
                            came,
                        });
                    }
                    Some(first) => {
                        let second = packet.bytes.clone();
                        self.send(&second, came);
                        self.send(&first.bytes, first.came);
                    }
                },
            }
            self.recordings.push(packet);
            let board = &self.boards[index];
            let (robot, runs) = (board.robot, board.started.elapsed());
            let is_ready = self.robots[robot].acts_for(Duration::ZERO);
            for bytes in live {
                self.send(&bytes, came);
                if is_ready && runs >= Duration::from_secs(1) {
                    self.due.push((robot, came, id(&bytes)));
                }
            }
            for _ in 0..4 {
                let which = self.random(self.recordings.len());
                self.replay(which);
            }
        }
        if Instant::now() >= self.boards[index].until {
            let mood = std::mem::replace(&mut self.boards[index].mood, Mood::Pass);
            let held = match mood {
                Mood::Hold(held) => held,
                Mood::Swap(waiting) => waiting.into_iter().collect(),
                Mood::Pass | Mood::Lose => Vec::new(),
            };
            for packet in held {
                self.send(&packet.bytes, packet.came);
            }
        }
    }

    /// Sends a recording again: one that was taken long ago, or one that is too old to be.
    fn replay(&mut self, which: usize) {
        let packet = &self.recordings[which];
        let was_sent = self.kept.contains_key(&id(&packet.bytes));
        if was_sent || packet.came.elapsed() > Duration::from_millis(1500) {
            let (bytes, came) = (packet.bytes.clone(), packet.came);
            self.send(&bytes, came);
        }
    }

    fn event(&mut self) {
        let index = self.random(self.boards.len());
        let time = Duration::from_millis(700 + self.random(3000) as u64);
        let board = &self.boards[index];
        // A robot that has not heard the present start takes a recording for it: docs/threats.md.
        let is_heard = board.started.elapsed() > Duration::from_secs(3)
            && self.robots[board.robot].acts_for(Duration::from_secs(1));
        let which = board.robot;
        match self.random(6) {
            0 if is_heard => {
                let board = &mut self.boards[index];
                board.sender = Sender::start(&board.key, board.instance, &[]);
                board.started = Instant::now();
                board.mood = Mood::Pass;
                self.restarts += 1;
            }
            1 => {
                let mut boards = self.boards.iter().filter(|board| board.robot == which);
                let all_pass = boards.all(|board| {
                    board.started.elapsed() > Duration::from_secs(3)
                        && matches!(board.mood, Mood::Pass)
                });
                if all_pass && self.robots[which].acts_for(Duration::from_secs(20)) {
                    self.restart(which);
                }
            }
            2 => {
                // A piece of everything that was ever sent, in order.
                let from = self.random(self.recordings.len());
                for which in from..(from + 60).min(self.recordings.len()) {
                    self.replay(which);
                }
            }
            mood if is_heard && matches!(self.boards[index].mood, Mood::Pass) => {
                let board = &mut self.boards[index];
                board.until = Instant::now() + time;
                board.mood = match mood {
                    3 => Mood::Lose,
                    4 => Mood::Hold(Vec::new()),
                    _ => Mood::Swap(None),
                };
            }
            _ => {}
        }
    }

    /// Starts a robot anew, without any memory.
    fn restart(&mut self, which: usize) {
        // It may end before it has read the newest ones.
        let recent = Instant::now() - Duration::from_millis(300);
        self.due
            .retain(|&(robot, came, _)| robot != which || came < recent);
        let robot = &mut self.robots[which];
        let mut listener = robot.listener.take().unwrap();
        terminate(&listener.child);
        assert!(listener.child.wait().unwrap().success());
        let lines: Vec<Value> = listener.lines.iter().collect();
        lines.iter().for_each(|line| robot.note(line));
        robot.lives += 1;
        let key = robot.key.clone();
        robot.restart = Some(std::thread::spawn(move || Listener::open(&key)));
        self.restarts += 1;
    }

    fn judge(mut self) {
        std::thread::sleep(Duration::from_millis(500));
        self.listen();
        let mut passed = std::collections::HashSet::new();
        for (index, robot) in self.robots.iter().enumerate() {
            let mut newest = std::collections::HashMap::new();
            for &(life, instance, packet) in &robot.taken {
                let board = self
                    .boards
                    .iter()
                    .find(|board| board.robot == index && u64::from(board.instance) == instance);
                let board = board.expect("a packet under another key");
                let start = board.sessions.iter().position(|&one| one == packet.0);
                let order = (start.expect("a session of another board"), packet.1);
                let before = newest.insert((life, instance), order);
                assert!(
                    before.is_none_or(|before| before < order),
                    "{before:?}, then {order:?}"
                );
                let kept = self.kept[&packet];
                assert!(
                    kept < Duration::from_millis(700),
                    "taken, though kept for {kept:?}"
                );
                passed.insert((index, packet));
            }
        }
        let (mut refused, mut longest) = (0, Duration::ZERO);
        let mut since = std::collections::HashMap::new();
        for &(robot, came, packet) in &self.due {
            if passed.contains(&(robot, packet)) {
                since.remove(&(robot, packet.0));
            } else {
                refused += 1;
                let first = *since.entry((robot, packet.0)).or_insert(came);
                longest = longest.max(came - first);
            }
        }
        println!(
            "{} live packets, {refused} refused, for {longest:?} at most; {} copies sent, {} restarts",
            self.due.len(),
            self.copies,
            self.restarts
        );
        assert!(
            longest < Duration::from_secs(1),
            "live packets refused for {longest:?}"
        );
        assert!(
            refused * 50 <= self.due.len(),
            "{refused} of {}",
            self.due.len()
        );
        assert!(self.due.len() > 100, "only {} live packets", self.due.len());
    }
}
