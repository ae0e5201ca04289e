//! Sizes of convolution steps: their taps and grids, and what a stored tag means for them.

use super::layout::row_of_taps;
use super::winograd::WinogradConv;
use crate::engine::int8::cores::Cache;
use crate::engine::int8::family::Family;
use crate::engine::int8::ir::{ConvWeights, Operand, ValueId};

/// The method that a step's weights are packed for, as a plan file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Direct = 0,
    /// For the exact variant of a kernel that avoids weights of -128.
    DirectExact = 1,
    Winograd = 2,
    /// Float weights, for every family the same.
    Float = 3,
    /// A filter for each channel, for every family the same.
    Depthwise = 4,
}

impl Tag {
    pub(super) fn of(byte: u8) -> Option<Tag> {
        let all = [
            Tag::Direct,
            Tag::DirectExact,
            Tag::Winograd,
            Tag::Float,
            Tag::Depthwise,
        ];
        all.into_iter().find(|&tag| tag as u8 == byte)
    }
}

/// The method of a convolution.
#[derive(Clone, Copy)]
pub(crate) enum Method {
    Direct {
        /// By the exact variant of the kernel.
        exact: bool,
        /// Taps times channels, padded.
        k: usize,
    },
    Winograd(WinogradConv),
}

/// The output pixels of a step, and the input pixels that they are made from.
pub(crate) struct Grid {
    /// Input pixels between neighbours.
    pub stride: usize,
    /// Output pixels between neighbours.
    pub output_stride: usize,
    /// The first output pixel.
    pub origin: [usize; 2],
    /// Rows and columns.
    pub pixels: [usize; 2],
}

/// One tap of a filter: [y, x] in the input, for the grid's first pixel, and in the filter. Where the
/// input's pixels are packed, it stands for its whole row of the filter.
pub(crate) type Tap = ([isize; 2], [usize; 2]);

/// Bytes and values of a tap that is a whole row of a filter.
pub(super) fn row_tap(weights: &ConvWeights) -> (usize, usize) {
    let (width, channels) = (weights.kernel_size[1], weights.in_channels);
    (row_of_taps(width, channels), width * channels)
}

/// The one step of a convolution whose output has `size` rows and columns.
pub(super) fn plain(
    weights: &ConvWeights,
    size: [usize; 2],
    has_row_taps: bool,
) -> (Grid, Vec<Tap>) {
    let [height, mut width] = weights.kernel_size;
    if has_row_taps {
        width = 1;
    }
    let from = |tap: usize, axis: usize| tap as isize - weights.pad[axis] as isize;
    let taps = (0..height)
        .flat_map(|y| (0..width).map(move |x| ([from(y, 0), from(x, 1)], [y, x])))
        .flat_map(|tap| terms(weights, tap))
        .collect();
    let grid = Grid {
        stride: weights.stride,
        output_stride: 1,
        origin: [0, 0],
        pixels: size,
    };
    (grid, taps)
}

/// A tap for each term of its weights. The terms' filters lie below each other.
fn terms(weights: &ConvWeights, (place, [y, x]): Tap) -> impl Iterator<Item = Tap> {
    let height = weights.kernel_size[0];
    (0..weights.terms).map(move |term| (place, [y + term * height, x]))
}

/// The steps of a transposed convolution whose output has `size` rows and columns. Output row
/// `stride * q + r` takes the taps `y` with `(r + pad - y)` divisible by the stride, from input row
/// `q + (r + pad - y) / stride`; columns are the same.
pub(super) fn transposed(
    weights: &ConvWeights,
    [height, width]: [usize; 2],
) -> Vec<(Grid, Vec<Tap>)> {
    let stride = weights.stride;
    let along = |axis: usize, origin: usize| {
        (0..weights.kernel_size[axis]).filter_map(move |tap| {
            let distance = (origin + weights.pad[axis]) as isize - tap as isize;
            let divisible = distance.rem_euclid(stride as isize) == 0;
            divisible.then(|| (tap, distance.div_euclid(stride as isize)))
        })
    };
    let mut steps = Vec::new();
    for row in 0..stride.min(height) {
        for column in 0..stride.min(width) {
            let mut taps: Vec<Tap> = along(0, row)
                .flat_map(|(y, from_y)| {
                    along(1, column).map(move |(x, from_x)| ([from_y, from_x], [y, x]))
                })
                .flat_map(|tap| terms(weights, tap))
                .collect();
            taps.sort_unstable();
            let grid = Grid {
                stride: 1,
                output_stride: stride,
                origin: [row, column],
                pixels: [
                    (height - row).div_ceil(stride),
                    (width - column).div_ceil(stride),
                ],
            };
            steps.push((grid, taps));
        }
    }
    steps
}

/// A convolution step.
pub(crate) struct ConvOutline {
    /// The convolution.
    pub node: usize,
    pub input: ValueId,
    /// The addition that it is fused into.
    pub(super) fused_into: Option<FusedInto>,
    pub taps: Vec<Tap>,
    pub grid: Grid,
    /// Bytes of a tap: a pixel, or a row of them.
    pub tap_bytes: usize,
    /// Values of a tap without padding.
    pub tap_values: usize,
    /// A tap is a whole row of the filter.
    pub has_row_taps: bool,
}

/// An addition, and its operand that is not the convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct FusedInto {
    pub node: usize,
    pub other: Operand,
    pub conv_is_lhs: bool,
}

impl ConvOutline {
    /// The method that a tag means for this step and family, on cores with this cache; `None` if it does not apply.
    pub(crate) fn method(&self, tag: Tag, family: &Family, cache: Cache) -> Option<Method> {
        let direct = |exact: bool| Method::Direct {
            exact,
            k: (self.taps.len() * self.tap_bytes).next_multiple_of(family.tile.pad),
        };
        match tag {
            Tag::Direct => Some(direct(false)),
            Tag::DirectExact => family.avoids_minus_128.then(|| direct(true)),
            Tag::Winograd => {
                let fits = self.grid.stride == 1
                    && !self.has_row_taps
                    && WinogradConv::takes_channels(self.tap_bytes);
                let places: Vec<_> = self.taps.iter().map(|(place, _)| *place).collect();
                let shape = family.winograd.filter(|_| fits)?;
                WinogradConv::of(shape, &places, cache).map(Method::Winograd)
            }
            Tag::Float | Tag::Depthwise => None,
        }
    }

    /// Bytes of one output channel's packed weights.
    pub(crate) fn line_bytes(&self, method: &Method) -> usize {
        match method {
            Method::Direct { k, .. } => *k,
            Method::Winograd(_) => self.taps.len() * self.tap_bytes,
        }
    }
}

impl Method {
    /// Output channels of a block.
    pub(crate) fn block(&self, family: &Family) -> usize {
        match self {
            Method::Direct { .. } => family.tile.nr,
            Method::Winograd(winograd) => winograd.shape.nr,
        }
    }
}
