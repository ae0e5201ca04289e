//! Antialiased lines and discs on an RGB picture, and a skeleton made of them.

use crate::frame::Pixels;
use crate::model::ModelCard;
use crate::scene::{BBox, Keypoint};

/// Joints below this score are drawn hollow and their bones thin, because they are guesses.
const SURE_SCORE: f32 = 0.3;

const OUTLINE: [u8; 3] = [20, 22, 28];

/// An owned picture to draw on.
#[derive(Debug, Clone)]
pub struct Canvas {
    width_px: u32,
    height_px: u32,
    rgb: Vec<u8>,
}

impl Canvas {
    /// A copy of a frame.
    pub fn new(pixels: &Pixels<'_>) -> Self {
        Canvas {
            width_px: pixels.width_px(),
            height_px: pixels.height_px(),
            rgb: pixels.to_rgb(),
        }
    }

    /// Width of the picture.
    pub fn width_px(&self) -> u32 {
        self.width_px
    }

    /// Height of the picture.
    pub fn height_px(&self) -> u32 {
        self.height_px
    }

    /// The picture as packed RGB.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// Draws a line with round ends, or a disc if both ends are equal. Ends are (x, y) in pixels.
    pub fn line(&mut self, from: (f32, f32), to: (f32, f32), width_px: f32, color: [u8; 3]) {
        let radius = 0.5 * width_px;
        let along = (to.0 - from.0, to.1 - from.1);
        let length_squared = along.0 * along.0 + along.1 * along.1;
        let columns = span(from.0, to.0, radius, self.width_px);
        for y in span(from.1, to.1, radius, self.height_px) {
            for x in columns.clone() {
                let (dx, dy) = (x as f32 - from.0, y as f32 - from.1);
                let at = if length_squared > 0.0 {
                    ((dx * along.0 + dy * along.1) / length_squared).clamp(0.0, 1.0)
                } else {
                    0.0
                };
                let distance = (dx - at * along.0).hypot(dy - at * along.1);
                let cover = (radius + 0.5 - distance).clamp(0.0, 1.0);
                self.blend(x, y, cover, color);
            }
        }
    }

    /// Draws a filled disc.
    pub fn disc(&mut self, center: (f32, f32), diameter_px: f32, color: [u8; 3]) {
        self.line(center, center, diameter_px, color);
    }

    fn blend(&mut self, x: u32, y: u32, cover: f32, color: [u8; 3]) {
        let at = 3 * (y as usize * self.width_px as usize + x as usize);
        for (byte, color) in self.rgb[at..at + 3].iter_mut().zip(color) {
            let under = f32::from(*byte);
            *byte = (under + cover * (f32::from(color) - under)).round() as u8;
        }
    }
}

/// Range of pixels along one axis that a line from `a` to `b` can touch.
fn span(a: f32, b: f32, radius: f32, side_px: u32) -> std::ops::Range<u32> {
    // `as` converts NaN to 0 and saturates, so points far outside give an empty or clipped range.
    let first = (a.min(b) - radius - 1.0).floor().max(0.0) as u32;
    let end = ((a.max(b) + radius + 2.0).ceil().max(0.0) as u32).min(side_px);
    first.min(end)..end
}

/// Draws bones and joints, except joints that were not found and their bones.
pub fn draw_skeleton(canvas: &mut Canvas, card: &ModelCard, keypoints: &[Keypoint]) {
    let side = canvas.width_px.max(canvas.height_px) as f32;
    let bone_px = (side / 160.0).max(2.0);
    let pairs = || {
        card.bones.iter().filter_map(|&[a, b]| {
            let (from, to) = (keypoints.get(a)?, keypoints.get(b)?);
            (from.is_found() && to.is_found()).then_some((b, from, to))
        })
    };
    let ends = |from: &Keypoint, to: &Keypoint| ((from.x_px, from.y_px), (to.x_px, to.y_px));
    let width = |from: &Keypoint, to: &Keypoint| {
        let sure = from.score.min(to.score) >= SURE_SCORE;
        if sure { bone_px } else { 0.4 * bone_px }
    };
    for (_, from, to) in pairs() {
        let (start, end) = ends(from, to);
        canvas.line(start, end, width(from, to) + 0.5 * bone_px, OUTLINE);
    }
    for (joint, from, to) in pairs() {
        let (start, end) = ends(from, to);
        canvas.line(start, end, width(from, to), color_of(card, joint));
    }
    for (joint, keypoint) in keypoints.iter().enumerate() {
        if !keypoint.is_found() {
            continue;
        }
        let center = (keypoint.x_px, keypoint.y_px);
        canvas.disc(center, 2.0 * bone_px, OUTLINE);
        canvas.disc(center, 1.5 * bone_px, [255, 255, 255]);
        if keypoint.score >= SURE_SCORE {
            canvas.disc(center, 1.1 * bone_px, color_of(card, joint));
        }
    }
}

/// Dots of the digits, three in a row, five rows.
const DIGITS: [[u8; 5]; 10] = [
    [0b111, 0b101, 0b101, 0b101, 0b111],
    [0b010, 0b110, 0b010, 0b010, 0b111],
    [0b111, 0b001, 0b111, 0b100, 0b111],
    [0b111, 0b001, 0b111, 0b001, 0b111],
    [0b101, 0b101, 0b111, 0b001, 0b001],
    [0b111, 0b100, 0b111, 0b001, 0b111],
    [0b111, 0b100, 0b111, 0b101, 0b111],
    [0b111, 0b001, 0b010, 0b010, 0b010],
    [0b111, 0b101, 0b111, 0b101, 0b111],
    [0b111, 0b101, 0b111, 0b001, 0b111],
];

/// Writes an instance's number above its joints.
pub fn draw_number(canvas: &mut Canvas, number: u16, keypoints: &[Keypoint]) {
    let found = keypoints.iter().filter(|joint| joint.is_found());
    let Some(bbox) = BBox::around(found.map(|joint| (joint.x_px, joint.y_px))) else {
        return;
    };
    let dot_px = (canvas.width_px.max(canvas.height_px) as f32 / 250.0).max(2.0);
    let top = (bbox.y_px - 8.0 * dot_px).max(dot_px);
    for (place, digit) in number.to_string().bytes().enumerate() {
        let left = bbox.x_px.max(dot_px) + 4.0 * dot_px * place as f32;
        let dots = (0..15).filter(|dot| {
            let row = DIGITS[usize::from(digit - b'0')][dot / 3];
            row & (0b100 >> (dot % 3)) != 0
        });
        for (width, color) in [(2.0, OUTLINE), (1.2, [255, 255, 255])] {
            for dot in dots.clone() {
                let x = left + dot_px * (dot % 3) as f32;
                let y = top + dot_px * (dot / 3) as f32;
                canvas.disc((x, y), width * dot_px, color);
            }
        }
    }
}

/// A colour for each finger, and for each side of a body.
fn color_of(card: &ModelCard, joint: usize) -> [u8; 3] {
    const COLORS: [(&str, [u8; 3]); 7] = [
        ("thumb", [255, 99, 88]),
        ("forefinger", [255, 186, 41]),
        ("middle", [92, 214, 92]),
        ("ring", [58, 178, 255]),
        ("pinky", [186, 120, 255]),
        ("right", [58, 178, 255]),
        ("left", [255, 150, 50]),
    ];
    let name = card.joints.get(joint).map_or("", String::as_str);
    COLORS
        .iter()
        .find(|(prefix, _)| name.starts_with(prefix))
        .map_or([240, 240, 240], |&(_, color)| color)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::PixelFormat;
    use crate::model::ModelCard;

    fn canvas() -> Canvas {
        Canvas::new(&Pixels::new(PixelFormat::Grey, 16, 16, 16, &[0; 256]).unwrap())
    }

    #[test]
    fn a_line_covers_its_pixels_and_no_others() {
        let mut canvas = canvas();
        canvas.line((2.0, 8.0), (12.0, 8.0), 2.0, [255, 0, 0]);
        let at = |x: usize, y: usize| canvas.rgb()[3 * (16 * y + x)];
        assert_eq!((at(7, 8), at(2, 8), at(7, 11), at(15, 8)), (255, 255, 0, 0));
    }

    #[test]
    fn nothing_outside_the_picture_or_not_a_number_panics() {
        let mut canvas = canvas();
        for bad in [-1e30, 1e30, f32::NAN, f32::INFINITY] {
            canvas.line((bad, 1.0), (3.0, bad), 4.0, [255; 3]);
        }
    }

    #[test]
    fn a_number_is_written_above_the_joints_and_none_without_joints() {
        let joint = |x_px, y_px, score| Keypoint { x_px, y_px, score };
        let mut empty = canvas();
        draw_number(&mut empty, 7, &[joint(8.0, 8.0, 0.0)]);
        assert!(empty.rgb().iter().all(|&byte| byte == 0));
        let [mut one, mut eight] = [canvas(), canvas()];
        for (canvas, number) in [(&mut one, 1), (&mut eight, 8)] {
            draw_number(canvas, number, &[joint(4.0, 15.0, 0.9)]);
        }
        let white = |canvas: &Canvas| canvas.rgb().iter().filter(|&&byte| byte == 255).count();
        assert!(0 < white(&one) && white(&one) < white(&eight));
    }

    #[test]
    fn bones_of_joints_that_were_not_found_are_left_out() {
        let card: ModelCard = crate::model::test_card();
        let mut canvas = canvas();
        draw_skeleton(&mut canvas, &card, &[Keypoint::default(); 21]);
        assert!(canvas.rgb().iter().all(|&byte| byte == 0));
    }
}
