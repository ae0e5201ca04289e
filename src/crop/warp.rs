//! Resampling: OpenCV's fixed-point bilinear `warpAffine`, for scale and shift.
//!
//! Each source row of the crop is converted once, for the crop's columns only, and blended along x once. Two
//! such rows are kept, because neighbouring output rows often share them. Each output row blends them along y.
//! All sums are exact, so their order does not matter.

use crate::crop::axis::{self, OUTSIDE_PX, Position};
use crate::frame::{Pixels, WidePixel};
use crate::limits::MAX_FRAME_SIDE_PX;
use crate::scene::{CropBox, Mount, SizePx};
use std::ops::Range;

/// Crops, scales and normalises. It owns tables and buffers, which are sized once for one network input and any
/// frame.
#[derive(Debug)]
pub struct Cropper {
    warp: Warp,
    input_px: SizePx,
    mount: Mount,
    /// Normalised value of each byte, per RGB channel.
    normalised: [[f32; 256]; 3],
}

impl Cropper {
    /// `mean` and `std` are RGB, for values 0 to 255.
    pub fn new(input_px: SizePx, mean: [f32; 3], std: [f32; 3]) -> Self {
        let mut normalised = [[0.0; 256]; 3];
        for (channel, table) in normalised.iter_mut().enumerate() {
            for (byte, value) in table.iter_mut().enumerate() {
                *value = (byte as f32 - mean[channel]) / std[channel];
            }
        }
        Cropper {
            warp: Warp::of(input_px),
            input_px,
            mount: Mount::default(),
            normalised,
        }
    }

    /// For a camera that is mounted so: the network's input is upright, and crops are of the camera's picture.
    #[must_use]
    pub fn mounted(self, mount: Mount) -> Self {
        Cropper {
            warp: Warp::of(mount.camera_px(self.input_px)),
            mount,
            ..self
        }
    }

    /// Writes the normalised crop to `input`, 3 x H x W. Panics if `input` has another length.
    pub fn crop(&mut self, pixels: &Pixels<'_>, crop: &CropBox, input: &mut [f32]) {
        let [width, height] = self.warp.output_size();
        let plane = width * height;
        assert_eq!(input.len(), 3 * plane, "the crop fills the network's input");
        if self.mount != Mount::default() {
            self.crop_turned(pixels, crop, input);
            return;
        }
        let [red_of, green_of, blue_of] = &self.normalised;
        let (red, rest) = input.split_at_mut(plane);
        let (green, blue) = rest.split_at_mut(plane);
        self.warp.each_row(pixels, crop, |y, row| {
            let columns = y * width..(y + 1) * width;
            let red = &mut red[columns.clone()];
            let green = &mut green[columns.clone()];
            let blue = &mut blue[columns];
            for (((red, green), blue), &[r, g, b, _]) in
                red.iter_mut().zip(green).zip(blue).zip(row)
            {
                *red = red_of[usize::from(r)];
                *green = green_of[usize::from(g)];
                *blue = blue_of[usize::from(b)];
            }
        });
    }

    /// Each pixel goes to its place in the upright input.
    fn crop_turned(&mut self, pixels: &Pixels<'_>, crop: &CropBox, input: &mut [f32]) {
        let [width, height] = self.warp.output_size();
        let plane = width * height;
        let (first, column, down) = self.mount.steps(self.input_px);
        let tables = &self.normalised;
        self.warp.each_row(pixels, crop, |y, row| {
            let start = first.wrapping_add_signed(down * y as isize);
            for (x, pixel) in row.iter().enumerate() {
                let index = start.wrapping_add_signed(column * x as isize);
                for (channel, table) in tables.iter().enumerate() {
                    input[channel * plane + index] = table[usize::from(pixel[channel])];
                }
            }
        });
    }

    /// Writes the crop as packed RGB bytes, H x W x 3: the picture that the network sees.
    pub fn crop_rgb(&mut self, pixels: &Pixels<'_>, crop: &CropBox, rgb: &mut [u8]) {
        let [width, height] = self.warp.output_size();
        assert_eq!(rgb.len(), 3 * width * height, "the crop fills the picture");
        self.warp.each_row(pixels, crop, |y, row| {
            let out = &mut rgb[3 * y * width..3 * (y + 1) * width];
            for (out, &[r, g, b, _]) in out.as_chunks_mut().0.iter_mut().zip(row) {
                *out = [r, g, b];
            }
        });
    }
}

#[derive(Debug)]
struct Warp {
    columns: Vec<Position>,
    rows: Vec<Position>,
    /// The part of one source row that the crop needs.
    span: Vec<WidePixel>,
    above: BlendedRow,
    below: BlendedRow,
    /// One output row: red, green, blue and a zero for each pixel.
    output: Vec<[u8; 4]>,
}

impl Warp {
    fn of(size_px: SizePx) -> Self {
        Warp::new([size_px.width, size_px.height].map(|side| side as usize))
    }

    fn new([width, height]: [usize; 2]) -> Self {
        Warp {
            columns: vec![Position::default(); width],
            rows: vec![Position::default(); height],
            span: vec![WidePixel::BLACK; MAX_FRAME_SIDE_PX as usize + 2 * OUTSIDE_PX as usize],
            above: BlendedRow::new(width),
            below: BlendedRow::new(width),
            output: vec![[0; 4]; width],
        }
    }

    /// Width and height of the crop.
    fn output_size(&self) -> [usize; 2] {
        [self.columns.len(), self.rows.len()]
    }

    /// Calls `put` with each output row and its index, from top to bottom.
    fn each_row(
        &mut self,
        pixels: &Pixels<'_>,
        crop: &CropBox,
        mut put: impl FnMut(usize, &[[u8; 4]]),
    ) {
        let (width_px, height_px) = (pixels.width_px(), pixels.height_px());
        axis::fill(&mut self.columns, width_px, crop.center_x_px, crop.width_px);
        axis::fill(&mut self.rows, height_px, crop.center_y_px, crop.height_px);
        let mut source = Source::new(pixels, &mut self.columns, &mut self.span);
        // Both rows belong to an earlier frame.
        self.above.y_px = None;
        self.below.y_px = None;
        for (index, row) in self.rows.iter().enumerate() {
            if self.below.y_px == Some(row.before_px) {
                std::mem::swap(&mut self.above, &mut self.below);
            }
            self.above.set(row.before_px, &mut source);
            self.below.set(row.before_px + 1, &mut source);
            blend_rows(
                self.above.columns.as_flattened(),
                self.below.columns.as_flattened(),
                row.weight,
                self.output.as_flattened_mut(),
            );
            put(index, &self.output);
        }
    }
}

/// A source row blended along x: 32 times the value of each channel at each output column.
#[derive(Debug)]
struct BlendedRow {
    y_px: Option<i32>,
    columns: Vec<[u16; 4]>,
}

impl BlendedRow {
    fn new(width: usize) -> Self {
        BlendedRow {
            y_px: None,
            columns: vec![[0; 4]; width],
        }
    }

    fn set(&mut self, y_px: i32, source: &mut Source<'_>) {
        if self.y_px != Some(y_px) {
            source.blend_columns(y_px, &mut self.columns);
            self.y_px = Some(y_px);
        }
    }
}

/// The part of a frame's rows that a crop needs, with black around the frame.
struct Source<'a> {
    pixels: &'a Pixels<'a>,
    /// Counted from the start of the span.
    columns: &'a [Position],
    span: &'a mut [WidePixel],
    /// The part of the span inside the frame, and its first column in the frame.
    inside: Range<usize>,
    first_px: u32,
}

impl<'a> Source<'a> {
    fn new(pixels: &'a Pixels<'_>, columns: &'a mut [Position], span: &'a mut [WidePixel]) -> Self {
        let needed_px = axis::span(columns);
        for column in columns.iter_mut() {
            column.before_px -= needed_px.start;
        }
        let span = &mut span[..needed_px.len()];
        // Rows are read into the part inside the frame. The rest stays black.
        span.fill(WidePixel::BLACK);
        let into_frame = |x_px: i32| x_px.clamp(0, pixels.width_px() as i32);
        let inside_px = into_frame(needed_px.start)..into_frame(needed_px.end);
        let in_span = |x_px: i32| (x_px - needed_px.start) as usize;
        Source {
            pixels,
            columns,
            span,
            inside: in_span(inside_px.start)..in_span(inside_px.end),
            first_px: inside_px.start as u32,
        }
    }

    fn blend_columns(&mut self, y_px: i32, out: &mut [[u16; 4]]) {
        let inside = u32::try_from(y_px).ok();
        let Some(y_px) = inside.filter(|&y| y < self.pixels.height_px()) else {
            out.fill([0; 4]);
            return;
        };
        let inside = &mut self.span[self.inside.clone()];
        self.pixels.read_row(y_px, self.first_px, inside);
        // Both have the same length, so that the compiler checks bounds once.
        let before = &self.span[..self.span.len() - 1];
        let after = &self.span[1..];
        for (out, column) in out.iter_mut().zip(self.columns) {
            let index = column.before_px as usize;
            *out = before[index].blend(after[index], column.weight);
        }
    }
}

/// `((32 - weight) * above + weight * below + 512) >> 10`, in 16 bits. With `change = below - above` it equals
/// `(above + 16 + ((weight * change) >> 5)) >> 5`. That product has more than 16 bits, so `change` is split: its
/// multiples of 32 are divided before they are multiplied, without a remainder.
fn blend_rows(above: &[u16], below: &[u16], weight: u32, out: &mut [u8]) {
    let weight = weight as i16;
    for ((out, &above), &below) in out.iter_mut().zip(above).zip(below) {
        let (above, below) = (above as i16, below as i16);
        let change = below - above;
        let part = weight * (change >> 5) + ((weight * (change & 31)) >> 5);
        *out = ((above + 16 + part) >> 5) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::PixelFormat;
    use crate::scene::BBox;

    fn cropper(side: u32) -> Cropper {
        Cropper::new([side, side].into(), [0.0; 3], [1.0; 3])
    }

    #[test]
    fn a_crop_at_scale_one_copies_pixels() {
        let bytes: Vec<u8> = (0..64).collect();
        let pixels = Pixels::new(PixelFormat::Grey, 8, 8, 8, &bytes).unwrap();
        let whole = CropBox::new(BBox::whole(8, 8), 1.0, [8, 8].into());
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
        Cropper::new([4, 4].into(), [128.0; 3], [64.0; 3]).crop(&pixels, &crop, &mut input);
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
    fn the_widest_frame_and_its_surroundings_fit() {
        let bytes = [200; MAX_FRAME_SIDE_PX as usize];
        let pixels =
            Pixels::new(PixelFormat::Grey, MAX_FRAME_SIDE_PX, 1, bytes.len(), &bytes).unwrap();
        let crop = CropBox {
            center_x_px: f64::from(MAX_FRAME_SIDE_PX / 2),
            center_y_px: 2.0,
            width_px: f64::from(2 * MAX_FRAME_SIDE_PX),
            height_px: 4.0,
        };
        let mut rgb = vec![0; 3 * 16];
        cropper(4).crop_rgb(&pixels, &crop, &mut rgb);
        let lit = rgb.chunks(3).map(|pixel| pixel == [200; 3]);
        let expected = (0..16).map(|index| index == 1 || index == 2);
        assert!(lit.eq(expected));
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

    #[test]
    fn a_turned_or_mirrored_crop_has_the_same_pixels_elsewhere() {
        let (width, height) = (40_u32, 24_u32);
        let bytes: Vec<u8> = (0..width * height * 3)
            .map(|at| (at * 7 % 251) as u8)
            .collect();
        let pixels = Pixels::new(
            PixelFormat::Rgb24,
            width,
            height,
            3 * width as usize,
            &bytes,
        )
        .unwrap();
        let input_px: SizePx = [8, 6].into();
        for at in 0..8 {
            let mount = Mount {
                quarter_turns: at % 4,
                is_mirrored: at >= 4,
            };
            let camera_px = mount.camera_px(input_px);
            let crop = CropBox::new(BBox::whole(width, height), 1.0, camera_px);
            let crop_of = |cropper: &mut Cropper| {
                let mut input = vec![0.0; 3 * 48];
                cropper.crop(&pixels, &crop, &mut input);
                input
            };
            let plain = crop_of(&mut Cropper::new(camera_px, [0.0; 3], [1.0; 3]));
            let turned = crop_of(&mut Cropper::new(input_px, [0.0; 3], [1.0; 3]).mounted(mount));
            for index in 0..48 {
                let (x, y) = ((index % 8) as f32, (index / 8) as f32);
                let (camera_x, camera_y) = mount.to_camera(x, y, input_px);
                let from = camera_y as usize * camera_px.width as usize + camera_x as usize;
                for plane in 0..3 {
                    let (found, there) = (turned[48 * plane + index], plain[48 * plane + from]);
                    assert_eq!(found, there, "{mount:?} {index}");
                }
            }
        }
    }
}
