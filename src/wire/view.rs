//! Packets in bytes from a network: checked once, read in place.

use super::instances::InstancePart;
use super::keypoint::{FixedPoint, WireKeypoint};
use super::layout::*;
use super::packet::{Body, Flags, Kind, Packet};
use super::stats::WireStats;
use crate::clock::Instant;
use crate::limits::MAX_KEYPOINTS;
use std::fmt;

/// The place of a packet among all that its sender sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// Number of the stream.
    pub instance: u8,
    /// The sender's random number of this start.
    pub session: u32,
    /// Number of the packet in its session, from 0.
    pub sequence: u32,
}

impl Numbers {
    /// `bytes` is at least as long as a header.
    fn of(bytes: &[u8]) -> Self {
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        Numbers {
            instance: bytes[INSTANCE_AT],
            session: word(SESSION_AT),
            sequence: word(SEQUENCE_AT),
        }
    }
}

/// Reason why bytes are not a packet that this build can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireError {
    /// Shorter than any packet, or not as long as its count says.
    Length {
        /// Bytes of the packet.
        bytes: usize,
    },
    /// The first four bytes are not `PWIR`.
    Magic,
    /// A version that this build does not read.
    Version {
        /// The packet's version.
        version: u8,
    },
    /// The checksum does not match: the packet was damaged.
    Crc,
    /// An unknown kind. The packet is whole, and its number counts.
    Kind {
        /// The kind's number.
        code: u8,
        /// Its place in the stream.
        numbers: Numbers,
    },
    /// A coordinate system other than source-frame pixels.
    Coordinates {
        /// The system's number.
        code: u8,
    },
    /// A unit with too many fraction bits.
    FractionBits {
        /// The number of bits.
        bits: u8,
    },
    /// More keypoints than a packet may have.
    Count {
        /// The number of keypoints.
        count: u8,
    },
    /// The body does not fit the kind: a heartbeat has one, a stats packet's is too short, or an instances packet has
    /// incomplete instances.
    Body {
        /// The packet's kind.
        kind: Kind,
        /// The number of keypoint-sized units in the body.
        count: u8,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Length { bytes } => write!(f, "a packet cannot be {bytes} bytes long"),
            WireError::Magic => f.write_str("the bytes do not start with PWIR"),
            WireError::Version { version } => {
                write!(f, "wire format {version}, this build reads {VERSION}")
            }
            WireError::Crc => f.write_str("the checksum does not match"),
            WireError::Kind { code, .. } => write!(f, "unknown packet kind {code}"),
            WireError::Coordinates { code } => write!(f, "unknown coordinate system {code}"),
            WireError::FractionBits { bits } => write!(f, "{bits} fraction bits do not fit in 16"),
            WireError::Count { count } => {
                write!(f, "{count} keypoints, at most {MAX_KEYPOINTS} are allowed")
            }
            WireError::Body { kind, count } => {
                write!(f, "a {} packet cannot have a count of {count}", kind.name())
            }
        }
    }
}

impl std::error::Error for WireError {}

/// A valid packet in a borrowed buffer.
///
/// ```
/// use posewire::scene::{JointTable, Scene, Task};
/// use posewire::clock::Instant;
/// use posewire::wire::{Flags, Kind, PacketView, Sender, StreamId};
/// use std::time::Duration;
///
/// let id = StreamId {
///     session: 7,
///     instance: 0,
///     task: Task::Hand,
///     joint_table: JointTable::Interhand21,
///     mirrored: false,
/// };
/// let mut sender = Sender::new(id, Duration::from_millis(500));
/// let bytes = sender.scene(&Scene::default(), Instant::now())[0].encode();
/// let view = PacketView::new(&bytes)?;
/// assert_eq!((view.kind(), view.session()), (Kind::Keypoints, 7));
/// assert!(view.flags().contains(Flags::LOST));
/// assert!(PacketView::new(&bytes[1..]).is_err());
/// # Ok::<(), posewire::wire::WireError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct PacketView<'a> {
    bytes: &'a [u8],
    kind: Kind,
    unit: FixedPoint,
}

/// The packet of bytes that may have a seal behind it. The caller has checked both, or checks the packet.
pub fn without_seal(bytes: &[u8]) -> &[u8] {
    let length = bytes
        .get(COUNT_AT)
        .map(|&count| packet_bytes(usize::from(count)));
    length
        .and_then(|length| bytes.get(..length))
        .unwrap_or(bytes)
}

impl<'a> PacketView<'a> {
    /// Checks length, magic, version, checksum and every coded field.
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let length = WireError::Length { bytes: bytes.len() };
        if bytes.len() < packet_bytes(0) {
            return Err(length);
        }
        if bytes[MAGIC_AT] != MAGIC {
            return Err(WireError::Magic);
        }
        if !(FIRST_VERSION..=VERSION).contains(&bytes[VERSION_AT]) {
            return Err(WireError::Version {
                version: bytes[VERSION_AT],
            });
        }
        let count = bytes[COUNT_AT];
        if usize::from(count) > MAX_KEYPOINTS {
            return Err(WireError::Count { count });
        }
        if bytes.len() != packet_bytes(usize::from(count)) {
            return Err(length);
        }
        let (body, crc) = bytes.split_at(bytes.len() - CRC_BYTES);
        if crc32fast::hash(body).to_le_bytes() != crc {
            return Err(WireError::Crc);
        }
        let kind = Kind::from_code(bytes[KIND_AT]).ok_or(WireError::Kind {
            code: bytes[KIND_AT],
            numbers: Numbers::of(bytes),
        })?;
        if bytes[COORDINATES_AT] != SOURCE_FRAME_PIXELS {
            return Err(WireError::Coordinates {
                code: bytes[COORDINATES_AT],
            });
        }
        let unit =
            FixedPoint::from_bits(bytes[FRACTION_BITS_AT]).ok_or(WireError::FractionBits {
                bits: bytes[FRACTION_BITS_AT],
            })?;
        let whole = match kind {
            Kind::Keypoints => true,
            Kind::Heartbeat => count == 0,
            Kind::Stats => usize::from(count) * KEYPOINT_BYTES >= STATS_BYTES,
            Kind::Instances => InstancePart::read(&body[HEADER_BYTES..]).is_some(),
        };
        if !whole {
            return Err(WireError::Body { kind, count });
        }
        Ok(PacketView { bytes, kind, unit })
    }

    /// The packet's kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The packet's flags.
    pub fn flags(&self) -> Flags {
        Flags(u16::from_le_bytes(self.array(FLAGS_AT)))
    }

    /// The packet's place in its stream.
    pub fn numbers(&self) -> Numbers {
        Numbers::of(self.bytes)
    }

    /// The sender's random number of this start.
    pub fn session(&self) -> u32 {
        self.numbers().session
    }

    /// Number of the packet, from 0.
    pub fn sequence(&self) -> u32 {
        self.numbers().sequence
    }

    /// Time from capture to sending; `u32::MAX` if it is longer, or if there was no frame.
    pub fn age_us(&self) -> u32 {
        u32::from_le_bytes(self.array(AGE_AT))
    }

    /// Unit of the positions.
    pub fn unit(&self) -> FixedPoint {
        self.unit
    }

    fn body(&self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..self.bytes.len() - CRC_BYTES]
    }

    /// The joints of a frame's one instance, in the order of the joint table; none in other kinds.
    pub fn keypoints(&self) -> impl ExactSizeIterator<Item = WireKeypoint> + 'a {
        let bytes = match self.kind {
            Kind::Keypoints => self.body(),
            Kind::Heartbeat | Kind::Stats | Kind::Instances => &[],
        };
        bytes.chunks_exact(KEYPOINT_BYTES).map(|raw| WireKeypoint {
            x: i16::from_le_bytes([raw[0], raw[1]]),
            y: i16::from_le_bytes([raw[2], raw[3]]),
            score: u16::from_le_bytes([raw[4], raw[5]]),
        })
    }

    /// A copy of all fields that this version knows.
    pub fn to_packet(&self) -> Packet {
        Packet {
            flags: self.flags(),
            session: self.session(),
            sequence: self.sequence(),
            captured: Instant {
                mono_us: u64::from_le_bytes(self.array(CAPTURED_MONO_AT)),
                wall_us: u64::from_le_bytes(self.array(CAPTURED_WALL_AT)),
            },
            age_us: self.age_us(),
            frame_index: u32::from_le_bytes(self.array(FRAME_INDEX_AT)),
            frame_width_px: u16::from_le_bytes(self.array(FRAME_WIDTH_AT)),
            frame_height_px: u16::from_le_bytes(self.array(FRAME_HEIGHT_AT)),
            task: self.bytes[TASK_AT],
            joint_table: self.bytes[JOINT_TABLE_AT],
            unit: self.unit,
            instance: self.bytes[INSTANCE_AT],
            score: u16::from_le_bytes(self.array(SCORE_AT)),
            body: match self.kind {
                Kind::Keypoints => Body::Keypoints(self.keypoints().collect()),
                Kind::Heartbeat => Body::Heartbeat,
                // The body was checked before.
                Kind::Instances => {
                    InstancePart::read(self.body()).map_or(Body::Heartbeat, Body::Instances)
                }
                Kind::Stats => Body::Stats(WireStats::decode(self.body()).unwrap_or_default()),
            },
        }
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        std::array::from_fn(|index| self.bytes[at + index])
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::wire::instances::tests::any_part;
    use crate::wire::stats::tests::any_stats;
    use crate::wire::test_packet;
    use proptest::prelude::*;

    fn any_body() -> impl Strategy<Value = Body> {
        let joint = any::<(i16, i16, u16)>().prop_map(|(x, y, score)| WireKeypoint { x, y, score });
        prop_oneof![
            2 => proptest::collection::vec(joint, 0..=MAX_KEYPOINTS)
                .prop_map(|joints| Body::Keypoints(joints.into_iter().collect())),
            1 => Just(Body::Heartbeat),
            2 => any_stats().prop_map(Body::Stats),
            2 => any_part().prop_map(Body::Instances),
        ]
    }

    prop_compose! {
        pub(in crate::wire) fn any_packet()(
            flags: u16,
            ids: [u32; 4],
            captured: [u64; 2],
            sizes: [u16; 2],
            codes: [u8; 3],
            fraction_bits in 0_u8..16,
            score: u16,
            body in any_body(),
        ) -> Packet {
            Packet {
                flags: Flags(flags),
                session: ids[0],
                sequence: ids[1],
                captured: Instant { mono_us: captured[0], wall_us: captured[1] },
                age_us: ids[2],
                frame_index: ids[3],
                frame_width_px: sizes[0],
                frame_height_px: sizes[1],
                task: codes[0],
                joint_table: codes[1],
                unit: FixedPoint::from_bits(fraction_bits).unwrap(),
                instance: codes[2],
                score,
                body,
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(packet in any_packet()) {
            let bytes = packet.encode();
            prop_assert_eq!(PacketView::new(&bytes).unwrap().to_packet(), packet);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1300)) {
            let _ = PacketView::new(&bytes).map(|view| view.to_packet());
        }

        #[test]
        fn one_flipped_bit_is_noticed(packet in any_packet(), bit: usize) {
            let mut bytes = packet.encode();
            let bit = bit % (8 * bytes.len());
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(PacketView::new(&bytes).is_err());
        }

        #[test]
        fn a_cut_packet_is_noticed(packet in any_packet(), keep: usize) {
            let bytes = packet.encode();
            let keep = keep % bytes.len();
            prop_assert!(PacketView::new(&bytes[..keep]).is_err());
        }

        // A damaged packet never passes the checksum, so this test corrects the checksum: the checks after it
        // must not panic either.
        #[test]
        fn coded_fields_are_checked_behind_a_right_checksum(packet in any_packet(), at: usize, value: u8) {
            let mut bytes = packet.encode();
            // The kind decides the meaning of the rest.
            let at = if at % 4 == 0 { KIND_AT } else { at % (bytes.len() - CRC_BYTES) };
            bytes[at] = if at == KIND_AT { value % 6 } else { value };
            correct_crc(&mut bytes);
            if let Ok(view) = PacketView::new(&bytes) {
                let again = view.to_packet().encode();
                if view.kind() == Kind::Stats {
                    let known = HEADER_BYTES..HEADER_BYTES + STATS_BYTES;
                    prop_assert_eq!(&again[known.clone()], &bytes[known]);
                } else {
                    prop_assert_eq!(again, bytes);
                }
            }
        }
    }

    fn correct_crc(bytes: &mut [u8]) {
        let (body, crc) = bytes.split_last_chunk_mut::<CRC_BYTES>().unwrap();
        *crc = crc32fast::hash(body).to_le_bytes();
    }

    /// A packet of this kind with a body of `count` times 6 bytes.
    fn with_count(kind: u8, count: u8) -> Result<Packet, WireError> {
        let mut bytes = test_packet(Flags::default()).encode();
        bytes.resize(packet_bytes(usize::from(count)), 7).unwrap();
        (bytes[KIND_AT], bytes[COUNT_AT]) = (kind, count);
        correct_crc(&mut bytes);
        PacketView::new(&bytes).map(|view| view.to_packet())
    }

    #[test]
    fn each_kind_has_the_body_that_it_can_have() {
        for count in [0, 1, 26, 27, 28, 64] {
            let joints = with_count(1, count).unwrap().keypoints().len();
            assert_eq!(joints, usize::from(count));
            let refused = |kind| Err(WireError::Body { kind, count });
            if count > 0 {
                assert_eq!(with_count(2, count), refused(Kind::Heartbeat));
            }
            let stats = with_count(3, count);
            if count < 27 {
                assert_eq!(stats, refused(Kind::Stats));
                continue;
            }
            // A packet of a later version: its known fields are read.
            let Body::Stats(stats) = stats.unwrap().body else {
                panic!("of another kind")
            };
            assert_eq!(stats.frames, 0x0707_0707);
            let unknown = with_count(5, count).unwrap_err();
            assert!(matches!(unknown, WireError::Kind { code: 5, .. }));
        }
        let message = WireError::Body {
            kind: Kind::Stats,
            count: 3,
        }
        .to_string();
        assert_eq!(message, "a stats packet cannot have a count of 3");
    }
}
