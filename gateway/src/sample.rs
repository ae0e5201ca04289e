//! Boards without a camera, for tests and for the load generator. Their packets are made by the board's own code.

use posewire::clock::Instant;
use posewire::scene::{
    CropBox, FrameInfo, Instance, JointTable, Keypoint, Origin, Presence, Region, Scene, Task,
};
use posewire::wire::{Key, Packet, Sealer, Sender, StreamId, WireStats};
use std::time::Duration;

/// Joints of the built-in hand network.
const HAND_JOINTS: usize = 21;

/// A sender of packets.
pub struct Board {
    sender: Sender,
    sealer: Option<Sealer>,
    scene: Scene,
}

impl Board {
    /// A board without a key. Its session distinguishes its starts.
    pub fn open(session: u32) -> Self {
        Self::new(session, 0, None)
    }

    /// A board with the key of this number.
    pub fn sealed(key: u8, session: u32) -> Self {
        let sealer = Sealer::new(Self::key(key), 1_700_000_000_000_000 + u64::from(session));
        Self::new(session, 0, Some(sealer))
    }

    /// The key of a number.
    pub fn key(number: u8) -> Key {
        Key::new(&[number; 32])
    }

    pub fn new(session: u32, instance: u8, sealer: Option<Sealer>) -> Self {
        let id = StreamId {
            session,
            instance,
            task: Task::Hand,
            joint_table: JointTable::Interhand21,
            mirrored: false,
        };
        let joint = |index: usize| Keypoint {
            x_px: 100.0 + 8.0 * index as f32,
            y_px: 200.0 + 4.0 * index as f32,
            score: 0.9,
        };
        let hand = Instance {
            task: Task::Hand,
            presence: Presence {
                score: 0.9,
                found: true,
            },
            keypoints: (0..HAND_JOINTS).map(joint).collect(),
            region: Region {
                crop: CropBox {
                    center_x_px: 180.0,
                    center_y_px: 240.0,
                    width_px: 160.0,
                    height_px: 160.0,
                },
                origin: Origin::Track,
            },
            track: None,
        };
        let frame = FrameInfo {
            width_px: 640,
            height_px: 480,
            ..FrameInfo::default()
        };
        Board {
            sender: Sender::new(id, Duration::from_millis(500)),
            sealer,
            scene: Scene {
                frame,
                instances: [hand].into_iter().collect(),
                crowd: None,
            },
        }
    }

    /// A frame that is captured now, with a hand or without one.
    pub fn frame(&mut self, found: bool) -> Vec<u8> {
        self.scene.frame.index += 1;
        self.scene.frame.captured = Instant::now();
        for instance in &mut self.scene.instances {
            instance.presence.found = found;
        }
        let packet = self.sender.scene(&self.scene, Instant::now())[0].clone();
        self.bytes(&packet)
    }

    pub fn heartbeat(&mut self) -> Vec<u8> {
        let packet = self.sender.heartbeat(true, false, Instant::now())[0].clone();
        self.bytes(&packet)
    }

    /// The last packet of a board that is stopped.
    pub fn last(&mut self) -> Vec<u8> {
        let packet = self.sender.heartbeat(true, true, Instant::now())[0].clone();
        self.bytes(&packet)
    }

    pub fn stats(&mut self, stats: WireStats) -> Vec<u8> {
        let packet = self.sender.stats(stats, Instant::now())[0].clone();
        self.bytes(&packet)
    }

    fn bytes(&mut self, packet: &Packet) -> Vec<u8> {
        posewire::wire::encode(packet, self.sealer.as_mut()).to_vec()
    }
}
