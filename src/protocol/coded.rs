//! Frames whose colours tell each pixel's place, and the way back: from a crop to the part of the frame that it is.
//!
//! Red rises along the columns, green along the rows, and blue is full: outside of the frame the crop is black. So the
//! map from the network's input to the frame is a fit of two planes, whatever the crop did: scale, shift, turn, mirror.

use crate::engine::Description;

const FULL: f32 = 255.0;
/// Steps of the pattern that replaces the fraction of a level.
const PATTERN: usize = 16;

/// Packed RGB of a frame. In the other room the colours fall instead, so that a change of rooms is a scene cut.
pub(super) fn picture((width, height): (u32, u32), is_other_room: bool) -> Vec<u8> {
    let (width, height) = (width as usize, height as usize);
    let mut rgb = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        for x in 0..width {
            let fraction = |shift: usize| {
                let step = (7 * x + 13 * y + shift) % PATTERN;
                (step as f32 + 0.5) / PATTERN as f32
            };
            let level = |place: usize, side: usize, fraction: f32| {
                let value = FULL * place as f32 / (side.max(2) - 1) as f32;
                let value = if is_other_room { FULL - value } else { value };
                // At most 255.
                (value + fraction - 1e-3).floor().min(FULL) as u8
            };
            rgb.extend([
                level(x, width, fraction(0)),
                level(y, height, fraction(5)),
                255,
            ]);
        }
    }
    rgb
}

/// The part of a frame that a network's input shows: frame = origin + column * across + row * down, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct View {
    origin: (f32, f32),
    across: (f32, f32),
    down: (f32, f32),
}

impl View {
    /// Fits the view to an input (RGB bytes as f32, 3 x H x W). `None` if hardly anything of the frame is in it.
    pub fn of(
        input: &[f32],
        description: &Description,
        frame_px: (u32, u32),
        is_other_room: bool,
    ) -> Option<View> {
        let [_, _, height, width] = description.input_shape;
        let plane = width * height;
        let mut sums = Sums::default();
        for index in 0..plane {
            if input[2 * plane + index] < FULL - 0.5 {
                continue;
            }
            let (column, row) = ((index % width) as f64, (index / width) as f64);
            sums.add(column, row, input[index], input[plane + index]);
        }
        let [red, green] = sums.planes()?;
        let scale = |plane: [f64; 3], side_px: u32| {
            let step = f64::from(side_px.max(2) - 1) / f64::from(FULL);
            let sign = if is_other_room { -step } else { step };
            let start = if is_other_room {
                f64::from(FULL) * step
            } else {
                0.0
            };
            // The pattern has a mean of half a level, and the floor takes as much: there is no offset.
            let origin = start + sign * plane[0];
            [origin, sign * plane[1], sign * plane[2]].map(|value| value as f32)
        };
        let (x, y) = (scale(red, frame_px.0), scale(green, frame_px.1));
        Some(View {
            origin: (x[0], y[0]),
            across: (x[1], y[1]),
            down: (x[2], y[2]),
        })
    }

    /// A point of the frame in pixels of the input.
    pub fn to_input(self, (x, y): (f32, f32)) -> (f32, f32) {
        let (dx, dy) = (x - self.origin.0, y - self.origin.1);
        let determinant = self.determinant();
        (
            (dx * self.down.1 - dy * self.down.0) / determinant,
            (dy * self.across.0 - dx * self.across.1) / determinant,
        )
    }

    /// A length of the frame in pixels of the input.
    pub fn length_to_input(&self, length_px: f32) -> f32 {
        length_px / self.determinant().abs().sqrt()
    }

    /// The input is a mirror image of the frame.
    pub fn is_mirrored(&self) -> bool {
        self.determinant() < 0.0
    }

    fn determinant(&self) -> f32 {
        self.across.0 * self.down.1 - self.across.1 * self.down.0
    }
}

/// Sums of a fit of value = a + b column + c row, for two values.
#[derive(Default)]
struct Sums {
    count: f64,
    column: f64,
    row: f64,
    column_column: f64,
    column_row: f64,
    row_row: f64,
    /// Sums of the values, alone and with column and row.
    values: [[f64; 3]; 2],
}

impl Sums {
    fn add(&mut self, column: f64, row: f64, red: f32, green: f32) {
        self.count += 1.0;
        self.column += column;
        self.row += row;
        self.column_column += column * column;
        self.column_row += column * row;
        self.row_row += row * row;
        for (sums, value) in self.values.iter_mut().zip([red, green]) {
            let value = f64::from(value);
            sums[0] += value;
            sums[1] += value * column;
            sums[2] += value * row;
        }
    }

    fn planes(&self) -> Option<[[f64; 3]; 2]> {
        if self.count < 12.0 {
            return None;
        }
        let (mean_column, mean_row) = (self.column / self.count, self.row / self.count);
        let columns = self.column_column - self.count * mean_column * mean_column;
        let rows = self.row_row - self.count * mean_row * mean_row;
        let both = self.column_row - self.count * mean_column * mean_row;
        let determinant = columns * rows - both * both;
        if determinant < 1.0 {
            return None;
        }
        let plane = |[sum, with_column, with_row]: [f64; 3]| {
            let along_columns = with_column - mean_column * sum;
            let along_rows = with_row - mean_row * sum;
            let b = (along_columns * rows - along_rows * both) / determinant;
            let c = (along_rows * columns - along_columns * both) / determinant;
            [sum / self.count - b * mean_column - c * mean_row, b, c]
        };
        let planes = self.values.map(plane);
        // Something of both sides must be seen.
        let [[_, a, b], [_, c, d]] = planes;
        ((a * d - b * c).abs() > 1e-9).then_some(planes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crop::Cropper;
    use crate::frame::{PixelFormat, Pixels};
    use crate::scene::CropBox;

    const FRAME_PX: (u32, u32) = (640, 480);

    fn view(crop: &CropBox, is_other_room: bool) -> Option<View> {
        let rgb = picture(FRAME_PX, is_other_room);
        let pixels = Pixels::new(PixelFormat::Rgb24, 640, 480, 3 * 640, &rgb).unwrap();
        let mut input = vec![0.0; 3 * 64 * 64];
        Cropper::new([64, 64].into(), [0.0; 3], [1.0; 3]).crop(&pixels, crop, &mut input);
        let description = Description {
            name: String::new(),
            input_shape: [1, 3, 64, 64],
            output_shapes: vec![],
        };
        View::of(&input, &description, FRAME_PX, is_other_room)
    }

    #[test]
    fn a_crop_tells_its_place() {
        for (x, y, side) in [
            (320.0, 240.0, 640.0),
            (200.0, 300.0, 120.0),
            (400.0, 100.0, 40.0),
            // Partly outside of the frame.
            (10.0, 470.0, 90.0),
        ] {
            for is_other_room in [false, true] {
                let crop = CropBox {
                    center_x_px: x,
                    center_y_px: y,
                    width_px: side,
                    height_px: side,
                };
                let view = view(&crop, is_other_room).unwrap();
                let (column, row) = view.to_input((x as f32, y as f32));
                let off = (column - 32.0).abs().max((row - 32.0).abs()) * side as f32 / 64.0;
                assert!(off < 0.3, "{x} {y} {side}: {off} px");
                let length = view.length_to_input(side as f32);
                assert!((length - 64.0).abs() < 1.5, "{length}");
                assert!(!view.is_mirrored());
            }
        }
    }

    #[test]
    fn a_crop_outside_of_the_frame_tells_nothing() {
        let crop = CropBox {
            center_x_px: -300.0,
            center_y_px: 100.0,
            width_px: 50.0,
            height_px: 50.0,
        };
        assert_eq!(view(&crop, false), None);
    }
}
