//! How much light of which colour a raw picture has, for its exposure and its white balance.
//!
//! In: a raw picture and its black level. Out: a histogram and means of some thousand pixels, spread over the picture.
//! Everything is a part of the range from black to the largest sample.

use crate::frame::Pixels;

/// Pixels of a measurement along each side.
const GRID: [u32; 2] = [64, 48];
/// Bins of the histogram. They are as wide as the square root of their brightness, so that dark pictures have some.
const BINS: usize = 256;
/// One pixel in so many is left out at either end of the histogram: lamps, and black borders.
const LEFT_OUT: u32 = 20;
/// From here on a sample may have been cut off.
const FULL: f32 = 0.97;
/// Below, a colour is mostly noise.
const DIM: f32 = 0.005;
/// Pixels whose colours differ by no more than this part of the largest may be grey.
const GREYISH: f32 = 0.3;
/// One pixel in so many must be greyish, or all count.
const FEW: u32 = 20;

/// The light of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Light {
    /// Mean brightness of the histogram without its ends.
    pub mean: f32,
    /// Part of the pixels that are cut off in a colour.
    pub full: f32,
    /// Means of red, green and blue over pixels that are neither cut off nor dim, and greyish if there are such; 0 if
    /// there are too few.
    pub colours: [f32; 3],
}

/// Measures a raw picture; `None` for other formats. `black` is the sample of no light, and `gains` are the factors with
/// which grey was grey so far.
pub fn measure_light(pixels: &Pixels<'_>, black: u16, gains: [f32; 3]) -> Option<Light> {
    let white = f32::from(u16::MAX >> (16 - pixels.bayer()?.sample.bits()));
    let black = f32::from(black).min(white - 1.0);
    let mut histogram = [0_u32; BINS];
    let (mut count, mut full) = (0_u32, 0_u32);
    let (mut all, mut greyish) = (Mean::default(), Mean::default());
    let [columns, rows] = [
        GRID[0].min(pixels.width_px()),
        GRID[1].min(pixels.height_px()),
    ];
    for row in 0..rows {
        let y_px = middle(row, rows, pixels.height_px());
        for column in 0..columns {
            let x_px = middle(column, columns, pixels.width_px());
            let samples = pixels.samples(x_px, y_px)?;
            let [red, green, blue] =
                samples.map(|sample| ((f32::from(sample) - black) / (white - black)).max(0.0));
            let brightness = (red + 2.0 * green + blue) / 4.0;
            let most = red.max(green).max(blue);
            count += 1;
            let bin = (brightness.sqrt() * BINS as f32) as usize;
            histogram[bin.min(BINS - 1)] += 1;
            if most >= FULL {
                full += 1;
            } else if brightness > DIM {
                let [r, g, b] = [red * gains[0], green * gains[1], blue * gains[2]];
                let (largest, least) = (r.max(g).max(b), r.min(g).min(b));
                all.add([red, green, blue]);
                if largest - least <= GREYISH * largest {
                    greyish.add([red, green, blue]);
                }
            }
        }
    }
    Some(Light {
        mean: middle_mean(&histogram, count),
        full: full as f32 / count.max(1) as f32,
        colours: [greyish, all]
            .into_iter()
            .find(|mean| mean.count > 0 && mean.count * FEW >= count)
            .map_or([0.0; 3], |mean| {
                mean.sums.map(|sum| sum / mean.count as f32)
            }),
    })
}

#[derive(Default)]
struct Mean {
    count: u32,
    sums: [f32; 3],
}

impl Mean {
    fn add(&mut self, colours: [f32; 3]) {
        self.count += 1;
        for (sum, value) in self.sums.iter_mut().zip(colours) {
            *sum += value;
        }
    }
}

/// Mean brightness of `count` pixels without the ends.
fn middle_mean(histogram: &[u32; BINS], count: u32) -> f32 {
    let kept = count / LEFT_OUT..count - count / LEFT_OUT;
    let (mut before, mut sum) = (0, 0.0);
    for (bin, &pixels) in (0_u16..).zip(histogram) {
        let inside = before.max(kept.start)..(before + pixels).min(kept.end);
        let root = (f32::from(bin) + 0.5) / BINS as f32;
        // The first bin holds what is black.
        let brightness = if bin == 0 { 0.0 } else { root * root };
        sum += brightness * inside.len() as f32;
        before += pixels;
    }
    sum / kept.len().max(1) as f32
}

/// The middle of a part of a side, in pixels.
fn middle(part: u32, parts: u32, side_px: u32) -> u32 {
    // Sides have 14 bits, so that nothing overflows.
    (2 * part + 1) * side_px / (2 * parts)
}
