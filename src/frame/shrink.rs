//! A small copy of a frame, for people's eyes.
//!
//! In: a frame of any format. Out: packed RGB in the caller's buffer: one pixel of each square of `step` x `step`.
//! Nothing is allocated, and rows in between are not read.

use super::{Pixels, WidePixel};

/// Pixels that are read at once. They stay in the first-level cache.
const SPAN_PX: usize = 512;

/// The smallest step at which a copy of a frame of this width and height has at most `most_px` pixels.
pub fn step_for(size_px: [u32; 2], most_px: usize) -> u32 {
    let fits = |step: u32| {
        let [width, height] = shrunk_size(size_px, step).map(|side| side as usize);
        width * height <= most_px.max(1)
    };
    (1..).find(|&step| fits(step)).unwrap_or(1)
}

/// Width and height of a copy.
pub fn shrunk_size(size_px: [u32; 2], step: u32) -> [u32; 2] {
    size_px.map(|side| side.div_ceil(step))
}

/// Writes the copy to the beginning of `rgb`, as far as that has room, and returns its bytes.
pub fn shrink(pixels: &Pixels<'_>, step: u32, rgb: &mut [u8]) -> usize {
    let (width, step) = (pixels.width_px() as usize, step.max(1) as usize);
    let mut span = [WidePixel::BLACK; SPAN_PX];
    // Spans begin at a pixel that is taken.
    let advance = match step {
        0..SPAN_PX => SPAN_PX - SPAN_PX % step,
        _ => step,
    };
    let (out, _) = rgb.as_chunks_mut();
    let mut filled = 0;
    for y in (0..pixels.height_px()).step_by(step) {
        for first in (0..width).step_by(advance) {
            let length = advance.min(SPAN_PX).min(width - first);
            let span = &mut span[..length];
            // A frame's side has 15 bits.
            pixels.read_row(y, first as u32, span);
            let taken = span.iter().step_by(step);
            for (out, pixel) in out[filled..].iter_mut().zip(taken) {
                *out = pixel.rgb();
                filled += 1;
            }
        }
    }
    3 * filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::PixelFormat;

    #[test]
    fn a_copy_fits_and_is_as_large_as_it_can_be() {
        for ([width, height], step, copy) in [
            ([640, 480], 1, [640, 480]),
            ([641, 480], 2, [321, 240]),
            ([1920, 1080], 3, [640, 360]),
            ([480, 640], 1, [480, 640]),
            ([16_384, 1], 1, [16_384, 1]),
            ([16_384, 16_384], 30, [547, 547]),
        ] {
            assert_eq!(step_for([width, height], 640 * 480), step, "{width}");
            assert_eq!(shrunk_size([width, height], step), copy);
        }
    }

    #[test]
    fn the_pixels_are_those_of_the_frame_at_every_step() {
        let (width, height) = (1111_u32, 7_u32);
        let bytes: Vec<u8> = (0..width * height).map(|at| (at % 251) as u8).collect();
        let pixels = Pixels::new(PixelFormat::Grey, width, height, width as usize, &bytes).unwrap();
        for step in [1, 2, 3, 7, 100, 511, 512, 513, 2000] {
            let [columns, rows] = shrunk_size([width, height], step);
            let mut rgb = vec![0; 3 * (columns * rows) as usize + 5];
            let filled = shrink(&pixels, step, &mut rgb);
            assert_eq!(filled, rgb.len() - 5, "{step}");
            for (at, pixel) in rgb[..filled].chunks_exact(3).enumerate() {
                let (x, y) = (at as u32 % columns * step, at as u32 / columns * step);
                assert_eq!(
                    pixel,
                    [bytes[(y * width + x) as usize]; 3],
                    "{step} {x} {y}"
                );
            }
        }
        // A buffer that is too small is filled, and no more.
        assert_eq!(shrink(&pixels, 1, &mut [0; 10]), 9);
    }
}
