//! A picture from a source: borrowed pixels, their layout, and their capture time.
//!
//! The source owns the memory. A [`Frame`] is valid until the next request for a frame. Pixel (0, 0) is at the
//! top left, and its centre has the coordinates (0, 0), as in OpenCV and MMPose.

mod bayer;
mod brightness;
mod convert;
mod encode;
mod shrink;

pub use bayer::{Balance, Bayer, BayerOrder, BayerSample, Light, Tones, measure_light};
pub use brightness::brightness;
pub use convert::WidePixel;
pub use encode::encode;
pub use shrink::{shrink, shrunk_size, step_for};

use crate::clock::Instant;
use crate::limits::MAX_FRAME_SIDE_PX;
use std::path::Path;

/// Layout of the bytes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelFormat {
    /// 3 bytes per pixel: red, green, blue.
    Rgb24,
    /// 3 bytes per pixel: blue, green, red.
    Bgr24,
    /// 1 byte per pixel.
    Grey,
    /// 4 bytes per two pixels, Y0 U Y1 V. BT.601, limited range, like the next two formats.
    Yuyv,
    /// 4 bytes per two pixels, U Y0 V Y1.
    Uyvy,
    /// A plane of luma, then a plane of interleaved U and V with the same stride. Each 2 x 2 pixels share one
    /// pair, so the second plane has half as many rows (rounded up).
    Nv12,
    /// A plane of luma, then one of U and one of V with half its stride. Each 2 x 2 pixels share a U and a V, so
    /// these planes have half as many rows (rounded up).
    Yu12,
    /// A sensor's samples, which have no colours yet. Each 2 x 2 samples are one pixel of the picture.
    Bayer(Bayer),
}

impl PixelFormat {
    /// The formats of pictures with colours; [`Bayer::all`] has the others.
    pub const ALL: [PixelFormat; 7] = [
        PixelFormat::Rgb24,
        PixelFormat::Bgr24,
        PixelFormat::Grey,
        PixelFormat::Yuyv,
        PixelFormat::Uyvy,
        PixelFormat::Nv12,
        PixelFormat::Yu12,
    ];

    /// Stored columns and rows of a pixel.
    pub fn cell(self) -> u32 {
        match self {
            PixelFormat::Bayer(_) => 2,
            _ => 1,
        }
    }

    /// Bytes of one row of `width_px` stored pixels without padding. With several planes this is a row of the first one,
    /// with room for the last pair of an odd width.
    pub fn row_bytes(self, width_px: u32) -> usize {
        let width = width_px as usize;
        match self {
            PixelFormat::Rgb24 | PixelFormat::Bgr24 => 3 * width,
            PixelFormat::Grey => width,
            PixelFormat::Yuyv | PixelFormat::Uyvy => 4 * width.div_ceil(2),
            PixelFormat::Nv12 | PixelFormat::Yu12 => 2 * width.div_ceil(2),
            PixelFormat::Bayer(bayer) => bayer.row_bytes(width),
        }
    }

    /// Bytes of a picture of this width and height, with rows without padding.
    pub fn picture_bytes(self, size_px: [u32; 2]) -> usize {
        let [width, height] = size_px.map(|side| side.saturating_mul(self.cell()));
        let bytes = self.frame_bytes(width, height, self.row_bytes(width));
        bytes.unwrap_or(usize::MAX)
    }

    /// Bytes of a frame whose rows are `stride_bytes` apart. The last row needs no padding. `None` if there is no
    /// row, if a row is longer than the stride, if a side is no multiple of [`cell`](Self::cell), or if the size
    /// overflows `usize`.
    pub fn frame_bytes(self, width_px: u32, height_px: u32, stride_bytes: usize) -> Option<usize> {
        if !width_px.is_multiple_of(self.cell()) || !height_px.is_multiple_of(self.cell()) {
            return None;
        }
        let row = self.row_bytes(width_px);
        let height = height_px as usize;
        // Whole rows of a stride, and the row after them: the last one.
        let (rows, stride, last) = match self {
            PixelFormat::Nv12 => (height + height.div_ceil(2), stride_bytes, row),
            PixelFormat::Yu12 => (2 * height.div_ceil(2), stride_bytes / 2, row / 2),
            _ => (height, stride_bytes, row),
        };
        let before_last = stride.checked_mul(rows.checked_sub(1)?)?;
        let luma = match self {
            PixelFormat::Yu12 => stride_bytes.checked_mul(height)?,
            _ => 0,
        };
        let bytes = luma.checked_add(before_last)?.checked_add(last)?;
        (stride_bytes >= row).then_some(bytes)
    }
}

/// Borrowed pixels with a checked size.
#[derive(Debug, Clone, Copy)]
pub struct Pixels<'a> {
    format: PixelFormat,
    width_px: u32,
    height_px: u32,
    stride_bytes: usize,
    bytes: &'a [u8],
    tones: Option<&'a Tones>,
}

impl<'a> Pixels<'a> {
    /// Pixels in `bytes`. Width and height are those of the stored pixels. `None` if a side is 0, above
    /// [`MAX_FRAME_SIDE_PX`] or no multiple of the format's [`cell`](PixelFormat::cell), if a row is longer than the
    /// stride, or if `bytes` ends before the last row of the last plane.
    pub fn new(
        format: PixelFormat,
        width_px: u32,
        height_px: u32,
        stride_bytes: usize,
        bytes: &'a [u8],
    ) -> Option<Self> {
        let side = 1..=MAX_FRAME_SIDE_PX;
        if !side.contains(&width_px) || !side.contains(&height_px) {
            return None;
        }
        if bytes.len() < format.frame_bytes(width_px, height_px, stride_bytes)? {
            return None;
        }
        Some(Pixels {
            format,
            width_px: width_px / format.cell(),
            height_px: height_px / format.cell(),
            stride_bytes,
            bytes,
            tones: None,
        })
    }

    /// Raw pixels with these tones, which are for samples of their bits. Without tones they are dark: linear, and with
    /// the sensor's black level and colours.
    pub fn with_tones(self, tones: &'a Tones) -> Self {
        let fits = (self.bayer()).is_some_and(|bayer| bayer.sample.bits() == tones.bits());
        Pixels {
            tones: fits.then_some(tones),
            ..self
        }
    }

    /// The format of raw pixels.
    pub fn bayer(&self) -> Option<Bayer> {
        match self.format {
            PixelFormat::Bayer(bayer) => Some(bayer),
            _ => None,
        }
    }

    pub fn format(&self) -> PixelFormat {
        self.format
    }

    pub fn width_px(&self) -> u32 {
        self.width_px
    }

    pub fn height_px(&self) -> u32 {
        self.height_px
    }

    /// Row `y` of the planes U and V, without padding.
    fn chroma_rows(&self, y: usize) -> [&'a [u8]; 2] {
        let height = self.height_px as usize;
        let stride = self.stride_bytes / 2;
        [0, height.div_ceil(2)].map(|plane| {
            let start = height * self.stride_bytes + (plane + y / 2) * stride;
            &self.bytes[start..start + self.format.row_bytes(self.width_px) / 2]
        })
    }

    /// The bytes of a stored row, without padding.
    fn stored_row(&self, index: usize) -> &'a [u8] {
        let start = index * self.stride_bytes;
        let width_px = self.format.cell() * self.width_px;
        &self.bytes[start..start + self.format.row_bytes(width_px)]
    }

    /// The samples of row `y` of raw pixels.
    fn sample_rows(&self, y: usize) -> [&'a [u8]; 2] {
        [2 * y, 2 * y + 1].map(|index| self.stored_row(index))
    }

    /// Samples of a raw pixel: red, the mean of both greens, and blue. `None` outside the picture or its format.
    pub fn samples(&self, x_px: u32, y_px: u32) -> Option<[u16; 3]> {
        let inside = x_px < self.width_px && y_px < self.height_px;
        let rows = |bayer| bayer::samples(bayer, self.sample_rows(y_px as usize), x_px as usize);
        self.bayer().filter(|_| inside).map(rows)
    }

    /// Reads pixels `first_px..first_px + out.len()` of row `y_px`. Panics if the frame has less.
    pub fn read_row(&self, y_px: u32, first_px: u32, out: &mut [WidePixel]) {
        let first = first_px as usize;
        assert!(y_px < self.height_px && first + out.len() <= self.width_px as usize);
        let y = y_px as usize;
        let row = self.stored_row(y);
        match self.format {
            PixelFormat::Rgb24 => convert::rgb24(&row[3 * first..], out),
            PixelFormat::Bgr24 => convert::bgr24(&row[3 * first..], out),
            PixelFormat::Grey => convert::grey(&row[first..], out),
            PixelFormat::Yuyv => convert::packed_yuv::<0>(row, first, out),
            PixelFormat::Uyvy => convert::packed_yuv::<1>(row, first, out),
            PixelFormat::Nv12 => {
                let chroma = self.stored_row(self.height_px as usize + y / 2);
                convert::nv12(row, chroma, first, out);
            }
            PixelFormat::Yu12 => convert::yu12(row, self.chroma_rows(y), first, out),
            PixelFormat::Bayer(bayer) => {
                bayer::read(bayer, self.sample_rows(y), first, self.tones, out);
            }
        }
    }

    /// The whole picture as packed RGB, for overlays. The frame path does not use it.
    pub fn to_rgb(&self) -> Vec<u8> {
        let width = self.width_px as usize;
        let mut rgb = vec![0; 3 * width * self.height_px as usize];
        let mut row = vec![WidePixel::BLACK; width];
        for (y, out) in (0..self.height_px).zip(rgb.chunks_exact_mut(3 * width)) {
            self.read_row(y, 0, &mut row);
            for (out, pixel) in out.as_chunks_mut().0.iter_mut().zip(&row) {
                *out = pixel.rgb();
            }
        }
        rgb
    }
}

/// One picture, with its capture time and index.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    pub pixels: Pixels<'a>,
    /// Capture time, as exact as the source knows it.
    pub captured: Instant,
    /// Index of the picture in its source, from 0. Skipped pictures count.
    pub index: u64,
    /// The picture's own file, if it has one.
    pub file: Option<&'a Path>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_checked() {
        let bytes = [0; 24];
        assert!(Pixels::new(PixelFormat::Rgb24, 4, 2, 12, &bytes).is_some());
        assert!(Pixels::new(PixelFormat::Rgb24, 4, 2, 11, &bytes).is_none());
        assert!(Pixels::new(PixelFormat::Rgb24, 4, 2, 12, &bytes[1..]).is_none());
        assert!(Pixels::new(PixelFormat::Rgb24, 0, 2, 12, &bytes).is_none());
        assert!(
            Pixels::new(PixelFormat::Grey, MAX_FRAME_SIDE_PX + 1, 1, 1 << 20, &bytes).is_none()
        );
        assert!(Pixels::new(PixelFormat::Grey, 4, 2, usize::MAX, &bytes).is_none());
    }

    #[test]
    fn the_last_row_needs_no_padding() {
        assert!(Pixels::new(PixelFormat::Grey, 3, 2, 4, &[0; 7]).is_some());
        assert!(Pixels::new(PixelFormat::Uyvy, 3, 2, 10, &[0; 18]).is_some());
        assert!(Pixels::new(PixelFormat::Uyvy, 3, 2, 10, &[0; 17]).is_none());
    }

    #[test]
    fn nv12_has_both_planes_whole() {
        // 3 rows of luma and 2 rows of chroma, each with room for 2 pairs.
        assert!(Pixels::new(PixelFormat::Nv12, 3, 3, 5, &[0; 4 * 5 + 4]).is_some());
        assert!(Pixels::new(PixelFormat::Nv12, 3, 3, 5, &[0; 4 * 5 + 3]).is_none());
        assert!(Pixels::new(PixelFormat::Nv12, 3, 3, 3, &[0; 64]).is_none());
        assert!(Pixels::new(PixelFormat::Nv12, 3, 2, usize::MAX / 2, &[0; 64]).is_none());
    }

    #[test]
    fn every_format_gives_the_same_colours() {
        let rgb = Pixels::new(PixelFormat::Rgb24, 1, 1, 3, &[10, 20, 30]).unwrap();
        let bgr = Pixels::new(PixelFormat::Bgr24, 1, 1, 3, &[30, 20, 10]).unwrap();
        assert_eq!(rgb.to_rgb(), bgr.to_rgb());
        let grey = Pixels::new(PixelFormat::Grey, 2, 1, 2, &[7, 9]).unwrap();
        assert_eq!(grey.to_rgb(), [7, 7, 7, 9, 9, 9]);
    }

    const BLACK_WHITE_RED_RED: [u8; 12] = [0, 0, 0, 255, 255, 255, 255, 0, 0, 255, 0, 0];

    #[test]
    fn yuyv_black_white_and_red() {
        let bytes = [16, 128, 235, 128, 81, 90, 81, 240];
        let yuyv = Pixels::new(PixelFormat::Yuyv, 4, 1, 8, &bytes).unwrap();
        assert_eq!(yuyv.to_rgb(), BLACK_WHITE_RED_RED);
    }

    #[test]
    fn uyvy_is_yuyv_with_its_bytes_swapped() {
        let bytes = [128, 16, 128, 235, 90, 81, 240, 81];
        let uyvy = Pixels::new(PixelFormat::Uyvy, 4, 1, 8, &bytes).unwrap();
        assert_eq!(uyvy.to_rgb(), BLACK_WHITE_RED_RED);
    }

    #[test]
    fn two_rows_of_nv12_share_their_chroma() {
        let luma = [16, 235, 81, 81, 0, 16, 235, 81, 81, 0, 16, 16, 16, 16, 0];
        let chroma = [128, 128, 90, 240, 0, 128, 128, 128, 128];
        let bytes = [&luma[..], &chroma[..]].concat();
        let nv12 = Pixels::new(PixelFormat::Nv12, 4, 3, 5, &bytes).unwrap();
        let expected = [BLACK_WHITE_RED_RED, BLACK_WHITE_RED_RED, [0; 12]].concat();
        assert_eq!(nv12.to_rgb(), expected);
    }

    #[test]
    fn yu12_has_three_planes_and_all_are_whole() {
        // 3 rows of luma, then 2 of U and 2 of V.
        assert!(Pixels::new(PixelFormat::Yu12, 3, 3, 5, &[0; 3 * 5 + 3 * 2 + 2]).is_some());
        assert!(Pixels::new(PixelFormat::Yu12, 3, 3, 5, &[0; 3 * 5 + 3 * 2 + 1]).is_none());
        assert!(Pixels::new(PixelFormat::Yu12, 3, 3, 3, &[0; 64]).is_none());
        assert!(Pixels::new(PixelFormat::Yu12, 3, 2, usize::MAX / 2, &[0; 64]).is_none());
        let luma = [16, 235, 81, 81, 16, 235, 81, 81, 16, 16, 16, 16];
        let (u, v) = ([128, 90, 128, 128], [128, 240, 128, 128]);
        let bytes = [&luma[..], &u, &v].concat();
        let yu12 = Pixels::new(PixelFormat::Yu12, 4, 3, 4, &bytes).unwrap();
        let expected = [BLACK_WHITE_RED_RED, BLACK_WHITE_RED_RED, [0; 12]].concat();
        assert_eq!(yu12.to_rgb(), expected);
    }

    #[test]
    fn a_row_is_read_from_any_pixel_to_any_other() {
        let width = 131;
        for format in PixelFormat::ALL {
            let stride = format.row_bytes(width);
            let count = format.frame_bytes(width, 3, stride).unwrap();
            let bytes: Vec<u8> = (0..count).map(|index| ((index * 97) >> 2) as u8).collect();
            let pixels = Pixels::new(format, width, 3, stride, &bytes).unwrap();
            let mut whole = [WidePixel::BLACK; 131];
            pixels.read_row(2, 0, &mut whole);
            for first in 0..=131 {
                for end in first..=131 {
                    let mut part = [WidePixel::BLACK; 131];
                    let part = &mut part[first..end];
                    pixels.read_row(2, first as u32, part);
                    assert_eq!(*part, whole[first..end], "{format:?} {first}..{end}");
                }
            }
        }
    }
}
