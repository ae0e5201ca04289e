//! Rows of every format to pixels whose channels are 16 bits apart.
//!
//! In: the bytes of a row and the index of the first pixel. Out: [`WidePixel`]s in the caller's buffer. The
//! loops run over blocks of fixed length and do one simple thing each, because the compiler vectorises such
//! loops on every processor.

use std::ops::Range;

/// Pixels of one block of the conversion: small enough for the first-level cache.
const BLOCK_PX: usize = 64;

/// A pixel with 16 bits per channel: red in the lowest bits, then green, blue and zeros. One multiplication
/// scales all channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WidePixel(u64);

impl WidePixel {
    pub const BLACK: WidePixel = WidePixel(0);

    #[inline(always)]
    pub fn new([r, g, b]: [u8; 3]) -> Self {
        WidePixel(u64::from(r) | u64::from(g) << 16 | u64::from(b) << 32)
    }

    pub fn rgb(self) -> [u8; 3] {
        [self.0 as u8, (self.0 >> 16) as u8, (self.0 >> 32) as u8]
    }

    /// `(32 - weight) * self + weight * after` of each channel, and 0. `weight` is at most 32.
    #[inline(always)]
    pub fn blend(self, after: WidePixel, weight: u32) -> [u16; 4] {
        // Differences borrow from the channel above, and the sum gives it back: each channel of the
        // result lies between 0 and 32 * 255.
        let change = after.0.wrapping_sub(self.0).wrapping_mul(weight.into());
        let sum = (self.0 << 5).wrapping_add(change);
        [0, 16, 32, 48].map(|shift| (sum >> shift) as u16)
    }
}

/// `row` starts at the first pixel to read, also in the next two functions.
pub(super) fn rgb24(row: &[u8], out: &mut [WidePixel]) {
    for (out, &[r, g, b]) in out.iter_mut().zip(row.as_chunks().0) {
        *out = WidePixel::new([r, g, b]);
    }
}

pub(super) fn bgr24(row: &[u8], out: &mut [WidePixel]) {
    for (out, &[b, g, r]) in out.iter_mut().zip(row.as_chunks().0) {
        *out = WidePixel::new([r, g, b]);
    }
}

pub(super) fn grey(row: &[u8], out: &mut [WidePixel]) {
    for (out, &y) in out.iter_mut().zip(row) {
        // The same byte in all three channels.
        *out = WidePixel(u64::from(y) * 0x1_0001_0001);
    }
}

/// 4 bytes per pixel pair. Luma is byte `LUMA` of each half, chroma the other byte. `row` starts at the first
/// pixel of the row and has whole pairs.
pub(super) fn packed_yuv<const LUMA: u32>(row: &[u8], first_px: usize, out: &mut [WidePixel]) {
    // Words and shifts instead of byte indexing: shifts of whole vectors are cheap on every processor.
    let (luma, cb, cr) = (8 * LUMA, 8 * (1 - LUMA), 8 * (3 - LUMA));
    yuv(first_px, out, |pairs, block| {
        let bytes = &row[4 * pairs.start..4 * pairs.end];
        for (y, &half) in block.y.iter_mut().zip(bytes.as_chunks().0) {
            *y = (u16::from_le_bytes(half) >> luma) as u8 as i16;
        }
        for (index, &pair) in bytes.as_chunks().0.iter().enumerate() {
            let pair = u32::from_le_bytes(pair);
            block.u[index] = [(pair >> cb) as u8 as i16; 2];
            block.v[index] = [(pair >> cr) as u8 as i16; 2];
        }
    });
}

/// A row of luma, and the row of chroma pairs that it shares with a neighbour. Both start at the first pixel of
/// the row and have whole pairs.
pub(super) fn nv12(luma: &[u8], chroma: &[u8], first_px: usize, out: &mut [WidePixel]) {
    yuv(first_px, out, |pairs, block| {
        let bytes = 2 * pairs.start..2 * pairs.end;
        for (y, &byte) in block.y.iter_mut().zip(&luma[bytes.clone()]) {
            *y = byte.into();
        }
        for (index, &pair) in chroma[bytes].as_chunks().0.iter().enumerate() {
            let pair = u16::from_le_bytes(pair);
            block.u[index] = [pair as u8 as i16; 2];
            block.v[index] = [(pair >> 8) as i16; 2];
        }
    });
}

/// A row of luma, and the rows of U and V that it shares with a neighbour. All start at the first pixel of the row and
/// have whole pairs.
pub(super) fn yu12(luma: &[u8], [u, v]: [&[u8]; 2], first_px: usize, out: &mut [WidePixel]) {
    yuv(first_px, out, |pairs, block| {
        let bytes = 2 * pairs.start..2 * pairs.end;
        for (y, &byte) in block.y.iter_mut().zip(&luma[bytes]) {
            *y = byte.into();
        }
        for (out, &byte) in block.u.iter_mut().zip(&u[pairs.clone()]) {
            *out = [byte.into(); 2];
        }
        for (out, &byte) in block.v.iter_mut().zip(&v[pairs]) {
            *out = [byte.into(); 2];
        }
    });
}

/// Unpacked pixels. Chroma is repeated for both pixels of a pair.
struct Block {
    y: [i16; BLOCK_PX],
    u: [[i16; 2]; BLOCK_PX / 2],
    v: [[i16; 2]; BLOCK_PX / 2],
}

/// Fills `out` block by block. `unpack` fills a block with a range of the row's pairs.
#[inline(always)]
fn yuv(first_px: usize, out: &mut [WidePixel], unpack: impl Fn(Range<usize>, &mut Block)) {
    let mut block = Block {
        y: [0; BLOCK_PX],
        u: [[0; 2]; BLOCK_PX / 2],
        v: [[0; 2]; BLOCK_PX / 2],
    };
    let mut pair = first_px / 2;
    // A span can start at the second pixel of a pair.
    let (odd, whole) = out.split_at_mut((first_px % 2).min(out.len()));
    if let [pixel] = odd {
        unpack(pair..pair + 1, &mut block);
        *pixel = WidePixel::new(yuv_to_rgb(block.y[1], block.u[0][1], block.v[0][1]));
        pair += 1;
    }
    for out in whole.chunks_mut(BLOCK_PX) {
        let pairs = pair..pair + out.len().div_ceil(2);
        unpack(pairs.clone(), &mut block);
        block.convert(out);
        pair = pairs.end;
    }
}

impl Block {
    /// Converts as many pixels as `out` has.
    #[inline(always)]
    fn convert(&self, out: &mut [WidePixel]) {
        let (mut red, mut green, mut blue) = ([0; BLOCK_PX], [0; BLOCK_PX], [0; BLOCK_PX]);
        let (u, v) = (self.u.as_flattened(), self.v.as_flattened());
        // Always the whole block: a loop of constant length needs no tail.
        for x in 0..BLOCK_PX {
            [red[x], green[x], blue[x]] = yuv_to_rgb(self.y[x], u[x], v[x]).map(u16::from);
        }
        // Two loops that widen by a factor of 2 compile to half the instructions of one that widens by 4.
        let mut red_green = [0; BLOCK_PX];
        for ((both, &r), &g) in red_green.iter_mut().zip(&red).zip(&green) {
            *both = u32::from(r) | u32::from(g) << 16;
        }
        for ((out, &red_green), &b) in out.iter_mut().zip(&red_green).zip(&blue) {
            *out = WidePixel(u64::from(red_green) | u64::from(b) << 32);
        }
    }
}

/// BT.601 limited range to RGB, in 8-bit fixed point; `y`, `u` and `v` are bytes. It is
///
/// ```text
/// r = (298 (y - 16)                 + 409 (v - 128) + 128) >> 8
/// g = (298 (y - 16) - 100 (u - 128) - 208 (v - 128) + 128) >> 8
/// b = (298 (y - 16) + 516 (u - 128)                 + 128) >> 8
/// ```
///
/// clamped to 0..=255. The code takes multiples of 256 out of the factors before the shift. The result is the
/// same, but every term fits 16 bits, so a vector holds twice as many pixels.
#[inline(always)]
fn yuv_to_rgb(y: i16, u: i16, v: i16) -> [u8; 3] {
    let (y, u, v) = (y - 16, u - 128, v - 128);
    let luma = 42 * y + 128;
    [
        y + 2 * v + ((luma - 103 * v) >> 8),
        y - v + ((luma - 100 * u + 48 * v) >> 8),
        y + 2 * u + ((luma + 4 * u) >> 8),
    ]
    .map(|value| value.clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula as it is written above.
    fn plain(y: u8, u: u8, v: u8) -> [u8; 3] {
        let luma = 298 * (i32::from(y) - 16) + 128;
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        [luma + 409 * v, luma - 100 * u - 208 * v, luma + 516 * u]
            .map(|value| (value >> 8).clamp(0, 255) as u8)
    }

    #[test]
    fn sixteen_bits_are_enough_for_every_colour() {
        for y in 0..=255 {
            for u in 0..=255 {
                for v in 0..=255 {
                    let found = yuv_to_rgb(y.into(), u.into(), v.into());
                    assert_eq!(found, plain(y, u, v), "{y} {u} {v}");
                }
            }
        }
    }

    #[test]
    fn a_blend_keeps_channels_apart() {
        let left = WidePixel::new([255, 0, 255]);
        let right = WidePixel::new([0, 255, 3]);
        for weight in 0..=32 {
            let expected = [
                255 * (32 - weight),
                255 * weight,
                255 * (32 - weight) + 3 * weight,
                0,
            ];
            assert_eq!(left.blend(right, weight.into()), expected);
        }
    }
}
