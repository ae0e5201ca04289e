//! Formats of cameras that are read, and what their codes say.

use super::node::FourCc;
use super::sensor;
use crate::frame::PixelFormat;
use std::str::FromStr;

/// Encoding of a camera's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Raw(PixelFormat),
    Jpeg,
}

/// Supported formats beside [`sensor::FORMATS`], which come after them, the cheapest first. Raw formats need no decoder.
/// Grey is late because it gives the network no colours.
pub(super) const FORMATS: [(&[u8; 4], Encoding); 9] = [
    (b"YUYV", Encoding::Raw(PixelFormat::Yuyv)),
    (b"UYVY", Encoding::Raw(PixelFormat::Uyvy)),
    (b"NV12", Encoding::Raw(PixelFormat::Nv12)),
    (b"YU12", Encoding::Raw(PixelFormat::Yu12)),
    (b"RGB3", Encoding::Raw(PixelFormat::Rgb24)),
    (b"BGR3", Encoding::Raw(PixelFormat::Bgr24)),
    (b"MJPG", Encoding::Jpeg),
    (b"JPEG", Encoding::Jpeg),
    (b"GREY", Encoding::Raw(PixelFormat::Grey)),
];
pub(super) const FORMAT_NAMES: &str =
    "YUYV, UYVY, NV12, YU12, RGB3, BGR3, MJPG, GREY, and raw Bayer of 8, 10, 12 and 16 bits";

impl FromStr for FourCc {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let raw = sensor::FORMATS.iter().map(|(code, ..)| *code);
        let codes = || FORMATS.iter().map(|(code, _)| *code).chain(raw.clone());
        // Names of raw formats may differ in one letter's case.
        codes()
            .find(|code| text.as_bytes() == &code[..])
            .or_else(|| codes().find(|code| text.as_bytes().eq_ignore_ascii_case(&code[..])))
            .map(|code| FourCc(*code))
            .ok_or_else(|| format!("{text:?} is not a format that is read: {FORMAT_NAMES}"))
    }
}

pub(super) fn encoding(format: FourCc) -> Option<Encoding> {
    let found = FORMATS.iter().find(|(code, _)| **code == format.0);
    let raw = || sensor::bayer(format).map(|bayer| Encoding::Raw(PixelFormat::Bayer(bayer)));
    found.map(|(_, encoding)| *encoding).or_else(raw)
}

/// Size of the stored pictures whose pixels have this size.
pub(super) fn stored_px(format: FourCc, size_px: [u32; 2]) -> [u32; 2] {
    let cell = match encoding(format) {
        Some(Encoding::Raw(format)) => format.cell(),
        _ => 1,
    };
    size_px.map(|side| side.saturating_mul(cell))
}

pub(super) fn is_bayer(format: FourCc) -> bool {
    let [first, second, ..] = format.0;
    let packed = first == b'p' && matches!(second, b'B' | b'G' | b'R');
    packed || [b"RG", b"BA", b"GB", b"GR", b"BG", b"BY"].contains(&&[first, second])
}
