//! Hands and bodies as messages of ROS 2: `sensor_msgs/msg/PointCloud2` in CDR, as Zenoh's bridge to ROS 2 passes it on.
//!
//! In: a packet, and its way's end. Out: a message for each hand and body that a robot may act on, with the fields of the
//! node in clients/ros2.

use crate::name::Name;
use posewire::wire::{Body, Flags, InstanceState, Packet, WireJoint};

/// Age from which an instance is not published, as in clients/ros2.
const AGE_LIMIT_US: u64 = 200_000;
const FRAME: &str = "camera_optical_frame";
/// Codes of `sensor_msgs/msg/PointField`.
const UINT8: u8 = 2;
const UINT16: u8 = 4;
const FLOAT32: u8 = 7;
const FIELDS: [(&str, u32, u8); 8] = [
    ("u", 0, FLOAT32),
    ("v", 4, FLOAT32),
    ("score", 8, FLOAT32),
    ("number", 12, UINT16),
    ("stream", 14, UINT8),
    ("task", 15, UINT8),
    ("side", 16, UINT8),
    ("held", 17, UINT8),
];
/// Bytes of a point: the fields, and two of padding.
const POINT_BYTES: usize = 20;

/// The topic of a board, without a slash before it. ROS allows letters, digits and single underscores.
pub fn topic(name: &Name, instance: u8) -> String {
    let plain = name.as_str().replace('_', "_u");
    let plain = plain.replace('.', "_d").replace('-', "_m");
    format!("posewire/board_{plain}_{instance}/keypoints")
}

/// One hand or body.
struct Seen<'a> {
    number: u16,
    task: u8,
    side: u8,
    joints: &'a [WireJoint],
}

/// Calls `publish` with each message. The packet's way took `way_us`, and it is `now_us` of Unix time.
pub fn messages(packet: &Packet, way_us: u64, now_us: u64, mut publish: impl FnMut(Vec<u8>)) {
    if packet.flags.contains(Flags::STALE) || packet.age_us == u32::MAX {
        return;
    }
    let age_us = u64::from(packet.age_us) + way_us;
    let captured_us = now_us.saturating_sub(age_us);
    match &packet.body {
        Body::Keypoints(points) => {
            if !packet.flags.contains(Flags::LOST) && age_us <= AGE_LIMIT_US {
                let joint = |&point| WireJoint {
                    point,
                    is_held: false,
                };
                let joints: Vec<WireJoint> = points.iter().map(joint).collect();
                let seen = Seen {
                    number: 0,
                    task: packet.task,
                    side: 0,
                    joints: &joints,
                };
                publish(message(packet, &seen, captured_us));
            }
        }
        Body::Instances(part) => {
            for instance in part.instances() {
                let look_us = 1000 * u64::from(instance.look_age_ms);
                let is_tracked =
                    InstanceState::from_code(instance.state) == Some(InstanceState::Tracked);
                if is_tracked && age_us + look_us <= AGE_LIMIT_US {
                    let seen = Seen {
                        number: instance.number,
                        task: instance.task,
                        side: instance.side,
                        joints: &instance.joints,
                    };
                    publish(message(packet, &seen, captured_us));
                }
            }
        }
        Body::Heartbeat | Body::Stats(_) => {}
    }
}

fn message(packet: &Packet, seen: &Seen<'_>, captured_us: u64) -> Vec<u8> {
    let mut cdr = Cdr::new();
    // Seconds of 32 bits end in 2038, as ROS itself says.
    cdr.word((captured_us / 1_000_000) as u32);
    cdr.word((captured_us % 1_000_000 * 1000) as u32);
    cdr.text(FRAME);
    cdr.word(1);
    // A packet has at most 64 joints.
    cdr.word(seen.joints.len() as u32);
    cdr.word(FIELDS.len() as u32);
    for (name, offset, kind) in FIELDS {
        cdr.text(name);
        cdr.word(offset);
        cdr.byte(kind);
        cdr.word(1);
    }
    cdr.byte(0);
    let row_bytes = (POINT_BYTES * seen.joints.len()) as u32;
    cdr.word(POINT_BYTES as u32);
    cdr.word(row_bytes);
    cdr.word(row_bytes);
    let mut is_dense = true;
    for joint in seen.joints {
        let place = joint.point.position_px(packet.unit);
        is_dense &= place.is_some();
        let (x_px, y_px) = place.unwrap_or((f32::NAN, f32::NAN));
        for value in [x_px, y_px, joint.point.score()] {
            cdr.0.extend_from_slice(&value.to_le_bytes());
        }
        cdr.0.extend_from_slice(&seen.number.to_le_bytes());
        let held = u8::from(joint.is_held);
        cdr.0
            .extend_from_slice(&[packet.instance, seen.task, seen.side, held, 0, 0]);
    }
    cdr.byte(u8::from(is_dense));
    cdr.0
}

/// CDR of the first version, little-endian. Words are aligned behind the head of 4 bytes.
struct Cdr(Vec<u8>);

impl Cdr {
    fn new() -> Self {
        Cdr(vec![0, 1, 0, 0])
    }

    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn word(&mut self, word: u32) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self.0.extend_from_slice(&word.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.word(text.len() as u32 + 1);
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Board;
    use posewire::wire::PacketView;
    use proptest::prelude::*;

    fn clouds(bytes: &[u8], way_us: u64) -> Vec<Vec<u8>> {
        let packet = PacketView::new(bytes).unwrap().to_packet();
        let mut clouds = Vec::new();
        messages(&packet, way_us, 1_700_000_000_250_000, |cloud| {
            clouds.push(cloud)
        });
        clouds
    }

    #[test]
    fn a_hand_is_a_cloud_and_what_nobody_may_act_on_is_none() {
        let mut board = Board::open(1);
        let hand = board.frame(true);
        let clouds_of_hand = clouds(&hand, 1000);
        let cloud = &clouds_of_hand[0];
        assert_eq!(clouds_of_hand.len(), 1);
        let word = |at: usize| u32::from_le_bytes(cloud[at..at + 4].try_into().unwrap());
        assert_eq!(word(4), 1_700_000_000);
        assert_eq!((word(12), &cloud[16..36]), (21, FRAME.as_bytes()));
        // Behind the text: padding, one row, 21 points, eight fields.
        assert_eq!((word(40), word(44), word(48)), (1, 21, 8));
        let points = cloud.len() - 1 - 21 * POINT_BYTES;
        assert_eq!(word(points - 4), 21 * POINT_BYTES as u32);
        assert_eq!(f32::from_bits(word(points)), 100.0);
        assert_eq!(f32::from_bits(word(points + 4)), 200.0);
        assert_eq!(cloud.last(), Some(&1), "no joint is missing");
        assert_eq!(clouds(&hand, AGE_LIMIT_US).len(), 0, "too old");
        for other in [board.frame(false), board.heartbeat()] {
            assert_eq!(clouds(&other, 0).len(), 0);
        }
    }

    proptest! {
        #[test]
        fn topics_are_different_and_allowed(
            one in "[a0][a0._-]{0,5}", other in "[a0][a0._-]{0,5}", first: u8, second: u8,
        ) {
            let topic = |text: &str, instance| topic(&Name::new(text).unwrap(), instance);
            let is_same = topic(&one, first) == topic(&other, second);
            prop_assert_eq!(is_same, one == other && first == second);
            let text = topic(&one, first);
            prop_assert!(!text.contains("__") && !text.contains(['.', '-']), "{}", text);
        }
    }
}
