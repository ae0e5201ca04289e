//! A picture as a source hands it over: borrowed pixels, their layout, and when they were taken.
//!
//! The source owns the memory; a [`Frame`] lives until the source is asked for the next one. Pixel
//! (0, 0) is the top-left one and its centre has the coordinates (0, 0), as in OpenCV and MMPose.

use crate::clock::Instant;

/// Largest side of a frame, in pixels: the wire's 16-bit coordinates still have a fraction there.
pub const MAX_SIDE_PX: u32 = 16_384;

/// How the bytes of a frame map to pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelFormat {
    /// 3 bytes a pixel: red, green, blue.
    Rgb24,
    /// 3 bytes a pixel: blue, green, red.
    Bgr24,
    /// 1 byte a pixel.
    Grey,
    /// 4 bytes for two pixels, Y0 U Y1 V; BT.601, limited range.
    Yuyv,
    Uyvy,
    Nv12,
}

impl PixelFormat {
    /// Bytes in one row of `width_px` pixels without padding.
    pub fn row_bytes(self, width_px: u32) -> usize {
        let width = width_px as usize;
        match self {
            PixelFormat::Rgb24 | PixelFormat::Bgr24 => 3 * width,
            PixelFormat::Grey => width,
            PixelFormat::Yuyv | PixelFormat::Uyvy | PixelFormat::Nv12 => 4 * width.div_ceil(2),
        }
    }
}

/// Borrowed pixels whose size has been checked against their layout.
#[derive(Debug, Clone, Copy)]
pub struct Pixels<'a> {
    format: PixelFormat,
    width_px: u32,
    height_px: u32,
    stride_bytes: usize,
    bytes: &'a [u8],
}

impl<'a> Pixels<'a> {
    /// `None` if a side is 0 or above [`MAX_SIDE_PX`], a row does not fit in the stride, or
    /// `bytes` is too short for the last row.
    pub fn new(
        format: PixelFormat,
        width_px: u32,
        height_px: u32,
        stride_bytes: usize,
        bytes: &'a [u8],
    ) -> Option<Self> {
        let side = 1..=MAX_SIDE_PX;
        if !side.contains(&width_px) || !side.contains(&height_px) {
            return None;
        }
        let row = format.row_bytes(width_px);
        let last_row = stride_bytes.checked_mul(height_px as usize - 1)?;
        if stride_bytes < row || bytes.len() < last_row.checked_add(row)? {
            return None;
        }
        Some(Pixels {
            format,
            width_px,
            height_px,
            stride_bytes,
            bytes,
        })
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

    /// The bytes of row `y_px`, without padding. Panics if `y_px` is not below the height.
    pub fn row(&self, y_px: u32) -> &'a [u8] {
        assert!(y_px < self.height_px);
        let start = y_px as usize * self.stride_bytes;
        &self.bytes[start..start + self.format.row_bytes(self.width_px)]
    }

    /// The whole picture as packed RGB, for overlays; not used on the frame path.
    pub fn to_rgb(&self) -> Vec<u8> {
        let width = self.width_px as usize;
        let mut rgb = vec![0; 3 * width * self.height_px as usize];
        for (y, out) in rgb.chunks_exact_mut(3 * width).enumerate() {
            let row = self.row(y as u32);
            for (x, pixel) in out.chunks_exact_mut(3).enumerate() {
                pixel.copy_from_slice(&self.format.rgb_at(row, x));
            }
        }
        rgb
    }
}

impl PixelFormat {
    /// The colour of pixel `x_px` of a row. Panics if the row is shorter.
    #[inline(always)]
    pub fn rgb_at(self, row: &[u8], x_px: usize) -> [u8; 3] {
        match self {
            PixelFormat::Rgb24 => [row[3 * x_px], row[3 * x_px + 1], row[3 * x_px + 2]],
            PixelFormat::Bgr24 => [row[3 * x_px + 2], row[3 * x_px + 1], row[3 * x_px]],
            PixelFormat::Grey => [row[x_px]; 3],
            PixelFormat::Yuyv | PixelFormat::Uyvy | PixelFormat::Nv12 => {
                let pair = 4 * (x_px / 2);
                yuv_to_rgb(row[pair + 2 * (x_px % 2)], row[pair + 1], row[pair + 3])
            }
        }
    }
}

/// BT.601 limited range to RGB, in 8-bit fixed point.
#[inline(always)]
fn yuv_to_rgb(y: u8, u: u8, v: u8) -> [u8; 3] {
    let luma = 298 * (i32::from(y) - 16) + 128;
    let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
    let byte = |value: i32| (value >> 8).clamp(0, 255) as u8;
    [
        byte(luma + 409 * v),
        byte(luma - 100 * u - 208 * v),
        byte(luma + 516 * u),
    ]
}

/// One picture and its history.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    pub pixels: Pixels<'a>,
    /// When the picture was taken, as near as the source knows.
    pub captured: Instant,
    /// Counts the source's pictures from 0, those it skipped included.
    pub index: u64,
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
        assert!(Pixels::new(PixelFormat::Grey, MAX_SIDE_PX + 1, 1, 1 << 20, &bytes).is_none());
        assert!(Pixels::new(PixelFormat::Grey, 4, 2, usize::MAX, &bytes).is_none());
    }

    #[test]
    fn the_last_row_needs_no_padding() {
        assert!(Pixels::new(PixelFormat::Grey, 3, 2, 4, &[0; 7]).is_some());
    }

    #[test]
    fn every_format_gives_the_same_colours() {
        let rgb = Pixels::new(PixelFormat::Rgb24, 1, 1, 3, &[10, 20, 30]).unwrap();
        let bgr = Pixels::new(PixelFormat::Bgr24, 1, 1, 3, &[30, 20, 10]).unwrap();
        assert_eq!(rgb.to_rgb(), bgr.to_rgb());
        let grey = Pixels::new(PixelFormat::Grey, 2, 1, 2, &[7, 9]).unwrap();
        assert_eq!(grey.to_rgb(), [7, 7, 7, 9, 9, 9]);
    }

    #[test]
    fn yuyv_black_white_and_red() {
        let bytes = [16, 128, 235, 128, 81, 90, 81, 240];
        let yuyv = Pixels::new(PixelFormat::Yuyv, 4, 1, 8, &bytes).unwrap();
        assert_eq!(
            yuyv.to_rgb(),
            [0, 0, 0, 255, 255, 255, 255, 0, 0, 255, 0, 0]
        );
    }
}
