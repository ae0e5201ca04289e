//! Networks without weights: they see their place in the frame in the colours of their input, and draw the maps that
//! a network would see of what is there.

use super::coded::View;
use super::shape;
use super::world::{Present, Seen, World};
use crate::engine::{Description, Network, Outputs, Workspace, WorkspaceSize};
use crate::error::Result;
use crate::model::{DecodeMode, ExtraChannel, FINDER_CHANNELS, FinderCard, ModelCard};
use crate::random::Random;
use crate::scene::Task;
use serde_json::json;

/// Side of input and heatmaps of a pose network, in pixels: a map has as many as a network of 256 has.
const SIDE_PX: usize = 64;
/// Deviation of a joint's place, in sides of the instance.
const PLACE_NOISE: f32 = 0.007;
/// Deviation of a joint's height from the others of a look.
const JOINT_NOISE: f32 = 0.06;
/// Radius of a joint in a map.
const SIGMA_PX: f32 = 2.0;
/// A subject further from the crop's middle than the first is less sure, by half at the second, in sides of the crop.
const CENTRED: f32 = 0.2;
const HALF_CENTRED: f32 = 0.4;
/// A subject of fewer than the first share of the crop's side is not seen, from the second on as well as can be.
const SMALL: f32 = 0.1;
const FITTING: f32 = 0.25;
/// One in front hides the joints of one behind it by this.
const IN_FRONT: f32 = 0.12;
/// Certainty in a region without anything.
const NOTHING: f32 = 0.2;
/// A finder is surer than the pose networks by this factor, and sees nothing of fewer pixels of its input.
const FINDER_SURER: f32 = 1.15;
const FINDER_LEAST_PX: f32 = 8.0;
const FINDER_FULL_PX: f32 = 16.0;
const FINDER_PX: [u32; 2] = [320, 240];
const FINDER_MAP_PX: [usize; 2] = [40, 30];

/// The card of a modelled network.
pub(super) fn card(task: Task) -> ModelCard {
    let (joint_table, joints, crop_padding) = match task {
        Task::Hand => ("interhand2d-21", 21, 1.5),
        Task::Body => ("mpii-16", 16, 1.25),
    };
    let side = SIDE_PX as u32;
    ModelCard {
        format: crate::model::CARD_FORMAT,
        task,
        joint_table: joint_table.into(),
        joints: (0..joints).map(|joint| format!("joint {joint}")).collect(),
        bones: vec![],
        flip_pairs: shape::flip_pairs(task),
        crop_padding,
        input_px: [side, side].into(),
        heatmap_px: [side, side].into(),
        mean: [0.0; 3],
        std: [1.0; 3],
        decode: DecodeMode::Default,
        presence: None,
        extra_channels: match task {
            Task::Hand => vec![ExtraChannel::RightHand],
            Task::Body => vec![],
        },
        source: String::new(),
        source_sha256: String::new(),
    }
}

/// The card of a modelled finder.
pub(super) fn finder_card() -> serde_json::Result<FinderCard> {
    let [width, height] = FINDER_MAP_PX;
    serde_json::from_value(json!({
        "format": crate::model::CARD_FORMAT,
        "task": "finder",
        "joints": FINDER_CHANNELS,
        "bones": [],
        "flip_pairs": [],
        "crop_padding": 1.0,
        "input_size": FINDER_PX,
        "heatmap_size": [width, height],
        "mean": [0.0, 0.0, 0.0],
        "std": [1.0, 1.0, 1.0],
        "decode": "default",
        "source": "",
        "source_sha256": "",
    }))
}

/// A network of joints.
pub(super) struct PoseModel {
    world: World,
    task: Task,
    description: Description,
    random: Random,
}

impl PoseModel {
    pub fn new(world: World, task: Task, seed: u64) -> PoseModel {
        let card = card(task);
        PoseModel {
            world,
            task,
            description: describe(card.input_shape(), card.output_shape()),
            random: Random(seed ^ task.name().len() as u64),
        }
    }

    fn draw(&mut self, present: &Present, view: Option<View>, maps: &mut [f32]) {
        maps.fill(0.0);
        let random = &mut self.random;
        // A mirror image of a mirror image is none.
        let is_mirror = view.is_some_and(|view| view.is_mirrored()) != present.is_mirrored;
        let who = task_key(self.task);
        let joints = card(self.task).joints.len();
        let (joint_maps, right_map) = maps.split_at_mut(joints * SIDE_PX * SIDE_PX);
        let mut seen = present.seen(who, random);
        seen.retain(|one| one.task == self.task);
        let looks = seen
            .iter()
            .map(|one| view.map_or(0.0, |view| fit(one, &view)));
        let looks: Vec<f32> = looks.collect();
        let mut best: Option<(f32, usize)> = None;
        let mut in_front = 0.0;
        for (at, (one, &fit)) in seen.iter().zip(&looks).enumerate() {
            let Some(view) = view.filter(|_| fit > 0.0) else {
                continue;
            };
            let sure = one.sure * fit + in_front;
            if one.truth.is_some_and(|truth| truth.visible > 0.5) {
                in_front += IN_FRONT;
            }
            if best.is_none_or(|(most, _)| sure > most) {
                best = Some((sure, at));
            }
            for (joint, map) in joint_maps.chunks_exact_mut(SIDE_PX * SIDE_PX).enumerate() {
                let place = place_of(one, joint, &view, is_mirror, random);
                dot(map, place, sure + JOINT_NOISE * random.normal());
            }
        }
        // Something is seen everywhere.
        let nothing = NOTHING + 0.04 * random.normal();
        for map in joint_maps.chunks_exact_mut(SIDE_PX * SIDE_PX) {
            let mut anywhere = || (0.5 + 0.45 * random.real() as f32) * SIDE_PX as f32;
            let place = (anywhere(), anywhere());
            dot(map, place, nothing + JOINT_NOISE * random.normal());
        }
        let truth = best.and_then(|(_, at)| seen[at].truth);
        let right = truth.map_or(0.5, |truth| present.right_hand(truth, is_mirror, random));
        right_map.fill(right);
    }
}

impl Network for PoseModel {
    fn describe(&self) -> &Description {
        &self.description
    }

    fn workspace(&self) -> Option<WorkspaceSize> {
        None
    }

    fn run(&mut self, _: &mut Workspace, input: &[f32], outputs: &mut Outputs) -> Result<()> {
        let world = self.world.clone();
        world.with(|present| {
            let view = view(present, input, &self.description);
            self.draw(present, view, outputs.get_mut(0));
        });
        Ok(())
    }
}

/// A finder.
pub(super) struct FinderModel {
    world: World,
    description: Description,
    random: Random,
}

impl FinderModel {
    pub fn new(world: World, card: &FinderCard, seed: u64) -> FinderModel {
        FinderModel {
            world,
            description: describe(card.input_shape(), card.output_shape()),
            random: Random(seed ^ 0xF1),
        }
    }

    fn draw(&mut self, present: &Present, view: &View, maps: &mut [f32]) {
        let [columns, rows] = FINDER_MAP_PX;
        let stride = (
            FINDER_PX[0] as f32 / columns as f32,
            FINDER_PX[1] as f32 / rows as f32,
        );
        let random = &mut self.random;
        for one in present.seen(0xF1, random) {
            let side_px = view.length_to_input(one.side_px);
            let size = (side_px - FINDER_LEAST_PX) / (FINDER_FULL_PX - FINDER_LEAST_PX);
            let height = FINDER_SURER * one.sure * size.clamp(0.0, 1.0);
            let (x, y) = view.to_input(one.center_px);
            let mut off = || 0.03 * side_px * random.normal();
            let (x, y) = ((x + off()) / stride.0, (y + off()) / stride.1);
            let (is_hand, center, size) = match one.task {
                Task::Hand => (true, 0, 3),
                Task::Body => (false, 1, 4),
            };
            let sigma = (0.12 * side_px / stride.0).clamp(0.8, 4.0);
            let told = (side_px.max(1.0) / 8.0).log2() / 5.0;
            let right = match one.truth {
                Some(truth) if is_hand => {
                    let is_mirror = view.is_mirrored() != present.is_mirrored;
                    present.right_hand(truth, is_mirror, random)
                }
                _ => 0.5,
            };
            for row in 0..rows {
                for column in 0..columns {
                    let (dx, dy) = (column as f32 - x, row as f32 - y);
                    let square = (dx * dx + dy * dy) / (sigma * sigma);
                    if square > 9.0 {
                        continue;
                    }
                    let value = height * (-0.5 * square).exp();
                    let index = |map: usize| (map * rows + row) * columns + column;
                    if value > maps[index(center)] {
                        maps[index(center)] = value;
                        maps[index(size)] = told.clamp(0.0, 1.0);
                        if is_hand {
                            maps[index(7)] = right;
                        }
                    }
                }
            }
        }
    }
}

impl Network for FinderModel {
    fn describe(&self) -> &Description {
        &self.description
    }

    fn workspace(&self) -> Option<WorkspaceSize> {
        None
    }

    fn run(&mut self, _: &mut Workspace, input: &[f32], outputs: &mut Outputs) -> Result<()> {
        let world = self.world.clone();
        let maps = outputs.get_mut(0);
        maps.fill(0.0);
        world.with(|present| {
            if let Some(view) = view(present, input, &self.description) {
                self.draw(present, &view, maps);
            }
        });
        Ok(())
    }
}

fn describe(input_shape: [usize; 4], output_shape: [usize; 4]) -> Description {
    Description {
        name: "modelled".into(),
        input_shape,
        output_shapes: vec![output_shape],
    }
}

fn view(present: &Present, input: &[f32], description: &Description) -> Option<View> {
    View::of(input, description, present.size_px, present.is_other_room)
}

fn task_key(task: Task) -> u64 {
    match task {
        Task::Hand => 0x4A,
        Task::Body => 0xB0,
    }
}

/// How well a crop shows an instance, 0 to 1: its place and its size in it.
fn fit(one: &Seen<'_>, view: &View) -> f32 {
    let side = SIDE_PX as f32;
    let (x, y) = view.to_input(one.center_px);
    let off = (x - 0.5 * side).hypot(y - 0.5 * side) / side;
    let share = view.length_to_input(one.side_px) / side;
    let centred = (off - CENTRED).max(0.0) / (HALF_CENTRED - CENTRED);
    let small = ((share - SMALL) / (FITTING - SMALL)).clamp(0.0, 1.0);
    let large = (1.0 - (share - 0.95).max(0.0)).clamp(0.0, 1.0);
    0.5_f32.powf(centred * centred) * small * large
}

/// A joint in pixels of the input. Other things have joints anywhere in them.
fn place_of(
    one: &Seen<'_>,
    joint: usize,
    view: &View,
    is_mirror: bool,
    random: &mut Random,
) -> (f32, f32) {
    let joint_px = match one.truth {
        // A network that sees a mirror image names the joints of the other side.
        Some(truth) => {
            let joint = match is_mirror {
                true => shape::mirrored(one.task, joint),
                false => joint,
            };
            let known = truth.joints.get(joint).copied().flatten();
            known.unwrap_or(one.center_px)
        }
        None => {
            let mut own = Random(one.shape.unwrap_or_default() ^ joint as u64);
            let source = match one.shape {
                Some(_) => &mut own,
                None => &mut *random,
            };
            let mut within = || 0.4 * one.side_px * source.real() as f32;
            (one.center_px.0 + within(), one.center_px.1 + within())
        }
    };
    let mut noise = || PLACE_NOISE * one.side_px * random.normal();
    view.to_input((joint_px.0 + noise(), joint_px.1 + noise()))
}

/// Draws a joint. Where joints overlap, the higher one is seen.
fn dot(map: &mut [f32], (x, y): (f32, f32), height: f32) {
    const REACH_PX: f32 = 3.0 * SIGMA_PX;
    let range = |middle: f32| {
        let side = SIDE_PX as f32;
        let (low, high) = (middle - REACH_PX, middle + REACH_PX + 1.0);
        low.clamp(0.0, side) as usize..high.clamp(0.0, side) as usize
    };
    for row in range(y) {
        for column in range(x) {
            let (dx, dy) = (column as f32 - x, row as f32 - y);
            let value = height * (-0.5 * (dx * dx + dy * dy) / (SIGMA_PX * SIGMA_PX)).exp();
            let pixel = &mut map[row * SIDE_PX + column];
            *pixel = pixel.max(value);
        }
    }
}
