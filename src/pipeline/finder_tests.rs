//! A finder and a hand network that see bright squares, in a wide frame: from pixels to numbered hands.

use super::estimator::Estimator;
use super::finder::Finder;
use super::frame::Pipeline;
use super::several::{LookCosts, SeveralOptions};
use crate::clock::Instant;
use crate::engine::{Description, Network, Outputs, Workspace, WorkspaceSize};
use crate::error::Result;
use crate::filter::Smooth;
use crate::frame::{Frame, PixelFormat, Pixels};
use crate::model::{ExtraChannel, finder_test_card, test_card};
use crate::scene::{Scene, Side, Task};
use crate::stats::StageTimes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const WIDTH_PX: usize = 640;
const HEIGHT_PX: usize = 480;
/// Value of a pixel after normalisation, beyond which a square is there.
const BRIGHT: f32 = 1.0;

/// A square of the input: its first and last column and row, and whether it is red.
#[derive(Debug, Clone, Copy)]
struct Square {
    x: (usize, usize),
    y: (usize, usize),
    is_red: bool,
}

impl Square {
    fn center(&self) -> (f32, f32) {
        let middle = |(first, last): (usize, usize)| 0.5 * (first + last) as f32;
        (middle(self.x), middle(self.y))
    }

    fn side(&self) -> f32 {
        let length = |(first, last): (usize, usize)| (last - first + 1) as f32;
        length(self.x).max(length(self.y))
    }
}

/// The squares of a normalised input. They stand apart, so that a bright pixel belongs to the one that it touches.
fn squares(input: &[f32], width: usize, height: usize) -> Vec<Square> {
    let plane = width * height;
    let mut found: Vec<Square> = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (red, blue) = (input[y * width + x], input[2 * plane + y * width + x]);
            if red.max(blue) < BRIGHT {
                continue;
            }
            let touches = |square: &&mut Square| {
                (square.x.0..=square.x.1 + 1).contains(&x) && y <= square.y.1 + 1
            };
            match found.iter_mut().find(touches) {
                Some(square) => {
                    square.x.1 = square.x.1.max(x);
                    square.y.1 = y;
                }
                None => found.push(Square {
                    x: (x, x),
                    y: (y, y),
                    is_red: red > blue,
                }),
            }
        }
    }
    found
}

/// A finder that sees each square as a hand; red ones are right hands.
struct SquareFinder {
    description: Description,
    runs: Arc<AtomicUsize>,
}

impl Network for SquareFinder {
    fn describe(&self) -> &Description {
        &self.description
    }

    fn workspace(&self) -> Option<WorkspaceSize> {
        None
    }

    fn run(&mut self, _: &mut Workspace, input: &[f32], outputs: &mut Outputs) -> Result<()> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let maps = outputs.get_mut(0);
        maps.fill(0.0);
        let (columns, rows) = (40, 30);
        for square in squares(input, 320, 240) {
            let (x, y) = square.center();
            let column = ((x / 8.0).round() as usize).min(columns - 1);
            let row = ((y / 8.0).round() as usize).min(rows - 1);
            let mut set = |channel: usize, value: f32| {
                maps[(channel * rows + row) * columns + column] = value;
            };
            set(0, 0.9);
            set(3, (square.side() / 8.0).log2() / 5.0);
            set(7, if square.is_red { 0.9 } else { 0.1 });
        }
        Ok(())
    }
}

/// A network of 21 joints, which fill the square that is nearest to the middle. It tells presence and no side.
struct SquareHand {
    description: Description,
}

impl Network for SquareHand {
    fn describe(&self) -> &Description {
        &self.description
    }

    fn workspace(&self) -> Option<WorkspaceSize> {
        None
    }

    fn run(&mut self, _: &mut Workspace, input: &[f32], outputs: &mut Outputs) -> Result<()> {
        let (side, map_side) = (64, 16);
        let from_middle = |square: &Square| {
            let (x, y) = square.center();
            (x - 32.0).hypot(y - 32.0)
        };
        let seen = squares(input, side, side)
            .into_iter()
            .min_by(|a, b| from_middle(a).total_cmp(&from_middle(b)))
            .filter(|square| from_middle(square) < 16.0);
        for (map, values) in outputs
            .get_mut(0)
            .chunks_exact_mut(map_side * map_side)
            .enumerate()
        {
            values.fill(0.0);
            let Some(square) = seen else { continue };
            if map == 21 {
                values.fill(0.9);
                continue;
            }
            // The corners of the square, again and again.
            let corner = |(first, last): (usize, usize), is_last: bool| {
                (if is_last { last } else { first } / 4).min(map_side - 1)
            };
            let (x, y) = (
                corner(square.x, map % 2 == 1),
                corner(square.y, map / 2 % 2 == 1),
            );
            values[y * map_side + x] = 0.8;
        }
        Ok(())
    }
}

fn pipeline(runs: &Arc<AtomicUsize>, hands: usize) -> Pipeline {
    let description = |input_shape, output_shape| Description {
        name: "squares".into(),
        input_shape,
        output_shapes: vec![output_shape],
    };
    let mut card = test_card();
    card.input_px = [64, 64].into();
    card.heatmap_px = [16, 16].into();
    card.extra_channels = vec![ExtraChannel::Presence];
    let hand = SquareHand {
        description: description(card.input_shape(), card.output_shape()),
    };
    let finder_card = finder_test_card();
    let finder = SquareFinder {
        description: description(finder_card.input_shape(), finder_card.output_shape()),
        runs: Arc::clone(runs),
    };
    let options = SeveralOptions {
        hands,
        bodies: 1,
        limit: 8,
        roi: None,
        budget: Some(Duration::from_secs(1)),
        min_score: 0.3,
        smooth: Smooth::Off,
        // The number of passes does not depend on the machine.
        costs: Some(LookCosts {
            hand_us: 2_000,
            body_us: 2_000,
            finder_us: 2_000,
        }),
    };
    Pipeline::several(
        vec![Estimator::with_card(card, Box::new(hand))],
        Some(Finder::with_card(finder_card, Box::new(finder))),
        Workspace::new(None, 1).unwrap(),
        &options,
    )
    .unwrap()
}

/// A red and a blue square of 60 px, with their centres here.
fn picture(red: (usize, usize), blue: (usize, usize)) -> Vec<u8> {
    let mut rgb = vec![0; 3 * WIDTH_PX * HEIGHT_PX];
    for (channel, (x, y)) in [(0, red), (2, blue)] {
        for row in y - 30..y + 30 {
            for column in x - 30..x + 30 {
                rgb[3 * (row * WIDTH_PX + column) + channel] = 255;
            }
        }
    }
    rgb
}

fn show(pipeline: &mut Pipeline, index: u64, rgb: &[u8]) -> Scene {
    let pixels = Pixels::new(PixelFormat::Rgb24, 640, 480, 3 * WIDTH_PX, rgb).unwrap();
    let frame = Frame {
        pixels,
        captured: Instant {
            mono_us: 1_000_000 + 33_333 * index,
            wall_us: 0,
        },
        index,
        file: None,
    };
    let scene = pipeline.process(&frame, &mut StageTimes::default());
    scene.unwrap().clone()
}

#[test]
fn two_hands_in_a_wide_frame_are_found_at_once_and_followed_with_their_sides() {
    let runs = Arc::new(AtomicUsize::new(0));
    let mut pipeline = pipeline(&runs, 4);
    let mut numbers: Vec<u16> = Vec::new();
    for index in 0..60 {
        let step = 2 * index as usize;
        let (red, blue) = ((120 + step, 180), (520 - step, 330));
        let scene = show(&mut pipeline, index, &picture(red, blue));
        assert_eq!(scene.instances.len(), 2, "{index}");
        for (one, (at, side)) in scene
            .instances
            .iter()
            .zip([(red, Side::Right), (blue, Side::Left)])
        {
            let track = one.track.unwrap();
            assert_eq!((one.task, track.parent), (Task::Hand, None));
            let (x, y) = (one.region.crop.center_x_px, one.region.crop.center_y_px);
            let distance = (x - at.0 as f64).hypot(y - at.1 as f64);
            assert!(distance < 12.0, "{index}: {x} {y} is not {at:?}");
            // A side comes from several passes of the finder: the hand network tells none.
            let found = track.side.map(|(found, _)| found);
            assert!(found.is_none_or(|found| found == side));
            assert!(found.is_some() || index < 40);
            if numbers.len() < 2 {
                numbers.push(track.number);
            }
            assert!(numbers.contains(&track.number));
        }
    }
}

#[test]
fn an_empty_frame_gives_nothing_and_full_slots_are_searched_once_a_second() {
    let runs = Arc::new(AtomicUsize::new(0));
    let mut pipeline = pipeline(&runs, 2);
    let dark = vec![0; 3 * WIDTH_PX * HEIGHT_PX];
    for index in 0..10 {
        assert!(show(&mut pipeline, index, &dark).instances.is_empty());
    }
    // The whole frame and four tiles, each frame.
    assert_eq!(runs.swap(0, Ordering::Relaxed), 50);
    for index in 10..40 {
        show(&mut pipeline, index, &picture((120, 180), (520, 330)));
    }
    runs.store(0, Ordering::Relaxed);
    for index in 40..100 {
        let scene = show(&mut pipeline, index, &picture((120, 180), (520, 330)));
        assert_eq!(scene.instances.len(), 2);
    }
    // 2 s.
    assert_eq!(runs.load(Ordering::Relaxed), 2);
}
