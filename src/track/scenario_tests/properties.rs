//! What holds for all scenes, and for all values of a network.

use super::drawn::{PEAKS, Run, Thing, box_of, kind};
use crate::clock::Instant;
use crate::error::Result;
use crate::limits::MAX_INSTANCES;
use crate::scene::{BBox, CropBox, FrameInfo, Keypoint, Scene, Task, TrackState};
use crate::track::follow::{FollowOptions, Follower};
use crate::track::look::{Candidates, Look, Looker, Pass};
use crate::track::place::Candidate;
use crate::track::tracks::Tracks;
use proptest::prelude::*;

prop_compose! {
    fn any_thing()(
        x_px in -100.0_f32..740.0,
        y_px in -100.0_f32..580.0,
        side_px in 5.0_f32..400.0,
        presence in 0.0_f32..1.2,
        is_hand: bool,
    ) -> Thing {
        let task = if is_hand { Task::Hand } else { Task::Body };
        Thing { task, x_px, y_px, side_px, presence, right_hand: Some(presence), is_restless: false }
    }
}

/// A network that says anything.
struct Madness {
    values: Vec<f32>,
    at: usize,
}

impl Madness {
    fn next(&mut self) -> f32 {
        self.at += 1;
        self.values[self.at % self.values.len()]
    }
}

impl Looker for Madness {
    fn look(&mut self, _: Task, _: &CropBox) -> Result<Look> {
        let keypoints = (0..21).map(|_| Keypoint {
            x_px: self.next(),
            y_px: self.next(),
            score: self.next(),
        });
        Ok(Look {
            keypoints: keypoints.collect(),
            presence: self.next(),
            right_hand: Some(self.next()),
            took_us: self.next() as u64,
        })
    }

    fn find(&mut self, _: &BBox, found: &mut Candidates) -> Result<Pass> {
        for _ in 0..3 {
            let _ = found.push(Candidate {
                task: Task::Hand,
                bbox: BBox {
                    x_px: self.next(),
                    y_px: self.next(),
                    width_px: self.next(),
                    height_px: self.next(),
                },
                score: self.next(),
                side: None,
                parent: None,
            });
        }
        Ok(Pass {
            took_us: self.next() as u64,
            sure_side_px: self.next(),
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn there_are_never_more_than_asked_for_and_no_number_is_used_twice(
        scenes in proptest::collection::vec(proptest::collection::vec(any_thing(), 0..6), 1..40),
        hands in 1_usize..4,
        bodies in 0_usize..3,
        with_finder: bool,
    ) {
        let finder_us = with_finder.then_some(1_000);
        let mut run = Run::with_options(hands, bodies, 2_000, finder_us);
        let mut known = std::collections::BTreeSet::new();
        let mut lost = std::collections::BTreeSet::new();
        let mut newest = 0;
        for things in scenes {
            let things: Vec<_> = things.into_iter().map(Some).collect();
            for _ in 0..6 {
                run.numbers = vec![None; 8];
                run.show(&things, None);
                let count = |task| run.scene.instances.iter().filter(|one| one.task == task
                    && one.track.unwrap().state != TrackState::Lost).count();
                prop_assert!(count(Task::Hand) <= hands && count(Task::Body) <= bodies);
                let mut numbers: Vec<u16> = run.followed().iter().map(|track| track.number).collect();
                numbers.sort_unstable();
                let before = numbers.len();
                numbers.dedup();
                prop_assert_eq!(numbers.len(), before);
                for number in numbers {
                    prop_assert!(number != 0);
                    // A number is new, or known.
                    prop_assert!(known.contains(&number) || number > newest);
                    newest = newest.max(number);
                    known.insert(number);
                }
                for (track, ..) in run.tracks() {
                    if track.state == TrackState::Lost {
                        lost.insert(track.number);
                    }
                    prop_assert!(known.contains(&track.number));
                }
            }
        }
    }

    #[test]
    fn the_order_of_detections_changes_nothing(
        things in proptest::collection::vec(any_thing(), 1..8),
        rotation in 0_usize..8,
    ) {
        let result = |things: &[Thing]| {
            let mut tracks = Tracks::new(&[kind(Task::Hand, 3), kind(Task::Body, 2)], 4, None);
            let frame = FrameInfo {
                width_px: 640,
                height_px: 480,
                ..FrameInfo::default()
            };
            let mut candidates: Vec<Candidate> = things.iter().map(|thing| Candidate {
                task: thing.task,
                bbox: box_of(thing),
                score: thing.presence,
                side: None,
                parent: None,
            }).collect();
            tracks.begin(&frame);
            tracks.offer(&frame, &mut candidates, |_, _| true);
            let order = tracks.order(0);
            order.iter().map(|&at| (tracks.task(at), tracks.crop(at, 0))).collect::<Vec<_>>()
        };
        let mut turned = things.clone();
        turned.rotate_left(rotation % things.len());
        prop_assert_eq!(result(&things), result(&turned));
    }

    #[test]
    fn no_value_of_a_network_breaks_the_rules(
        values in proptest::collection::vec(prop_oneof![
            4 => -100.0_f32..800.0,
            2 => 0.0_f32..1.0,
            1 => any::<f32>(),
            1 => Just(f32::NAN),
            1 => Just(f32::INFINITY),
        ], 40..200),
        with_finder: bool,
    ) {
        let mut follower = Follower::new(&FollowOptions {
            kinds: vec![kind(Task::Hand, 3)],
            finder: with_finder.then_some(PEAKS),
            limit: 3,
            roi: None,
            budget_us: None,
        });
        let mut madness = Madness { values, at: 0 };
        let mut scene = Scene::default();
        for index in 0..60 {
            let frame = FrameInfo {
                index,
                width_px: 640,
                height_px: 480,
                captured: Instant { mono_us: index * 50_000, wall_us: 0 },
            };
            follower.frame(frame, None, &mut madness, &mut scene).unwrap();
            prop_assert!(scene.instances.len() <= MAX_INSTANCES);
            prop_assert!(scene.crowd.unwrap().confirmed <= 3);
            for one in &scene.instances {
                let crop = one.region.crop;
                prop_assert!(crop.center_x_px.is_finite() && crop.width_px.is_finite());
                prop_assert!(one.keypoints.iter().all(|joint| joint.x_px.is_finite() && joint.score.is_finite()));
            }
        }
    }
}
