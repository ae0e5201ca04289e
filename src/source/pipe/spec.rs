//! The argument of a pipe: `FORMAT:WIDTHxHEIGHT[:FILE]`.

use crate::frame::PixelFormat;
use crate::limits::{MAX_FRAME_SIDE_PX, MAX_PICTURE_PIXELS};
use crate::source::{CameraOptions, Footprint, jpeg};
use std::path::PathBuf;
use std::str::FromStr;

/// Frames in memory: one that fills, the newest one, and one that is lent.
const BUFFERS: u64 = 3;
/// Bytes that are read at once of a stream without frames of a fixed size: as many as an ordinary pipe holds.
pub(super) const READ_BYTES: usize = 64 << 10;
/// Room for the headers of a small JPEG.
const LEAST_JPEG_BYTES: u64 = 64 << 10;
const LEAST_SIDE_PX: u32 = 16;

/// Encoding of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Raw(PixelFormat),
    Jpeg,
}

/// The names of formats, in any case of their letters.
const FORMATS: [(&str, Encoding); 9] = [
    ("yuv420", Encoding::Raw(PixelFormat::Yu12)),
    ("YU12", Encoding::Raw(PixelFormat::Yu12)),
    ("NV12", Encoding::Raw(PixelFormat::Nv12)),
    ("YUYV", Encoding::Raw(PixelFormat::Yuyv)),
    ("UYVY", Encoding::Raw(PixelFormat::Uyvy)),
    ("RGB24", Encoding::Raw(PixelFormat::Rgb24)),
    ("BGR24", Encoding::Raw(PixelFormat::Bgr24)),
    ("GREY", Encoding::Raw(PixelFormat::Grey)),
    ("MJPG", Encoding::Jpeg),
];

/// A pipe as the user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PipeSpec {
    pub encoding: Encoding,
    /// Width and height; of JPEGs the largest ones.
    pub size_px: [u32; 2],
    /// A FIFO; `None` is standard input.
    pub file: Option<PathBuf>,
}

impl FromStr for PipeSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, ':');
        let format = parts.next().unwrap_or_default();
        let named = FORMATS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(format));
        let (_, encoding) = named.ok_or_else(|| {
            let names = FORMATS.map(|(name, _)| name).join(", ");
            format!("{format:?} is not a format that is read from a pipe: {names}")
        })?;
        let size = parts.next().unwrap_or_default();
        let size_px = size_of(size).ok_or_else(|| {
            format!(
                "{size:?} is not WIDTHxHEIGHT, each in {LEAST_SIDE_PX}..{MAX_FRAME_SIDE_PX} and at most \
                 {MAX_PICTURE_PIXELS} pixels"
            )
        })?;
        let [width_px, height_px] = size_px;
        let is_even = match encoding {
            Encoding::Raw(PixelFormat::Yu12 | PixelFormat::Nv12) => {
                width_px % 2 == 0 && height_px % 2 == 0
            }
            Encoding::Raw(PixelFormat::Yuyv | PixelFormat::Uyvy) => width_px % 2 == 0,
            _ => true,
        };
        if !is_even {
            return Err(format!(
                "{size} has an odd side, and pixels of {format} share their colours in pairs: give even sides"
            ));
        }
        let file = match parts.next() {
            Some("") => return Err("the name of the FIFO is empty".into()),
            file => file.map(PathBuf::from),
        };
        Ok(PipeSpec {
            encoding: *encoding,
            size_px,
            file,
        })
    }
}

fn size_of(text: &str) -> Option<[u32; 2]> {
    let (width, height) = text.split_once('x')?;
    let side = |text: &str| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let side = text.parse().ok().filter(|_| plain)?;
        (LEAST_SIDE_PX..=MAX_FRAME_SIDE_PX)
            .contains(&side)
            .then_some(side)
    };
    let size = [side(width)?, side(height)?];
    let pixels = u64::from(size[0]) * u64::from(size[1]);
    (pixels <= MAX_PICTURE_PIXELS as u64).then_some(size)
}

impl PipeSpec {
    /// Bytes of a raw frame, or of the longest JPEG. A JPEG counts at its raw size, as a camera's.
    pub(super) fn frame_bytes(&self) -> usize {
        let [width_px, height_px] = self.size_px;
        match self.encoding {
            Encoding::Raw(format) => format
                .frame_bytes(width_px, height_px, format.row_bytes(width_px))
                .unwrap_or(0),
            Encoding::Jpeg => {
                let raw = 3 * u64::from(width_px) * u64::from(height_px);
                raw.max(LEAST_JPEG_BYTES) as usize
            }
        }
    }

    /// Largest sides of a JPEG: as of a camera's within a memory budget.
    pub(super) fn jpeg_room_px(&self) -> [u32; 2] {
        CameraOptions::jpeg_room_px(self.size_px)
    }

    /// The memory of the source. The pipe's own is the kernel's.
    pub(super) fn footprint(&self) -> Footprint {
        let frames = BUFFERS * self.frame_bytes() as u64;
        Footprint {
            mapped_bytes: 0,
            heap_bytes: match self.encoding {
                Encoding::Raw(_) => frames,
                Encoding::Jpeg => {
                    frames + READ_BYTES as u64 + jpeg::decoding_bytes(self.jpeg_room_px())
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_are_read() {
        let spec: PipeSpec = "yuv420:640x480".parse().unwrap();
        assert_eq!(spec.encoding, Encoding::Raw(PixelFormat::Yu12));
        assert_eq!((spec.size_px, &spec.file), ([640, 480], &None));
        assert_eq!(spec.frame_bytes(), 640 * 480 * 3 / 2);
        assert_eq!(spec.footprint().heap_bytes, 3 * 640 * 480 * 3 / 2);
        for (text, bytes) in [
            ("yu12:64x32", 64 * 32 * 3 / 2),
            ("NV12:64x32", 64 * 32 * 3 / 2),
            ("YUYV:64x33", 64 * 33 * 2),
            ("uyvy:64x33", 64 * 33 * 2),
            ("RGB24:65x33", 65 * 33 * 3),
            ("bgr24:65x33", 65 * 33 * 3),
            ("GREY:65x33", 65 * 33),
            ("mjpg:65x33", 64 << 10),
        ] {
            let spec: PipeSpec = text.parse().unwrap();
            assert_eq!(spec.frame_bytes(), bytes, "{text}");
        }
        let fifo: PipeSpec = "MJPG:1280x720:/run/a:b".parse().unwrap();
        assert_eq!(fifo.file, Some("/run/a:b".into()));
        assert_eq!(fifo.frame_bytes(), 1280 * 720 * 3);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, words) in [
            ("", "\"\" is not a format"),
            ("H264:640x480", "MJPG"),
            ("yuv420", "WIDTHxHEIGHT"),
            ("yuv420:640", "WIDTHxHEIGHT"),
            ("yuv420:640x+480", "WIDTHxHEIGHT"),
            ("yuv420:15x480", "16.."),
            ("yuv420:16384x16384", "at most"),
            ("yuv420:641x480", "odd side"),
            ("nv12:640x481", "odd side"),
            ("yuyv:641x480", "odd side"),
            ("yuv420:640x480:", "empty"),
        ] {
            let error = text.parse::<PipeSpec>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", format in 0..FORMATS.len(), size in "[0-9x]{0,12}") {
            let _ = text.parse::<PipeSpec>();
            let text = format!("{}:{size}", FORMATS[format].0);
            if let Ok(spec) = text.parse::<PipeSpec>() {
                prop_assert!(spec.frame_bytes() > 0);
            }
        }
    }
}
