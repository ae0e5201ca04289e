//! Motion JPEG: finding the end of pictures, and decoding them.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use posewire::source::{FrameLength, FrameSource, MjpegSource, Next, frame_length};
use std::borrow::Cow;
use std::time::Duration;

/// Largest decoded picture. Larger ones use the same code, but slowly.
const MAX_PIXELS: u32 = 1 << 16;

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

fuzz_target!(|bytes: &[u8]| -> Corpus {
    match frame_length(bytes) {
        FrameLength::Complete(length) => {
            assert_eq!(frame_length(&bytes[..length]), FrameLength::Complete(length));
            assert_eq!(frame_length(&bytes[..length - 1]), FrameLength::Incomplete);
        }
        FrameLength::Broken(at) => assert!(at < bytes.len()),
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
                let pixels = frame.pixels.width_px() * frame.pixels.height_px();
                assert_eq!(frame.pixels.to_rgb().len(), 3 * pixels as usize);
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
