//! What the two kernels with `vpdpbusd` share: the order of a gathered tile.
//!
//! The instruction multiplies u8 with i8. Inputs are therefore gathered with 128 added, which is one
//! flipped bit, and 128 times the sum of the weights is taken off the bias when weights are packed:
//! sums wrap, so the results are exact all the same.

use super::Rows;

/// K is padded to this, and a pixel's inputs lie side by side in pieces of this size: copied with one
/// instruction, and read by the inner loop as one stream.
pub(super) const KR: usize = 16;

/// Inputs and weights that one instruction adds up, for each sum.
pub(super) const GROUP: usize = 4;

/// See [`Kernel::input_offset`](super::Kernel::input_offset).
pub(super) const INPUT_OFFSET: i32 = 128;

/// Flips what adding [`INPUT_OFFSET`] flips.
const SIGN: u8 = 0x80;

/// A pixel's channels come in multiples of this.
const LEAST_CHANNELS: usize = 8;

/// To [k / 16][mr][16], with the offset added.
pub(super) fn gather<const MR: usize>(rows: &Rows<'_>, k: usize, scratch: &mut [u8]) {
    let scratch = &mut scratch[..MR * k];
    if rows.channels.is_multiple_of(KR) {
        copy::<MR, KR>(rows, scratch);
    } else {
        copy::<MR, LEAST_CHANNELS>(rows, scratch);
    }
    let used = rows.offsets.len() / MR * rows.channels;
    for at in (used..k).step_by(LEAST_CHANNELS) {
        for pixel in 0..MR {
            scratch[place::<MR>(at, pixel)..][..LEAST_CHANNELS].fill(0);
        }
    }
}

/// `PIECE` channels at once, of which a pixel has a multiple.
fn copy<const MR: usize, const PIECE: usize>(rows: &Rows<'_>, scratch: &mut [u8]) {
    for tap in 0..rows.offsets.len() / MR {
        for pixel in 0..MR {
            let (pieces, _) = rows.get(tap * MR + pixel).as_chunks::<PIECE>();
            for (index, piece) in pieces.iter().enumerate() {
                let at = tap * rows.channels + index * PIECE;
                let to = scratch[place::<MR>(at, pixel)..].first_chunk_mut::<PIECE>();
                *to.expect("room for all taps") = piece.map(|value| value.cast_unsigned() ^ SIGN);
            }
        }
    }
}

/// Where a pixel's input lies; `at` is below k.
fn place<const MR: usize>(at: usize, pixel: usize) -> usize {
    (at / KR * MR + pixel) * KR + at % KR
}
