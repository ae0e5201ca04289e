//! What is asked of a camera, and the memory that it takes.

use super::formats::{Encoding, encoding};
use super::node::FourCc;
use super::sensor;
use crate::frame::PixelFormat;
use crate::limits::MAX_FRAME_SIDE_PX;
use crate::process::memory::pages;

/// Buffers to request: one is read by the network, one is the newest, one may wait for its return, and the driver
/// keeps two, so that it always has one to fill.
pub(super) const BUFFERS: u32 = 5;

/// Pixels by which a camera's JPEG may pass the agreed size on each side, beside whole blocks.
const JPEG_MARGIN_PX: u32 = 16;

/// Samples of a sensor's mode against those of the wanted picture, at most: the modes are few.
const MODE_SAMPLES: u64 = 2;

/// Requested properties of a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraOptions {
    /// Width and height. The camera's nearest size is used.
    pub size_px: [u32; 2],
    /// The camera's nearest rate is used; `None` means 30.
    pub frames_per_second: Option<u32>,
    /// `None` means the cheapest format that reaches the size and the rate.
    pub format: Option<FourCc>,
    /// Limit of all driver buffers together, in bytes; `None` means no limit.
    pub most_bytes: Option<u64>,
    /// Frequency of the mains: lamps flicker twice as often. Exposures of raw pictures are whole turns of that.
    pub mains_hz: u32,
}

impl Default for CameraOptions {
    fn default() -> Self {
        CameraOptions {
            size_px: [640, 480],
            frames_per_second: None,
            format: None,
            most_bytes: None,
            mains_hz: 50,
        }
    }
}

impl CameraOptions {
    pub(super) fn rate(&self) -> u32 {
        self.frames_per_second.unwrap_or(30)
    }

    /// The requested format, if it is not compressed.
    pub fn raw_format(&self) -> Option<PixelFormat> {
        match encoding(self.format?)? {
            Encoding::Raw(format) => Some(format),
            Encoding::Jpeg => None,
        }
    }

    /// Bytes of all driver buffers if the camera accepts the requested format. A JPEG counts at its raw size.
    pub fn buffer_bytes(&self) -> u64 {
        let [width_px, height_px] = self.size_px.map(u64::from);
        let bytes_a_pixel = match self.format.and_then(encoding) {
            // Four samples, from a mode that may be larger.
            Some(Encoding::Raw(format @ PixelFormat::Bayer(_))) => {
                MODE_SAMPLES * format.row_bytes(4) as u64
            }
            Some(Encoding::Raw(PixelFormat::Grey)) => 1,
            Some(Encoding::Raw(
                PixelFormat::Yuyv | PixelFormat::Uyvy | PixelFormat::Nv12 | PixelFormat::Yu12,
            )) => 2,
            Some(Encoding::Raw(PixelFormat::Rgb24 | PixelFormat::Bgr24) | Encoding::Jpeg)
            | None => 3,
        };
        u64::from(BUFFERS) * pages(bytes_a_pixel * width_px * height_px)
    }

    /// Largest JPEG (width, height) that is decoded from a camera that agreed on `size_px`. A JPEG has its own size,
    /// which is often rounded up to whole blocks. A memory budget counts no more than that.
    pub(crate) fn jpeg_limit_px(&self, size_px: [u32; 2]) -> [u32; 2] {
        match self.most_bytes {
            None => [MAX_FRAME_SIDE_PX; 2],
            Some(_) => Self::jpeg_room_px(size_px),
        }
    }

    /// Size of the JPEGs for which a memory budget has room.
    pub(crate) fn jpeg_room_px(size_px: [u32; 2]) -> [u32; 2] {
        size_px.map(|side| {
            let side = side.min(MAX_FRAME_SIDE_PX);
            side.next_multiple_of(JPEG_MARGIN_PX) + JPEG_MARGIN_PX
        })
    }

    /// True if samples of this size and format have room.
    pub(super) fn has_room(&self, [width, height]: [u32; 2], format: PixelFormat) -> bool {
        let bytes = format.row_bytes(width) as u64 * u64::from(height);
        let bytes = u64::from(BUFFERS) * pages(bytes);
        self.most_bytes.is_none_or(|most| bytes <= most)
    }

    /// True if the camera might send raw Bayer pictures.
    pub fn may_be_bayer(&self) -> bool {
        self.format
            .is_none_or(|format| sensor::bayer(format).is_some())
    }

    /// True if the camera might send pictures that must be decoded.
    pub fn may_be_jpeg(&self) -> bool {
        self.format
            .is_none_or(|format| encoding(format) == Some(Encoding::Jpeg))
    }
}
