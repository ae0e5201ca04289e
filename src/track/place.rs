//! Places in a frame: a centre and a side.

use crate::scene::{BBox, Side, Task};

/// Smallest side of a new instance's box. A crop of 256 pixels that is made of less is guesswork.
pub(super) const MIN_BIRTH_SIDE_PX: f32 = 24.0;
/// Smallest side of a followed box. Smaller ones come from keypoints that collapsed to a point.
pub(super) const MIN_SIDE_PX: f32 = 12.0;
/// Candidates of one frame that are considered.
pub(super) const MAX_CANDIDATES: usize = 32;
/// Coordinates beyond this are no place in any frame.
const FAR_PX: f32 = 1e6;

/// A square in source-frame pixels: the box around an instance's joints, as a square of its longer side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub x_px: f32,
    pub y_px: f32,
    pub side_px: f32,
}

impl Place {
    /// The square of a box; `None` if it is not a place.
    pub fn of(bbox: &BBox) -> Option<Place> {
        let (x_px, y_px) = bbox.center_px();
        let side_px = bbox.width_px.max(bbox.height_px);
        let is_place = x_px.abs() < FAR_PX
            && y_px.abs() < FAR_PX
            && (f32::MIN_POSITIVE..FAR_PX).contains(&side_px);
        is_place.then_some(Place {
            x_px,
            y_px,
            side_px,
        })
    }

    pub fn bbox(&self) -> BBox {
        BBox {
            x_px: self.x_px - 0.5 * self.side_px,
            y_px: self.y_px - 0.5 * self.side_px,
            width_px: self.side_px,
            height_px: self.side_px,
        }
    }

    /// The same centre with a side of `factor` times this one.
    pub fn scaled(&self, factor: f32) -> Place {
        Place {
            side_px: self.side_px * factor,
            ..*self
        }
    }

    /// Moved away from another place by a share of its side.
    pub fn away_from(&self, other: &Place, share: f32) -> Place {
        let (dx, dy) = (self.x_px - other.x_px, self.y_px - other.y_px);
        let distance = dx.hypot(dy);
        if distance < f32::MIN_POSITIVE {
            return *self;
        }
        Place {
            x_px: self.x_px + share * self.side_px * dx / distance,
            y_px: self.y_px + share * self.side_px * dy / distance,
            ..*self
        }
    }

    /// Distance of the centres in pixels.
    pub fn distance_px(&self, other: &Place) -> f32 {
        (self.x_px - other.x_px).hypot(self.y_px - other.y_px)
    }

    /// Distance of the centres, in sides of the larger square.
    pub fn distance_sides(&self, other: &Place) -> f32 {
        self.distance_px(other) / self.side_px.max(other.side_px)
    }

    pub fn overlap(&self, other: &Place) -> f32 {
        self.bbox().overlap(&other.bbox())
    }

    pub fn holds(&self, x_px: f32, y_px: f32) -> bool {
        (self.x_px - x_px).abs() <= 0.5 * self.side_px
            && (self.y_px - y_px).abs() <= 0.5 * self.side_px
    }
}

/// A place where an instance may be, and the evidence for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Hand or body.
    pub task: Task,
    /// The box around its joints.
    pub bbox: BBox,
    /// The evidence, 0 to 1: a finder's peak, or the presence at a search.
    pub score: f32,
    /// The side, if it is known.
    pub side: Option<Side>,
    /// Number of the body that it belongs to, if it is known.
    pub parent: Option<u16>,
}
