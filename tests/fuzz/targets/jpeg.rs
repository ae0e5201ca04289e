//! Motion JPEG: finding the end of pictures, and decoding them.
//!
//! A picture that posewire takes is taken by libjpeg-turbo's decoder, with the same size and brightness. The other way
//! round nothing is asked: that decoder fills what is missing with grey. Colours are not compared, since decoders
//! may smooth them or not.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use mozjpeg::Decompress;
use posewire::source::{
    FrameLength, FrameSource, Mark, MjpegSource, Next, Splitter, frame_length,
};
use std::borrow::Cow;
use std::time::Duration;

/// Largest decoded picture. Larger ones use the same code, but slowly.
const MAX_PIXELS: u32 = 1 << 14;
const START: [u8; 2] = [0xFF, 0xD8];
const END: [u8; 2] = [0xFF, 0xD9];
/// Largest difference of brightness that two right decoders have, in levels: 2 were seen.
const MAX_DIFFERENCE: f32 = 3.0;

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

/// The picture as the other decoder has it. It ends what it refuses by unwinding, without the panic's hook.
fn reference(bytes: &[u8]) -> Picture {
    // What is behind the last block does not count, and the end marker may be missing.
    let whole = [bytes, &END].concat();
    let decoded = std::panic::catch_unwind(|| {
        let mut header = Decompress::new_mem(&whole)?;
        // Smooths what a progressive picture leaves out; others show it as it is.
        header.do_block_smoothing(false);
        let mut rows = header.rgb()?;
        let (width, height) = (rows.width(), rows.height());
        let rgb = rows.read_scanlines::<u8>()?;
        std::io::Result::Ok(Picture { width, height, rgb })
    });
    match decoded {
        Ok(Ok(picture)) => picture,
        Ok(Err(why)) => panic!("taken, though the reference says: {why}"),
        Err(why) => panic!("taken, though the reference says: {:?}", why.downcast_ref::<String>()),
    }
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
    let theirs = reference(bytes);
    assert_eq!((ours.width, ours.height), (theirs.width, theirs.height));
    let far = difference(ours, &theirs);
    assert!(far <= MAX_DIFFERENCE, "brightness differs by {far} levels");
}

/// The splitter of pipes, which gets its bytes in pieces, finds the same end of the first picture.
fn check_splitter(bytes: &[u8]) {
    if !bytes.starts_with(&START) {
        return;
    }
    let mut splitter = Splitter::default();
    let (mut at, mut marks) = (0, Vec::new());
    while at < bytes.len() && marks.len() < 2 {
        // Pieces of 1 to 16 bytes.
        let end = bytes.len().min(at + 1 + usize::from(bytes[at] & 15));
        let (length, mark) = splitter.walk(&bytes[at..end]);
        assert!(length > 0, "the walk stands still");
        at += length;
        marks.extend(mark.map(|mark| (at, mark)));
    }
    assert_eq!(marks[0], (START.len(), Mark::Begin));
    let end = marks.get(1).filter(|(_, mark)| *mark == Mark::End);
    let expected = match frame_length(bytes) {
        FrameLength::Complete(length) => Some(length),
        _ => None,
    };
    assert_eq!(end.map(|(end, _)| *end), expected);
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    check_splitter(bytes);
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
