//! RGB to camera formats, for runs without a camera and for tests.

use super::{PixelFormat, bayer};

/// A packed RGB picture in another format, with rows without padding. Colours are BT.601, limited range. A sensor's
/// samples are linear and without a black level, and each is the colour under its glass. Both sides are even.
pub fn encode(rgb: &[u8], width_px: u32, format: PixelFormat) -> Vec<u8> {
    let pixels = || rgb.chunks_exact(3).map(|p| [p[0], p[1], p[2]]);
    match format {
        PixelFormat::Rgb24 => rgb.to_vec(),
        PixelFormat::Bgr24 => pixels().flat_map(|[r, g, b]| [b, g, r]).collect(),
        PixelFormat::Grey => pixels().map(|pixel| yuv(pixel)[0]).collect(),
        PixelFormat::Yuyv | PixelFormat::Uyvy => rgb
            .chunks_exact(6)
            .flat_map(|pair| {
                let left = yuv([pair[0], pair[1], pair[2]]);
                let right = yuv([pair[3], pair[4], pair[5]]);
                let mean = |channel: usize| mean_of(&[left[channel], right[channel]]);
                if format == PixelFormat::Yuyv {
                    [left[0], mean(1), right[0], mean(2)]
                } else {
                    [mean(1), left[0], mean(2), right[0]]
                }
            })
            .collect(),
        PixelFormat::Nv12 => {
            let (mut bytes, chroma) = planes(rgb, width_px);
            bytes.extend(chroma.as_flattened());
            bytes
        }
        PixelFormat::Yu12 => {
            let (mut bytes, chroma) = planes(rgb, width_px);
            for channel in [0, 1] {
                bytes.extend(chroma.iter().map(|pair| pair[channel]));
            }
            bytes
        }
        PixelFormat::Bayer(bayer) => bayer::mosaic(rgb, width_px as usize, bayer),
    }
}

/// Luma of each pixel, and U and V of each 2 x 2 pixels.
fn planes(rgb: &[u8], width_px: u32) -> (Vec<u8>, Vec<[u8; 2]>) {
    let width = width_px as usize;
    let all: Vec<[u8; 3]> = rgb
        .chunks_exact(3)
        .map(|p| yuv([p[0], p[1], p[2]]))
        .collect();
    let luma = all.iter().map(|pixel| pixel[0]).collect();
    let mut chroma = Vec::new();
    for rows in all.chunks_exact(2 * width) {
        for x in (0..width).step_by(2) {
            chroma.push([1, 2].map(|channel| {
                mean_of(&[
                    rows[x][channel],
                    rows[x + 1][channel],
                    rows[width + x][channel],
                    rows[width + x + 1][channel],
                ])
            }));
        }
    }
    (luma, chroma)
}

fn yuv([r, g, b]: [u8; 3]) -> [u8; 3] {
    let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
    let byte = |value: i32, offset: i32| (((value + 128) >> 8) + offset).clamp(0, 255) as u8;
    [
        byte(66 * r + 129 * g + 25 * b, 16),
        byte(-38 * r - 74 * g + 112 * b, 128),
        byte(112 * r - 94 * g - 18 * b, 128),
    ]
}

fn mean_of(values: &[u8]) -> u8 {
    let sum: usize = values.iter().map(|&value| usize::from(value)).sum();
    (sum / values.len()) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Pixels;

    #[test]
    fn what_is_encoded_is_read_back_nearly_as_it_was() {
        let (width, height) = (16, 8);
        // Neighbours have the same colour, because formats share chroma between them.
        let rgb: Vec<u8> = (0..width * height)
            .flat_map(|at| {
                [
                    (at % width) as u8 * 4 + 90,
                    (at / width) as u8 * 4 + 100,
                    120,
                ]
            })
            .collect();
        for format in PixelFormat::ALL {
            let bytes = encode(&rgb, width, format);
            let stride = format.row_bytes(width);
            let pixels = Pixels::new(format, width, height, stride, &bytes).unwrap();
            let worst = pixels
                .to_rgb()
                .iter()
                .zip(&rgb)
                .map(|(&a, &b)| a.abs_diff(b))
                .max();
            let allowed = if format == PixelFormat::Grey { 60 } else { 8 };
            assert!(worst.unwrap() <= allowed, "{format:?}: {worst:?}");
        }
    }
}
