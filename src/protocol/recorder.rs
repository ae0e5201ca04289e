//! Writes down what a stream sends, raw and smoothed.

use crate::clock::Instant;
use crate::filter::{Smoother, Strength};
use crate::mot::Sent;
use crate::scene::{Instance, Scene, TrackState};
use crate::sink::{Delivery, Event, Sink, What};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One instance is followed without a number: it is always the same one.
const ONLY_NUMBER: u32 = 1;

/// Instances that were sent in one frame.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub index: u64,
    pub raw: Vec<Sent>,
    pub smooth: Vec<Sent>,
    /// The cost of its looks.
    pub spent_us: u64,
}

/// A sink of a stream that sends raw joints.
pub(super) struct Recorder<'a> {
    frames: &'a RefCell<Vec<Recorded>>,
    smoother: Smoother,
    spent_us: Arc<AtomicU64>,
}

impl<'a> Recorder<'a> {
    pub fn new(
        frames: &'a RefCell<Vec<Recorded>>,
        min_score: f32,
        spent_us: Arc<AtomicU64>,
    ) -> Recorder<'a> {
        Recorder {
            frames,
            smoother: Smoother::new(Strength::LIGHT, min_score),
            spent_us,
        }
    }
}

impl Sink for Recorder<'_> {
    fn name(&self) -> &str {
        "recorder"
    }

    fn take(&mut self, event: &Event<'_>, _: Instant) -> Delivery {
        let What::Scene { scene, .. } = event.what else {
            return Ok(());
        };
        let mut smoothed = scene.clone();
        self.smoother.apply(&mut smoothed);
        self.frames.borrow_mut().push(Recorded {
            index: scene.frame.index,
            raw: sent(scene),
            smooth: sent(&smoothed),
            spent_us: self.spent_us.swap(0, Ordering::Relaxed),
        });
        Ok(())
    }
}

/// The instances that a scene says are there.
fn sent(scene: &Scene) -> Vec<Sent> {
    let there = |one: &&Instance| match one.track {
        Some(track) => track.state != TrackState::Lost,
        None => one.presence.found,
    };
    let sent = scene.instances.iter().filter(there).map(|one| Sent {
        number: one.track.map_or(ONLY_NUMBER, |track| track.number.into()),
        task: one.task,
        side: one.track.and_then(|track| track.side).map(|(side, _)| side),
        is_linked: one.track.is_some_and(|track| track.parent.is_some()),
        is_predicted: one
            .track
            .is_some_and(|track| track.state == TrackState::Predicted),
        look_age_us: one.track.map_or(0, |track| track.look_age_us),
        joints: one
            .keypoints
            .iter()
            .map(|joint| joint.is_found().then_some((joint.x_px, joint.y_px)))
            .collect(),
    });
    sent.collect()
}
