//! The worked examples of docs/wire.md, byte for byte: they were encoded by another program.

use posewire::clock::Instant;
use posewire::wire::{Flags, Kind, MAX_PACKET_BYTES, Packet, PacketView};

const DOC: &str = include_str!("../docs/wire.md");

fn example(name: &str) -> Vec<u8> {
    let block = DOC.split(&format!("```{name}\n")).nth(1).unwrap();
    block
        .split("```")
        .next()
        .unwrap()
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
    assert_eq!(packet.kind, Kind::Keypoints);
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
    let joint = packet.keypoints[0];
    assert_eq!(joint.position_px(packet.unit), Some((320.5, 99.25)));
    assert_eq!(joint.score(), 0.875);
    assert_eq!(packet.keypoints[1].position_px(packet.unit), None);
}

#[test]
fn the_heartbeat_example() {
    let packet = decode(&example("heartbeat"));
    assert_eq!(packet.kind, Kind::Heartbeat);
    let names: Vec<_> = packet.flags.names().collect();
    assert_eq!(names, ["lost", "stale", "no_camera"]);
    assert_eq!((packet.sequence, packet.age_us), (8, 1_041_500));
    assert!(packet.keypoints.is_empty());
}

#[test]
fn the_longest_packet_is_as_long_as_it_says() {
    assert!(DOC.contains(&format!("at most {MAX_PACKET_BYTES} bytes")));
}
