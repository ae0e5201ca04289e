//! Skeletons in characters: each has two columns and four rows of dots (U+2800 and on).
//!
//! In: points in pixels of a frame. Out: lines of text in the frame's proportions.

use std::fmt::Write;

/// Dots of a character.
const DOTS_X: usize = 2;
const DOTS_Y: usize = 4;
const FIRST: u32 = 0x2800;
/// The bit of a dot, by row and column.
const BITS: [[u8; DOTS_X]; DOTS_Y] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// A picture of dots.
#[derive(Debug)]
pub(super) struct Dots {
    columns: usize,
    rows: usize,
    /// Dots for each pixel of the frame.
    scale: f32,
    cells: Vec<u8>,
}

impl Dots {
    /// The largest picture of a frame in so many characters. `None` if there is no room or no frame.
    pub fn new(width_px: u16, height_px: u16, columns: usize, rows: usize) -> Option<Self> {
        let (width, height) = (f32::from(width_px), f32::from(height_px));
        let fits = |dots: usize, px: f32| dots as f32 / px;
        let scale = fits(columns * DOTS_X, width).min(fits(rows * DOTS_Y, height));
        if width_px == 0 || height_px == 0 || scale <= 0.0 {
            return None;
        }
        let cells = |px: f32, dots: usize| (px * scale / dots as f32).ceil() as usize;
        let columns = cells(width, DOTS_X).clamp(1, columns);
        let rows = cells(height, DOTS_Y).clamp(1, rows);
        Some(Dots {
            columns,
            rows,
            scale,
            cells: vec![0; columns * rows],
        })
    }

    /// Draws a line. Its ends are pixels of the frame, and may lie outside.
    pub fn line(&mut self, from: (f32, f32), to: (f32, f32)) {
        let [from, to] = [from, to].map(|(x, y)| (x * self.scale, y * self.scale));
        let length = (to.0 - from.0).abs().max((to.1 - from.1).abs());
        // A line that is longer than that lies outside for the most part, and may have gaps.
        let steps = length.ceil().min(1000.0) as u32;
        for step in 0..=steps {
            let share = step as f32 / steps.max(1) as f32;
            self.dot(
                from.0 + share * (to.0 - from.0),
                from.1 + share * (to.1 - from.1),
            );
        }
    }

    fn dot(&mut self, x: f32, y: f32) {
        if !(x >= 0.0 && y >= 0.0) {
            return;
        }
        // `as` saturates.
        let (x, y) = (x as usize, y as usize);
        let (column, row) = (x / DOTS_X, y / DOTS_Y);
        if column < self.columns && row < self.rows {
            self.cells[row * self.columns + column] |= BITS[y % DOTS_Y][x % DOTS_X];
        }
    }

    /// The lines, in a frame.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let edge = "\u{2500}".repeat(self.columns);
        // A string takes all text.
        let _ = writeln!(text, "\u{250c}{edge}\u{2510}");
        for row in self.cells.chunks(self.columns) {
            let characters = row
                .iter()
                .map(|&bits| char::from_u32(FIRST + u32::from(bits)).unwrap_or(' '));
            let line: String = characters.collect();
            let _ = writeln!(text, "\u{2502}{line}\u{2502}");
        }
        let _ = writeln!(text, "\u{2514}{edge}\u{2518}");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(dots: &Dots) -> Vec<String> {
        let text = dots.text();
        let inner = text.lines().skip(1).take(dots.rows);
        inner
            .map(|line| line.trim_matches('\u{2502}').to_owned())
            .collect()
    }

    #[test]
    fn a_picture_keeps_the_proportions_of_its_frame() {
        let dots = Dots::new(640, 480, 80, 20).unwrap();
        // 106.7 x 80 dots.
        assert_eq!((dots.columns, dots.rows), (54, 20));
        let dots = Dots::new(640, 480, 20, 50).unwrap();
        assert_eq!((dots.columns, dots.rows), (20, 8));
        assert!(Dots::new(0, 480, 80, 20).is_none() && Dots::new(640, 480, 80, 0).is_none());
    }

    #[test]
    fn a_line_has_a_dot_in_each_step_and_none_outside() {
        let mut dots = Dots::new(8, 8, 4, 2).unwrap();
        dots.line((0.0, 0.0), (7.0, 7.0));
        assert_eq!(
            rows(&dots),
            [
                "\u{2811}\u{2884}\u{2800}\u{2800}",
                "\u{2800}\u{2800}\u{2811}\u{2884}"
            ]
        );
        let mut dots = Dots::new(8, 8, 4, 2).unwrap();
        for bad in [-1e9, 1e9, f32::NAN, f32::INFINITY] {
            dots.line((bad, 1.0), (3.0, bad));
        }
        dots.line((1.0, 100.0), (100.0, 100.0));
        let text = dots.text();
        assert_eq!(text.lines().count(), 4);
    }
}
