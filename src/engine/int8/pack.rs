//! Convolutions as steps of a plan: their method and taps, and a transposed one as several plain ones.

use super::ir::{Filter, Quant};
use super::kernel::Kernel;
use super::layout::{self, row_of_taps};
use super::plan::{Added, Buffer, ConvStep, Method};
use super::size::product;
use super::winograd;
use crate::model::Weights;

/// What a convolution's steps share.
pub(super) struct ConvParts {
    pub name: String,
    pub input: Buffer,
    pub input_quant: Quant,
    pub own_quant: Quant,
    pub floor: i8,
    pub output: Buffer,
    pub added: Option<Added>,
    pub kernel: &'static dyn Kernel,
}

/// How a step's weights are packed, as a plan file says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Direct = 0,
    /// For the kernel that is used where weights are -128, if there is one.
    Careful = 1,
    Winograd = 2,
}

impl Tag {
    pub(super) fn of(byte: u8) -> Option<Tag> {
        [Tag::Direct, Tag::Careful, Tag::Winograd]
            .into_iter()
            .find(|&tag| tag as u8 == byte)
    }
}

/// A step's weights and what its sums are scaled with.
pub(super) struct Coefficients {
    pub tag: Tag,
    /// Blocks of `nr` channels, in the method's order.
    pub weights: Weights,
    /// Less the zero point's share.
    pub bias: Vec<i32>,
    pub multipliers: Vec<f32>,
}

/// Where the steps' coefficients come from.
pub(super) enum Origin {
    /// They are packed from the filters.
    #[cfg(any(feature = "onnx", test))]
    Filters,
    /// A file has them, in the order of the steps.
    Stored(std::vec::IntoIter<Coefficients>),
}

/// Which pixels of the output a step makes, and from where.
pub(super) struct Grid {
    /// Input pixels between neighbours.
    stride: usize,
    /// Output pixels between neighbours, and the first one.
    spread: usize,
    origin: [usize; 2],
    /// Rows and columns.
    pub pixels: [usize; 2],
}

/// One tap of a filter: [y, x] in the input, for the grid's first pixel, and in the filter. Where the
/// input's pixels are packed, it stands for its whole row of the filter.
pub(super) type Tap = ([isize; 2], [usize; 2]);

impl ConvParts {
    pub(super) fn conv(&self, filter: &Filter, origin: &mut Origin) -> Result<ConvStep, String> {
        let [height, mut width] = filter.kernel;
        if self.packed() {
            width = 1;
        }
        let from = |tap: usize, axis: usize| tap as isize - filter.pad[axis] as isize;
        let taps = (0..height)
            .flat_map(|y| (0..width).map(move |x| ([from(y, 0), from(x, 1)], [y, x])))
            .collect();
        let grid = Grid {
            stride: filter.stride,
            spread: 1,
            origin: [0, 0],
            pixels: [self.output.height, self.output.width],
        };
        self.step(filter, taps, grid, origin)
    }

    /// Output row `stride * q + r` takes the taps `y` with `(r + pad - y)` divisible by the stride,
    /// from input row `q + (r + pad - y) / stride`; columns likewise.
    pub(super) fn deconv(
        &self,
        filter: &Filter,
        origin: &mut Origin,
    ) -> Result<Vec<ConvStep>, String> {
        let spread = filter.stride;
        let mut steps = Vec::new();
        for row in 0..spread.min(self.output.height) {
            for column in 0..spread.min(self.output.width) {
                let along = |axis: usize, origin: usize| {
                    (0..filter.kernel[axis]).filter_map(move |tap| {
                        let distance = (origin + filter.pad[axis]) as isize - tap as isize;
                        let divisible = distance.rem_euclid(spread as isize) == 0;
                        divisible.then(|| (tap, distance.div_euclid(spread as isize)))
                    })
                };
                let mut taps: Vec<Tap> = along(0, row)
                    .flat_map(|(y, from_y)| {
                        along(1, column).map(move |(x, from_x)| ([from_y, from_x], [y, x]))
                    })
                    .collect();
                taps.sort_unstable();
                let grid = Grid {
                    stride: 1,
                    spread,
                    origin: [row, column],
                    pixels: [
                        (self.output.height - row).div_ceil(spread),
                        (self.output.width - column).div_ceil(spread),
                    ],
                };
                steps.push(self.step(filter, taps, grid, origin)?);
            }
        }
        Ok(steps)
    }

    /// Whether the input's pixels are, so that a tap is a row of them.
    fn packed(&self) -> bool {
        self.input.stride == self.input.channels && self.input.stride < layout::PIXEL_BYTES
    }

    /// One step: its method, and the weights of these taps packed for it, or as they were stored.
    fn step(
        &self,
        filter: &Filter,
        taps: Vec<Tap>,
        grid: Grid,
        origin: &mut Origin,
    ) -> Result<ConvStep, String> {
        let (channels, inputs) = if self.packed() {
            let inputs = filter.kernel[1] * filter.inputs;
            (row_of_taps(filter.kernel[1], filter.inputs), inputs)
        } else {
            (self.input.stride, filter.inputs)
        };
        let tag = match origin {
            #[cfg(any(feature = "onnx", test))]
            Origin::Filters => self.choose(filter, &taps, channels, &grid),
            Origin::Stored(steps) => steps.as_slice().first().ok_or("has no stored weights")?.tag,
        };
        let method = self
            .method(tag, &taps, channels, &grid)
            .ok_or("is stored for a method that does not fit it")?;
        let padded = filter.outputs.next_multiple_of(method.block());
        let length = match method {
            Method::Direct { k, .. } => k,
            Method::Winograd(_) => taps.len() * channels,
        };
        let coefficients = match origin {
            #[cfg(any(feature = "onnx", test))]
            Origin::Filters => self.pack(filter, &taps, [channels, inputs, length], tag, &method),
            Origin::Stored(steps) => {
                let stored = steps.next().ok_or("has no stored weights")?;
                let counts = [
                    stored.weights.len(),
                    stored.bias.len(),
                    stored.multipliers.len(),
                ];
                let fits = product([padded, length]).is(counts[0]) && counts[1..] == [padded; 2];
                if !fits {
                    return Err(format!(
                        "is stored with {counts:?} weights, biases and multipliers"
                    ));
                }
                stored
            }
        };
        Ok(ConvStep {
            name: self.name.clone(),
            input: self.input,
            output: self.output,
            method,
            taps: taps.into_iter().map(|(place, _)| place).collect(),
            stride: grid.stride,
            grid: grid.pixels,
            spread: grid.spread,
            origin: grid.origin,
            coefficients,
            zero_point: self.own_quant.zero_point,
            floor: self.floor,
            outside: vec![self.input_quant.zero_point; channels],
            added: self.added,
            tap_bytes: channels,
            inputs,
        })
    }

    /// What a tag means for these taps; nothing if it does not apply.
    pub(super) fn method(
        &self,
        tag: Tag,
        taps: &[Tap],
        channels: usize,
        grid: &Grid,
    ) -> Option<Method> {
        let direct = |kernel: &'static dyn Kernel| {
            let k = (taps.len() * channels).next_multiple_of(kernel.shape().kr);
            Some(Method::Direct { kernel, k })
        };
        match tag {
            Tag::Direct => direct(self.kernel),
            Tag::Careful => direct(self.kernel.instead_for(&[i8::MIN])?),
            Tag::Winograd => {
                let fits = grid.stride == 1
                    && !self.packed()
                    && channels.is_multiple_of(winograd::CHANNELS)
                    && channels <= winograd::MAX_CHANNELS;
                let places: Vec<_> = taps.iter().map(|(place, _)| *place).collect();
                let kernel = self.kernel.winograd().filter(|_| fits)?;
                winograd::Method::of(kernel, &places).map(Method::Winograd)
            }
        }
    }
}
