//! The schedule of search: where and when to look for new instances.
//!
//! Without a finder, the pose networks themselves search: the whole frame, then four tiles of 0.6 of its sides,
//! then nine of 0.4. A finder sees the whole frame before each of the four tiles, once a frame at most. One pass is
//! one place.

use crate::scene::BBox;

/// Time between passes while there is room for more instances.
const EVERY_US: u64 = 200_000;
/// Frames between passes, where the camera is slow.
const EVERY_FRAMES: u32 = 5;
/// A pass that is due does not wait longer than this for time that the tracks leave.
const LONGEST_WAIT_US: u64 = 1_000_000;

/// Share of the frame's sides, and tiles along each side.
const SCALES: [(f32, usize); 3] = [(1.0, 1), (0.6, 2), (0.4, 3)];
/// Places of a round: one for each pass of a pose network, and those of a finder.
const PLACES: usize = 14;
const FINDER_PLACES: [usize; 8] = [0, 1, 0, 2, 0, 3, 0, 4];

/// Whether a pass runs in this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    No,
    /// If the tracks leave time.
    IfThereIsTime,
    /// Also in the place of a track's look.
    Now,
}

/// When the last pass was, and which is next.
#[derive(Debug, Clone, Default)]
pub(super) struct Search {
    is_finders: bool,
    next: usize,
    /// The last pass of the whole frame.
    whole_us: Option<u64>,
    last_us: Option<u64>,
    frames: u32,
    /// All places have been searched since the start.
    has_seen_all: bool,
}

impl Search {
    /// For a finder.
    pub fn of_finder() -> Search {
        Search {
            is_finders: true,
            ..Search::default()
        }
    }

    /// Starts again with the whole frame, at once.
    pub fn restart(&mut self) {
        *self = Search {
            is_finders: self.is_finders,
            ..Search::default()
        };
    }

    /// Call once a frame. `is_idle`: nothing is followed.
    pub fn due(&mut self, now_us: u64, is_idle: bool) -> Due {
        self.frames = self.frames.saturating_add(1);
        let Some(last_us) = self.last_us else {
            return Due::Now;
        };
        let waited_us = now_us.saturating_sub(last_us);
        if is_idle || waited_us >= LONGEST_WAIT_US {
            Due::Now
        } else if !self.has_seen_all || waited_us >= EVERY_US || self.frames >= EVERY_FRAMES {
            Due::IfThereIsTime
        } else {
            Due::No
        }
    }

    /// Passes are left of this round, or none was begun.
    pub fn is_in_round(&self) -> bool {
        self.next != 0
    }

    pub fn last_us(&self) -> Option<u64> {
        self.last_us
    }

    /// The place of the next pass, within `area`.
    pub fn take(&mut self, area: &BBox, now_us: u64) -> BBox {
        let mut place = self.step();
        if self.is_finders && place == 0 && self.whole_us == Some(now_us) {
            place = self.step();
        }
        if place == 0 {
            self.whole_us = Some(now_us);
        }
        self.passed(now_us);
        tile(area, place)
    }

    /// A pass was made, perhaps beside the round.
    pub fn passed(&mut self, now_us: u64) {
        self.last_us = Some(now_us);
        self.frames = 0;
    }

    /// The next place of the round.
    fn step(&mut self) -> usize {
        let (place, count) = match self.is_finders {
            true => (FINDER_PLACES[self.next], FINDER_PLACES.len()),
            false => (self.next, PLACES),
        };
        self.next = (self.next + 1) % count;
        self.has_seen_all |= self.next == 0;
        place
    }
}

/// One place of the round, from 0 to [`PLACES`].
fn tile(area: &BBox, index: usize) -> BBox {
    let mut first = 0;
    for (share, count) in SCALES {
        let within = index - first;
        if within < count * count {
            let (width_px, height_px) = (share * area.width_px, share * area.height_px);
            let step = |length: f32, tile: f32, at: usize| {
                (length - tile) * at as f32 / (count.max(2) - 1) as f32
            };
            return BBox {
                x_px: area.x_px + step(area.width_px, width_px, within % count),
                y_px: area.y_px + step(area.height_px, height_px, within / count),
                width_px,
                height_px,
            };
        }
        first += count * count;
    }
    *area
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_the_frame_then_four_tiles_then_nine() {
        let area = BBox::whole(640, 480);
        let mut search = Search::default();
        let places: Vec<BBox> = (0..PLACES).map(|_| search.take(&area, 0)).collect();
        assert_eq!(places[0], area);
        assert_eq!((places[1].x_px, places[1].width_px), (0.0, 384.0));
        assert_eq!((places[4].x_px, places[4].y_px), (256.0, 192.0));
        assert_eq!((places[13].x_px, places[13].y_px), (384.0, 288.0));
        assert_eq!(search.take(&area, 0), area);
        // Every pixel is in a tile of each scale, and no tile leaves the area.
        for tile in &places {
            assert!(tile.share_within(&area) > 0.999);
        }
        for x in 0..64 {
            for scale in [1..5, 5..14] {
                let x = 10.0 * x as f32;
                let covers = |tile: &BBox| (tile.x_px..=tile.x_px + tile.width_px).contains(&x);
                assert!(places[scale].iter().any(covers), "{x}");
            }
        }
    }

    #[test]
    fn a_finder_sees_the_whole_frame_in_turn_with_each_tile() {
        let area = BBox::whole(640, 480);
        let mut search = Search::of_finder();
        let mut widths = |now_us| search.take(&area, now_us).width_px;
        // A pass a frame.
        for frame in 0..8 {
            assert_eq!(widths(frame) == 640.0, frame % 2 == 0, "{frame}");
        }
        // Several a frame: the whole frame once.
        let all: Vec<bool> = (0..5).map(|_| widths(100) == 640.0).collect();
        assert_eq!(all, [true, false, false, false, false]);
        assert!(!search.is_in_round());
        search.take(&area, 200);
        search.restart();
        assert_eq!(search.take(&area, 200), area);
    }

    #[test]
    fn a_pass_waits_for_time_but_not_for_ever() {
        let mut search = Search::default();
        let area = BBox::whole(640, 480);
        assert_eq!(search.due(0, true), Due::Now);
        search.take(&area, 0);
        assert_eq!(search.due(33_000, true), Due::Now);
        // The first round takes all the time that is left.
        for place in 1..PLACES {
            assert_eq!(search.due(33_000, false), Due::IfThereIsTime, "{place}");
            search.take(&area, 0);
        }
        assert_eq!(search.due(33_000, false), Due::No);
        assert_eq!(search.due(200_000, false), Due::IfThereIsTime);
        search.take(&area, 200_000);
        let due: Vec<Due> = (0..5).map(|_| search.due(210_000, false)).collect();
        assert_eq!((due[3], due[4]), (Due::No, Due::IfThereIsTime));
        assert_eq!(search.due(1_200_000, false), Due::Now);
    }
}
