//! Pictures of a clip in a raw camera format, to test the path from frame to wire without a camera or a decoder.

use super::v4l2::Developer;
use super::{FrameSource, Next, RAW_PICTURES};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::frame::{Frame, PixelFormat, Pixels, Tones, encode};
use std::time::Duration;

/// A source that converts its pictures once and repeats them. Raw Bayer pictures have four samples of each pixel, and
/// are developed as those of a camera.
pub struct RawClip {
    pictures: Vec<Vec<u8>>,
    format: PixelFormat,
    /// Of what is stored.
    size_px: [u32; 2],
    index: u64,
    developer: Option<Developer>,
    tones: Tones,
}

impl RawClip {
    /// Takes pictures of one size from another source.
    ///
    /// # Errors
    /// That source's, or [`ErrorKind::Source`](crate::ErrorKind::Source) if it has no picture of even width and height.
    pub fn new(inner: &mut dyn FrameSource, format: PixelFormat) -> Result<Self> {
        let mut pictures = Vec::new();
        let mut size_px = [0; 2];
        while pictures.len() < RAW_PICTURES as usize {
            let Next::Frame(frame) = inner.next_frame(Duration::ZERO)? else {
                break;
            };
            let size = [frame.pixels.width_px(), frame.pixels.height_px()];
            if pictures.is_empty() {
                size_px = size;
            }
            if size != size_px || size.iter().any(|side| side % 2 != 0) {
                return Err(Error::source("demo", "its pictures differ in size"));
            }
            let rgb = repeated(&frame.pixels.to_rgb(), size[0], format.cell());
            pictures.push(encode(&rgb, format.cell() * size[0], format));
        }
        if pictures.is_empty() {
            return Err(Error::source("demo", "has no pictures"));
        }
        let size_px = size_px.map(|side| format.cell() * side);
        Ok(RawClip {
            pictures,
            format,
            size_px,
            index: 0,
            developer: match format {
                PixelFormat::Bayer(bayer) => Some(Developer::without_sensor(bayer)),
                _ => None,
            },
            tones: Tones::new(),
        })
    }
}

/// A packed RGB picture with each pixel `times` as wide and high.
fn repeated(rgb: &[u8], width_px: u32, times: u32) -> Vec<u8> {
    let times = times as usize;
    let mut bytes = Vec::with_capacity(times * times * rgb.len());
    for row in rgb.chunks_exact(3 * width_px as usize) {
        let pixels = row.as_chunks::<3>().0.iter();
        let wide: Vec<[u8; 3]> = pixels.flat_map(|&pixel| vec![pixel; times]).collect();
        for _ in 0..times {
            bytes.extend_from_slice(wide.as_flattened());
        }
    }
    bytes
}

impl FrameSource for RawClip {
    fn next_frame(&mut self, _timeout: Duration) -> Result<Next<'_>> {
        let index = self.index;
        self.index += 1;
        let [width, height] = self.size_px;
        let picture = &self.pictures[(index % self.pictures.len() as u64) as usize];
        let stride = self.format.row_bytes(width);
        let pixels = Pixels::new(self.format, width, height, stride, picture)
            .ok_or_else(|| Error::source("demo", "a picture is cut off"))?;
        if let (Some(developer), Some(bayer)) = (&mut self.developer, pixels.bayer()) {
            let balance = developer.develop(&pixels, index);
            self.tones.set(bayer.sample.bits(), balance);
        }
        Ok(Next::Frame(Frame {
            pixels: pixels.with_tones(&self.tones),
            captured: Instant::now(),
            index,
            file: None,
        }))
    }
}
