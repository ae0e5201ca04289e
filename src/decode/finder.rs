//! From a finder's maps to hands and persons.
//!
//! In: [`FINDER_CHANNELS`] x H x W f32, all about 0 to 1. Out: [`Peaks`] in pixels of the network's input. Nothing is
//! allocated.

use super::peak;
use crate::limits::MAX_FINDER_PEAKS;
use crate::model::FINDER_CHANNELS;
use crate::scene::{BBox, Task};

/// Places of the maps in [`FINDER_CHANNELS`].
const HAND_CENTRE: usize = 0;
const PERSON_CENTRE: usize = 1;
const HEAD_CENTRE: usize = 2;
const HAND_SIZE: usize = 3;
const PERSON_SIZE: usize = 4;
const DIRECTION_COS: usize = 5;
const DIRECTION_SIN: usize = 6;
const RIGHT_HAND: usize = 7;
/// A size of 0, in pixels of the input, and its doublings from 0 to 1.
const SMALLEST_PX: f32 = 8.0;
const DOUBLINGS: f32 = 5.0;
/// Peaks of one kind whose boxes overlap by more are one.
const MAX_OVERLAP: f32 = 0.4;

/// One hand or person, in pixels of the network's input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Hand or person.
    pub task: Task,
    /// Column of the centre of the box around its joints.
    pub x_px: f32,
    /// Row of the centre.
    pub y_px: f32,
    /// The longer side of the box.
    pub side_px: f32,
    /// Height of the peak, about 0 to 1.
    pub score: f32,
    /// Direction from a hand's wrist to its knuckles, in radians from the x axis toward the y axis.
    pub direction_rad: Option<f32>,
    /// Probability that a hand is a right one.
    pub right_hand: Option<f32>,
}

impl Peak {
    fn bbox(&self) -> BBox {
        BBox {
            x_px: self.x_px - 0.5 * self.side_px,
            y_px: self.y_px - 0.5 * self.side_px,
            width_px: self.side_px,
            height_px: self.side_px,
        }
    }
}

/// Hands, the highest first, then persons.
pub type Peaks = heapless::Vec<Peak, { 2 * MAX_FINDER_PEAKS }>;

/// Reads the maps of one finder.
#[derive(Debug, Clone, Copy)]
pub struct FinderDecoder {
    width: usize,
    height: usize,
    /// Pixels of the input to one of the maps.
    stride_px: (f32, f32),
    min_score: f32,
}

impl FinderDecoder {
    /// Maps of `width` x `height`, of an input of `input_px`. Peaks count from `min_score` on. Panics if a side is 0.
    pub fn new(width: usize, height: usize, input_px: (u32, u32), min_score: f32) -> Self {
        assert!(width > 0 && height > 0);
        let stride = |input: u32, maps: usize| input as f32 / maps as f32;
        FinderDecoder {
            width,
            height,
            stride_px: (stride(input_px.0, width), stride(input_px.1, height)),
            min_score,
        }
    }

    /// Peaks count from `min_score` on.
    pub fn count_from(&mut self, min_score: f32) {
        self.min_score = min_score;
    }

    /// Panics if `maps` is not as long as the maps are.
    pub fn decode(&self, maps: &[f32]) -> Peaks {
        let plane = self.width * self.height;
        assert_eq!(maps.len(), FINDER_CHANNELS.len() * plane);
        let map = |channel: usize| &maps[channel * plane..(channel + 1) * plane];
        let mut peaks = Peaks::new();
        for (task, centre, size) in [
            (Task::Hand, HAND_CENTRE, HAND_SIZE),
            (Task::Body, PERSON_CENTRE, PERSON_SIZE),
        ] {
            let centre = map(centre);
            for (index, score) in self.highest(centre) {
                // A face that looks like a hand is a head first.
                if task == Task::Hand && map(HEAD_CENTRE)[index] > score {
                    continue;
                }
                let (x, y) = (index % self.width, index / self.width);
                let value = |channel: usize| self.around(centre, map(channel), x, y);
                let (x_px, y_px) = peak::quarter_shift(centre, self.width, self.height, x, y);
                let is_hand = task == Task::Hand;
                let direction = |cos: f32, sin: f32| (2.0 * sin - 1.0).atan2(2.0 * cos - 1.0);
                let found = Peak {
                    task,
                    x_px: x_px * self.stride_px.0,
                    y_px: y_px * self.stride_px.1,
                    side_px: SMALLEST_PX * (DOUBLINGS * value(size)).exp2(),
                    score,
                    direction_rad: is_hand
                        .then(|| direction(value(DIRECTION_COS), value(DIRECTION_SIN))),
                    right_hand: is_hand.then(|| value(RIGHT_HAND)),
                };
                let is_known = |other: &Peak| {
                    other.task == task && other.bbox().overlap(&found.bbox()) > MAX_OVERLAP
                };
                if !peaks.iter().any(is_known) {
                    // There is room for the peaks of both kinds.
                    let _ = peaks.push(found);
                }
            }
        }
        peaks
    }

    /// The highest maxima of 3 x 3 pixels, with their indexes, the highest first.
    fn highest(&self, map: &[f32]) -> heapless::Vec<(usize, f32), MAX_FINDER_PEAKS> {
        let mut highest: heapless::Vec<(usize, f32), MAX_FINDER_PEAKS> = heapless::Vec::new();
        for (index, &value) in map.iter().enumerate() {
            let is_peak = value >= self.min_score && value.is_finite();
            if !is_peak || !self.is_maximum(map, index) {
                continue;
            }
            let place = highest.partition_point(|&(_, other)| other >= value);
            if highest.is_full() && place < highest.len() {
                highest.pop();
            }
            // A lower peak than those of a full list is left out.
            let _ = highest.insert(place, (index, value));
        }
        highest
    }

    /// No neighbour is higher, and none before it in the order of the map is equal.
    fn is_maximum(&self, map: &[f32], index: usize) -> bool {
        let mut near = self.neighbours(index % self.width, index / self.width);
        near.all(|other| map[other] < map[index] || (other >= index && map[other] == map[index]))
    }

    /// A value at a centre: the mean of 3 x 3 pixels, each as heavy as the centre's map is high there, 0 to 1.
    fn around(&self, centre: &[f32], map: &[f32], x: usize, y: usize) -> f32 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for index in self.neighbours(x, y) {
            let weight = centre[index].max(0.0);
            if (weight * map[index]).is_finite() {
                sum += weight * map[index];
                weights += weight;
            }
        }
        if weights > 0.0 {
            (sum / weights).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// Indexes of the pixel and its neighbours.
    fn neighbours(&self, x: usize, y: usize) -> impl Iterator<Item = usize> + use<> {
        let (width, height) = (self.width, self.height);
        let rows = y.saturating_sub(1)..(y + 2).min(height);
        rows.flat_map(move |row| {
            (x.saturating_sub(1)..(x + 2).min(width)).map(move |column| row * width + column)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WIDTH: usize = 40;
    const HEIGHT: usize = 30;

    struct Maps(Vec<f32>);

    impl Maps {
        fn new() -> Maps {
            Maps(vec![0.0; FINDER_CHANNELS.len() * WIDTH * HEIGHT])
        }

        fn set(&mut self, channel: usize, x: usize, y: usize, value: f32) {
            self.0[(channel * HEIGHT + y) * WIDTH + x] = value;
        }

        /// A peak with weaker neighbours to the left and right.
        fn peak(&mut self, channel: usize, x: usize, y: usize, score: f32) {
            self.set(channel, x, y, score);
            self.set(channel, x - 1, y, 0.5 * score);
            self.set(channel, x + 1, y, 0.4 * score);
        }

        /// A value at a centre and around it.
        fn spread(&mut self, channel: usize, x: usize, y: usize, value: f32) {
            for dy in 0..3 {
                for dx in 0..3 {
                    self.set(channel, x + dx - 1, y + dy - 1, value);
                }
            }
        }

        fn decode(&self) -> Peaks {
            FinderDecoder::new(WIDTH, HEIGHT, (320, 240), 0.3).decode(&self.0)
        }
    }

    #[test]
    fn a_hand_has_its_place_size_direction_and_side() {
        let mut maps = Maps::new();
        maps.peak(HAND_CENTRE, 10, 20, 0.8);
        maps.spread(HAND_SIZE, 10, 20, 0.4);
        // Upward: the cosine is 0, the sine -1.
        maps.spread(DIRECTION_COS, 10, 20, 0.5);
        maps.spread(DIRECTION_SIN, 10, 20, 0.0);
        maps.spread(RIGHT_HAND, 10, 20, 0.9);
        let peaks = maps.decode();
        assert_eq!(peaks.len(), 1);
        let hand = peaks[0];
        assert_eq!((hand.task, hand.score), (Task::Hand, 0.8));
        // A quarter of a pixel of the map toward the higher neighbour.
        assert_eq!((hand.x_px, hand.y_px), (78.0, 160.0));
        assert!((hand.side_px - 32.0).abs() < 1e-3);
        let up = -std::f32::consts::FRAC_PI_2;
        assert!((hand.direction_rad.unwrap() - up).abs() < 1e-3);
        assert!((hand.right_hand.unwrap() - 0.9).abs() < 1e-6);
    }

    #[test]
    fn a_person_has_no_side_and_overlaps_a_hand() {
        let mut maps = Maps::new();
        maps.peak(HAND_CENTRE, 20, 15, 0.6);
        maps.peak(PERSON_CENTRE, 20, 15, 0.7);
        maps.spread(PERSON_SIZE, 20, 15, 0.8);
        let peaks = maps.decode();
        let kinds: Vec<Task> = peaks.iter().map(|peak| peak.task).collect();
        assert_eq!(kinds, [Task::Hand, Task::Body]);
        assert_eq!((peaks[1].direction_rad, peaks[1].right_hand), (None, None));
        assert!((peaks[1].side_px - 128.0).abs() < 0.01);
    }

    #[test]
    fn a_head_is_no_hand_and_two_peaks_of_one_hand_are_one() {
        let mut maps = Maps::new();
        maps.peak(HAND_CENTRE, 10, 10, 0.6);
        maps.peak(HEAD_CENTRE, 10, 10, 0.7);
        for (x, score) in [(20, 0.6), (23, 0.9)] {
            maps.peak(HAND_CENTRE, x, 10, score);
            maps.spread(HAND_SIZE, x, 10, 0.8);
        }
        let peaks = maps.decode();
        assert_eq!(peaks.len(), 1, "{peaks:?}");
        assert_eq!(peaks[0].score, 0.9);
    }

    #[test]
    fn a_plateau_is_one_peak_and_only_the_highest_are_kept() {
        let mut maps = Maps::new();
        maps.set(HAND_CENTRE, 0, 0, 0.9);
        maps.set(HAND_CENTRE, 1, 0, 0.9);
        for at in 0..12 {
            maps.set(HAND_CENTRE, 3 * at + 2, 20, 0.4 + 0.01 * at as f32);
        }
        let peaks = maps.decode();
        assert_eq!(peaks.len(), MAX_FINDER_PEAKS);
        assert_eq!((peaks[0].score, peaks[0].x_px), (0.9, 0.0));
        assert!(peaks.iter().all(|peak| peak.score > 0.44));
        assert!(peaks.is_sorted_by(|a, b| a.score >= b.score));
    }

    proptest! {
        #[test]
        fn no_value_gives_a_peak_that_is_no_place(
            values in proptest::collection::vec(prop_oneof![
                6 => -0.5_f32..1.5,
                1 => any::<f32>(),
                1 => Just(f32::NAN),
            ], FINDER_CHANNELS.len() * 5 * 4),
        ) {
            let peaks = FinderDecoder::new(5, 4, (320, 240), 0.3).decode(&values);
            for peak in &peaks {
                prop_assert!((-16.0..=336.0).contains(&peak.x_px));
                prop_assert!((-16.0..=256.0).contains(&peak.y_px));
                prop_assert!((8.0..=256.0).contains(&peak.side_px));
                prop_assert!(peak.score >= 0.3 && peak.score.is_finite());
            }
        }
    }
}
