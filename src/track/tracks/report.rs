//! What is sent of the slots.

use super::{Tracks, share_inside};
use crate::limits::MAX_INSTANCES;
use crate::scene::{
    CropBox, Crowd, FrameInfo, Instance, Keypoint, Origin, Presence, Region, Scene, Track,
    TrackState,
};
use crate::track::slot::Stage;

/// A region with less of it in the frame crosses the edge.
const WHOLE: f32 = 0.999;

impl Tracks {
    /// Adds the instances to a scene, in the order of their slots.
    pub fn report(&mut self, frame: &FrameInfo, scene: &mut Scene) {
        let now_us = frame.captured.mono_us;
        let mut confirmed = 0;
        for at in 0..MAX_INSTANCES {
            let slot = &self.slots[at];
            let state = match slot.stage {
                Stage::Confirmed if slot.seen_us == now_us => TrackState::Tracked,
                Stage::Confirmed | Stage::Coasting { .. } => TrackState::Predicted,
                Stage::Lost { is_said: false, .. } => TrackState::Lost,
                _ => continue,
            };
            let Some(instance) = self.instance(at, frame, state) else {
                continue;
            };
            confirmed += u8::from(state != TrackState::Lost);
            // There are as many places as slots.
            let _ = scene.instances.push(instance);
            if let Stage::Lost { is_said, .. } = &mut self.slots[at].stage {
                *is_said = true;
            }
        }
        scene.crowd = Some(Crowd {
            confirmed,
            // At most as many as the list has.
            waiting: self.waiting.len() as u8,
        });
    }

    fn instance(&self, at: usize, frame: &FrameInfo, state: TrackState) -> Option<Instance> {
        let now_us = frame.captured.mono_us;
        let slot = &self.slots[at];
        let kind = self.kind(slot.task)?;
        let mut keypoints = slot.pose_at(now_us);
        if state == TrackState::Lost {
            keypoints.fill(Keypoint::default());
        }
        let place = slot.motion.at(now_us).scaled(kind.padding);
        Some(Instance {
            task: slot.task,
            presence: Presence {
                score: slot.presence,
                found: state == TrackState::Tracked,
            },
            keypoints,
            region: Region {
                crop: CropBox::new(place.bbox(), 1.0, kind.input_px),
                origin: Origin::Track,
            },
            track: Some(Track {
                number: slot.number,
                // There are at most MAX_INSTANCES.
                slot: at as u8,
                joint_table: kind.joint_table,
                state,
                parent: slot.parent,
                side: slot.side.side(),
                is_border: share_inside(frame, &place) < WHOLE,
                is_overlapped: slot.overlapped_since_us.is_some(),
                is_unsure: now_us < slot.unsure_until_us,
                is_smoothed: false,
                seen_us: now_us.saturating_sub(slot.confirmed_us),
                look_age_us: now_us.saturating_sub(slot.seen_us),
                held: match state {
                    TrackState::Tracked => slot.held,
                    _ => 0,
                },
            }),
        })
    }
}
