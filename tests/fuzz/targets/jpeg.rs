//! Motion JPEG: finding the end of pictures, and decoding them.
//!
//! A picture that posewire takes is taken by another library's decoder, with the same size and brightness. The other
//! way round nothing is asked: that decoder fills what is missing with grey. Colours are not compared, since decoders
//! may smooth them or not.
#![no_main]

use jpeg_decoder::{ColorTransform, Decoder, Error, PixelFormat};
use libfuzzer_sys::{Corpus, fuzz_target};
use posewire::source::{FrameLength, FrameSource, MjpegSource, Next, frame_length};
use std::borrow::Cow;
use std::time::Duration;

/// Largest decoded picture. Larger ones use the same code, but slowly.
const MAX_PIXELS: u32 = 1 << 14;
const START: [u8; 2] = [0xFF, 0xD8];
const END: [u8; 2] = [0xFF, 0xD9];
/// Largest difference of brightness that two right decoders have, in levels: 2 were seen.
const MAX_DIFFERENCE: f32 = 3.0;
/// The reference takes the standard's Huffman tables only for a picture of an AVI file.
const AVI: [u8; 9] = [0xFF, 0xE0, 0x00, 0x07, b'A', b'V', b'I', b'1', 0];

/// True if a frame header in the bytes claims a large picture.
fn is_large(bytes: &[u8]) -> bool {
    bytes.windows(9).any(|header| {
        let [0xFF, 0xC0..=0xCF, _, _, _, high, low, wide, narrow] = *header else {
            return false;
        };
        let side = |bytes: [u8; 2]| u32::from(u16::from_be_bytes(bytes));
        side([high, low]) * side([wide, narrow]) > MAX_PIXELS
    })
}

/// A picture as packed RGB.
struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

/// The picture as the other decoder has it. `None` if it only takes quantisation by zero for a fault, as the standard
/// does; libjpeg-turbo takes it, too.
fn reference(bytes: &[u8], colours: ColorTransform) -> Option<Picture> {
    let whole = [&START[..], &AVI, &bytes[2..], &END].concat();
    let mut decoder = Decoder::new(&whole[..]);
    decoder.set_color_transform(colours);
    let pixels = match decoder.decode() {
        Ok(pixels) => pixels,
        Err(Error::Format(why)) if why.contains("element with a zero value") => return None,
        Err(why) => panic!("taken, though the reference says: {why}"),
    };
    let info = decoder.info().expect("a decoded picture");
    let rgb = match info.pixel_format {
        PixelFormat::L8 => pixels.iter().flat_map(|&level| [level; 3]).collect(),
        PixelFormat::RGB24 => pixels,
        other => panic!("pixels as {other:?}"),
    };
    Some(Picture {
        width: info.width.into(),
        height: info.height.into(),
        rgb,
    })
}

fn luma(rgb: &[u8]) -> f32 {
    let [r, g, b] = [rgb[0], rgb[1], rgb[2]].map(f32::from);
    0.299 * r + 0.587 * g + 0.114 * b
}

/// The largest difference of brightness. Pixels at the end of a channel's range have lost theirs.
fn difference(one: &Picture, other: &Picture) -> f32 {
    let is_cut = |rgb: &[u8]| rgb.iter().any(|level| matches!(level, 0 | 255));
    let pairs = one.rgb.chunks_exact(3).zip(other.rgb.chunks_exact(3));
    pairs
        .filter(|(one, other)| !is_cut(one) && !is_cut(other))
        .map(|(one, other)| (luma(one) - luma(other)).abs())
        .fold(0.0, f32::max)
}

fn compare(bytes: &[u8], ours: &Picture) {
    // Not in each change's check: the reference has faults of its own, which look like findings.
    if std::env::var_os("POSEWIRE_FUZZ_REFERENCE").is_none() {
        return;
    }
    let Some(theirs) = reference(bytes, ColorTransform::YCbCr) else {
        return;
    };
    assert_eq!((ours.width, ours.height), (theirs.width, theirs.height));
    let far = difference(ours, &theirs);
    if far <= MAX_DIFFERENCE {
        return;
    }
    // Decoders choose between YCbCr and RGB by different signs.
    let as_rgb = reference(bytes, ColorTransform::RGB).map(|theirs| difference(ours, &theirs));
    assert!(
        as_rgb.is_some_and(|far| far <= MAX_DIFFERENCE),
        "brightness differs by {far} levels"
    );
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // Up to the end of the first picture.
    let mut first = bytes;
    match frame_length(bytes) {
        FrameLength::Complete(length) => {
            first = &bytes[..length];
            assert_eq!(frame_length(first), FrameLength::Complete(length));
            assert_eq!(frame_length(&bytes[..length - 1]), FrameLength::Incomplete);
        }
        FrameLength::Broken(at) => {
            assert!(at < bytes.len());
            first = &bytes[..at];
        }
        FrameLength::Incomplete => {}
    }
    if is_large(bytes) {
        return Corpus::Reject;
    }
    let mut source = MjpegSource::once("fuzz".into(), Cow::Owned(bytes.to_vec()));
    let mut frames = 0;
    loop {
        match source.next_frame(Duration::ZERO) {
            Ok(Next::Frame(frame)) => {
                let (width, height) = (frame.pixels.width_px() as usize, frame.pixels.height_px() as usize);
                let rgb = frame.pixels.to_rgb();
                assert_eq!(rgb.len(), 3 * width * height);
                if frame.index == 0 && first.starts_with(&START) {
                    compare(first, &Picture { width, height, rgb });
                }
            }
            Ok(Next::TimedOut { .. }) => {}
            Ok(Next::End) => break,
            Err(error) => {
                posewire_fuzz::check_message(&error);
                break;
            }
        }
        frames += 1;
        assert!(frames <= bytes.len(), "more pictures than bytes");
    }
    Corpus::Keep
});
