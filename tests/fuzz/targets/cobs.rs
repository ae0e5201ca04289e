//! A serial line: reading it in pieces of any size finds the same frames.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posewire::wire::{CobsError, Encoded, PacketView, cobs};

/// Frames of a line that is read in pieces of `piece` bytes.
fn frames(line: &[u8], piece: usize) -> Vec<Result<Vec<u8>, CobsError>> {
    let mut splitter = cobs::Splitter::default();
    let mut found = Vec::new();
    for mut rest in line.chunks(piece) {
        while let Some(frame) = splitter.next_frame(&mut rest) {
            found.push(frame.map(<[u8]>::to_vec));
        }
    }
    found
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&piece, line)) = bytes.split_first() else {
        return;
    };
    let found = frames(line, usize::from(piece) + 1);
    assert_eq!(found, frames(line, usize::MAX));
    for frame in found.iter().flatten() {
        assert!(!frame.is_empty() && !frame.contains(&0));
        if let Ok(packet) = cobs::decode(frame) {
            let again = cobs::encode(&packet);
            assert_eq!(cobs::decode(&again[..again.len() - 1]).as_deref(), Ok(&packet[..]));
            let _ = PacketView::new(&packet);
        }
    }
    let _ = cobs::decode(line);
    if let Ok(packet) = Encoded::from_slice(line) {
        let frame = cobs::encode(&packet);
        assert_eq!(cobs::decode(&frame[..frame.len() - 1]).as_deref(), Ok(line));
    }
});
