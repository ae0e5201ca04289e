//! Finds JPEGs in a stream of bytes that comes in any pieces.
//!
//! In: bytes, each once. Out: where pictures begin, end or break. The walk follows ITU-T T.81 annex B as
//! [`frame_length`](crate::source::frame_length) does, so that a thumbnail in a segment is no picture. It keeps a few
//! bytes of state. After a fault it looks for the next start marker.

const START: u8 = 0xD8;
const END: u8 = 0xD9;
const SCAN: u8 = 0xDA;

/// What the last bytes of a piece are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The start marker of a picture: two bytes, the first of which may be in the piece before.
    Begin,
    /// The end of a picture.
    End,
    /// A start marker within a picture, which was cut off before it.
    BeginAgain,
    /// A byte that the picture cannot have there.
    Fault,
}

/// The place in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Between pictures.
    #[default]
    Outside,
    OutsideAfterFf,
    /// Before a marker.
    Marker,
    MarkerAfterFf,
    /// Before the length of a segment with this marker.
    Length(u8),
    LowLength(u8, u8),
    /// Within a segment that has so many bytes left. Coded data follows if it is true.
    Segment(usize, bool),
    /// Within coded data.
    Coded,
    CodedAfterFf,
}

/// The walk over a stream.
#[derive(Debug, Default)]
pub struct Splitter {
    place: Place,
}

impl Splitter {
    /// Walks to the next mark. Returns the count of bytes up to its end, or of all bytes if there is none.
    pub fn walk(&mut self, bytes: &[u8]) -> (usize, Option<Mark>) {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            // Bytes that cannot be a mark are passed at once.
            let passed = match &mut self.place {
                Place::Outside | Place::Coded => {
                    let ff = rest.iter().position(|&byte| byte == 0xFF);
                    ff.unwrap_or(rest.len())
                }
                Place::Segment(left, _) => {
                    let part = rest.len().min(*left);
                    *left -= part;
                    part
                }
                _ => 0,
            };
            at += passed;
            if let Place::Segment(0, is_scan) = self.place {
                self.place = if is_scan { Place::Coded } else { Place::Marker };
            }
            if passed > 0 {
                continue;
            }
            at += 1;
            if let Some(mark) = self.step(rest[0]) {
                return (at, Some(mark));
            }
        }
        (at, None)
    }

    /// Forgets the picture: the stream is another one from here on.
    pub fn restart(&mut self) {
        self.place = Place::Outside;
    }

    fn step(&mut self, byte: u8) -> Option<Mark> {
        let (place, mark) = match (self.place, byte) {
            (Place::Outside | Place::OutsideAfterFf, 0xFF) => (Place::OutsideAfterFf, None),
            (Place::OutsideAfterFf, START) => (Place::Marker, Some(Mark::Begin)),
            (Place::Outside | Place::OutsideAfterFf, _) => (Place::Outside, None),
            (Place::Marker | Place::MarkerAfterFf, 0xFF) => (Place::MarkerAfterFf, None),
            (Place::MarkerAfterFf | Place::CodedAfterFf, START) => {
                (Place::Marker, Some(Mark::BeginAgain))
            }
            (Place::MarkerAfterFf | Place::CodedAfterFf, END) => (Place::Outside, Some(Mark::End)),
            (Place::MarkerAfterFf, 0x01 | 0xD0..=0xD7) => (Place::Marker, None),
            (Place::Coded | Place::CodedAfterFf, 0xFF) => (Place::CodedAfterFf, None),
            (Place::Coded, _) | (Place::CodedAfterFf, 0x00 | 0xD0..=0xD7) => (Place::Coded, None),
            (Place::Marker, _) | (Place::MarkerAfterFf, 0x00) => {
                (Place::Outside, Some(Mark::Fault))
            }
            // A marker without a segment, in coded data.
            (Place::CodedAfterFf, 0x01) => (Place::Marker, None),
            (Place::MarkerAfterFf | Place::CodedAfterFf, marker) => (Place::Length(marker), None),
            (Place::Length(marker), high) => (Place::LowLength(marker, high), None),
            (Place::LowLength(marker, high), low) => {
                let is_scan = marker == SCAN;
                // The length counts its own two bytes.
                match usize::from(u16::from_be_bytes([high, low])) {
                    0 | 1 => (Place::Outside, Some(Mark::Fault)),
                    2 if is_scan => (Place::Coded, None),
                    2 => (Place::Marker, None),
                    length => (Place::Segment(length - 2, is_scan), None),
                }
            }
            // `walk` has passed it.
            (Place::Segment(..), _) => (self.place, None),
        };
        self.place = place;
        mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::mjpeg::tiny_jpeg;
    use crate::source::{FrameLength, frame_length};
    use proptest::prelude::*;

    /// Marks, and the offsets of their ends.
    fn marks<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<(usize, Mark)> {
        let mut splitter = Splitter::default();
        let (mut found, mut base) = (Vec::new(), 0);
        for chunk in chunks {
            let mut rest = chunk;
            while !rest.is_empty() {
                let (length, mark) = splitter.walk(rest);
                assert!(length > 0, "the walk goes on");
                rest = &rest[length..];
                base += length;
                found.extend(mark.map(|mark| (base, mark)));
            }
        }
        found
    }

    #[test]
    fn pictures_are_found_between_garbage() {
        let jpeg = tiny_jpeg();
        let stream = [b"GST_ARGUS: hello\n", &jpeg[..], &[0xFF, 0], &jpeg, b"x"].concat();
        let first = 17 + jpeg.len();
        let second = first + 2 + jpeg.len();
        assert_eq!(
            marks([&stream[..]].into_iter()),
            [
                (19, Mark::Begin),
                (first, Mark::End),
                (first + 4, Mark::Begin),
                (second, Mark::End)
            ]
        );
    }

    #[test]
    fn a_picture_that_is_cut_off_ends_where_the_next_one_begins() {
        let jpeg = tiny_jpeg();
        let cut = jpeg.len() - 3;
        let stream = [&jpeg[..cut], &jpeg].concat();
        let found = marks(stream.chunks(1));
        assert_eq!(
            found,
            [
                (2, Mark::Begin),
                (cut + 2, Mark::BeginAgain),
                (stream.len(), Mark::End)
            ]
        );
    }

    #[test]
    fn a_thumbnail_in_a_segment_is_no_picture() {
        let jpeg = tiny_jpeg();
        let length = u16::try_from(jpeg.len() + 2).unwrap().to_be_bytes();
        let stream = [&[0xFF, 0xD8, 0xFF, 0xE1][..], &length, &jpeg, &jpeg[2..]].concat();
        let found = marks(stream.chunks(7));
        assert_eq!(found, [(2, Mark::Begin), (stream.len(), Mark::End)]);
    }

    /// Bytes that are often markers.
    fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            4 => Just(0xFF_u8),
            4 => prop::sample::select(vec![0xD8, 0xD9, 0xDA, 0xC0, 0xE1, 0x00, 0x01, 0xD3]),
            3 => 0..4_u8,
            2 => any::<u8>(),
        ];
        prop::collection::vec(byte, 0..200)
    }

    proptest! {
        #[test]
        fn any_pieces_give_the_same_marks(
            bytes in any_bytes(),
            cuts in prop::collection::vec(1..9_usize, 1..20),
        ) {
            let whole = marks([&bytes[..]].into_iter());
            let mut rest = &bytes[..];
            let mut pieces = Vec::new();
            for cut in cuts.iter().cycle() {
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(marks(pieces.into_iter()), whole);
        }

        /// The first picture is the one that the reader of whole pictures finds.
        #[test]
        fn a_picture_ends_where_its_length_says(rest in any_bytes()) {
            let bytes = [&[0xFF, 0xD8][..], &rest].concat();
            let found = marks([&bytes[..]].into_iter());
            prop_assert_eq!(found[0], (2, Mark::Begin));
            match frame_length(&bytes) {
                FrameLength::Complete(length) => prop_assert_eq!(found[1], (length, Mark::End)),
                FrameLength::Incomplete => prop_assert_eq!(found.len(), 1),
                FrameLength::Broken(_) => prop_assert!(
                    matches!(found[1].1, Mark::Fault | Mark::BeginAgain),
                    "{:?}",
                    found
                ),
            }
        }

        /// However the garbage claims to go on, a picture is found again after it.
        #[test]
        fn pictures_come_again_after_garbage(garbage in any_bytes()) {
            let jpeg = tiny_jpeg();
            // A false segment has 64 KiB at most.
            let count = (64 << 10) / jpeg.len() + 3;
            let stream = [&garbage[..], &jpeg.repeat(count)].concat();
            let found = marks([&stream[..]].into_iter());
            let ends = [stream.len() - jpeg.len(), stream.len()].map(|at| (at, Mark::End));
            prop_assert!(ends.iter().all(|end| found.contains(end)), "{:?}", found.last());
        }
    }
}
