//! Finds the end of a JPEG, and decodes it within bounds.
//!
//! It follows ITU-T T.81 annex B: marker segments carry their length, and in entropy-coded data 0x00 or a restart
//! marker follows each 0xFF. So it skips a thumbnail inside a segment, and tells a cut picture from a complete
//! one.

use crate::limits::{MAX_FRAME_SIDE_PX, MAX_PICTURE_PIXELS};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// Memory of the decoder: measured, rounded up (tests/no_alloc.rs).
const DECODER_BYTES: u64 = 512 << 10;
const DECODER_BYTES_A_PIXEL: u64 = 8;

const START: u8 = 0xD8;
const END: u8 = 0xD9;
const SCAN: u8 = 0xDA;

/// The end of the JPEG at the start of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameLength {
    /// It ends after this many bytes, including the end marker.
    Complete(usize),
    /// It does not end in these bytes.
    Incomplete,
    /// It is not a JPEG from this offset on.
    Broken(usize),
}

/// Finds the end of the JPEG that starts at `bytes[0]`. It never panics, and reads each byte once.
pub fn frame_length(bytes: &[u8]) -> FrameLength {
    match bytes {
        [] | [0xFF] => return FrameLength::Incomplete,
        [0xFF, START, ..] => {}
        _ => return FrameLength::Broken(0),
    }
    let mut at = 2;
    loop {
        // Any number of 0xFF may precede a marker.
        let Some(&first) = bytes.get(at) else {
            return FrameLength::Incomplete;
        };
        if first != 0xFF {
            return FrameLength::Broken(at);
        }
        let Some(&marker) = bytes.get(at + 1) else {
            return FrameLength::Incomplete;
        };
        match marker {
            0xFF => at += 1,
            END => return FrameLength::Complete(at + 2),
            // A second start marker: the first picture was cut off.
            0x00 | START => return FrameLength::Broken(at),
            0x01 | 0xD0..=0xD7 => at += 2,
            _ => {
                let Some(&[high, low]) = bytes.get(at + 2..at + 4).and_then(|b| b.first_chunk())
                else {
                    return FrameLength::Incomplete;
                };
                let length = usize::from(u16::from_be_bytes([high, low]));
                if length < 2 {
                    return FrameLength::Broken(at);
                }
                at += 2 + length;
                if marker == SCAN {
                    match entropy_end(bytes, at) {
                        Some(end) => at = end,
                        None => return FrameLength::Incomplete,
                    }
                }
            }
        }
    }
}

/// Components in the first frame header; `None` if there is no header before the first scan. The bytes are a
/// [`FrameLength::Complete`] picture.
fn components(bytes: &[u8]) -> Option<u8> {
    let mut rest = bytes.get(2..)?;
    loop {
        let &[first, marker, high, low, ..] = rest else {
            return None;
        };
        match (first, marker) {
            (0xFF, 0xFF) => rest = &rest[1..],
            (0xFF, 0x01 | 0xD0..=0xD7) => rest = &rest[2..],
            (0xFF, SCAN) => return None,
            // Every SOFn. DHT, JPG and DAC have numbers between them.
            (0xFF, 0xC0..=0xCF) if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                return rest.get(9).copied();
            }
            _ => rest = rest.get(2 + usize::from(u16::from_be_bytes([high, low]))..)?,
        }
    }
}

/// The first marker at or after `at` that ends entropy-coded data.
fn entropy_end(bytes: &[u8], at: usize) -> Option<usize> {
    let data = bytes.get(at..)?;
    data.windows(2)
        .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xFF | 0xD0..=0xD7))
        .map(|offset| at + offset)
}

/// Largest memory for decoding a picture of this size: its pixels, and the decoder's coefficients if it must keep
/// all of them.
pub(super) fn decoding_bytes(size_px: [u32; 2]) -> u64 {
    // Whole blocks, for every chroma sampling.
    let [width_px, height_px] = size_px.map(|side| u64::from(side.next_multiple_of(32)));
    let pixels = width_px * height_px;
    DECODER_BYTES + (3 + DECODER_BYTES_A_PIXEL) * pixels
}

/// Decodes a complete JPEG to packed RGB in `rgb`, which grows only for a larger picture. Returns width and
/// height in pixels.
pub(super) fn decode(bytes: &[u8], rgb: &mut Vec<u8>) -> Result<(u32, u32), String> {
    decode_within(bytes, [MAX_FRAME_SIDE_PX; 2], rgb)
}

/// Like [`decode`], for a picture of at most `most_px` (width, height).
pub(super) fn decode_within(
    bytes: &[u8],
    most_px: [u32; 2],
    rgb: &mut Vec<u8>,
) -> Result<(u32, u32), String> {
    let FrameLength::Complete(_) = frame_length(bytes) else {
        return Err("the JPEG is cut off or damaged".into());
    };
    // A fourth component would take more memory than the budget counts.
    match components(bytes) {
        Some(1 | 3) => {}
        Some(count) => return Err(format!("the JPEG has {count} components, must have 1 or 3")),
        None => return Err("the JPEG has no frame header".into()),
    }
    let options = DecoderOptions::default()
        .set_max_width(most_px[0] as usize)
        .set_max_height(most_px[1] as usize)
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let damaged = |error| format!("the JPEG is damaged: {error:?}");
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder.dimensions().ok_or("the JPEG has no size")?;
    if width * height > MAX_PICTURE_PIXELS {
        return Err(format!("the JPEG is too large: {width} x {height}"));
    }
    rgb.resize(3 * width * height, 0);
    decoder.decode_into(rgb).map_err(damaged)?;
    Ok((width as u32, height as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A start, a segment that contains a complete fake picture, a scan with a stuffed byte, an end.
    const JPEG: [u8; 26] = [
        0xFF, 0xD8, 0xFF, 0xE1, 0x00, 0x06, 0xFF, 0xD8, 0xFF, 0xD9, 0xFF, 0xFF, 0xDA, 0x00, 0x03,
        0x01, 0x12, 0xFF, 0x00, 0x34, 0xFF, 0xD3, 0x56, 0x78, 0xFF, 0xD9,
    ];

    #[test]
    fn a_thumbnail_does_not_end_the_picture() {
        assert_eq!(frame_length(&JPEG), FrameLength::Complete(JPEG.len()));
        let mut followed = JPEG.to_vec();
        followed.extend([0xFF, 0xD8]);
        assert_eq!(frame_length(&followed), FrameLength::Complete(JPEG.len()));
    }

    #[test]
    fn every_cut_is_incomplete() {
        for length in 0..JPEG.len() {
            assert_eq!(
                frame_length(&JPEG[..length]),
                FrameLength::Incomplete,
                "{length}"
            );
        }
    }

    #[test]
    fn a_new_start_breaks_a_cut_picture() {
        let mut cut = JPEG[..20].to_vec();
        cut.extend(JPEG);
        assert_eq!(frame_length(&cut), FrameLength::Broken(20));
        assert_eq!(frame_length(b"GIF89a"), FrameLength::Broken(0));
    }

    #[test]
    fn four_components_are_refused() {
        let jpeg = include_bytes!("../../tests/fixtures/four-components.jpg");
        let error = decode(jpeg, &mut Vec::new()).unwrap_err();
        assert!(error.contains("4 components"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            frame_length(&bytes);
            bytes.splice(0..0, JPEG[..10].iter().copied());
            if let FrameLength::Complete(length) = frame_length(&bytes) {
                prop_assert!(length <= bytes.len());
                components(&bytes);
            }
            let _ = decode(&bytes, &mut Vec::new());
        }
    }
}
