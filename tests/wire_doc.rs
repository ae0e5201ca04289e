//! The worked examples of docs/wire.md, byte for byte: they were encoded by another program.

mod common;

use common::TestDir;
use posewire::clock::Instant;
use posewire::sink::json_line;
use posewire::stats::Stage;
use posewire::wire::{
    Body, Flags, FrameCounts, InstanceState, Key, Kind, MAX_INSTANCE_JOINTS, MAX_LINE_FRAME_BYTES,
    MAX_PACKET_BYTES, Packet, PacketView, RESYNC, SEAL_BYTES, Sealed, Sealer, Sessions, Stamp,
    Verdict, WireInstance, WireStage, WireStats, cobs,
};
use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::process::{Command, Stdio};

const DOC: &str = include_str!("../docs/wire.md");

fn block(name: &str) -> &'static str {
    let block = DOC.split(&format!("```{name}\n")).nth(1).unwrap();
    block.split("```").next().unwrap()
}

fn example(name: &str) -> Vec<u8> {
    block(name)
        .lines()
        .flat_map(|line| line.split_whitespace().skip(1))
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

fn decode(bytes: &[u8]) -> Packet {
    let packet = PacketView::new(bytes).unwrap().to_packet();
    assert_eq!(
        packet.encode(),
        bytes,
        "decoding and encoding again gives the same bytes"
    );
    packet
}

#[test]
fn the_keypoint_example() {
    let packet = decode(&example("keypoints"));
    assert_eq!(packet.kind(), Kind::Keypoints);
    assert_eq!(packet.flags, Flags::TRACKING);
    assert_eq!((packet.session, packet.sequence), (0x5eed_0001, 7));
    let captured = Instant {
        mono_us: 12_345_678,
        wall_us: 1_800_000_000_000_000,
    };
    assert_eq!((packet.captured, packet.age_us), (captured, 41_500));
    assert_eq!(packet.frame_index, 9);
    assert_eq!((packet.frame_width_px, packet.frame_height_px), (640, 480));
    assert_eq!(
        (packet.task, packet.joint_table, packet.instance),
        (1, 255, 0)
    );
    assert_eq!(packet.score(), 0.75);
    let joint = packet.keypoints()[0];
    assert_eq!(joint.position_px(packet.unit), Some((320.5, 99.25)));
    assert_eq!(joint.score(), 0.875);
    assert_eq!(packet.keypoints()[1].position_px(packet.unit), None);
}

#[test]
fn the_heartbeat_example() {
    let packet = decode(&example("heartbeat"));
    assert_eq!(packet.kind(), Kind::Heartbeat);
    let names: Vec<_> = packet.flags.names().collect();
    assert_eq!(names, ["lost", "stale", "no_camera"]);
    assert_eq!((packet.sequence, packet.age_us), (8, 1_041_500));
    assert_eq!(packet.body, Body::Heartbeat);
}

#[test]
fn the_stats_example() {
    let packet = decode(&example("stats"));
    assert_eq!((packet.kind(), packet.sequence), (Kind::Stats, 9));
    // But for its number, age and figures it is the heartbeat before it.
    let mut heartbeat = decode(&example("heartbeat"));
    heartbeat.sequence = 9;
    heartbeat.age_us += 1_000_000;
    heartbeat.body = packet.body.clone();
    assert_eq!(heartbeat, packet);
    let stage = |count, median_us, p99_us, max_us| WireStage {
        count,
        median_us,
        p99_us,
        max_us,
    };
    let expected = WireStats {
        uptime_s: 3_600,
        period_ms: 60_000,
        frames: 107_000,
        found: 95_000,
        failed: 2,
        heartbeats: 40,
        dropped: 3,
        skipped: 5,
        passed_over: 900,
        lost: 12,
        reopened: 1,
        heap_bytes: None,
        heap_most_bytes: None,
        allocations: None,
        resident_kib: Some(14_336),
        processor_ms: 51_000,
        stages: [
            stage(1_795, 33_200, 35_100, 48_000),
            stage(1_795, 350, 400, 900),
            stage(1_795, 24_500, 26_000, 31_000),
            stage(1_795, 150, 210, 600),
            stage(1_795, 60, 95, 300),
            stage(1_795, 27_100, 29_000, 36_000),
        ],
        hottest_decicelsius: Some(615),
        radio: None,
    };
    assert_eq!(packet.body, Body::Stats(expected));
}

/// The rows of the table of figures: where each field is, how long it is, and its name.
fn figures() -> Vec<(usize, usize, &'static str)> {
    let section = DOC.split("## The sender's figures").nth(1).unwrap();
    let rows = section
        .split("One stage, with times")
        .next()
        .unwrap()
        .lines();
    rows.filter_map(|row| {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let at = cells.next()?.parse().ok()?;
        let (size, name) = (cells.next()?, cells.next()?);
        let size = size.split(" x ").map(|n| n.parse::<usize>().unwrap());
        Some((at, size.product(), name))
    })
    .collect()
}

#[test]
fn each_figure_is_where_the_document_says_and_has_that_name_in_json() {
    let bytes = example("stats");
    let json = json_line(&decode(&bytes))["stats"].clone();
    let mut end = 52;
    for (at, size, name) in figures() {
        assert_eq!(at, end, "{name}");
        end += size;
        let found = &json[name];
        match (size, name) {
            (4, _) => {
                let raw = u32::from_le_bytes(bytes[at..end].try_into().unwrap());
                let expected = (raw != u32::MAX).then_some(raw);
                assert_eq!(found.as_u64(), expected.map(u64::from), "{name}");
            }
            (2, _) => {
                let raw = i16::from_le_bytes(bytes[at..end].try_into().unwrap());
                assert_eq!(found.as_i64(), Some(raw.into()), "{name}");
            }
            (_, "stages") => {
                let names = Stage::ALL.map(Stage::name);
                assert!(DOC.contains(&format!("{}, in this order", names.join(", "))));
                for (index, stage) in names.into_iter().enumerate() {
                    let figures = ["count", "median_us", "p99_us", "max_us"];
                    for (place, figure) in figures.into_iter().enumerate() {
                        let at = at + 16 * index + 4 * place;
                        let raw = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
                        assert_eq!(found[stage][figure], raw, "{stage} {figure}");
                    }
                }
            }
            _ => panic!("{name} is {size} bytes long"),
        }
    }
    assert_eq!(json.as_object().unwrap().len(), figures().len());
    assert_eq!(end + 4, bytes.len(), "then comes the checksum");
    assert!(DOC.contains(&format!("The packet is {} bytes long", bytes.len())));
    assert!(DOC.contains(&format!("count below {}", bytes[49])));
}

#[test]
fn the_longest_packet_is_as_long_as_it_says() {
    assert!(DOC.contains(&format!("at most {MAX_PACKET_BYTES} bytes")));
}

#[test]
fn the_frame_example() {
    let frame = example("frame");
    let heartbeat = decode(&example("heartbeat"));
    assert_eq!(cobs::encode(&heartbeat.encode()), frame[..]);
    let (end, stuffed) = frame.split_last().unwrap();
    assert_eq!(*end, 0);
    assert_eq!(cobs::decode(stuffed).unwrap(), example("heartbeat")[..]);
    assert!(DOC.contains("`ff ff ff ff 00`") && RESYNC == [0xff, 0xff, 0xff, 0xff, 0]);
    assert!(DOC.contains(&format!("or {MAX_LINE_FRAME_BYTES} if it is")));
}

#[test]
fn the_instances_example() {
    let packet = decode(&example("instances"));
    assert_eq!((packet.kind(), packet.sequence), (Kind::Instances, 10));
    let Body::Instances(part) = &packet.body else {
        panic!("of another kind")
    };
    let counts = FrameCounts {
        confirmed: 2,
        waiting: 1,
    };
    assert_eq!((part.counts(), part.part()), (counts, (0, 1)));
    let instances: Vec<WireInstance> = part.instances().collect();
    let [hand, body] = &instances[..] else {
        panic!("{instances:?}")
    };
    assert_eq!((hand.number, hand.parent), (5, Some(4)));
    assert_eq!((body.number, body.parent), (4, None));
    let states = [hand.state, body.state].map(InstanceState::from_code);
    let expected = [InstanceState::Tracked, InstanceState::Predicted];
    assert_eq!(states, expected.map(Some));
    assert_eq!(hand.region_px(packet.unit), [320.5, 99.25, 150.0]);
    assert_eq!(
        hand.joints[0].point.position_px(packet.unit),
        Some((320.5, 99.25))
    );
    assert_eq!(hand.joints[1].point.position_px(packet.unit), None);
    assert_eq!((hand.look_age_ms, body.look_age_ms), (0, 66));
    assert!(body.joints[0].is_held && body.joints[0].point.score() == 0.5);
    let line = json_line(&packet);
    assert_eq!(line["instances"][0]["state"], "tracked");
    assert_eq!(line["instances"][0]["seen_s"], 12.3);
    assert_eq!(line["instances"][1]["flags"][0], "border");
    assert_eq!(line["instances"][1]["keypoints"][0][3], true);
    assert_eq!(line["part"], serde_json::json!([0, 1]));
}

/// Offset, size and field of the rows of the tables between two texts.
fn rows(from: &str, to: &str) -> Vec<(usize, usize, &'static str)> {
    let section = DOC.split(from).nth(1).unwrap().split(to).next().unwrap();
    let rows = section.lines().filter_map(|row| {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let at = cells.next()?.parse().ok()?;
        let size: Option<usize> = cells
            .next()?
            .split(" x ")
            .map(|n| n.parse::<usize>().ok())
            .product();
        Some((at, size?, cells.next()?))
    });
    rows.collect()
}

#[test]
fn the_tables_have_no_gaps() {
    for (from, to, begin, end) in [
        ("The body begins with", "Then come instances", 52, 58),
        ("Then come instances", "Act on an instance", 0, 24),
        ("its CRC come 32 bytes", "A sealed packet is", 0, SEAL_BYTES),
    ] {
        let mut at = begin;
        for (row, size, name) in rows(from, to) {
            assert_eq!(row, at, "{name}");
            at += size;
        }
        assert_eq!(at, end, "{from}");
    }
    assert!(DOC.contains(&format!(
        "at most {} bytes long",
        MAX_PACKET_BYTES + SEAL_BYTES
    )));
    assert!(DOC.contains(&format!("number of joints, 0 to {MAX_INSTANCE_JOINTS} ")));
}

fn example_key() -> [u8; 32] {
    std::array::from_fn(|index| index as u8)
}

#[test]
fn the_tag_example() {
    let mut sealer = Sealer::new(Key::new(&example_key()), 1_800_000_000_000_000);
    let sealed = sealer.seal(decode(&example("heartbeat")).encode(), 13_387_178);
    assert_eq!(sealed[..], [example("heartbeat"), example("tag")].concat());
}

/// A program in another language, or `None` without its compiler or interpreter.
fn compiled(dir: &TestDir, name: &str, source: &str) -> Option<Command> {
    let source = dir.file(&format!("{name}.c"), source.as_bytes());
    let program = dir.path().join(name);
    let compiler = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-O1", "-o"])
        .args([&program, &source])
        .output();
    let Ok(compiler) = compiler else {
        eprintln!("no C compiler here: {name} is not tested");
        return None;
    };
    let messages = String::from_utf8_lossy(&compiler.stderr);
    assert!(compiler.status.success(), "{messages}");
    Some(Command::new(program))
}

fn interpreted(dir: &TestDir, name: &str, source: &str) -> Option<Command> {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("no Python here: {name} is not tested");
        return None;
    }
    let source = dir.file(&format!("{name}.py"), source.as_bytes());
    let mut command = Command::new("python3");
    // Lines come when they are printed.
    command.arg("-u").arg(source);
    Some(command)
}

/// What a program answers to these bytes.
fn answer(mut command: Command, input: &[u8]) -> String {
    let mut program = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = program.stdin.take().unwrap();
    let input = input.to_vec();
    // A program that answers while it reads would stop with its output full.
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = program.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Sealed packets of few senders with repeats, delays and restarts, and times of arrival.
fn arrivals() -> Vec<(u64, Sealed)> {
    let mut state = 1_u64;
    let mut number = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    let mut now_us = 0;
    (0..3000)
        .map(|index| {
            now_us += 1000 * number(if index % 100 == 0 { 5000 } else { 40 });
            let stamp = Stamp {
                // Mostly one start, now and then an older one, and in the end newer ones.
                epoch: match number(20) {
                    0 => number(4),
                    _ => 2 + index / 1000,
                },
                sent_us: (now_us + 7_000_000).saturating_sub(1000 * number(700)),
            };
            let sealed = Sealed {
                instance: number(2) as u8,
                session: stamp.epoch as u32 + u32::from(number(50) == 0),
                stamp,
            };
            (now_us, sealed)
        })
        .collect()
}

fn verdicts(arrivals: &[(u64, Sealed)]) -> String {
    let mut sessions = Sessions::new(0, false);
    let verdicts: String = arrivals
        .iter()
        .map(|(now_us, sealed)| match sessions.take(sealed, *now_us) {
            Verdict::Act => "1\n",
            Verdict::Learn | Verdict::Refuse(_) => "0\n",
        })
        .collect();
    let taken = verdicts.matches('1').count();
    assert!((500..2500).contains(&taken), "{taken}");
    verdicts
}

#[test]
fn the_rule_in_c_is_the_rule() {
    const PROGRAM: &str = r#"
#include <inttypes.h>
#include <stdio.h>

int main(void) {
    static struct sender senders[256];
    uint64_t now_us, epoch, sent_us;
    uint32_t session;
    unsigned instance;
    while (scanf("%" SCNu64 "%u%" SCNu32 "%" SCNu64 "%" SCNu64, &now_us, &instance, &session, &epoch, &sent_us) == 5)
        printf("%d\n", take(&senders[instance], epoch, session, sent_us, now_us));
}
"#;
    let dir = TestDir::new("rule-in-c");
    let Some(command) = compiled(&dir, "rule", &[block("c session"), PROGRAM].concat()) else {
        return;
    };
    let arrivals = arrivals();
    let lines: String = arrivals
        .iter()
        .map(|(now_us, sealed)| {
            let Stamp { epoch, sent_us } = sealed.stamp;
            format!(
                "{now_us} {} {} {epoch} {sent_us}\n",
                sealed.instance, sealed.session
            )
        })
        .collect();
    assert_eq!(answer(command, lines.as_bytes()), verdicts(&arrivals));
    assert!(DOC.contains("delay: 40 bytes"));
}

#[test]
fn the_rule_in_python_is_the_rule() {
    const PROGRAM: &str = r#"
import sys
sessions = Sessions(0)
for line in sys.stdin:
    now_us, data = line.split()
    print(int(sessions.take(bytes.fromhex(data), bytes(range(32)), int(now_us)) is not None))
"#;
    let dir = TestDir::new("rule-in-python");
    let Some(command) = interpreted(&dir, "rule", &[block("python sealed"), PROGRAM].concat())
    else {
        return;
    };
    let arrivals = arrivals();
    let heartbeat = decode(&example("heartbeat"));
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let mut lines = String::new();
    for (now_us, sealed) in &arrivals {
        let packet = Packet {
            instance: sealed.instance,
            session: sealed.session,
            ..heartbeat.clone()
        };
        let mut sealer = Sealer::new(Key::new(&example_key()), sealed.stamp.epoch);
        let bytes = sealer.seal(packet.encode(), sealed.stamp.sent_us);
        lines += &format!("{now_us} {}\n", hex(&bytes));
    }
    let mut expected = verdicts(&arrivals);
    // Another key's, a changed one, and one that is too short.
    let mut sealer = Sealer::new(Key::new(&[9; 32]), u64::MAX);
    let mut bytes = sealer.seal(heartbeat.encode(), u64::MAX);
    lines += &format!("99000000 {}\n99000000 {}\n", hex(&bytes), hex(&bytes[..80]));
    bytes[20] ^= 1;
    lines += &format!("99000000 {}\n", hex(&bytes));
    expected += "0\n0\n0\n";
    assert_eq!(answer(command, lines.as_bytes()), expected);
}

#[test]
fn the_receiver_in_python_reads_datagrams_and_drops_the_rest() {
    // Room for another program between the two calls is the price of a port that the page fixes.
    let probe = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = probe.local_addr().unwrap().port();
    drop(probe);
    let dir = TestDir::new("receiver-in-python");
    let source = block("python\nimport socket, struct, zlib");
    let source = format!("import socket, struct, zlib{source}")
        .replace("9000", &port.to_string())
        .replace("while True:", "print('ready')\nwhile True:");
    let Some(mut command) = interpreted(&dir, "receiver", &source) else {
        return;
    };
    let mut receiver = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(receiver.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let keypoints = example("keypoints");
    let mut damaged = keypoints.clone();
    damaged[20] ^= 1;
    let mut old = keypoints.clone();
    old[4] = 1;
    for bytes in [
        &damaged,
        &old,
        &keypoints[..40].to_vec(),
        &example("heartbeat"),
        &keypoints,
    ] {
        socket.send_to(bytes, ("127.0.0.1", port)).unwrap();
    }
    assert_eq!(lines.next().unwrap().unwrap(), "7 320.5 99.25 0.875");
    receiver.kill().unwrap();
    receiver.wait().unwrap();
}

/// Prints kind, sequence and first x of each packet that comes on standard input.
const C_PROGRAM: &str = r#"
#include <stdio.h>

void on_packet(const uint8_t *packet, size_t length) {
    int x = length > 56 ? (int16_t)(packet[52] | packet[53] << 8) : 0;
    printf("%d %d %d\n", packet[5], packet[12], x);
}

int main(void) {
    for (int byte; (byte = getchar()) != EOF;) on_byte((uint8_t)byte);
}
"#;

#[test]
fn the_receiver_in_c_reads_frames_and_drops_the_rest() {
    let dir = TestDir::new("receiver-in-c");
    let Some(command) = compiled(&dir, "receiver", &[block("c"), C_PROGRAM].concat()) else {
        return;
    };
    let frame = |name: &str| cobs::encode(&decode(&example(name)).encode()).to_vec();
    let (keypoints, heartbeat) = (frame("keypoints"), frame("heartbeat"));
    let mut damaged = keypoints.clone();
    damaged[20] ^= 0x40;
    let mut many = decode(&example("keypoints"));
    let joint = many.keypoints()[0];
    many.body = Body::Keypoints(std::iter::repeat_n(joint, 64).collect());
    let line = [
        &keypoints[10..],
        &keypoints,
        &[0],
        &damaged,
        &keypoints[..40],
        &RESYNC,
        &[7; 5000],
        &[0],
        &cobs::encode(&many.encode()),
        &heartbeat,
        &frame("stats"),
        &heartbeat[..30],
    ]
    .concat();
    assert_eq!(
        answer(command, &line),
        "1 7 5128\n1 7 5128\n2 8 0\n3 9 3600\n"
    );
}
