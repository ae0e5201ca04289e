//! Pictures of a clip in a raw camera format, to test the path from frame to wire without a camera or a decoder.

use super::{FrameSource, Next, RAW_PICTURES};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::frame::{Frame, PixelFormat, Pixels, encode};
use std::time::Duration;

/// A source that converts its pictures once and repeats them.
#[derive(Debug)]
pub struct RawClip {
    pictures: Vec<Vec<u8>>,
    format: PixelFormat,
    size_px: [u32; 2],
    index: u64,
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
            pictures.push(encode(&frame.pixels.to_rgb(), size[0], format));
        }
        if pictures.is_empty() {
            return Err(Error::source("demo", "has no pictures"));
        }
        Ok(RawClip {
            pictures,
            format,
            size_px,
            index: 0,
        })
    }
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
        Ok(Next::Frame(Frame {
            pixels,
            captured: Instant::now(),
            index,
            file: None,
        }))
    }
}
