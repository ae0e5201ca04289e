//! Offsets of the fields, as in docs/wire.md. All integers are little-endian.

use crate::limits::MAX_KEYPOINTS;
use std::ops::Range;

/// The format's version.
pub const VERSION: u8 = 2;
/// The version before. Its unsealed packets have the same layout, with fewer kinds.
pub(super) const FIRST_VERSION: u8 = 1;

pub(super) const MAGIC: [u8; 4] = *b"PWIR";

pub(super) const MAGIC_AT: Range<usize> = 0..4;
pub(super) const VERSION_AT: usize = 4;
pub(super) const KIND_AT: usize = 5;
pub(super) const FLAGS_AT: usize = 6;
pub(super) const SESSION_AT: usize = 8;
pub(super) const SEQUENCE_AT: usize = 12;
pub(super) const CAPTURED_MONO_AT: usize = 16;
pub(super) const CAPTURED_WALL_AT: usize = 24;
pub(super) const AGE_AT: usize = 32;
pub(super) const FRAME_INDEX_AT: usize = 36;
pub(super) const FRAME_WIDTH_AT: usize = 40;
pub(super) const FRAME_HEIGHT_AT: usize = 42;
pub(super) const TASK_AT: usize = 44;
pub(super) const JOINT_TABLE_AT: usize = 45;
pub(super) const COORDINATES_AT: usize = 46;
pub(super) const FRACTION_BITS_AT: usize = 47;
pub(super) const INSTANCE_AT: usize = 48;
pub(super) const COUNT_AT: usize = 49;
pub(super) const SCORE_AT: usize = 50;

/// Values of the byte `instance`.
pub(super) const INSTANCES: usize = 1 << u8::BITS;

pub(super) const HEADER_BYTES: usize = 52;
/// x, y and score, 16 bits each.
pub(super) const KEYPOINT_BYTES: usize = 6;
pub(super) const CRC_BYTES: usize = 4;

/// Number of stages in a stats packet.
pub(super) const STATS_STAGES: usize = 6;
/// Shortest body of a stats packet: 16 figures of 4 bytes, 4 figures of 4 bytes per stage, and a temperature of
/// 2 bytes.
pub(super) const STATS_BYTES: usize = 4 * 16 + 4 * 4 * STATS_STAGES + 2;

/// Bytes that the sender on a card with a radio adds: state, network, signal, joins, and two zeros.
pub(super) const RADIO_BYTES: usize = KEYPOINT_BYTES;

// The length of a body is a multiple of a keypoint's, so that receivers find its end without knowing its kind.
const _: () = assert!(STATS_BYTES.is_multiple_of(KEYPOINT_BYTES));
const _: () = assert!(STATS_BYTES / KEYPOINT_BYTES <= MAX_KEYPOINTS);

/// Coordinates are pixels of the source frame. The centre of its top-left pixel is (0, 0), x points right, y down.
/// It is the only system so far.
pub(super) const SOURCE_FRAME_PIXELS: u8 = 1;

/// The longest packet. It is well below the 1,200 bytes that cross any network unfragmented.
pub const MAX_PACKET_BYTES: usize = packet_bytes(MAX_KEYPOINTS);

pub(super) const fn packet_bytes(keypoints: usize) -> usize {
    HEADER_BYTES + KEYPOINT_BYTES * keypoints + CRC_BYTES
}

/// Bytes after a sealed packet: epoch, time of sending, tag.
pub const SEAL_BYTES: usize = STAMP_BYTES + TAG_BYTES;
pub(super) const STAMP_BYTES: usize = 8 + 8;
pub(super) const TAG_BYTES: usize = 16;

/// The longest sealed packet.
pub(super) const MAX_SEALED_BYTES: usize = MAX_PACKET_BYTES + SEAL_BYTES;

const _: () = assert!(MAX_SEALED_BYTES <= 1200);

/// An encoded packet, in place, with room for a seal.
pub type Encoded = heapless::Vec<u8, MAX_SEALED_BYTES>;

// The least significant bit of a score is 1/32768: 1.0 is 0x8000, and 2.0 the first value too large.
pub(super) const SCORE_ONE: f32 = 32_768.0;

/// x and y of a joint that was not found.
pub(super) const NOT_FOUND: i16 = i16::MIN;
