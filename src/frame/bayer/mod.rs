//! Raw pictures of a sensor: one sample per pixel, under red, green or blue glass.
//!
//! In: rows of samples as V4L2 gives them. Out: one pixel of each 2 x 2 samples, in the caller's buffer. So a picture
//! has half the width and height of the samples, and every pixel has its own red, green and blue. Nothing is
//! interpolated, and only the needed part of a row is read. [`Tones`] makes bytes of the samples.

mod light;
mod mosaic;
mod rows;
#[cfg(test)]
mod tests;
mod tones;

pub use light::{Light, measure_light};
pub use tones::{Balance, Tones};

pub(super) use mosaic::mosaic;
pub(super) use rows::{read, samples};

/// Colours of the first two samples of the first row and of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BayerOrder {
    Rggb,
    Grbg,
    Gbrg,
    Bggr,
}

impl BayerOrder {
    pub const ALL: [BayerOrder; 4] = [
        BayerOrder::Rggb,
        BayerOrder::Grbg,
        BayerOrder::Gbrg,
        BayerOrder::Bggr,
    ];

    /// Places of red, of both greens and of blue among the four samples of a pixel, row by row.
    fn places(self) -> [usize; 4] {
        match self {
            BayerOrder::Rggb => [0, 1, 2, 3],
            BayerOrder::Grbg => [1, 0, 3, 2],
            BayerOrder::Gbrg => [2, 0, 3, 1],
            BayerOrder::Bggr => [3, 1, 2, 0],
        }
    }
}

/// How samples are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BayerSample {
    Byte,
    /// 10 bits in the lower end of two bytes, little endian, like the next two.
    Wide10,
    Wide12,
    Wide16,
    /// CSI-2's four samples in five bytes: the upper 8 bits of each, then the lower 2 of all, the first lowest.
    Packed10,
    /// CSI-2's two samples in three bytes: the upper 8 bits of each, then the lower 4 of both, the first lowest.
    Packed12,
}

impl BayerSample {
    pub const ALL: [BayerSample; 6] = [
        BayerSample::Byte,
        BayerSample::Wide10,
        BayerSample::Wide12,
        BayerSample::Wide16,
        BayerSample::Packed10,
        BayerSample::Packed12,
    ];

    /// Bits of a sample.
    pub fn bits(self) -> u32 {
        match self {
            BayerSample::Byte => 8,
            BayerSample::Wide10 | BayerSample::Packed10 => 10,
            BayerSample::Wide12 | BayerSample::Packed12 => 12,
            BayerSample::Wide16 => 16,
        }
    }

    /// Samples and bytes of the smallest whole group.
    fn group(self) -> [usize; 2] {
        match self {
            BayerSample::Byte => [1, 1],
            BayerSample::Wide10 | BayerSample::Wide12 | BayerSample::Wide16 => [1, 2],
            BayerSample::Packed10 => [4, 5],
            BayerSample::Packed12 => [2, 3],
        }
    }
}

/// A format of raw pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bayer {
    pub order: BayerOrder,
    pub sample: BayerSample,
}

impl Bayer {
    /// Every format.
    pub fn all() -> impl Iterator<Item = Bayer> {
        BayerSample::ALL.into_iter().flat_map(|sample| {
            BayerOrder::ALL
                .into_iter()
                .map(move |order| Bayer { order, sample })
        })
    }

    /// Bytes of a row of `width` samples, with the last group whole.
    pub(super) fn row_bytes(self, width: usize) -> usize {
        let [samples, bytes] = self.sample.group();
        width.div_ceil(samples) * bytes
    }
}
