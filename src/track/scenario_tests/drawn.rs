//! Drawn hands and bodies with noise from a fixed seed, a fake network that looks at them, and a run that counts.

use crate::clock::Instant;
use crate::error::Result;
use crate::limits::MAX_INSTANCES;
use crate::scene::{
    BBox, CropBox, FrameInfo, JointTable, Keypoint, Keypoints, Scene, Task, Track, TrackState,
};
use crate::track::cut::Grid;
use crate::track::follow::{FollowOptions, Follower};
use crate::track::kind::{Kind, Thresholds};
use crate::track::look::{Candidates, Look, Looker, Pass};
use crate::track::place::Candidate;

pub(super) const PERIOD_US: u64 = 33_333;
const WIDTH_PX: f32 = 640.0;
const HEIGHT_PX: f32 = 480.0;

/// What is in the scene at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thing {
    pub task: Task,
    pub x_px: f32,
    pub y_px: f32,
    pub side_px: f32,
    /// The presence that the network finds.
    pub presence: f32,
    /// The probability of a right hand that the network finds.
    pub right_hand: Option<f32>,
    /// Its joints are at another place in each look.
    pub is_restless: bool,
}

pub(super) fn hand(x_px: f32, y_px: f32) -> Thing {
    Thing {
        task: Task::Hand,
        x_px,
        y_px,
        side_px: 80.0,
        presence: 0.65,
        right_hand: None,
        is_restless: false,
    }
}

/// A person in the middle, nearly as high as the frame.
pub(super) fn body() -> Thing {
    Thing {
        task: Task::Body,
        x_px: 320.0,
        y_px: 240.0,
        side_px: 400.0,
        presence: 0.7,
        right_hand: None,
        is_restless: false,
    }
}

/// A finder's thresholds.
pub(super) const PEAKS: Thresholds = Thresholds {
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
pub(super) struct Eyes {
    pub things: Vec<Thing>,
    noise: Noise,
    cost_us: u64,
    looks: Vec<Task>,
    spent_us: u64,
    /// A finder sees everything, at this cost.
    pub finder_us: Option<u64>,
    pub passes: usize,
    pub is_finder_blind: bool,
    /// Of things that overlap, each joint is that of any one.
    pub is_mixing: bool,
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
            is_mixing: false,
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
            let (column, row) = match thing.is_restless {
                true => (0.25 * self.noise.next(), 0.25 * self.noise.next()),
                false => shape_of(thing.task, joint),
            };
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
        let mut keypoints = match seen {
            Some(thing) => self.joints(&thing),
            None => self.joints(&Thing {
                task,
                x_px: x,
                y_px: y,
                side_px: 0.5 * side,
                presence: 0.2,
                right_hand: None,
                is_restless: false,
            }),
        };
        let others = self.things.clone().into_iter().filter(|thing| {
            let is_seen =
                seen.is_some_and(|seen| (seen.x_px, seen.y_px) == (thing.x_px, thing.y_px));
            self.is_mixing && thing.task == task && !is_seen && distance(thing) < 0.5 * side
        });
        for other in others.collect::<Vec<_>>() {
            let theirs = self.joints(&other);
            for (joint, theirs) in keypoints.iter_mut().zip(theirs) {
                if self.noise.next() > 0.0 {
                    *joint = theirs;
                }
            }
        }
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

pub(super) fn box_of(thing: &Thing) -> BBox {
    BBox {
        x_px: thing.x_px - 0.5 * thing.side_px,
        y_px: thing.y_px - 0.5 * thing.side_px,
        width_px: thing.side_px,
        height_px: thing.side_px,
    }
}

pub(super) fn kind(task: Task, limit: usize) -> Kind {
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
pub(super) struct Run {
    pub follower: Follower,
    pub eyes: Eyes,
    pub scene: Scene,
    pub frame: u64,
    pub most_us: u64,
    /// Number of each thing when it was matched last.
    pub numbers: Vec<Option<u16>>,
    pub first_match_us: Vec<Option<u64>>,
    pub swaps: usize,
    pub ghosts: usize,
}

impl Run {
    pub fn new(hands: usize, bodies: usize, cost_us: u64) -> Run {
        Run::with_options(hands, bodies, cost_us, None)
    }

    /// With a finder of this cost.
    pub fn with_finder(hands: usize, bodies: usize, cost_us: u64, finder_us: u64) -> Run {
        Run::with_options(hands, bodies, cost_us, Some(finder_us))
    }

    pub fn with_options(hands: usize, bodies: usize, cost_us: u64, finder_us: Option<u64>) -> Run {
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

    pub fn now_us(&self) -> u64 {
        1_000_000 + self.frame * PERIOD_US
    }

    /// One frame of these things; `None` is one that is not there now.
    pub fn show(&mut self, things: &[Option<Thing>], grid: Option<&Grid>) {
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
    pub fn tracks(&self) -> Vec<(Track, f32, f32)> {
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

    pub fn followed(&self) -> Vec<Track> {
        let tracks = self.tracks().into_iter().map(|(track, ..)| track);
        tracks
            .filter(|track| track.state != TrackState::Lost)
            .collect()
    }

    pub fn lock_ms(&self, thing: usize) -> u64 {
        (self.first_match_us[thing].unwrap() - 1_000_000) / 1000
    }

    pub fn say(&self, what: &str) {
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
