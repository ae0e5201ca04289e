//! Sizes, boxes in source-frame pixels, and the crops that a network needs.

use serde::{Deserialize, Serialize};

/// Width and height of a picture or of a tensor's planes. A card writes it as `[width, height]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u32; 2]", into = "[u32; 2]")]
pub struct SizePx {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl SizePx {
    /// The shape of a tensor of `channels` planes of this size, N x C x H x W.
    pub fn planes(self, channels: usize) -> [usize; 4] {
        [1, channels, self.height as usize, self.width as usize]
    }
}

impl From<[u32; 2]> for SizePx {
    fn from([width, height]: [u32; 2]) -> Self {
        SizePx { width, height }
    }
}

impl From<SizePx> for [u32; 2] {
    fn from(size: SizePx) -> Self {
        [size.width, size.height]
    }
}

/// An axis-aligned box: top-left corner and size, in source-frame pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BBox {
    /// Left edge.
    pub x_px: f32,
    /// Top edge.
    pub y_px: f32,
    /// Width.
    pub width_px: f32,
    /// Height.
    pub height_px: f32,
}

impl BBox {
    /// The box that spans a whole frame.
    pub fn whole(width_px: u32, height_px: u32) -> Self {
        BBox {
            x_px: 0.0,
            y_px: 0.0,
            width_px: width_px as f32,
            height_px: height_px as f32,
        }
    }

    /// The tightest box around `points` (x, y); `None` if there are none.
    pub fn around(points: impl IntoIterator<Item = (f32, f32)>) -> Option<Self> {
        let mut points = points.into_iter();
        let first = points.next()?;
        let (low, high) = points.fold((first, first), |(low, high), (x, y)| {
            (
                (f32::min(low.0, x), f32::min(low.1, y)),
                (f32::max(high.0, x), f32::max(high.1, y)),
            )
        });
        Some(BBox {
            x_px: low.0,
            y_px: low.1,
            width_px: high.0 - low.0,
            height_px: high.1 - low.1,
        })
    }

    /// Its centre, x and y.
    pub fn center_px(&self) -> (f32, f32) {
        (
            self.x_px + 0.5 * self.width_px,
            self.y_px + 0.5 * self.height_px,
        )
    }

    /// Whether a point is in it, its edges included.
    pub fn holds(&self, x_px: f32, y_px: f32) -> bool {
        (self.x_px..=self.x_px + self.width_px).contains(&x_px)
            && (self.y_px..=self.y_px + self.height_px).contains(&y_px)
    }

    /// Intersection over union with another box, 0 to 1. 0 if a number is not finite.
    pub fn overlap(&self, other: &BBox) -> f32 {
        let both = self.shared_px(other);
        let either = self.width_px * self.height_px + other.width_px * other.height_px - both;
        let share = both / either;
        if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// The share of its area that another box covers, 0 to 1.
    pub fn share_within(&self, other: &BBox) -> f32 {
        let share = self.shared_px(other) / (self.width_px * self.height_px);
        if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// The area of both.
    fn shared_px(&self, other: &BBox) -> f32 {
        let along = |a: f32, length: f32, b: f32, other: f32| {
            ((a + length).min(b + other) - a.max(b)).max(0.0)
        };
        if !(self.x_px - other.x_px).is_finite() || !(self.y_px - other.y_px).is_finite() {
            return 0.0;
        }
        along(self.x_px, self.width_px, other.x_px, other.width_px)
            * along(self.y_px, self.height_px, other.y_px, other.height_px)
    }
}

/// The part of a frame that a network sees. It may extend beyond the frame; the outside is black.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CropBox {
    /// Column of its centre.
    pub center_x_px: f64,
    /// Row of its centre.
    pub center_y_px: f64,
    /// Width.
    pub width_px: f64,
    /// Height.
    pub height_px: f64,
}

impl CropBox {
    /// Grows `bbox` around its centre by `padding`, then to the aspect ratio of `input_px`, as in MMPose's `bbox_xyxy2cs` and
    /// `_fix_aspect_ratio`.
    pub fn new(bbox: BBox, padding: f32, input_px: SizePx) -> Self {
        let aspect = f64::from(input_px.width) / f64::from(input_px.height);
        let width = f64::from(bbox.width_px) * f64::from(padding);
        let height = f64::from(bbox.height_px) * f64::from(padding);
        let (width, height) = if width > height * aspect {
            (width, width / aspect)
        } else {
            (height * aspect, height)
        };
        CropBox {
            center_x_px: f64::from(bbox.x_px) + 0.5 * f64::from(bbox.width_px),
            center_y_px: f64::from(bbox.y_px) + 0.5 * f64::from(bbox.height_px),
            width_px: width.max(1.0),
            height_px: height.max(1.0),
        }
    }

    /// Converts network-input pixels to source-frame pixels by MMPose's formula
    /// `x / input_w * box_w + center_x - box_w / 2`.
    pub fn to_source(&self, x_px: f32, y_px: f32, input_px: SizePx) -> (f32, f32) {
        let axis = |value: f32, side: u32, length: f64, center: f64| {
            (f64::from(value) / f64::from(side) * length + center - 0.5 * length) as f32
        };
        (
            axis(x_px, input_px.width, self.width_px, self.center_x_px),
            axis(y_px, input_px.height, self.height_px, self.center_y_px),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: SizePx = SizePx {
        width: 256,
        height: 256,
    };
    const BOX: BBox = BBox {
        x_px: 100.0,
        y_px: 80.0,
        width_px: 200.0,
        height_px: 250.0,
    };

    #[test]
    fn a_box_grows_by_its_padding_and_to_the_aspect_ratio() {
        let square = CropBox::new(BOX, 1.25, SQUARE);
        assert_eq!((square.center_x_px, square.center_y_px), (200.0, 205.0));
        assert_eq!((square.width_px, square.height_px), (312.5, 312.5));
        let wide = CropBox::new(BOX, 1.0, [512, 256].into());
        assert_eq!((wide.width_px, wide.height_px), (500.0, 250.0));
    }

    #[test]
    fn the_middle_of_the_input_is_the_middle_of_the_crop() {
        let crop = CropBox::new(BOX, 1.25, SQUARE);
        assert_eq!(crop.to_source(128.0, 128.0, SQUARE), (200.0, 205.0));
        assert_eq!(crop.to_source(0.0, 0.0, SQUARE), (43.75, 48.75));
    }

    #[test]
    fn the_box_around_points() {
        let around = BBox::around([(3.0, 9.0), (1.0, 10.0), (2.0, 4.0)]).unwrap();
        assert_eq!((around.x_px, around.y_px), (1.0, 4.0));
        assert_eq!((around.width_px, around.height_px), (2.0, 6.0));
        assert_eq!(around.center_px(), (2.0, 7.0));
        assert_eq!(BBox::around([]), None);
    }

    #[test]
    fn boxes_overlap_by_their_common_area() {
        let shifted = BBox { x_px: 200.0, ..BOX };
        assert_eq!(BOX.overlap(&BOX), 1.0);
        assert_eq!(BOX.overlap(&shifted), 1.0 / 3.0);
        assert_eq!(BOX.share_within(&shifted), 0.5);
        let far = BBox { x_px: 900.0, ..BOX };
        assert_eq!(BOX.overlap(&far), 0.0);
        let bad = BBox {
            x_px: f32::NAN,
            ..BOX
        };
        assert_eq!(BOX.overlap(&bad), 0.0);
        let point = BBox {
            width_px: 0.0,
            height_px: 0.0,
            ..BOX
        };
        assert_eq!(
            (point.overlap(&point), point.share_within(&BOX)),
            (0.0, 0.0)
        );
    }
}
