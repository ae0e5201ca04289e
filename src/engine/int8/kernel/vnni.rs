//! The order of a gathered tile in the two kernels with `vpdpbusd`.
//!
//! The instruction multiplies u8 with i8. Inputs are therefore gathered with 128 added, which is one
//! flipped bit, and packing takes 128 times the sum of the weights off the bias: sums wrap, so the results
//! are exact.

use super::Indirection;
use crate::engine::int8::family;

/// K is padded to this, and a pixel's inputs lie side by side in pieces of this size: copied with one
/// instruction, and read by the inner loop as one stream.
pub(super) const KR: usize = family::AVX_VNNI.tile.pad;

/// Inputs and weights that one instruction adds up, for each sum.
pub(super) const GROUP: usize = family::AVX_VNNI.order.kr;

/// Flips the bit that adding the families' input offset flips.
const SIGN: u8 = 0x80;

const _: () = {
    assert!(family::AVX_VNNI.input_offset == SIGN as i32);
    assert!(family::AVX512_VNNI.input_offset == SIGN as i32);
    assert!(family::AVX512_VNNI.tile.pad == KR && family::AVX512_VNNI.order.kr == GROUP);
};

/// A pixel's channels come in multiples of this.
const HALF: usize = KR / 2;

/// To [k / 16][mr][16], with the offset added.
pub(super) fn gather<const MR: usize>(rows: &Indirection<'_>, k: usize, scratch: &mut [u8]) {
    let scratch = &mut scratch[..MR * k];
    let taps = rows.offsets.len() / MR;
    if rows.channels.is_multiple_of(KR) {
        let (places, _) = scratch.as_chunks_mut::<KR>();
        for tap in 0..taps {
            let places = &mut places[tap * rows.channels / KR * MR..];
            for pixel in 0..MR {
                let (pieces, _) = rows.get(tap * MR + pixel).as_chunks::<KR>();
                copy::<MR>(pieces, &mut places[pixel..]);
            }
        }
    } else {
        let (halves, _) = scratch.as_chunks_mut::<HALF>();
        for tap in 0..taps {
            for pixel in 0..MR {
                let (pieces, _) = rows.get(tap * MR + pixel).as_chunks::<HALF>();
                for (index, piece) in (tap * rows.channels / HALF..).zip(pieces) {
                    halves[(index / 2 * MR + pixel) * 2 + index % 2] = offset(piece);
                }
            }
        }
    }
    let used = taps * rows.channels;
    for at in (used..k).step_by(HALF) {
        for pixel in 0..MR {
            scratch[(at / KR * MR + pixel) * KR + at % KR..][..HALF].fill(0);
        }
    }
}

/// Each piece of a pixel to every `MR`th place, four at a time.
fn copy<const MR: usize>(pieces: &[[i8; KR]], places: &mut [[u8; KR]]) {
    let (fours, rest) = pieces.as_chunks::<4>();
    for (four, places) in fours.iter().zip(places.chunks_mut(4 * MR)) {
        let places = &mut places[..3 * MR + 1];
        for (index, piece) in four.iter().enumerate() {
            places[index * MR] = offset(piece);
        }
    }
    let places = places.iter_mut().step_by(MR).skip(4 * fours.len());
    for (place, piece) in places.zip(rest) {
        *place = offset(piece);
    }
}

fn offset<const PIECE: usize>(piece: &[i8; PIECE]) -> [u8; PIECE] {
    piece.map(|value| value.cast_unsigned() ^ SIGN)
}
