//! Mean brightness of the cells of a grid over a frame.

use super::{Pixels, WidePixel};

/// Rows and columns of pixels that are read of each cell.
const SAMPLES: u32 = 4;

/// Fills a grid of `columns`, row by row. A few pixels of each cell are read.
pub fn brightness(pixels: &Pixels<'_>, columns: u32, grid: &mut [u8]) {
    let rows = grid.len() as u32 / columns.max(1);
    let mut samples = [WidePixel::new([0; 3]); SAMPLES as usize];
    for (cell, mean) in grid.iter_mut().enumerate() {
        let (row, column) = (cell as u32 / columns, cell as u32 % columns);
        let width = SAMPLES.min(pixels.width_px());
        let x = at(column, columns, pixels.width_px()).min(pixels.width_px() - width);
        let samples = &mut samples[..width as usize];
        let mut sum = 0;
        for sample in 0..SAMPLES {
            let y = at(row * SAMPLES + sample, rows * SAMPLES, pixels.height_px());
            pixels.read_row(y, x, samples);
            sum += samples.iter().map(|pixel| luma(*pixel)).sum::<u32>();
        }
        // A mean of bytes.
        *mean = (sum / (SAMPLES * width)) as u8;
    }
}

/// The middle of a part of a side, in pixels.
fn at(part: u32, parts: u32, side_px: u32) -> u32 {
    (u64::from(2 * part + 1) * u64::from(side_px) / u64::from(2 * parts)) as u32
}

fn luma(pixel: WidePixel) -> u32 {
    let [r, g, b] = pixel.rgb().map(u32::from);
    (r + 2 * g + b) / 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::PixelFormat;

    #[test]
    fn each_cell_has_its_own_brightness_in_frames_of_any_size() {
        for (width, height) in [(640_u32, 480_u32), (16, 12), (17, 1), (1, 30)] {
            let bytes: Vec<u8> = (0..height)
                .flat_map(|y| (0..width).map(move |x| (200 * x / width + 50 * y / height) as u8))
                .collect();
            let pixels =
                Pixels::new(PixelFormat::Grey, width, height, width as usize, &bytes).unwrap();
            let mut grid = [0; 16 * 12];
            brightness(&pixels, 16, &mut grid);
            assert!(grid[0] <= grid[191] && grid[191] <= 250);
            if width == 640 {
                assert!((5..9).contains(&grid[0]), "{}", grid[0]);
                assert!((238..245).contains(&grid[191]), "{}", grid[191]);
            }
        }
    }
}
