//! Frames on a serial line: packets between zero bytes.
//!
//! A line has no packet boundaries. COBS (Cheshire and Baker, Consistent Overhead Byte Stuffing, 1999) encodes a
//! packet without zeros, and a zero ends it. In: an encoded packet, or bytes from a line. Out: a frame, or bytes of
//! packets for [`PacketView`](super::PacketView) to check. All buffers are in place and of fixed size.

use super::layout::{Encoded, MAX_SEALED_BYTES};
use std::fmt;

/// The byte that ends a frame and is never inside one.
const DELIMITER: u8 = 0;

/// A code byte is the number of bytes to the next zero, itself included. 255 means 254 bytes without a zero after
/// them.
const LONGEST_GROUP: usize = 254;

/// The longest packet with its code bytes, without the delimiter.
const MAX_STUFFED_BYTES: usize = MAX_SEALED_BYTES + MAX_SEALED_BYTES / LONGEST_GROUP + 1;

/// The longest frame, its delimiter included.
pub const MAX_LINE_FRAME_BYTES: usize = MAX_STUFFED_BYTES + 1;

/// The bytes on the line for one packet: the encoded packet and the delimiter.
pub type LineFrame = heapless::Vec<u8, MAX_LINE_FRAME_BYTES>;

/// Bytes that a sender sends first, and after a frame whose end was lost, so that earlier bytes are not taken for the
/// start of a packet. A delimiter alone could complete an old frame that lacks only its end. A code byte that
/// announces 254 bytes makes that frame invalid. One such byte might be the missing byte itself; four of them could
/// only be a whole checksum.
pub const RESYNC: [u8; 5] = [u8::MAX, u8::MAX, u8::MAX, u8::MAX, DELIMITER];

/// Encodes a packet and ends it.
pub fn encode(packet: &Encoded) -> LineFrame {
    let mut frame = [DELIMITER; MAX_LINE_FRAME_BYTES];
    // Position of the group's code, and length of the group with its code.
    let (mut code_at, mut code) = (0, 1_u8);
    let mut end = 1;
    for &byte in packet {
        if code == u8::MAX {
            frame[code_at] = code;
            (code_at, code) = (end, 1);
            end += 1;
        }
        if byte == DELIMITER {
            frame[code_at] = code;
            (code_at, code) = (end, 1);
        } else {
            frame[end] = byte;
            code += 1;
        }
        end += 1;
    }
    frame[code_at] = code;
    // The array is as long as the longest frame.
    LineFrame::from_slice(&frame[..=end]).unwrap_or_default()
}

/// Reason why the bytes between two delimiters are not an encoded packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CobsError {
    /// There is a delimiter inside.
    Zero,
    /// A code byte announces more bytes than there are.
    CutOff,
    /// Longer than any packet.
    TooLong,
}

impl fmt::Display for CobsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CobsError::Zero => "a zero inside a frame",
            CobsError::CutOff => "the frame is cut off",
            CobsError::TooLong => "the frame is longer than any packet",
        })
    }
}

impl std::error::Error for CobsError {}

/// The bytes of the packet between two delimiters.
///
/// # Errors
/// [`CobsError`] if the bytes are not an encoded packet.
pub fn decode(mut frame: &[u8]) -> Result<Encoded, CobsError> {
    let mut packet = Encoded::new();
    while let Some((&code, rest)) = frame.split_first() {
        let length = usize::from(code).checked_sub(1).ok_or(CobsError::Zero)?;
        let (group, rest) = rest.split_at_checked(length).ok_or(CobsError::CutOff)?;
        if group.contains(&DELIMITER) {
            return Err(CobsError::Zero);
        }
        packet
            .extend_from_slice(group)
            .map_err(|_| CobsError::TooLong)?;
        if length < LONGEST_GROUP && !rest.is_empty() {
            packet.push(DELIMITER).map_err(|_| CobsError::TooLong)?;
        }
        frame = rest;
    }
    Ok(packet)
}

/// Finds the frames in the bytes of a line, whatever the sizes of the reads.
#[derive(Debug, Default)]
pub struct Splitter {
    frame: heapless::Vec<u8, MAX_STUFFED_BYTES>,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No delimiter has come, or the frame was too long: bytes are ignored.
    #[default]
    Skipping,
    /// Inside a frame.
    Collecting,
    /// The frame was returned.
    Complete,
}

impl Splitter {
    /// Consumes `bytes` up to the end of a frame, and returns the frame without its delimiter. `None` means that all
    /// bytes are consumed. Bytes before the first delimiter, empty frames, and a [`RESYNC`] that cut nothing off are
    /// ignored.
    ///
    /// # Errors
    /// [`CobsError::TooLong`], once for each frame that is too long.
    pub fn next_frame(&mut self, bytes: &mut &[u8]) -> Option<Result<&[u8], CobsError>> {
        if self.state == State::Complete {
            self.frame.clear();
            self.state = State::Collecting;
        }
        while let Some((&byte, rest)) = bytes.split_first() {
            *bytes = rest;
            if byte == DELIMITER {
                if !self.frame.is_empty() && self.frame != RESYNC[..RESYNC.len() - 1] {
                    self.state = State::Complete;
                    return Some(Ok(&self.frame));
                }
                self.frame.clear();
                self.state = State::Collecting;
            } else if self.state == State::Collecting && self.frame.push(byte).is_err() {
                self.frame.clear();
                self.state = State::Skipping;
                return Some(Err(CobsError::TooLong));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::PacketView;
    use crate::wire::view::tests::any_packet;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn stuffed(bytes: &[u8]) -> Vec<u8> {
        encode(&Encoded::from_slice(bytes).unwrap()).to_vec()
    }

    /// All frames of `bytes`, read in pieces of `piece` bytes. An empty frame represents one that is too long.
    fn frames(splitter: &mut Splitter, bytes: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        for mut rest in bytes.chunks(piece) {
            while let Some(frame) = splitter.next_frame(&mut rest) {
                found.push(frame.unwrap_or_default().to_vec());
            }
        }
        found
    }

    // The well-known examples, from the paper and later texts.
    #[test]
    fn the_known_examples() {
        assert_eq!(stuffed(&[]), [1, 0]);
        assert_eq!(stuffed(&[0]), [1, 1, 0]);
        assert_eq!(stuffed(&[0, 0]), [1, 1, 1, 0]);
        assert_eq!(stuffed(&[0x11, 0x22, 0, 0x33]), [3, 0x11, 0x22, 2, 0x33, 0]);
        assert_eq!(stuffed(&[0x11, 0, 0, 0]), [2, 0x11, 1, 1, 1, 0]);
        let run: Vec<u8> = (1..=254).collect();
        assert_eq!(stuffed(&run), [&[255], &run[..], &[0]].concat());
        let longer: Vec<u8> = (1..=255).collect();
        assert_eq!(stuffed(&longer), [&[255], &run[..], &[2, 255, 0]].concat());
        assert_eq!(
            stuffed(&[&run[..], &[0]].concat()),
            [&[255], &run[..], &[1, 1, 0]].concat()
        );
    }

    #[test]
    fn the_longest_packet_fits_whatever_it_holds() {
        for byte in [0, 1] {
            let packet = [byte; MAX_SEALED_BYTES];
            let frame = stuffed(&packet);
            assert_eq!(decode(&frame[..frame.len() - 1]).unwrap(), packet);
        }
    }

    #[test]
    fn more_than_a_packet_is_refused() {
        let mut frame = stuffed(&[1; MAX_SEALED_BYTES]);
        frame.pop();
        assert_eq!(
            decode(&[&frame[..], &[1]].concat()),
            Err(CobsError::TooLong)
        );
        assert_eq!(
            decode(&[&frame[..], &[2, 9]].concat()),
            Err(CobsError::TooLong)
        );
        assert_eq!(decode(&[1, 0]), Err(CobsError::Zero));
        assert_eq!(decode(&[3, 1, 0]), Err(CobsError::Zero));
    }

    #[test]
    fn frames_are_found_and_what_is_none_is_passed_over() {
        let mut splitter = Splitter::default();
        let bytes = [9, 9, 0, 0, 2, 7, 0, 3, 8, 8, 0, 0, 4];
        for piece in [1, 2, 5, 13] {
            splitter = Splitter::default();
            assert_eq!(
                frames(&mut splitter, &bytes, piece),
                [vec![2, 7], vec![3, 8, 8]]
            );
        }
        assert_eq!(frames(&mut splitter, &[1, 1, 1, 0], 4), [[4, 1, 1, 1]]);
    }

    #[test]
    fn a_frame_that_never_ends_is_dropped_once_and_the_next_one_is_found() {
        let mut splitter = Splitter::default();
        let flood = [vec![0], vec![5; 10_000], vec![0, 2, 7, 0]].concat();
        assert_eq!(frames(&mut splitter, &flood, 512), [vec![], vec![2, 7]]);
    }

    proptest! {
        #[test]
        fn a_cancelled_frame_is_no_packet(mut packet in any_packet(), keep: usize, last in 0_usize..6) {
            // The hard case: the missing end equals the bytes of the resync.
            while packet.encode().last() != Some(&u8::MAX) {
                packet.sequence = packet.sequence.wrapping_add(1);
            }
            let frame = encode(&packet.encode());
            let keep = if last == 5 { keep % frame.len() } else { frame.len() - 1 - last };
            let cut = &frame[..keep];
            let mut splitter = Splitter::default();
            let found = frames(&mut splitter, &[&RESYNC, cut, &RESYNC, &frame].concat(), 64);
            let (whole, cut) = found.split_last().unwrap();
            prop_assert_eq!(whole, &frame[..frame.len() - 1]);
            for cut in cut {
                prop_assert!(decode(cut).map_or(true, |bytes| PacketView::new(&bytes).is_err()));
            }
        }

        #[test]
        fn what_is_stuffed_is_unstuffed_and_has_no_zero_inside(packet in vec(any::<u8>(), 0..=MAX_SEALED_BYTES)) {
            let frame = stuffed(&packet);
            let (&end, body) = frame.split_last().unwrap();
            prop_assert_eq!(end, 0);
            prop_assert!(!body.contains(&0));
            prop_assert!(body.len() <= packet.len() + packet.len() / 254 + 1);
            prop_assert_eq!(&decode(body).unwrap()[..], packet);
        }

        // Long runs without a zero are rare among random bytes.
        #[test]
        fn runs_of_any_length_survive(runs in vec(0_usize..300, 1..4)) {
            let packet: Vec<u8> = runs.iter().flat_map(|&run| [vec![1; run], vec![0]].concat()).take(MAX_SEALED_BYTES).collect();
            let frame = stuffed(&packet);
            prop_assert_eq!(&decode(&frame[..frame.len() - 1]).unwrap()[..], packet);
        }

        #[test]
        fn no_bytes_panic(bytes in vec(any::<u8>(), 0..1300), piece in 1_usize..600) {
            let _ = decode(&bytes);
            let mut splitter = Splitter::default();
            for frame in frames(&mut splitter, &bytes, piece) {
                prop_assert!(!frame.contains(&0));
                let _ = decode(&frame);
            }
        }

        #[test]
        fn a_packet_that_is_cut_or_changed_on_the_line_is_noticed(packet in any_packet(), at: usize, value in 1_u8..) {
            let frame = encode(&packet.encode());
            let body = &frame[..frame.len() - 1];
            let arrives = |bytes: &[u8]| decode(bytes).is_ok_and(|bytes| PacketView::new(&bytes).is_ok());
            prop_assert!(arrives(body));
            let at = at % body.len();
            prop_assert!(!arrives(&body[..at]));
            let mut changed = body.to_vec();
            changed[at] = value;
            prop_assert!(value == body[at] || !arrives(&changed));
        }
    }
}
