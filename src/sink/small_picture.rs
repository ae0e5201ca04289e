//! A small copy of a frame, in memory that is there before the first one.

use crate::frame::{Frame, shrink, shrunk_size, step_for};
use crate::limits::PICTURE_PX;

/// Bytes of its memory.
pub(super) const PICTURE_BYTES: usize = 3 * PICTURE_PX;

/// Packed RGB, or no picture.
#[derive(Debug)]
pub(super) struct SmallPicture {
    size_px: [u32; 2],
    rgb: Vec<u8>,
}

impl SmallPicture {
    pub fn new() -> Self {
        SmallPicture {
            size_px: [0; 2],
            rgb: vec![0; PICTURE_BYTES],
        }
    }

    /// Width and height; zeros if there is no picture.
    pub fn size_px(&self) -> [u32; 2] {
        self.size_px
    }

    /// The pixels; none if there is no picture.
    pub fn rgb(&self) -> &[u8] {
        let [width, height] = self.size_px.map(|side| side as usize);
        &self.rgb[..3 * width * height]
    }

    /// Copies a frame. The picture's pixel (x, y) is the frame's pixel (x, y) times the step.
    pub fn take(&mut self, frame: &Frame<'_>) {
        let size = [frame.pixels.width_px(), frame.pixels.height_px()];
        let step = step_for(size, PICTURE_PX);
        let small = shrunk_size(size, step);
        let bytes = 3 * (small[0] * small[1]) as usize;
        self.size_px = match shrink(&frame.pixels, step, &mut self.rgb) == bytes {
            true => small,
            false => [0; 2],
        };
    }

    pub fn clear(&mut self) {
        self.size_px = [0; 2];
    }
}
