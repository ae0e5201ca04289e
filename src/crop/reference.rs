//! The crop as a formula, pixel by pixel: the slow reference that tests compare the fast crop with.

use crate::crop::Cropper;
use crate::frame::{Bayer, PixelFormat, Pixels};
use crate::scene::CropBox;
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Picture {
    format: PixelFormat,
    width: usize,
    height: usize,
    stride: usize,
    bytes: Vec<u8>,
}

impl Picture {
    fn pixels(&self) -> Pixels<'_> {
        let [width, height] =
            [self.width, self.height].map(|side| self.format.cell() * side as u32);
        Pixels::new(self.format, width, height, self.stride, &self.bytes).unwrap()
    }

    /// Black outside.
    fn rgb(&self, x: i64, y: i64) -> [u8; 3] {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else {
            return [0; 3];
        };
        if x >= self.width || y >= self.height {
            return [0; 3];
        }
        if let PixelFormat::Bayer(bayer) = self.format {
            // Its own tests compare these with a plain unpacker.
            let samples = self.pixels().samples(x as u32, y as u32).unwrap();
            return samples.map(|sample| (sample >> (bayer.sample.bits() - 8)) as u8);
        }
        let row = &self.bytes[y * self.stride..];
        let pair = x / 2 * 4;
        match self.format {
            PixelFormat::Rgb24 => [row[3 * x], row[3 * x + 1], row[3 * x + 2]],
            PixelFormat::Bgr24 => [row[3 * x + 2], row[3 * x + 1], row[3 * x]],
            PixelFormat::Grey => [row[x]; 3],
            PixelFormat::Yuyv => yuv_to_rgb(row[2 * x], row[pair + 1], row[pair + 3]),
            PixelFormat::Uyvy => yuv_to_rgb(row[2 * x + 1], row[pair], row[pair + 2]),
            PixelFormat::Nv12 => {
                let chroma = &self.bytes[(self.height + y / 2) * self.stride..];
                yuv_to_rgb(row[x], chroma[x / 2 * 2], chroma[x / 2 * 2 + 1])
            }
            PixelFormat::Yu12 => {
                let half = self.stride / 2;
                let u = self.height * self.stride + y / 2 * half + x / 2;
                let v = u + self.height.div_ceil(2) * half;
                yuv_to_rgb(row[x], self.bytes[u], self.bytes[v])
            }
            PixelFormat::Bayer(_) => unreachable!("it has returned"),
        }
    }

    fn crop(&self, crop: &CropBox, [width, height]: [u32; 2]) -> Vec<u8> {
        let columns = positions(width, crop.center_x_px, crop.width_px);
        let rows = positions(height, crop.center_y_px, crop.height_px);
        let mut rgb = Vec::new();
        for &(y, weight_y) in &rows {
            for &(x, weight_x) in &columns {
                let corners = [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)];
                let corners = corners.map(|(x, y)| self.rgb(x, y));
                let weights = [
                    (32 - weight_x) * (32 - weight_y),
                    weight_x * (32 - weight_y),
                    (32 - weight_x) * weight_y,
                    weight_x * weight_y,
                ];
                rgb.extend((0..3).map(|channel| {
                    let sum: i32 = (0..4)
                        .map(|corner| weights[corner] * i32::from(corners[corner][channel]))
                        .sum();
                    ((sum + 512) >> 10) as u8
                }));
            }
        }
        rgb
    }
}

fn yuv_to_rgb(y: u8, u: u8, v: u8) -> [u8; 3] {
    let luma = 298 * (i32::from(y) - 16) + 128;
    let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
    [luma + 409 * v, luma - 100 * u - 208 * v, luma + 516 * u]
        .map(|value| (value >> 8).clamp(0, 255) as u8)
}

/// For each output: the pixel before it, and the weight of the pixel after it.
fn positions(side: u32, center_px: f64, length_px: f64) -> Vec<(i64, i32)> {
    let scale = length_px / f64::from(side);
    let shift = center_px - 0.5 * length_px;
    let origin = ((shift * 1024.0).round_ties_even() as i64).saturating_add(16);
    let position = |index: u32| {
        let along = (scale * f64::from(index) * 1024.0).round_ties_even() as i64;
        let fixed = origin.saturating_add(along) >> 5;
        (fixed >> 5, (fixed & 31) as i32)
    };
    (0..side).map(position).collect()
}

prop_compose! {
    /// Wide enough for several blocks of the conversion.
    fn any_picture()(
        format in prop_oneof![
            prop::sample::select(&PixelFormat::ALL),
            prop::sample::select(Bayer::all().map(PixelFormat::Bayer).collect::<Vec<_>>()),
        ],
        width in 1..200_usize,
        height in 1..30_usize,
        padding in 0..5_usize,
    )(
        // The fewest bytes that the frame may have, so that a read past the end fails.
        bytes in {
            let [width, height] = [width, height].map(|side| format.cell() * side as u32);
            let stride = format.row_bytes(width) + padding;
            let count = format.frame_bytes(width, height, stride).unwrap();
            vec(any::<u8>(), count)
        },
        format in Just(format),
        width in Just(width),
        height in Just(height),
        padding in Just(padding),
    ) -> Picture {
        let stride = format.row_bytes(format.cell() * width as u32) + padding;
        Picture { format, width, height, stride, bytes }
    }
}

/// Usually near the size of the pictures, sometimes any number.
fn any_side(low: f64, high: f64) -> impl Strategy<Value = f64> {
    prop_oneof![9 => low..high, 1 => any::<f64>()]
}

prop_compose! {
    fn any_box()(
        center_x_px in any_side(-40.0, 240.0),
        center_y_px in any_side(-20.0, 50.0),
        width_px in any_side(-50.0, 300.0),
        height_px in any_side(-20.0, 60.0),
    ) -> CropBox {
        CropBox { center_x_px, center_y_px, width_px, height_px }
    }
}

proptest! {
    /// One cropper for several frames: no trace of an earlier frame may remain.
    #[test]
    fn the_crop_is_the_formulas(
        frames in vec((any_picture(), any_box()), 1..4),
        size in [1..40_u32, 1..40_u32],
    ) {
        let (mean, std) = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]);
        let mut cropper = Cropper::new(size.into(), mean, std);
        let plane = (size[0] * size[1]) as usize;
        for (picture, crop) in &frames {
            let expected = picture.crop(crop, size);
            let mut rgb = vec![1; 3 * plane];
            cropper.crop_rgb(&picture.pixels(), crop, &mut rgb);
            prop_assert_eq!(&rgb, &expected);
            let mut input = vec![0.0; 3 * plane];
            cropper.crop(&picture.pixels(), crop, &mut input);
            for (index, &value) in input.iter().enumerate() {
                let (channel, pixel) = (index / plane, index % plane);
                let byte = f32::from(expected[3 * pixel + channel]);
                prop_assert_eq!(value, (byte - mean[channel]) / std[channel]);
            }
        }
    }
}
