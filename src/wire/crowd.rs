//! Instances of a scene in wire units.

use super::instances::{FrameCounts, InstanceFlags, InstanceState, WireInstance, WireJoint};
use super::keypoint::{FixedPoint, WireKeypoint};
use super::packet::Packet;
use crate::limits::MAX_INSTANCES;
use crate::scene::{Crowd, Instance, Keypoint, Scene, Side, Track, TrackState};

/// The instances of a scene that have a history, in its order.
pub(super) fn wire_instances(
    scene: &Scene,
    unit: FixedPoint,
) -> heapless::Vec<WireInstance, MAX_INSTANCES> {
    let followed = scene.instances.iter();
    followed
        .filter_map(|one| Some(wire_instance(one, one.track.as_ref()?, unit)))
        .collect()
}

pub(super) fn counts(crowd: Crowd) -> FrameCounts {
    FrameCounts {
        confirmed: crowd.confirmed,
        waiting: crowd.waiting,
    }
}

fn wire_instance(one: &Instance, track: &Track, unit: FixedPoint) -> WireInstance {
    let crop = &one.region.crop;
    let centre = WireKeypoint::new(
        &Keypoint {
            x_px: crop.center_x_px as f32,
            y_px: crop.center_y_px as f32,
            score: 1.0,
        },
        unit,
    );
    let joint = |(at, joint): (usize, &Keypoint)| {
        let found = Some(WireKeypoint::new(joint, unit)).filter(|point| point.score > 0);
        WireJoint::new(found, track.held & (1 << at) != 0)
    };
    let flags = [
        (track.is_border, InstanceFlags::BORDER),
        (track.is_overlapped, InstanceFlags::OVERLAPPED),
        (track.is_unsure, InstanceFlags::UNSURE),
        (track.is_smoothed, InstanceFlags::SMOOTHED),
    ];
    let (side, side_score) = match track.side {
        None => (0, 0.0),
        Some((Side::Left, score)) => (1, score),
        Some((Side::Right, score)) => (2, score),
    };
    // `as` saturates, and converts NaN to 0.
    let byte = |share: f32| (255.0 * share).round() as u8;
    let word = |value: u64| u16::try_from(value).unwrap_or(u16::MAX);
    WireInstance {
        number: track.number,
        parent: track.parent,
        slot: track.slot,
        task: Packet::task_code(one.task),
        state: match track.state {
            TrackState::Tracked => InstanceState::Tracked,
            TrackState::Predicted => InstanceState::Predicted,
            TrackState::Lost => InstanceState::Lost,
        }
        .code(),
        side,
        flags: flags
            .iter()
            .filter(|(is_set, _)| *is_set)
            .fold(0, |all, (_, bit)| all | bit),
        seen_ds: word(track.seen_us / 100_000),
        look_age_ms: word(track.look_age_us.div_ceil(1000)),
        centre: [centre.x, centre.y],
        region_side: (crop.width_px as f32 * unit.one()).round() as u16,
        presence: byte(one.presence.score),
        side_score: byte(side_score),
        joint_table: Packet::joint_table_code(track.joint_table),
        // More joints than a packet holds are refused at the start.
        joints: one
            .keypoints
            .iter()
            .enumerate()
            .take(super::MAX_INSTANCE_JOINTS)
            .map(joint)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{CropBox, JointTable, Origin, Presence, Region, Task};

    #[test]
    fn an_instance_in_wire_units() {
        let unit = FixedPoint::for_frame(640, 480);
        let mut scene = Scene::default();
        let joint = |score| Keypoint {
            x_px: 10.5,
            y_px: -2.0,
            score,
        };
        let track = Track {
            number: 7,
            slot: 2,
            joint_table: JointTable::Interhand21,
            state: TrackState::Predicted,
            parent: Some(3),
            side: Some((Side::Left, 0.8)),
            is_border: true,
            is_overlapped: false,
            is_unsure: true,
            is_smoothed: false,
            seen_us: 1_250_000,
            look_age_us: 33_001,
            held: 0b10,
        };
        let instance = Instance {
            task: Task::Hand,
            presence: Presence {
                score: 0.5,
                found: false,
            },
            keypoints: [joint(0.5), joint(1.5), joint(0.0)].into_iter().collect(),
            region: Region {
                crop: CropBox {
                    center_x_px: 100.0,
                    center_y_px: 50.25,
                    width_px: 80.0,
                    height_px: 80.0,
                },
                origin: Origin::Track,
            },
            track: Some(track),
        };
        let without = Instance {
            track: None,
            ..instance.clone()
        };
        scene.instances.push(instance).unwrap();
        scene.instances.push(without).unwrap();
        let wire = wire_instances(&scene, unit);
        let [one] = &wire[..] else { panic!("{wire:?}") };
        assert_eq!((one.number, one.parent, one.slot), (7, Some(3), 2));
        assert_eq!(
            (one.task, one.state, one.side, one.joint_table),
            (1, 2, 1, 1)
        );
        assert_eq!(one.flags, InstanceFlags::BORDER | InstanceFlags::UNSURE);
        assert_eq!((one.seen_ds, one.look_age_ms), (12, 34));
        assert_eq!(one.region_px(unit), [100.0, 50.25, 80.0]);
        assert_eq!((one.presence, one.side_score), (128, 204));
        let held: Vec<bool> = one.joints.iter().map(|joint| joint.is_held).collect();
        assert_eq!(held, [false, true, false]);
        assert_eq!(one.joints[2].point.position_px(unit), None);
        assert_eq!(one.joints[0].point.position_px(unit), Some((10.5, -2.0)));
    }
}
