//! The resampling itself: OpenCV's fixed-point bilinear `warpAffine` for a scale and a shift.
//!
//! Without rotation the map is separable, so each output column and row has one source position,
//! worked out once per crop in 1/32 pixel, exactly as OpenCV rounds it.

use crate::crop::CropBox;
use crate::frame::{PixelFormat, Pixels};

/// OpenCV's INTER_BITS: source positions have 5 fractional bits.
const FRACTION_BITS: u32 = 5;
const FRACTION_ONE: i32 = 1 << FRACTION_BITS;
/// OpenCV's AB_BITS: the matrix has 10 fractional bits before positions are rounded.
const MATRIX_BITS: u32 = 10;

/// Where an output column or row lies in the source: the pixel before it, and the weight (of 32) of
/// the pixel after it.
#[derive(Debug, Clone, Copy, Default)]
struct Position {
    before_px: i32,
    weight: i32,
}

/// Crops, scales and normalises; owns its tables, sized once for one network input.
#[derive(Debug)]
pub struct Cropper {
    input_size: [u32; 2],
    columns: Vec<Position>,
    rows: Vec<Position>,
    /// Normalised value of each byte, per RGB channel.
    normalised: [[f32; 256]; 3],
}

impl Cropper {
    /// `input_size` is (width, height) in pixels; `mean` and `std` are RGB in 0..255.
    pub fn new(input_size: [u32; 2], mean: [f32; 3], std: [f32; 3]) -> Self {
        let mut normalised = [[0.0; 256]; 3];
        for (channel, table) in normalised.iter_mut().enumerate() {
            for (byte, value) in table.iter_mut().enumerate() {
                *value = (byte as f32 - mean[channel]) / std[channel];
            }
        }
        Cropper {
            input_size,
            columns: vec![Position::default(); input_size[0] as usize],
            rows: vec![Position::default(); input_size[1] as usize],
            normalised,
        }
    }

    /// Writes the normalised crop to `input`, 3 x H x W. Panics if its length is another one.
    pub fn crop(&mut self, pixels: &Pixels<'_>, crop: &CropBox, input: &mut [f32]) {
        let [width, height] = self.input_size.map(|side| side as usize);
        let plane = width * height;
        assert_eq!(input.len(), 3 * plane, "the crop fills the network's input");
        let normalised = self.normalised;
        let (red, rest) = input.split_at_mut(plane);
        let (green, blue) = rest.split_at_mut(plane);
        self.each_pixel(pixels, crop, |index, [r, g, b]| {
            red[index] = normalised[0][usize::from(r)];
            green[index] = normalised[1][usize::from(g)];
            blue[index] = normalised[2][usize::from(b)];
        });
    }

    /// Writes the crop as packed RGB bytes, H x W x 3: the picture the network sees.
    pub fn crop_rgb(&mut self, pixels: &Pixels<'_>, crop: &CropBox, rgb: &mut [u8]) {
        let [width, height] = self.input_size.map(|side| side as usize);
        assert_eq!(rgb.len(), 3 * width * height, "the crop fills the picture");
        self.each_pixel(pixels, crop, |index, pixel| {
            rgb[3 * index..3 * index + 3].copy_from_slice(&pixel);
        });
    }

    fn each_pixel(&mut self, pixels: &Pixels<'_>, crop: &CropBox, put: impl FnMut(usize, [u8; 3])) {
        let [width, height] = self.input_size;
        fill_positions(&mut self.columns, width, crop.center_x_px, crop.width_px);
        fill_positions(&mut self.rows, height, crop.center_y_px, crop.height_px);
        // One loop per format: the format is a constant inside each.
        match pixels.format() {
            PixelFormat::Rgb24 => {
                self.warp(pixels, |row, x| PixelFormat::Rgb24.rgb_at(row, x), put)
            }
            PixelFormat::Bgr24 => {
                self.warp(pixels, |row, x| PixelFormat::Bgr24.rgb_at(row, x), put)
            }
            PixelFormat::Grey => self.warp(pixels, |row, x| PixelFormat::Grey.rgb_at(row, x), put),
            PixelFormat::Yuyv | PixelFormat::Uyvy | PixelFormat::Nv12 => {
                self.warp(pixels, |row, x| PixelFormat::Yuyv.rgb_at(row, x), put)
            }
        }
    }

    fn warp(
        &self,
        pixels: &Pixels<'_>,
        rgb_at: impl Fn(&[u8], usize) -> [u8; 3],
        mut put: impl FnMut(usize, [u8; 3]),
    ) {
        let source_row = |y_px: i32| {
            u32::try_from(y_px)
                .ok()
                .filter(|&y| y < pixels.height_px())
                .map(|y| pixels.row(y))
        };
        let width_px = pixels.width_px() as i32;
        let at = |row: Option<&[u8]>, x_px: i32| match row {
            Some(row) if (0..width_px).contains(&x_px) => rgb_at(row, x_px as usize),
            _ => [0; 3],
        };
        let mut index = 0;
        for y in &self.rows {
            let above = source_row(y.before_px);
            let below = source_row(y.before_px + 1);
            for x in &self.columns {
                let corners = [
                    at(above, x.before_px),
                    at(above, x.before_px + 1),
                    at(below, x.before_px),
                    at(below, x.before_px + 1),
                ];
                put(index, blend(corners, x.weight, y.weight));
                index += 1;
            }
        }
    }
}

/// Bilinear mean of the corners (top-left, top-right, bottom-left, bottom-right), rounded.
#[inline(always)]
fn blend(corners: [[u8; 3]; 4], weight_x: i32, weight_y: i32) -> [u8; 3] {
    let weights = [
        (FRACTION_ONE - weight_x) * (FRACTION_ONE - weight_y),
        weight_x * (FRACTION_ONE - weight_y),
        (FRACTION_ONE - weight_x) * weight_y,
        weight_x * weight_y,
    ];
    const SHIFT: u32 = 2 * FRACTION_BITS;
    std::array::from_fn(|channel| {
        let sum: i32 = (0..4)
            .map(|corner| weights[corner] * i32::from(corners[corner][channel]))
            .sum();
        ((sum + (1 << (SHIFT - 1))) >> SHIFT) as u8
    })
}

/// Source positions of `side_px` outputs, `center_px` falling on the output's middle (side / 2).
fn fill_positions(positions: &mut [Position], side_px: u32, center_px: f64, length_px: f64) {
    let scale = length_px / f64::from(side_px);
    let shift = center_px - 0.5 * length_px;
    let one = f64::from(1 << MATRIX_BITS);
    let to_fraction = MATRIX_BITS - FRACTION_BITS;
    // Half of 1/32, so that the shift below rounds to nearest.
    let origin = ((shift * one).round_ties_even() as i64).saturating_add(1 << (to_fraction - 1));
    for (index, position) in positions.iter_mut().enumerate() {
        let along = (scale * index as f64 * one).round_ties_even() as i64;
        let fixed = origin.saturating_add(along) >> to_fraction;
        // Positions far outside any frame stay outside when they are clamped to 31 bits.
        let before =
            (fixed >> FRACTION_BITS).clamp(i64::from(i32::MIN) + 1, i64::from(i32::MAX) - 1);
        *position = Position {
            before_px: before as i32,
            weight: (fixed & i64::from(FRACTION_ONE - 1)) as i32,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crop::BBox;

    fn cropper(side: u32) -> Cropper {
        Cropper::new([side, side], [0.0; 3], [1.0; 3])
    }

    #[test]
    fn a_crop_at_scale_one_copies_pixels() {
        let bytes: Vec<u8> = (0..64).collect();
        let pixels = Pixels::new(PixelFormat::Grey, 8, 8, 8, &bytes).unwrap();
        let whole = CropBox::new(BBox::whole(8, 8), 1.0, [8, 8]);
        let mut rgb = vec![0; 3 * 64];
        cropper(8).crop_rgb(&pixels, &whole, &mut rgb);
        assert_eq!(rgb, pixels.to_rgb());
    }

    #[test]
    fn outside_the_frame_is_black_and_normalised() {
        let pixels = Pixels::new(PixelFormat::Grey, 2, 2, 2, &[255; 4]).unwrap();
        let crop = CropBox {
            center_x_px: 1e9,
            center_y_px: -1e9,
            width_px: 8.0,
            height_px: 8.0,
        };
        let mut input = vec![9.0; 3 * 16];
        Cropper::new([4, 4], [128.0; 3], [64.0; 3]).crop(&pixels, &crop, &mut input);
        assert!(input.iter().all(|&value| value == -2.0));
    }

    #[test]
    fn channels_land_in_their_planes() {
        let pixels = Pixels::new(PixelFormat::Bgr24, 1, 1, 3, &[3, 2, 1]).unwrap();
        let crop = CropBox {
            center_x_px: 0.5,
            center_y_px: 0.5,
            width_px: 1.0,
            height_px: 1.0,
        };
        let mut input = vec![0.0; 3];
        cropper(1).crop(&pixels, &crop, &mut input);
        assert_eq!(input, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn hostile_boxes_neither_panic_nor_overflow() {
        let pixels = Pixels::new(PixelFormat::Yuyv, 2, 1, 4, &[128; 4]).unwrap();
        let mut rgb = vec![0; 3 * 16];
        for value in [0.0, 1e-30, 1e30, -1e30, f64::MAX, f64::INFINITY, f64::NAN] {
            let crop = CropBox {
                center_x_px: value,
                center_y_px: -value,
                width_px: value,
                height_px: value,
            };
            cropper(4).crop_rgb(&pixels, &crop, &mut rgb);
        }
    }
}
