//! Scenes of drawn hands and bodies, with noise from a fixed seed: a fake network looks at them.

use super::cut::Grid;
use super::follow::{FollowOptions, Follower};
use super::kind::{Kind, Thresholds};
use super::look::{Candidates, Look, Looker, Pass};
use super::place::Candidate;
use crate::clock::Instant;
use crate::error::Result;
use crate::limits::MAX_INSTANCES;
use crate::scene::{
    BBox, CropBox, FrameInfo, JointTable, Keypoint, Keypoints, Scene, Side, Task, Track, TrackState,
};
use proptest::prelude::*;

const PERIOD_US: u64 = 33_333;
const WIDTH_PX: f32 = 640.0;
const HEIGHT_PX: f32 = 480.0;

/// What is in the scene at a moment.
#[derive(Debug, Clone, Copy)]
struct Thing {
    task: Task,
    x_px: f32,
    y_px: f32,
    side_px: f32,
    /// The presence that the network finds.
    presence: f32,
    /// The probability of a right hand that the network finds.
    right_hand: Option<f32>,
}

fn hand(x_px: f32, y_px: f32) -> Thing {
    Thing {
        task: Task::Hand,
        x_px,
        y_px,
        side_px: 80.0,
        presence: 0.65,
        right_hand: None,
    }
}

/// A person in the middle, nearly as high as the frame.
fn body() -> Thing {
    Thing {
        task: Task::Body,
        x_px: 320.0,
        y_px: 240.0,
        side_px: 400.0,
        presence: 0.7,
        right_hand: None,
    }
}

/// A finder's thresholds.
const PEAKS: Thresholds = Thresholds {
    birth: 0.5,
    keep: 0.3,
};

struct Noise(u32);

impl Noise {
    /// About normal, with a deviation of 1.
    fn next(&mut self) -> f32 {
        let mut sum = 0.0;
        for _ in 0..6 {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            sum += (self.0 >> 8) as f32 / (1 << 24) as f32 - 0.5;
        }
        sum * 1.414
    }
}

/// A fake network. It sees the thing that is nearest to the region's centre and fills it well enough. Later things
/// hide earlier ones.
struct Eyes {
    things: Vec<Thing>,
    noise: Noise,
    cost_us: u64,
    looks: Vec<Task>,
    spent_us: u64,
    /// A finder sees everything, at this cost.
    finder_us: Option<u64>,
    passes: usize,
    is_finder_blind: bool,
}

impl Eyes {
    fn new(cost_us: u64) -> Eyes {
        Eyes {
            things: Vec::new(),
            noise: Noise(1),
            cost_us,
            looks: Vec::new(),
            spent_us: 0,
            finder_us: None,
            passes: 0,
            is_finder_blind: false,
        }
    }

    fn is_visible(&self, at: usize) -> bool {
        let own = self.things[at];
        let hides = |other: &Thing| {
            other.task == own.task
                && (other.x_px - own.x_px).hypot(other.y_px - own.y_px) < 0.4 * own.side_px
        };
        !self.things[at + 1..].iter().any(hides)
    }

    fn joints(&mut self, thing: &Thing) -> Keypoints {
        let count = match thing.task {
            Task::Hand => 21,
            Task::Body => 16,
        };
        let joints = (0..count).map(|joint| {
            let (column, row) = shape_of(thing.task, joint);
            Keypoint {
                x_px: thing.x_px + thing.side_px * (column + 0.008 * self.noise.next()),
                y_px: thing.y_px + thing.side_px * (row + 0.008 * self.noise.next()),
                score: thing.presence + 0.03 * self.noise.next(),
            }
        });
        joints.collect()
    }
}

/// A joint's place in its box, from -0.5 to 0.5.
fn shape_of(task: Task, joint: usize) -> (f32, f32) {
    match task {
        // Five fingers, and the wrist below.
        Task::Hand if joint == 20 => (0.0, 0.5),
        Task::Hand => (
            (joint / 4) as f32 / 4.0 - 0.5,
            (joint % 4) as f32 / 4.0 - 0.5,
        ),
        Task::Body => [
            (0.1, 0.5),
            (0.1, 0.3),
            (0.1, 0.1),
            (-0.1, 0.1),
            (-0.1, 0.3),
            (-0.1, 0.5),
            (0.0, 0.1),
            (0.0, -0.2),
            (0.0, -0.3),
            (0.0, -0.5),
            // Arms to both sides; the right one is at the left of the picture.
            (-0.4, -0.2),
            (-0.25, -0.2),
            (-0.1, -0.2),
            (0.1, -0.2),
            (0.25, -0.2),
            (0.4, -0.2),
        ][joint],
    }
}

impl Looker for Eyes {
    fn look(&mut self, task: Task, crop: &CropBox) -> Result<Look> {
        self.looks.push(task);
        self.spent_us += self.cost_us;
        let (x, y) = (crop.center_x_px as f32, crop.center_y_px as f32);
        let side = crop.width_px.max(crop.height_px) as f32;
        let distance = |thing: &Thing| (thing.x_px - x).hypot(thing.y_px - y);
        let seen = (0..self.things.len())
            .filter(|&at| {
                let thing = &self.things[at];
                let share = thing.side_px / side;
                thing.task == task
                    && distance(thing) < 0.45 * side
                    && (0.2..1.1).contains(&share)
                    && self.is_visible(at)
            })
            .min_by(|&a, &b| distance(&self.things[a]).total_cmp(&distance(&self.things[b])))
            .map(|at| self.things[at]);
        let keypoints = match seen {
            Some(thing) => self.joints(&thing),
            None => self.joints(&Thing {
                task,
                x_px: x,
                y_px: y,
                side_px: 0.5 * side,
                presence: 0.2,
                right_hand: None,
            }),
        };
        let presence = keypoints
            .iter()
            .map(|joint| joint.score.max(0.0))
            .sum::<f32>()
            / keypoints.len() as f32;
        Ok(Look {
            keypoints,
            presence,
            right_hand: seen.and_then(|thing| thing.right_hand),
            took_us: self.cost_us,
        })
    }

    fn find(&mut self, area: &BBox, found: &mut Candidates) -> Result<Pass> {
        let cost_us = self.finder_us.unwrap();
        self.spent_us += cost_us;
        self.passes += 1;
        for at in 0..self.things.len() {
            let thing = self.things[at];
            if self.is_visible(at) && area.holds(thing.x_px, thing.y_px) && !self.is_finder_blind {
                let _ = found.push(Candidate {
                    task: thing.task,
                    bbox: box_of(&thing),
                    score: thing.presence,
                    side: None,
                    parent: None,
                });
            }
        }
        Ok(Pass {
            took_us: cost_us,
            sure_side_px: 32.0,
        })
    }
}

fn box_of(thing: &Thing) -> BBox {
    BBox {
        x_px: thing.x_px - 0.5 * thing.side_px,
        y_px: thing.y_px - 0.5 * thing.side_px,
        width_px: thing.side_px,
        height_px: thing.side_px,
    }
}

fn kind(task: Task, limit: usize) -> Kind {
    Kind {
        task,
        joint_table: match task {
            Task::Hand => JointTable::Interhand21,
            Task::Body => JointTable::Mpii16,
        },
        padding: match task {
            Task::Hand => 1.5,
            Task::Body => 1.25,
        },
        input_px: [256, 256].into(),
        min_score: 0.3,
        presence: Thresholds {
            birth: 0.49,
            keep: 0.35,
        },
        search_score: 0.35,
        limit,
    }
}

/// A run of a scene, and what was counted.
struct Run {
    follower: Follower,
    eyes: Eyes,
    scene: Scene,
    frame: u64,
    most_us: u64,
    /// Number of each thing when it was matched last.
    numbers: Vec<Option<u16>>,
    first_match_us: Vec<Option<u64>>,
    swaps: usize,
    ghosts: usize,
}

impl Run {
    fn new(hands: usize, bodies: usize, cost_us: u64) -> Run {
        Run::with_options(hands, bodies, cost_us, None)
    }

    /// With a finder of this cost.
    fn with_finder(hands: usize, bodies: usize, cost_us: u64, finder_us: u64) -> Run {
        Run::with_options(hands, bodies, cost_us, Some(finder_us))
    }

    fn with_options(hands: usize, bodies: usize, cost_us: u64, finder_us: Option<u64>) -> Run {
        let mut eyes = Eyes::new(cost_us);
        eyes.finder_us = finder_us;
        let follower = Follower::new(&FollowOptions {
            kinds: [kind(Task::Hand, hands), kind(Task::Body, bodies)]
                .into_iter()
                .filter(|kind| kind.limit > 0)
                .collect(),
            finder: finder_us.map(|_| PEAKS),
            limit: MAX_INSTANCES,
            roi: None,
            budget_us: None,
        });
        Run {
            follower,
            eyes,
            scene: Scene::default(),
            frame: 0,
            most_us: 0,
            numbers: vec![None; 8],
            first_match_us: vec![None; 8],
            swaps: 0,
            ghosts: 0,
        }
    }

    fn now_us(&self) -> u64 {
        1_000_000 + self.frame * PERIOD_US
    }

    /// One frame of these things; `None` is one that is not there now.
    fn show(&mut self, things: &[Option<Thing>], grid: Option<&Grid>) {
        self.eyes.things = things.iter().flatten().copied().collect();
        self.eyes.spent_us = 0;
        self.eyes.looks.clear();
        let frame = FrameInfo {
            index: self.frame,
            width_px: WIDTH_PX as u32,
            height_px: HEIGHT_PX as u32,
            captured: Instant {
                mono_us: self.now_us(),
                wall_us: self.now_us(),
            },
        };
        self.follower
            .frame(frame, grid, &mut self.eyes, &mut self.scene)
            .unwrap();
        self.most_us = self.most_us.max(self.eyes.spent_us);
        self.judge(things);
        self.frame += 1;
    }

    fn judge(&mut self, things: &[Option<Thing>]) {
        let now_us = self.now_us();
        let sent: Vec<(Track, f32, f32)> = self
            .tracks()
            .into_iter()
            .filter(|(track, ..)| track.state == TrackState::Tracked)
            .collect();
        for &(track, x, y) in &sent {
            let is_near = |thing: &Thing| {
                (thing.x_px - x).hypot(thing.y_px - y) < 0.3 * thing.side_px && thing.presence > 0.5
            };
            let matches = |at: usize| things[at].filter(is_near).map(|_| at);
            let known = (0..things.len())
                .filter_map(matches)
                .find(|&at| self.numbers[at] == Some(track.number));
            match known.or_else(|| (0..things.len()).find_map(matches)) {
                Some(at) => {
                    self.swaps +=
                        usize::from(self.numbers[at].is_some_and(|number| number != track.number));
                    self.numbers[at] = Some(track.number);
                    self.first_match_us[at].get_or_insert(now_us);
                }
                None => self.ghosts += 1,
            }
        }
    }

    /// The reported instances with the centres of their boxes.
    fn tracks(&self) -> Vec<(Track, f32, f32)> {
        let instances = self.scene.instances.iter().map(|one| {
            let crop = one.region.crop;
            (
                one.track.unwrap(),
                crop.center_x_px as f32,
                crop.center_y_px as f32,
            )
        });
        instances.collect()
    }

    fn followed(&self) -> Vec<Track> {
        let tracks = self.tracks().into_iter().map(|(track, ..)| track);
        tracks
            .filter(|track| track.state != TrackState::Lost)
            .collect()
    }

    fn lock_ms(&self, thing: usize) -> u64 {
        (self.first_match_us[thing].unwrap() - 1_000_000) / 1000
    }

    fn say(&self, what: &str) {
        let (swaps, ghosts) = (self.swaps, self.ghosts);
        let locks: Vec<u64> = self
            .first_match_us
            .iter()
            .flatten()
            .map(|us| (us - 1_000_000) / 1000)
            .collect();
        println!(
            "{what}: {} frames, {swaps} swaps, {ghosts} ghosts, first seen after {locks:?} ms",
            self.frame
        );
    }
}

#[test]
fn two_hands_at_rest_are_found_and_keep_their_numbers() {
    let mut run = Run::new(4, 0, 2_000);
    for _ in 0..300 {
        run.show(&[Some(hand(150.0, 200.0)), Some(hand(480.0, 300.0))], None);
    }
    run.say("rest");
    assert_eq!((run.swaps, run.ghosts), (0, 0));
    assert_eq!(run.followed().len(), 2);
    assert!(run.lock_ms(0) <= 1000 && run.lock_ms(1) <= 1000);
    assert!(run.followed().iter().all(|track| track.seen_us > 8_000_000));
}

#[test]
fn a_finder_locks_on_in_200_ms() {
    let mut run = Run::with_finder(4, 0, 4_000, 5_000);
    for _ in 0..60 {
        run.show(&[Some(hand(150.0, 200.0)), Some(hand(480.0, 300.0))], None);
    }
    run.say("rest, with a finder");
    assert_eq!((run.swaps, run.ghosts), (0, 0));
    assert!(run.lock_ms(0).max(run.lock_ms(1)) <= 200);
}

#[test]
fn clutter_is_never_born_and_an_empty_scene_stays_empty() {
    let clutter = |x| Thing {
        presence: 0.43,
        ..hand(x, 240.0)
    };
    for finder_us in [None, Some(3_000)] {
        let mut run = Run::with_options(4, 0, 2_000, finder_us);
        for _ in 0..600 {
            run.show(&[Some(clutter(200.0)), Some(clutter(420.0))], None);
            assert_eq!(run.followed(), []);
        }
        run.say("clutter");
        assert_eq!(run.ghosts, 0);
    }
}

#[test]
fn hands_that_cross_keep_their_numbers() {
    let mut run = Run::new(2, 0, 2_000);
    for _ in 0..60 {
        run.show(&[Some(hand(150.0, 240.0)), Some(hand(490.0, 250.0))], None);
    }
    // Five crossings of 10 s in all, one hand in front of the other, at 2.1 sides/s.
    for frame in 0..300 {
        let phase = (frame as f32 / 60.0 * std::f32::consts::PI).cos();
        let near = hand(320.0 + 170.0 * phase, 250.0);
        let far = hand(320.0 - 170.0 * phase, 240.0);
        run.show(&[Some(far), Some(near)], None);
    }
    run.say("five crossings");
    assert_eq!((run.swaps, run.ghosts), (0, 0));
    assert_eq!(run.followed().len(), 2);
}

#[test]
fn a_short_gap_is_predicted_and_a_longer_one_keeps_the_number() {
    for (gap_frames, is_lost) in [(3, false), (15, true), (25, true)] {
        let mut run = Run::new(2, 0, 2_000);
        let there = [Some(hand(200.0, 240.0))];
        for _ in 0..60 {
            run.show(&there, None);
        }
        let number = run.followed()[0].number;
        let mut lost = 0;
        for _ in 0..gap_frames {
            run.show(&[None], None);
            let tracks = run.tracks();
            lost += tracks
                .iter()
                .filter(|(track, ..)| track.state == TrackState::Lost)
                .count();
            assert!(
                tracks
                    .iter()
                    .all(|(track, ..)| track.state != TrackState::Tracked)
            );
        }
        assert_eq!(lost, usize::from(is_lost), "{gap_frames}: said once");
        for _ in 0..45 {
            run.show(&there, None);
        }
        run.say("gap");
        let after = run.followed();
        assert_eq!(after.len(), 1);
        assert_eq!(after[0].number, number, "after {gap_frames} frames");
    }
}

#[test]
fn a_long_absence_gives_a_new_number() {
    let mut run = Run::new(2, 0, 2_000);
    let there = [Some(hand(200.0, 240.0))];
    for _ in 0..60 {
        run.show(&there, None);
    }
    let number = run.followed()[0].number;
    for _ in 0..90 {
        run.show(&[None], None);
    }
    for _ in 0..60 {
        run.show(&there, None);
    }
    assert!(run.followed()[0].number > number);
}

#[test]
fn a_scene_cut_loses_all_at_once() {
    let mut run = Run::new(2, 0, 2_000);
    let (dark, bright): (Grid, Grid) = ([20; 192], [200; 192]);
    for _ in 0..60 {
        run.show(&[Some(hand(200.0, 240.0))], Some(&dark));
    }
    assert_eq!(run.followed().len(), 1);
    run.show(&[None], Some(&bright));
    let states: Vec<TrackState> = run.tracks().iter().map(|(track, ..)| track.state).collect();
    assert_eq!(states, [TrackState::Lost]);
    run.show(&[None], Some(&bright));
    assert_eq!(run.tracks().len(), 0);
}

#[test]
fn a_hand_enters_at_the_border_and_leaves_at_the_other() {
    let mut run = Run::new(2, 0, 2_000);
    let mut first_inside = None;
    for frame in 0..150 {
        let x = -60.0 + 6.0 * frame as f32;
        let is_in = (-20.0..660.0).contains(&x);
        let entering = hand(x, 240.0);
        run.show(&[is_in.then_some(entering)], None);
        if x > 40.0 && first_inside.is_none() {
            first_inside = Some(run.now_us());
        }
        if x > 680.0 {
            assert_eq!(run.followed(), [], "gone beyond the border");
        }
    }
    run.say("border");
    assert_eq!((run.swaps, run.ghosts), (0, 0));
    let lock_us = run.first_match_us[0]
        .unwrap()
        .saturating_sub(first_inside.unwrap());
    assert!(lock_us < 700_000, "{lock_us}");
}

/// Looks that take the whole budget leave no time for the finder, which waits for a second at most. Then its pass is
/// the only thing that a followed hand waits for.
#[test]
fn a_finder_costs_a_followed_hand_one_pass_a_second() {
    let mut run = Run::with_finder(4, 0, 26_000, 20_000);
    let there = [Some(hand(200.0, 240.0))];
    for _ in 0..60 {
        run.show(&there, None);
    }
    assert_eq!(run.followed().len(), 1);
    (run.eyes.passes, run.most_us) = (0, 0);
    for _ in 0..300 {
        run.show(&there, None);
        assert_eq!(run.followed()[0].look_age_us, 0);
    }
    // 10 s.
    assert!((9..=10).contains(&run.eyes.passes), "{}", run.eyes.passes);
    assert_eq!(run.most_us, 26_000 + 20_000);
}

#[test]
fn full_slots_are_searched_once_a_second_and_a_ghost_is_given_up() {
    let mut run = Run::with_finder(1, 0, 2_000, 2_000);
    let mut ghost = hand(200.0, 240.0);
    // Sure enough to be born, and to stay.
    for _ in 0..60 {
        run.show(&[Some(ghost)], None);
    }
    assert_eq!(run.followed().len(), 1);
    run.eyes.passes = 0;
    for _ in 0..90 {
        run.show(&[Some(ghost)], None);
    }
    assert!((2..=3).contains(&run.eyes.passes), "{}", run.eyes.passes);
    // Not any more, and the finder has not seen it for a while.
    ghost.presence = 0.42;
    run.eyes.is_finder_blind = true;
    for _ in 0..150 {
        run.show(&[Some(ghost)], None);
    }
    assert_eq!(run.followed(), []);
}

#[test]
fn more_than_there_are_slots_for_wait_and_are_counted() {
    let mut run = Run::with_finder(2, 0, 2_000, 2_000);
    let things: Vec<Option<Thing>> = (0..4)
        .map(|at| Some(hand(80.0 + 150.0 * at as f32, 240.0)))
        .collect();
    for _ in 0..90 {
        run.show(&things, None);
        assert!(run.followed().len() <= 2);
    }
    let crowd = run.scene.crowd.unwrap();
    assert_eq!((crowd.confirmed, crowd.waiting), (2, 2));
}

/// Eight hands on a budget of four looks.
#[test]
fn eight_instances_on_a_budget_of_four_are_served_by_staleness() {
    let mut run = Run::with_finder(8, 0, 7_000, 7_000);
    let things: Vec<Option<Thing>> = (0..8)
        .map(|at| {
            Some(hand(
                80.0 + 150.0 * (at % 4) as f32,
                130.0 + 200.0 * (at / 4) as f32,
            ))
        })
        .collect();
    for _ in 0..90 {
        run.show(&things, None);
    }
    assert_eq!(run.followed().len(), 8);
    run.most_us = 0;
    let mut oldest_us = 0;
    let mut last: Vec<u8> = Vec::new();
    let mut alternating = 0;
    for _ in 0..300 {
        run.show(&things, None);
        let followed = run.followed();
        assert_eq!(followed.len(), 8);
        let served: Vec<u8> = followed
            .iter()
            .filter(|track| track.look_age_us == 0)
            .map(|track| track.slot)
            .collect();
        // Four looks, or three and a pass of the finder.
        assert!((3..=4).contains(&served.len()), "{served:?}");
        for track in followed {
            let is_seen = track.state == TrackState::Tracked;
            assert_eq!(is_seen, track.look_age_us == 0);
            oldest_us = oldest_us.max(track.look_age_us);
        }
        alternating += usize::from(served.iter().all(|slot| !last.contains(slot)));
        last = served;
    }
    run.say("eight on a budget of four");
    // 85 % of the period.
    assert!(run.most_us <= 28_333, "{}", run.most_us);
    assert!(alternating > 250, "{alternating}");
    assert!(oldest_us <= 3 * PERIOD_US, "{oldest_us}");
    assert_eq!((run.swaps, run.ghosts), (0, 0));
}

#[test]
fn a_slow_board_follows_as_many_as_it_looks_at_often_enough() {
    let mut run = Run::with_finder(8, 0, 28_000, 10_000);
    let things: Vec<Option<Thing>> = (0..6)
        .map(|at| Some(hand(60.0 + 105.0 * at as f32, 240.0)))
        .collect();
    for _ in 0..300 {
        run.show(&things, None);
    }
    let crowd = run.scene.crowd.unwrap();
    println!("{crowd:?}");
    // Three looks are a round of 100 ms, four would be one of 133 ms.
    assert_eq!((crowd.confirmed, crowd.waiting), (3, 3));
}

#[test]
fn a_body_gives_its_hands_their_boxes_sides_and_parents() {
    let mut run = Run::new(4, 2, 1_500);
    let body = body();
    // A wrist of a hand is at its lower edge.
    let at_wrist = |column: f32| Thing {
        side_px: 50.0,
        ..hand(320.0 + 400.0 * column, 240.0 - 80.0 - 25.0)
    };
    let things = [Some(body), Some(at_wrist(-0.42)), Some(at_wrist(0.42))];
    for _ in 0..120 {
        run.show(&things, None);
    }
    run.say("a body and its hands");
    let tracks = run.tracks();
    assert_eq!(tracks.len(), 3, "{tracks:?}");
    let person = tracks
        .iter()
        .find(|(track, x, _)| track.parent.is_none() && (x - 320.0).abs() < 20.0)
        .unwrap()
        .0;
    for (track, x, _) in tracks
        .iter()
        .filter(|(track, ..)| track.number != person.number)
    {
        assert_eq!(track.parent, Some(person.number), "{track:?}");
        let side = if *x < 320.0 { Side::Right } else { Side::Left };
        let (found, sureness) = track.side.unwrap();
        assert_eq!(found, side);
        assert!(sureness > 0.9);
    }
    assert_eq!((run.swaps, run.ghosts), (0, 0));
}

#[test]
fn the_network_tells_a_hands_side_and_a_short_contradiction_changes_nothing() {
    let mut run = Run::new(2, 0, 2_000);
    let mut right = hand(200.0, 240.0);
    right.right_hand = Some(0.9);
    for _ in 0..60 {
        run.show(&[Some(right)], None);
    }
    let (found, sureness) = run.followed()[0].side.unwrap();
    assert_eq!(found, Side::Right);
    assert!(sureness > 0.9);
    // Ten looks that say the contrary.
    right.right_hand = Some(0.1);
    for _ in 0..10 {
        run.show(&[Some(right)], None);
    }
    assert_eq!(run.followed()[0].side.unwrap().0, Side::Right);
}

#[test]
fn a_bodys_word_on_a_side_outweighs_the_networks() {
    let mut run = Run::new(2, 1, 1_500);
    let body = body();
    // The body's right wrist, and a hand network that takes the hand for a left one.
    let at_wrist = Thing {
        side_px: 50.0,
        right_hand: Some(0.02),
        ..hand(320.0 - 400.0 * 0.42, 240.0 - 80.0 - 25.0)
    };
    for _ in 0..120 {
        run.show(&[Some(body), Some(at_wrist)], None);
    }
    let tracks = run.followed();
    let linked = tracks.iter().find(|track| track.parent.is_some()).unwrap();
    assert_eq!(linked.side.unwrap().0, Side::Right);
}

#[test]
fn two_tracks_never_stay_on_one_hand() {
    // The second hand disappears behind the first one for good.
    let mut run = Run::new(4, 0, 2_000);
    for _ in 0..60 {
        run.show(&[Some(hand(200.0, 240.0)), Some(hand(400.0, 240.0))], None);
    }
    assert_eq!(run.followed().len(), 2);
    for frame in 0..90 {
        let x = (400.0 - 8.0 * frame as f32).max(200.0);
        run.show(&[Some(hand(x, 240.0)), Some(hand(200.0, 240.0))], None);
    }
    run.say("two become one");
    assert_eq!(run.followed().len(), 1);
}

prop_compose! {
    fn any_thing()(
        x_px in -100.0_f32..740.0,
        y_px in -100.0_f32..580.0,
        side_px in 5.0_f32..400.0,
        presence in 0.0_f32..1.2,
        is_hand: bool,
    ) -> Thing {
        let task = if is_hand { Task::Hand } else { Task::Body };
        Thing { task, x_px, y_px, side_px, presence, right_hand: Some(presence) }
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
            let mut tracks = super::tracks::Tracks::new(&[kind(Task::Hand, 3), kind(Task::Body, 2)], 4, None);
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
