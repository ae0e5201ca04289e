//! The sender's side of a stream: the only holder of sequence numbers and flags.
//!
//! In: scenes, silence and figures. Out: packets, stamped with their age. A [`Sender`] owns its packets and lends
//! them until the next.

use super::crowd::{counts, wire_instances};
use super::{Body, FixedPoint, Flags, Packet, WireKeypoint, WireStats, instance_parts};
use crate::clock::Instant;
use crate::limits::MAX_INSTANCES;
use crate::scene::{Crowd, JointTable, Origin, Scene, Task, TrackState};
use std::time::Duration;

/// Fields that are the same in all packets of a stream.
#[derive(Debug, Clone, Copy)]
pub struct StreamId {
    /// Distinguishes this run from the sender's earlier runs.
    pub session: u32,
    /// Distinguishes several streams to one receiver.
    pub instance: u8,
    /// Hand or body.
    pub task: Task,
    /// The order of the keypoints.
    pub joint_table: JointTable,
    /// The source shows a mirror image.
    pub mirrored: bool,
}

/// The only holder of sequence numbers and flags of a stream.
#[derive(Debug)]
pub struct Sender {
    /// The last packet. The fields of the last frame stay until the next frame.
    packet: Packet,
    /// The parts of the last scene of several instances. It gets its memory at the first one.
    parts: Vec<Packet>,
    next_sequence: u32,
    stale_after_us: u64,
}

impl Sender {
    /// A frame that is older than `stale_after` when its packet is made carries the flag `stale`.
    pub fn new(id: StreamId, stale_after: Duration) -> Self {
        let mut flags = Flags::default();
        flags.set(Flags::MIRRORED, id.mirrored);
        Sender {
            packet: Packet {
                flags,
                session: id.session,
                sequence: 0,
                captured: Instant::default(),
                age_us: u32::MAX,
                frame_index: 0,
                frame_width_px: 0,
                frame_height_px: 0,
                task: Packet::task_code(id.task),
                joint_table: Packet::joint_table_code(id.joint_table),
                unit: FixedPoint::for_frame(0, 0),
                instance: id.instance,
                score: 0,
                body: Body::Heartbeat,
            },
            parts: Vec::new(),
            next_sequence: 0,
            stale_after_us: u64::try_from(stale_after.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// True if the last packet was marked stale.
    pub fn was_stale(&self) -> bool {
        self.packet.flags.contains(Flags::STALE)
    }

    /// Packets of a scene: its instances if several can be followed, else its first one.
    pub fn scene(&mut self, scene: &Scene, now: Instant) -> &[Packet] {
        self.describe(scene);
        match scene.crowd {
            Some(crowd) => self.several(scene, crowd, now),
            None => self.one(scene, now),
        }
    }

    /// Takes over the fields about the frame.
    fn describe(&mut self, scene: &Scene) {
        let frame = &scene.frame;
        let packet = &mut self.packet;
        packet.flags.set(Flags::NO_CAMERA, false);
        packet.captured = frame.captured;
        // The wire's counter wraps.
        packet.frame_index = frame.index as u32;
        // A frame's side is at most 16,384 pixels.
        packet.frame_width_px = frame.width_px as u16;
        packet.frame_height_px = frame.height_px as u16;
        packet.unit = FixedPoint::for_frame(frame.width_px, frame.height_px);
    }

    fn several(&mut self, scene: &Scene, crowd: Crowd, now: Instant) -> &[Packet] {
        let unit = self.packet.unit;
        let is_tracked = scene.instances.iter().any(|one| {
            one.track
                .is_some_and(|track| track.state == TrackState::Tracked)
        });
        let flags = &mut self.packet.flags;
        flags.set(Flags::LOST, !is_tracked);
        flags.set(Flags::TRACKING, is_tracked);
        self.packet.score = 0;
        self.parts.clear();
        // An instance never takes more than one part.
        self.parts.reserve(MAX_INSTANCES);
        let instances = wire_instances(scene, unit);
        for part in instance_parts(&instances, counts(crowd)).take(MAX_INSTANCES) {
            self.packet.body = Body::Instances(part);
            self.stamp(now);
            self.parts.push(self.packet.clone());
        }
        &self.parts
    }

    fn one(&mut self, scene: &Scene, now: Instant) -> &[Packet] {
        let first = scene.instances.first();
        let presence = first.map(|one| one.presence);
        let is_tracked = first.is_some_and(|one| one.region.origin == Origin::Track);
        let packet = &mut self.packet;
        packet.flags.set(
            Flags::LOST,
            !presence.is_some_and(|presence| presence.found),
        );
        packet.flags.set(Flags::TRACKING, is_tracked);
        packet.set_score(presence.map_or(0.0, |presence| presence.score));
        let unit = packet.unit;
        let keypoints = first.map_or(&[][..], |one| &one.keypoints);
        let keypoints = keypoints.iter().map(|joint| WireKeypoint::new(joint, unit));
        packet.body = Body::Keypoints(keypoints.collect());
        self.stamped(now)
    }

    /// Packets of a moment without a result. `last` says that the stream ends.
    pub fn heartbeat(&mut self, camera_present: bool, last: bool, now: Instant) -> &[Packet] {
        let flags = &mut self.packet.flags;
        flags.set(Flags::LOST, true);
        flags.set(Flags::TRACKING, false);
        flags.set(Flags::NO_CAMERA, !camera_present);
        flags.set(Flags::LAST, last);
        self.packet.score = 0;
        self.packet.body = Body::Heartbeat;
        self.stamped(now)
    }

    /// Packets of the run's figures. The header's other fields and flags stay those of the last packet.
    pub fn stats(&mut self, stats: WireStats, now: Instant) -> &[Packet] {
        self.packet.score = 0;
        self.packet.body = Body::Stats(stats);
        self.stamped(now)
    }

    fn stamped(&mut self, now: Instant) -> &[Packet] {
        self.stamp(now);
        std::slice::from_ref(&self.packet)
    }

    fn stamp(&mut self, now: Instant) {
        self.packet.stamp(now, self.stale_after_us);
        self.packet.sequence = self.next_sequence;
        self.next_sequence = self.next_sequence.wrapping_add(1);
    }
}
