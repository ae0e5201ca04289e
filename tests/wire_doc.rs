//! The worked examples of docs/wire.md, byte for byte: they were encoded by another program.

mod common;

use common::TestDir;
use posewire::clock::Instant;
use posewire::sink::json_line;
use posewire::stats::Stage;
use posewire::wire::{
    Body, Flags, Key, Kind, MAX_LINE_FRAME_BYTES, MAX_PACKET_BYTES, Packet, PacketView, RESYNC,
    WireStage, WireStats, encode, line_frame, unstuff,
};
use std::io::Write;
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
    };
    assert_eq!(packet.body, Body::Stats(expected));
}

/// The rows of the table of figures: where each field is, how long it is, and its name.
fn figures() -> Vec<(usize, usize, &'static str)> {
    let section = DOC.split("## The sender's figures").nth(1).unwrap();
    let rows = section.split("A stage, times").next().unwrap().lines();
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
    assert!(DOC.contains(&format!("It is {} bytes long", bytes.len())));
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
    assert_eq!(line_frame(&heartbeat.encode()), frame[..]);
    let (end, stuffed) = frame.split_last().unwrap();
    assert_eq!(*end, 0);
    assert_eq!(unstuff(stuffed).unwrap(), example("heartbeat")[..]);
    assert!(DOC.contains("`ff ff ff ff 00`") && RESYNC == [0xff, 0xff, 0xff, 0xff, 0]);
    assert!(DOC.contains(&format!("or {MAX_LINE_FRAME_BYTES} if it is")));
}

#[test]
fn the_tag_example() {
    let heartbeat = decode(&example("heartbeat"));
    let key = Key::new(&std::array::from_fn(|index| index as u8));
    let sealed = encode(&heartbeat, Some(&key));
    assert_eq!(sealed[..], [example("heartbeat"), example("tag")].concat());
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
    let source = dir.file("receiver.c", [block("c"), C_PROGRAM].concat().as_bytes());
    let program = dir.path().join("receiver");
    let compiler = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-O1", "-o"])
        .args([&program, &source])
        .output();
    let Ok(compiler) = compiler else {
        eprintln!("no C compiler here: the receiver in C is not tested");
        return;
    };
    let messages = String::from_utf8_lossy(&compiler.stderr);
    assert!(compiler.status.success(), "{messages}");

    let frame = |name: &str| line_frame(&decode(&example(name)).encode()).to_vec();
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
        &line_frame(&many.encode()),
        &heartbeat,
        &frame("stats"),
        &heartbeat[..30],
    ]
    .concat();
    let mut receiver = Command::new(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    receiver.stdin.take().unwrap().write_all(&line).unwrap();
    let output = receiver.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "1 7 5128\n1 7 5128\n2 8 0\n3 9 3600\n"
    );
}
