//! A packet in memory, and its encoding.

use super::instances::InstancePart;
use super::keypoint::{FixedPoint, WireKeypoint, decode_score, encode_score};
use super::layout::*;
use super::stats::WireStats;
use crate::clock::Instant;
use crate::limits::MAX_KEYPOINTS;
use crate::scene::{JointTable, Task};

/// Kind of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The result for one frame, found or not.
    Keypoints,
    /// No frame came. The sender is alive, and the flags give the reason for the silence.
    Heartbeat,
    /// Statistics and health of the sender.
    Stats,
    /// Several instances of one frame, or a part of them.
    Instances,
}

impl Kind {
    pub(super) fn code(self) -> u8 {
        match self {
            Kind::Keypoints => 1,
            Kind::Heartbeat => 2,
            Kind::Stats => 3,
            Kind::Instances => 4,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Kind::Keypoints),
            2 => Some(Kind::Heartbeat),
            3 => Some(Kind::Stats),
            4 => Some(Kind::Instances),
            _ => None,
        }
    }

    /// The word in JSON and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Keypoints => "keypoints",
            Kind::Heartbeat => "heartbeat",
            Kind::Stats => "stats",
            Kind::Instances => "instances",
        }
    }
}

/// Body of a packet, after the header.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// In the order of the joint table.
    Keypoints(heapless::Vec<WireKeypoint, MAX_KEYPOINTS>),
    /// No content: there was no frame.
    Heartbeat,
    /// Figures of a period.
    Stats(WireStats),
    /// Part of a frame's instances.
    Instances(InstancePart),
}

/// State of the sender, one bit each. Receivers ignore unknown bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u16);

impl Flags {
    /// The region came from the previous frame's keypoints.
    pub const TRACKING: Flags = Flags(1 << 0);
    /// No instance was found in the frame.
    pub const LOST: Flags = Flags(1 << 1);
    /// The frame is older than the sender's limit: do not act on it.
    pub const STALE: Flags = Flags(1 << 2);
    /// The source shows a mirror image.
    pub const MIRRORED: Flags = Flags(1 << 3);
    /// The source is absent, or gives no frames.
    pub const NO_CAMERA: Flags = Flags(1 << 4);
    /// The sender stops after this packet.
    pub const LAST: Flags = Flags(1 << 5);

    const NAMES: [(Flags, &'static str); 6] = [
        (Flags::TRACKING, "tracking"),
        (Flags::LOST, "lost"),
        (Flags::STALE, "stale"),
        (Flags::MIRRORED, "mirrored"),
        (Flags::NO_CAMERA, "no_camera"),
        (Flags::LAST, "last"),
    ];

    /// True if all flags of `other` are set.
    pub fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Sets or clears the flags of `other`.
    pub fn set(&mut self, other: Flags, on: bool) {
        if on {
            self.0 |= other.0;
        } else {
            self.0 &= !other.0;
        }
    }

    /// The names of the bits that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(flag, _)| self.contains(*flag))
            .map(|(_, name)| name)
    }
}

/// One message to a robot. Coordinates are already in wire units, so that every sink reports the
/// same numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    /// Facts about the frame and the stream.
    pub flags: Flags,
    /// Chosen at random when the sender starts: another value means that it was restarted.
    pub session: u32,
    /// Counts this session's packets from 0 and wraps.
    pub sequence: u32,
    /// Capture time of the frame. A packet without a frame has that of the last frame, or 0 if there was none.
    pub captured: Instant,
    /// Time from capture to sending; `u32::MAX` if it is longer, or if there was no frame.
    pub age_us: u32,
    /// The source's frame counter, skipped frames included, modulo 2^32.
    pub frame_index: u32,
    /// Width of the source frame.
    pub frame_width_px: u16,
    /// Height of the source frame.
    pub frame_height_px: u16,
    /// 1 hand, 2 body.
    pub task: u8,
    /// 1 InterHand2.6M's 21 joints, 2 MPII's 16 joints, 255 another order.
    pub joint_table: u8,
    /// Unit of the positions.
    pub unit: FixedPoint,
    /// Number of the stream.
    pub instance: u8,
    /// Mean of the joints' scores.
    pub score: u16,
    /// The content after the header.
    pub body: Body,
}

impl Packet {
    /// The task's number on the wire.
    pub fn task_code(task: Task) -> u8 {
        match task {
            Task::Hand => 1,
            Task::Body => 2,
        }
    }

    /// The joint table's number on the wire.
    pub fn joint_table_code(table: JointTable) -> u8 {
        match table {
            JointTable::Interhand21 => 1,
            JointTable::Mpii16 => 2,
            JointTable::Custom => 255,
        }
    }

    /// The packet's kind.
    pub fn kind(&self) -> Kind {
        match self.body {
            Body::Keypoints(_) => Kind::Keypoints,
            Body::Heartbeat => Kind::Heartbeat,
            Body::Stats(_) => Kind::Stats,
            Body::Instances(_) => Kind::Instances,
        }
    }

    /// The joints of a frame's one instance; none in packets of other kinds.
    pub fn keypoints(&self) -> &[WireKeypoint] {
        match &self.body {
            Body::Keypoints(keypoints) => keypoints,
            Body::Heartbeat | Body::Stats(_) | Body::Instances(_) => &[],
        }
    }

    /// Sets the mean of the joints' scores.
    pub fn set_score(&mut self, score: f32) {
        self.score = encode_score(score);
    }

    /// Mean of the joints' scores.
    pub fn score(&self) -> f32 {
        decode_score(self.score)
    }

    /// Sets the age at `now`, and the flag `stale` if it is above `limit_us`.
    pub fn stamp(&mut self, now: Instant, limit_us: u64) {
        let age_us = if self.captured == Instant::default() {
            u64::MAX
        } else {
            self.captured.age_us(now)
        };
        self.age_us = u32::try_from(age_us).unwrap_or(u32::MAX);
        self.flags.set(Flags::STALE, age_us > limit_us);
    }

    /// The bytes to send.
    pub fn encode(&self) -> Encoded {
        let mut bytes = [0; MAX_PACKET_BYTES];
        bytes[MAGIC_AT].copy_from_slice(&MAGIC);
        bytes[VERSION_AT] = VERSION;
        bytes[KIND_AT] = self.kind().code();
        put(&mut bytes, FLAGS_AT, self.flags.0.to_le_bytes());
        put(&mut bytes, SESSION_AT, self.session.to_le_bytes());
        put(&mut bytes, SEQUENCE_AT, self.sequence.to_le_bytes());
        put(
            &mut bytes,
            CAPTURED_MONO_AT,
            self.captured.mono_us.to_le_bytes(),
        );
        put(
            &mut bytes,
            CAPTURED_WALL_AT,
            self.captured.wall_us.to_le_bytes(),
        );
        put(&mut bytes, AGE_AT, self.age_us.to_le_bytes());
        put(&mut bytes, FRAME_INDEX_AT, self.frame_index.to_le_bytes());
        put(
            &mut bytes,
            FRAME_WIDTH_AT,
            self.frame_width_px.to_le_bytes(),
        );
        put(
            &mut bytes,
            FRAME_HEIGHT_AT,
            self.frame_height_px.to_le_bytes(),
        );
        bytes[TASK_AT] = self.task;
        bytes[JOINT_TABLE_AT] = self.joint_table;
        bytes[COORDINATES_AT] = SOURCE_FRAME_PIXELS;
        bytes[FRACTION_BITS_AT] = self.unit.fraction_bits();
        bytes[INSTANCE_AT] = self.instance;
        put(&mut bytes, SCORE_AT, self.score.to_le_bytes());
        let mut end = HEADER_BYTES;
        match &self.body {
            Body::Keypoints(keypoints) => {
                for keypoint in keypoints {
                    put(&mut bytes, end, keypoint.x.to_le_bytes());
                    put(&mut bytes, end + 2, keypoint.y.to_le_bytes());
                    put(&mut bytes, end + 4, keypoint.score.to_le_bytes());
                    end += KEYPOINT_BYTES;
                }
            }
            Body::Heartbeat => {}
            Body::Stats(stats) => {
                let body = stats.encode();
                bytes[end..end + body.len()].copy_from_slice(&body);
                end += body.len();
            }
            Body::Instances(part) => {
                let body = part.body();
                bytes[end..end + body.len()].copy_from_slice(body);
                end += body.len();
            }
        }
        // At most MAX_KEYPOINTS, which is below 256.
        bytes[COUNT_AT] = ((end - HEADER_BYTES) / KEYPOINT_BYTES) as u8;
        let crc = crc32fast::hash(&bytes[..end]);
        put(&mut bytes, end, crc.to_le_bytes());
        // The buffer holds the longest packet.
        Encoded::from_slice(&bytes[..end + CRC_BYTES]).unwrap_or_default()
    }
}

fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}

/// A heartbeat of a hand's stream, for tests.
#[cfg(test)]
pub(crate) fn test_packet(flags: Flags) -> Packet {
    Packet {
        flags,
        session: 0,
        sequence: 0,
        captured: Instant::default(),
        age_us: 0,
        frame_index: 0,
        frame_width_px: 0,
        frame_height_px: 0,
        task: 1,
        joint_table: 1,
        unit: FixedPoint::for_frame(1, 1),
        instance: 0,
        score: 0,
        body: Body::Heartbeat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_names() {
        let mut flags = Flags::default();
        flags.set(Flags::LOST, true);
        flags.set(Flags::NO_CAMERA, true);
        flags.set(Flags::LOST, false);
        assert_eq!(flags.names().collect::<Vec<_>>(), ["no_camera"]);
    }
}
