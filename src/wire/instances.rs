//! The body of an instances packet: several hands and bodies of one frame.
//!
//! In: [`WireInstance`]s in wire units. Out: [`InstancePart`]s, each the body of one packet of at most
//! [`MAX_PACKET_BYTES`](super::MAX_PACKET_BYTES). A part is complete in itself: a receiver that loses one
//! still reads the others, and puts nothing together. [`InstancePart::read`] checks bytes from a network
//! once; what it returns is then read without errors. Nothing is allocated. The tables are in docs/wire.md.

use super::keypoint::{FixedPoint, WireKeypoint};
use super::layout::{KEYPOINT_BYTES, NOT_FOUND};
use crate::limits::MAX_KEYPOINTS;
use std::ops::Range;

/// The body of the longest packet.
const MAX_BODY_BYTES: usize = KEYPOINT_BYTES * MAX_KEYPOINTS;
const HEAD_BYTES: usize = 6;
const CONFIRMED_AT: usize = 0;
const WAITING_AT: usize = 1;
const PART_AT: usize = 2;
const PARTS_AT: usize = 3;

const INSTANCE_BYTES: usize = 24;
const NUMBER_AT: usize = 0;
const PARENT_AT: usize = 2;
const SLOT_AT: usize = 4;
const TASK_AT: usize = 5;
const STATE_AT: usize = 6;
const SIDE_AT: usize = 7;
const FLAGS_AT: usize = 8;
const SEEN_AT: usize = 10;
const LOOK_AGE_AT: usize = 12;
const CENTRE_X_AT: usize = 14;
const CENTRE_Y_AT: usize = 16;
const REGION_AT: usize = 18;
const PRESENCE_AT: usize = 20;
const SIDE_SCORE_AT: usize = 21;
const JOINT_TABLE_AT: usize = 22;
const JOINTS_AT: usize = 23;

/// Joints that fit into one part beside the two heads.
pub const MAX_INSTANCE_JOINTS: usize =
    (MAX_BODY_BYTES - HEAD_BYTES - INSTANCE_BYTES) / KEYPOINT_BYTES;

// Bodies are counted in units of a keypoint's length.
const _: () = assert!(HEAD_BYTES.is_multiple_of(KEYPOINT_BYTES));
const _: () = assert!(INSTANCE_BYTES.is_multiple_of(KEYPOINT_BYTES));

/// The top bit of a joint's score. The score itself is below 1 here.
const HELD: u16 = 1 << 15;

/// State of an instance in this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// The network saw it at the last look.
    Tracked,
    /// It was missed, or not looked at, so its position is predicted. For smooth motion, not for contact.
    Predicted,
    /// It is gone. Sent once.
    Lost,
}

impl InstanceState {
    const CODES: [(u8, InstanceState, &'static str); 3] = [
        (1, InstanceState::Tracked, "tracked"),
        (2, InstanceState::Predicted, "predicted"),
        (3, InstanceState::Lost, "lost"),
    ];

    /// The number on the wire.
    pub fn code(self) -> u8 {
        match self {
            InstanceState::Tracked => 1,
            InstanceState::Predicted => 2,
            InstanceState::Lost => 3,
        }
    }

    /// The state of a number; `None` for an unknown one.
    pub fn from_code(code: u8) -> Option<Self> {
        let found = Self::CODES.iter().find(|(known, ..)| *known == code);
        found.map(|(_, state, _)| *state)
    }

    /// The word in JSON and on the screen.
    pub fn name(self) -> &'static str {
        let found = Self::CODES.iter().find(|(_, known, _)| *known == self);
        found.map_or("", |(.., name)| name)
    }
}

/// A joint of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireJoint {
    /// The joint. Scores of 1 and more are encoded as the largest score below 1.
    pub point: WireKeypoint,
    /// The joint was uncertain in the last looks, so its position is an earlier one.
    pub is_held: bool,
}

/// One hand or body in wire units.
#[derive(Debug, Clone, PartialEq)]
pub struct WireInstance {
    /// The same number is the same instance. Numbers count up from 1 and start again after 65535.
    pub number: u16,
    /// Number of the body that a hand belongs to.
    pub parent: Option<u16>,
    /// A small index, unique in the frame.
    pub slot: u8,
    /// As in a packet's header.
    pub task: u8,
    /// Code of an [`InstanceState`]. Receivers do not act on unknown states.
    pub state: u8,
    /// 0 not known, 1 left, 2 right, as the person sees it.
    pub side: u8,
    /// Bits of [`InstanceFlags`].
    pub flags: u16,
    /// Time since it was first confirmed, in 0.1 s; 65535 for longer.
    pub seen_ds: u16,
    /// Time from the capture of the frame in which the network last looked at it to the capture of this frame. 65535
    /// for longer.
    pub look_age_ms: u16,
    /// Centre of its region, in units of the packet's [`FixedPoint`].
    pub centre: [i16; 2],
    /// Side of its region, in the same units.
    pub region_side: u16,
    /// Confidence in its presence, in 1/255.
    pub presence: u8,
    /// Confidence in its side, in 1/255.
    pub side_score: u8,
    /// Number of the joint table.
    pub joint_table: u8,
    /// The joints, in the order of the table.
    pub joints: heapless::Vec<WireJoint, MAX_INSTANCE_JOINTS>,
}

/// Bits of an instance's flags. Receivers ignore other bits.
pub struct InstanceFlags;

impl InstanceFlags {
    /// Its region crosses the frame's edge.
    pub const BORDER: u16 = 1 << 0;
    /// Another instance's region covers it.
    pub const OVERLAPPED: u16 = 1 << 1;
    /// It may be swapped with another instance.
    pub const UNSURE: u16 = 1 << 2;
    /// Its joints are smoothed over time.
    pub const SMOOTHED: u16 = 1 << 3;

    /// Names of the bits that are set.
    pub fn names(flags: u16) -> impl Iterator<Item = &'static str> {
        [
            (Self::BORDER, "border"),
            (Self::OVERLAPPED, "overlapped"),
            (Self::UNSURE, "unsure"),
            (Self::SMOOTHED, "smoothed"),
        ]
        .into_iter()
        .filter(move |(bit, _)| flags & bit != 0)
        .map(|(_, name)| name)
    }
}

impl WireInstance {
    fn bytes(&self) -> usize {
        INSTANCE_BYTES + KEYPOINT_BYTES * self.joints.len()
    }

    /// Region as centre x, y and side, in pixels of the source frame.
    pub fn region_px(&self, unit: FixedPoint) -> [f32; 3] {
        let [x, y] = self.centre;
        let side_px = f32::from(self.region_side) / unit.one();
        [unit.decode(x), unit.decode(y), side_px]
    }

    fn write(&self, body: &mut [u8]) {
        let (head, joints) = body.split_at_mut(INSTANCE_BYTES);
        let words = [
            (NUMBER_AT, self.number),
            (PARENT_AT, self.parent.unwrap_or(0)),
            (FLAGS_AT, self.flags),
            (SEEN_AT, self.seen_ds),
            (LOOK_AGE_AT, self.look_age_ms),
            (CENTRE_X_AT, self.centre[0].cast_unsigned()),
            (CENTRE_Y_AT, self.centre[1].cast_unsigned()),
            (REGION_AT, self.region_side),
        ];
        for (at, word) in words {
            head[at..at + 2].copy_from_slice(&word.to_le_bytes());
        }
        head[SLOT_AT] = self.slot;
        head[TASK_AT] = self.task;
        head[STATE_AT] = self.state;
        head[SIDE_AT] = self.side;
        head[PRESENCE_AT] = self.presence;
        head[SIDE_SCORE_AT] = self.side_score;
        head[JOINT_TABLE_AT] = self.joint_table;
        // At most MAX_INSTANCE_JOINTS, which is below 256.
        head[JOINTS_AT] = self.joints.len() as u8;
        for (bytes, joint) in joints.chunks_exact_mut(KEYPOINT_BYTES).zip(&self.joints) {
            let held = if joint.is_held { HELD } else { 0 };
            bytes[..2].copy_from_slice(&joint.point.x.to_le_bytes());
            bytes[2..4].copy_from_slice(&joint.point.y.to_le_bytes());
            let score = joint.point.score.min(HELD - 1) | held;
            bytes[4..].copy_from_slice(&score.to_le_bytes());
        }
    }

    /// The first instance in the bytes, and the remaining bytes. `None` if the bytes end inside it, or if it has too many
    /// joints.
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (head, rest) = bytes.split_first_chunk::<INSTANCE_BYTES>()?;
        let word = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let signed = |at: usize| word(at).cast_signed();
        let joints = Some(usize::from(head[JOINTS_AT])).filter(|&n| n <= MAX_INSTANCE_JOINTS)?;
        let (joints, rest) = rest.split_at_checked(KEYPOINT_BYTES * joints)?;
        let joints = joints.chunks_exact(KEYPOINT_BYTES).map(|raw| {
            let score = u16::from_le_bytes([raw[4], raw[5]]);
            WireJoint {
                point: WireKeypoint {
                    x: i16::from_le_bytes([raw[0], raw[1]]),
                    y: i16::from_le_bytes([raw[2], raw[3]]),
                    score: score & !HELD,
                },
                is_held: score & HELD != 0,
            }
        });
        let instance = WireInstance {
            number: word(NUMBER_AT),
            parent: Some(word(PARENT_AT)).filter(|&parent| parent != 0),
            slot: head[SLOT_AT],
            task: head[TASK_AT],
            state: head[STATE_AT],
            side: head[SIDE_AT],
            flags: word(FLAGS_AT),
            seen_ds: word(SEEN_AT),
            look_age_ms: word(LOOK_AGE_AT),
            centre: [signed(CENTRE_X_AT), signed(CENTRE_Y_AT)],
            region_side: word(REGION_AT),
            presence: head[PRESENCE_AT],
            side_score: head[SIDE_SCORE_AT],
            joint_table: head[JOINT_TABLE_AT],
            joints: joints.collect(),
        };
        Some((instance, rest))
    }
}

/// Counts of the whole frame, the same in each of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FrameCounts {
    /// Instances in the frame that are confirmed.
    pub confirmed: u8,
    /// Instances that the sender has no time or no room for.
    pub waiting: u8,
}

/// One packet's share of a frame's instances, encoded. Its bytes are always valid.
#[derive(Debug, Clone, PartialEq)]
pub struct InstancePart {
    body: heapless::Vec<u8, MAX_BODY_BYTES>,
}

impl InstancePart {
    fn empty(counts: FrameCounts, part: u8, parts: u8) -> Self {
        let head = [counts.confirmed, counts.waiting, part, parts, 0, 0];
        InstancePart {
            body: head.into_iter().collect(),
        }
    }

    /// Checks a packet's body. `None` unless it contains only complete instances, no number is 0, and the part numbers
    /// are valid.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let (head, mut rest) = body.split_first_chunk::<HEAD_BYTES>()?;
        if head[PART_AT] >= head[PARTS_AT] {
            return None;
        }
        while !rest.is_empty() {
            let (instance, behind) = WireInstance::read(rest)?;
            if instance.number == 0 {
                return None;
            }
            rest = behind;
        }
        let body = heapless::Vec::from_slice(body).ok()?;
        Some(InstancePart { body })
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Counts of the whole frame.
    pub fn counts(&self) -> FrameCounts {
        FrameCounts {
            confirmed: self.body[CONFIRMED_AT],
            waiting: self.body[WAITING_AT],
        }
    }

    /// Index of the part within its frame, from 0, and the number of parts.
    pub fn part(&self) -> (u8, u8) {
        (self.body[PART_AT], self.body[PARTS_AT])
    }

    /// The instances of this part.
    pub fn instances(&self) -> impl Iterator<Item = WireInstance> + '_ {
        let mut rest = &self.body[HEAD_BYTES..];
        std::iter::from_fn(move || {
            let (instance, behind) = WireInstance::read(rest)?;
            rest = behind;
            Some(instance)
        })
    }
}

/// Splits a frame's instances into as many parts as needed, in their order. No instances give one empty part.
///
/// An instance is never split. The caller gives numbers other than 0, and at most 255 instances.
pub fn instance_parts(
    instances: &[WireInstance],
    counts: FrameCounts,
) -> impl Iterator<Item = InstancePart> + '_ {
    let parts = spans(instances).count().clamp(1, usize::from(u8::MAX)) as u8;
    let mut spans = spans(instances);
    (0..parts).map(move |part| {
        let mut built = InstancePart::empty(counts, part, parts);
        for instance in &instances[spans.next().unwrap_or(0..0)] {
            let begin = built.body.len();
            // There is room: spans are cut to fit.
            if built.body.resize(begin + instance.bytes(), 0).is_ok() {
                instance.write(&mut built.body[begin..]);
            }
        }
        built
    })
}

/// The instances of each part: as many as fit, one after another.
fn spans(instances: &[WireInstance]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut begin = 0;
    std::iter::from_fn(move || {
        let mut left = MAX_BODY_BYTES - HEAD_BYTES;
        let fitting = instances[begin..]
            .iter()
            .take_while(|instance| match left.checked_sub(instance.bytes()) {
                Some(rest) => {
                    left = rest;
                    true
                }
                None => false,
            })
            .count();
        let span = begin..begin + fitting;
        begin = span.end;
        (fitting > 0).then_some(span)
    })
}

impl WireJoint {
    /// A joint at this position, held or not; `None` for a joint that was not found.
    pub fn new(found: Option<WireKeypoint>, is_held: bool) -> Self {
        let point = found.unwrap_or(WireKeypoint {
            x: NOT_FOUND,
            y: NOT_FOUND,
            score: 0,
        });
        WireJoint {
            point: WireKeypoint {
                score: point.score.min(HELD - 1),
                ..point
            },
            is_held,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn any_instance()(
            words in any::<[u16; 6]>(),
            bytes in any::<[u8; 7]>(),
            centre in any::<[i16; 2]>(),
            joints in proptest::collection::vec(any::<(i16, i16, u16, bool)>(), 0..=MAX_INSTANCE_JOINTS),
        ) -> WireInstance {
            WireInstance {
                number: words[0].max(1),
                parent: Some(words[1]).filter(|&parent| parent != 0),
                slot: bytes[0],
                task: bytes[1],
                state: bytes[2],
                side: bytes[3],
                flags: words[2],
                seen_ds: words[3],
                look_age_ms: words[4],
                centre,
                region_side: words[5],
                presence: bytes[4],
                side_score: bytes[5],
                joint_table: bytes[6],
                joints: joints
                    .into_iter()
                    .map(|(x, y, score, is_held)| {
                        WireJoint::new(Some(WireKeypoint { x, y, score }), is_held)
                    })
                    .collect(),
            }
        }
    }

    prop_compose! {
        pub(in crate::wire) fn any_part()(
            instances in proptest::collection::vec(any_instance(), 0..5),
            confirmed: u8,
            waiting: u8,
        ) -> InstancePart {
            let counts = FrameCounts { confirmed, waiting };
            instance_parts(&instances, counts).next().unwrap()
        }
    }

    fn hand(number: u16) -> WireInstance {
        let point = WireKeypoint {
            x: 5128,
            y: 1588,
            score: 28_672,
        };
        WireInstance {
            number,
            parent: None,
            slot: 0,
            task: 1,
            state: InstanceState::Tracked.code(),
            side: 2,
            flags: InstanceFlags::SMOOTHED,
            seen_ds: 12,
            look_age_ms: 33,
            centre: [5128, 1588],
            region_side: 2400,
            presence: 230,
            side_score: 200,
            joint_table: 1,
            joints: std::iter::repeat_n(WireJoint::new(Some(point), false), 21).collect(),
        }
    }

    fn body(number: u16) -> WireInstance {
        let mut body = hand(number);
        body.joints.truncate(16);
        body
    }

    #[test]
    fn two_hands_or_three_bodies_fit_into_one_packet() {
        for (instances, lengths) in [
            (vec![], vec![6]),
            (vec![hand(1), hand(2)], vec![306]),
            (vec![body(1), body(2), body(3)], vec![366]),
            (vec![hand(1), hand(2), hand(3)], vec![306, 156]),
            (
                vec![hand(1), hand(2), hand(3), hand(4), body(5), body(6)],
                vec![306, 306, 246],
            ),
        ] {
            let found: Vec<usize> = instance_parts(&instances, FrameCounts::default())
                .map(|part| part.body().len())
                .collect();
            assert_eq!(found, lengths);
        }
    }

    #[test]
    fn a_region_is_in_pixels() {
        let unit = FixedPoint::for_frame(640, 480);
        assert_eq!(hand(1).region_px(unit), [320.5, 99.25, 150.0]);
    }

    #[test]
    fn states_and_flags_have_names() {
        for (code, state, name) in InstanceState::CODES {
            assert_eq!(state.code(), code);
            assert_eq!(InstanceState::from_code(code), Some(state));
            assert_eq!(state.name(), name);
        }
        assert_eq!(InstanceState::from_code(0), None);
        let flags = InstanceFlags::BORDER | InstanceFlags::UNSURE | 1 << 15;
        assert!(InstanceFlags::names(flags).eq(["border", "unsure"]));
    }

    #[test]
    fn bodies_that_cannot_be_are_refused() {
        let whole = instance_parts(&[hand(1)], FrameCounts::default())
            .next()
            .unwrap();
        let whole = whole.body();
        assert!(InstancePart::read(whole).is_some());
        let changed = |at: usize, value: u8| {
            let mut body = whole.to_vec();
            body[at] = value;
            InstancePart::read(&body)
        };
        // A part of none, or behind the last.
        assert!(changed(PARTS_AT, 0).is_none());
        assert!(changed(PART_AT, 1).is_none());
        // The number 0, and more or fewer joints than there are bytes.
        assert!(changed(HEAD_BYTES + NUMBER_AT, 0).is_none());
        assert!(changed(HEAD_BYTES + JOINTS_AT, 22).is_none());
        assert!(changed(HEAD_BYTES + JOINTS_AT, 20).is_none());
        assert!(changed(HEAD_BYTES + JOINTS_AT, 255).is_none());
        for length in [0, 5, HEAD_BYTES + 1, whole.len() - 6, whole.len() - 1] {
            assert!(InstancePart::read(&whole[..length]).is_none(), "{length}");
        }
        assert!(InstancePart::read(&[0; MAX_BODY_BYTES + 6]).is_none());
        // Codes and spare bytes that this version does not know.
        for at in [4, 5, HEAD_BYTES + STATE_AT, HEAD_BYTES + SIDE_AT] {
            assert!(changed(at, 99).is_some(), "{at}");
        }
    }

    proptest! {
        #[test]
        fn instances_survive_in_parts_each_complete_in_itself(
            instances in proptest::collection::vec(any_instance(), 0..12),
            confirmed: u8,
            waiting: u8,
        ) {
            let counts = FrameCounts { confirmed, waiting };
            let parts: Vec<InstancePart> = instance_parts(&instances, counts).collect();
            let mut read = Vec::new();
            for (index, part) in parts.iter().enumerate() {
                prop_assert!(part.body().len() <= MAX_BODY_BYTES);
                prop_assert_eq!(part.body().len() % KEYPOINT_BYTES, 0);
                prop_assert_eq!(part.part(), (index as u8, parts.len() as u8));
                prop_assert_eq!(part.counts(), counts);
                let again = InstancePart::read(part.body());
                prop_assert_eq!(again.as_ref(), Some(part));
                read.extend(part.instances());
            }
            prop_assert_eq!(&read, &instances);
            // Every part is as full as possible.
            for pair in parts.windows(2) {
                let next = pair[1].instances().next().unwrap();
                prop_assert!(pair[0].body().len() + next.bytes() > MAX_BODY_BYTES);
            }
        }

        #[test]
        fn any_bytes_are_refused_or_read_to_their_end(
            bytes in proptest::collection::vec(any::<u8>(), 0..500),
            joints in proptest::collection::vec(0_u8..20, 0..4),
        ) {
            let _ = InstancePart::read(&bytes);
            // Random bytes are rarely complete instances, so here the joint counts are right.
            let mut body = vec![1, 0, 0, 1, 0, 0];
            for (instance, joints) in joints.iter().enumerate() {
                let length = INSTANCE_BYTES + KEYPOINT_BYTES * usize::from(*joints);
                let begin = body.len();
                body.extend(bytes.iter().copied().chain(std::iter::repeat(7)).skip(instance).take(length));
                body[begin + JOINTS_AT] = *joints;
            }
            if let Some(part) = InstancePart::read(&body) {
                let counts = part.counts();
                let found: Vec<WireInstance> = part.instances().collect();
                prop_assert_eq!(found.len(), joints.len());
                let mut again = InstancePart::empty(counts, 0, 1);
                for instance in &found {
                    let begin = again.body.len();
                    again.body.resize(begin + instance.bytes(), 0).unwrap();
                    instance.write(&mut again.body[begin..]);
                }
                prop_assert_eq!(again.body(), &body[..]);
            }
        }
    }
}
