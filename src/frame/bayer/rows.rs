//! Two rows of samples to a row of pixels, block by block.

use super::{Bayer, BayerSample, Tones};
use crate::frame::WidePixel;

/// Pixels of one block: small enough for the first-level cache, and whole groups of every format.
const BLOCK_PX: usize = 64;

/// Samples of a block, of one row.
type Samples = [u16; 2 * BLOCK_PX];

/// Reads pixels `first_px..first_px + out.len()`. `rows` are the bytes of both rows of samples from their beginning,
/// with whole groups. Without tones a pixel has the upper 8 bits of its samples.
pub(in crate::frame) fn read(
    bayer: Bayer,
    rows: [&[u8]; 2],
    first_px: usize,
    tones: Option<&Tones>,
    out: &mut [WidePixel],
) {
    let mut above: Samples = [0; 2 * BLOCK_PX];
    let mut below: Samples = [0; 2 * BLOCK_PX];
    let places = bayer.order.places();
    let upper = bayer.sample.bits() - 8;
    let mut at_px = first_px;
    let mut left = out;
    while !left.is_empty() {
        // A group of four samples has two pixels, and a span can start at the second one.
        let skipped = at_px % 2;
        let count = left.len().min(BLOCK_PX - skipped);
        let (out, later) = left.split_at_mut(count);
        let first = 2 * (at_px - skipped);
        unpack(
            bayer.sample,
            rows[0],
            first,
            2 * (skipped + count),
            &mut above,
        );
        unpack(
            bayer.sample,
            rows[1],
            first,
            2 * (skipped + count),
            &mut below,
        );
        let quads = above
            .as_chunks::<2>()
            .0
            .iter()
            .zip(below.as_chunks::<2>().0);
        for (out, (above, below)) in out.iter_mut().zip(quads.skip(skipped)) {
            let quad = [above[0], above[1], below[0], below[1]];
            let [red, green, other, blue] = places.map(|place| quad[place]);
            let rgb = [red, mean(green, other), blue];
            *out = WidePixel::new(match tones {
                Some(tones) => tones.of(rgb),
                None => rgb.map(|sample| (sample >> upper) as u8),
            });
        }
        at_px += count;
        left = later;
    }
}

/// Unpacks `count` samples of a row. `first` is the first one of a group.
fn unpack(sample: BayerSample, row: &[u8], first: usize, count: usize, out: &mut [u16]) {
    let [samples, bytes] = sample.group();
    let groups = first / samples..(first + count).div_ceil(samples);
    let row = &row[groups.start * bytes..groups.end * bytes];
    // A driver may leave anything in the unused bits.
    let most = u16::MAX >> (16 - sample.bits());
    match sample {
        BayerSample::Byte => {
            for (out, &byte) in out.iter_mut().zip(row) {
                *out = byte.into();
            }
        }
        BayerSample::Wide10 | BayerSample::Wide12 | BayerSample::Wide16 => {
            for (out, &pair) in out.iter_mut().zip(row.as_chunks().0) {
                *out = u16::from_le_bytes(pair).min(most);
            }
        }
        BayerSample::Packed10 => {
            let (out, _) = out.as_chunks_mut::<4>();
            for (out, &[a, b, c, d, low]) in out.iter_mut().zip(row.as_chunks().0) {
                let low = u16::from(low);
                let of = |high: u8, shift: u32| u16::from(high) << 2 | (low >> shift) & 3;
                *out = [of(a, 0), of(b, 2), of(c, 4), of(d, 6)];
            }
        }
        BayerSample::Packed12 => {
            let (out, _) = out.as_chunks_mut::<2>();
            for (out, &[a, b, low]) in out.iter_mut().zip(row.as_chunks().0) {
                let low = u16::from(low);
                *out = [u16::from(a) << 4 | low & 15, u16::from(b) << 4 | low >> 4];
            }
        }
    }
}

/// Red, green and blue of one pixel: its samples.
pub(in crate::frame) fn samples(bayer: Bayer, rows: [&[u8]; 2], x_px: usize) -> [u16; 3] {
    // The pixels of a whole group.
    let mut groups = [[0; 4]; 2];
    let skipped = x_px % 2;
    for (row, group) in rows.into_iter().zip(&mut groups) {
        unpack(
            bayer.sample,
            row,
            2 * (x_px - skipped),
            2 * (skipped + 1),
            group,
        );
    }
    let of = |place: usize| groups[place / 2][2 * skipped + place % 2];
    let [red, green, other, blue] = bayer.order.places().map(of);
    [red, mean(green, other), blue]
}

/// Rounded, and without a carry that 16 bits have no room for.
fn mean(a: u16, b: u16) -> u16 {
    (a | b) - ((a ^ b) >> 1)
}
