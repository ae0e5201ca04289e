//! Finds the end of a JPEG in a stream, and decodes a whole JPEG within bounds.
//!
//! In: bytes from a camera or a file. Out: packed RGB in a buffer of the caller, or a reason. `whole` decides whether
//! all blocks are there before the decoder sees a byte; `zune-jpeg` decodes. The search for the end follows ITU-T T.81
//! annex B: marker segments carry their length, and in entropy-coded data 0x00 or a restart marker follows each 0xFF.
//! So it skips a thumbnail inside a segment.

mod huffman;
mod progressive;
mod scan;
mod standard;
mod whole;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::without_tables;
#[cfg(test)]
mod writer;

use crate::limits::MAX_FRAME_SIDE_PX;
use std::panic::{self, AssertUnwindSafe};
use whole::Whole;
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

/// Decodes a whole JPEG to packed RGB in `rgb`, which grows only for a larger picture. Returns width and height in
/// pixels. An end marker may be missing, and zeros may follow the last block.
pub(super) fn decode(bytes: &[u8], rgb: &mut Vec<u8>) -> Result<(u32, u32), String> {
    decode_within(bytes, [MAX_FRAME_SIDE_PX; 2], rgb)
}

/// Like [`decode`], for a picture of at most `most_px` (width, height).
pub(super) fn decode_within(
    bytes: &[u8],
    most_px: [u32; 2],
    rgb: &mut Vec<u8>,
) -> Result<(u32, u32), String> {
    let whole = whole::check(bytes, most_px)?;
    let completed;
    let picture = match whole.is_complete() {
        true => &bytes[..whole.bytes],
        false => {
            completed = complete(bytes, &whole);
            &completed
        }
    };
    let (width, height) = whole.size_px;
    rgb.resize(3 * width as usize * height as usize, 0);
    fenced(|| decode_all(picture, whole.size_px, rgb)).map(|()| whole.size_px)
}

/// Makes a panic of the decoder the error of its picture. Nothing of the decoder is used afterwards, and any bytes are
/// pixels.
fn fenced(decode: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    panic::catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        Err("the JPEG is of a form that the decoder cannot read: convert it".into())
    })
}

/// Decodes a picture of known size.
fn decode_all(picture: &[u8], (width, height): (u32, u32), rgb: &mut [u8]) -> Result<(), String> {
    let options = DecoderOptions::default()
        .set_max_width(width as usize)
        .set_max_height(height as usize)
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(picture), options);
    decoder
        .decode_into(rgb)
        .map_err(|error| format!("the JPEG is damaged: {error:?}"))
}

/// A copy of a picture with the standard's Huffman tables and an end marker.
fn complete(bytes: &[u8], whole: &Whole) -> Vec<u8> {
    let (start, rest) = bytes[..whole.data_bytes].split_at(2);
    let tables: &[u8] = match whole.needs_tables {
        true => standard::SEGMENT,
        false => &[],
    };
    // Tables of its own come later, and so replace the standard's.
    [start, tables, rest, &[0xFF, END]].concat()
}
