//! Families of processors: sizes and orders of packed weights, one row each.
//!
//! Plain data, the same on every host, so that a plan can be compiled for any processor. The kernels
//! take their sizes from these rows.

/// One family of processors.
#[derive(Debug)]
pub(crate) struct Family {
    /// In plan files, board files and `POSEWIRE_KERNEL`.
    pub name: &'static str,
    pub tile: TileShape,
    pub order: PackOrder,
    /// Constant that the kernel adds to every input. Packing subtracts `input_offset * sum(weights)`
    /// from each bias.
    pub input_offset: i32,
    /// Layers that have a weight of -128 use the exact variant of the kernel.
    pub avoids_minus_128: bool,
    /// The kernel rounds by an addition, where [`is_narrow`](super::requant::is_narrow) says that it may.
    pub rounds_by_addition: bool,
    /// Winograd's method, where it can be faster than the direct kernel.
    pub winograd: Option<WinogradShape>,
}

/// Sizes that a direct kernel works in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TileShape {
    /// Pixels of a tile.
    pub mr: usize,
    /// Output channels of a block: 8 or 16.
    pub nr: usize,
    /// K (taps x channels) is padded to a multiple of this.
    pub pad: usize,
}

/// Order of the packed weights of a block: [nr / strip][k / kr][strip][kr].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackOrder {
    pub strip: usize,
    pub kr: usize,
}

impl PackOrder {
    /// Appends a block of weights, [nr][k], in this order.
    #[cfg(any(feature = "onnx", test))]
    pub(crate) fn pack(self, block: &[i8], k: usize, packed: &mut Vec<i8>) {
        for strip in block.chunks_exact(self.strip * k) {
            for group in 0..k / self.kr {
                for row in strip.chunks_exact(k) {
                    packed.extend_from_slice(&row[group * self.kr..][..self.kr]);
                }
            }
        }
    }
}

impl Family {
    /// For each channel of packed blocks of `k` values, the sum of its weights' sizes.
    pub(crate) fn sums_of_sizes<'a>(
        &'a self,
        weights: &'a [i8],
        k: usize,
    ) -> impl Iterator<Item = u64> + 'a {
        let PackOrder { strip, kr } = self.order;
        weights.chunks_exact(strip * k).flat_map(move |block| {
            let mut sums = vec![0; strip];
            for group in block.chunks_exact(strip * kr) {
                for (sum, weights) in sums.iter_mut().zip(group.chunks_exact(kr)) {
                    let sizes = weights
                        .iter()
                        .map(|weight| u64::from(weight.unsigned_abs()));
                    *sum += sizes.sum::<u64>();
                }
            }
            sums
        })
    }
}

/// Sizes that a Winograd kernel works in, and what it costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct WinogradShape {
    /// Tiles that are multiplied at once.
    pub mr: usize,
    /// Output channels of a block: 8 or 16.
    pub nr: usize,
    /// Input channels that lie side by side in packed weights.
    pub kr: usize,
    pub price: Price,
}

impl WinogradShape {
    /// The order of one tap's weights.
    #[cfg(any(feature = "onnx", test))]
    pub(crate) fn order(&self) -> PackOrder {
        PackOrder {
            strip: self.nr,
            kr: self.kr,
        }
    }
}

/// Costs of the parts of Winograd's method, in multiply-accumulates of the direct kernel of the same
/// family. They decide how a layer is compiled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Price {
    /// One multiply-accumulate of transformed values.
    pub product_macs: f32,
    /// Transforming a tile of one input channel.
    pub input_macs: f32,
    /// Transforming one input channel's weights for one output channel.
    pub weight_macs: f32,
    /// Transforming a tile of one output channel, and storing it.
    pub output_macs: f32,
}

/// Output pixels of a Winograd tile, along each side.
pub(crate) const WINOGRAD_SIDE: usize = 4;

/// Channels that Winograd's transforms take at once.
pub(crate) const WINOGRAD_LANES: usize = 16;

/// Channels of a block of weights of a filter for each channel. A block is [tap][lane] of i16 in little-endian bytes: a
/// weight less its zero point can have 9 bits.
pub(crate) const DEPTHWISE_LANES: usize = 16;

/// Bytes of a tap in such a block.
pub(crate) const DEPTHWISE_TAP_BYTES: usize = DEPTHWISE_LANES * size_of::<i16>();

/// Filters that Winograd's method applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WinogradForm {
    /// 3x3 taps, from 6x6 inputs.
    Three,
    /// 2x2 taps, from 5x5 inputs: a quarter of a transposed convolution.
    Two,
}

impl WinogradForm {
    pub(crate) fn of_taps(side: usize) -> Option<WinogradForm> {
        match side {
            3 => Some(WinogradForm::Three),
            2 => Some(WinogradForm::Two),
            _ => None,
        }
    }

    /// Taps along each side.
    #[inline]
    pub(crate) fn taps(self) -> usize {
        match self {
            WinogradForm::Three => 3,
            WinogradForm::Two => 2,
        }
    }

    /// Inputs of a tile, along each side.
    #[inline]
    pub(crate) fn inputs(self) -> usize {
        WINOGRAD_SIDE + self.taps() - 1
    }

    #[inline]
    pub(crate) fn positions(self) -> usize {
        self.inputs() * self.inputs()
    }

    /// Rows of positions whose weights are transformed together: a third of all weights stays in the second cache
    /// where all would not. A band's rows are made from the same sums of taps.
    #[inline]
    pub(crate) const fn bands(self) -> &'static [&'static [usize]] {
        match self {
            WinogradForm::Three => &[&[0, 5], &[1, 2], &[3, 4]],
            WinogradForm::Two => &[&[0, 4], &[1, 2], &[3]],
        }
    }

    /// Positions of the largest band.
    pub(crate) fn band_positions(self) -> usize {
        let rows = self.bands().iter().map(|rows| rows.len()).max();
        rows.unwrap_or(0) * self.inputs()
    }

    /// Sums of inputs times weights are exact up to this size.
    #[cfg(any(feature = "onnx", test))]
    pub(crate) fn max_exact_sum(self) -> i64 {
        match self {
            WinogradForm::Three => (1 << 25) - 1,
            WinogradForm::Two => (1 << 29) - 1,
        }
    }
}

const fn tile(mr: usize, nr: usize, pad: usize) -> TileShape {
    TileShape { mr, nr, pad }
}

const fn price(product: f32, input: f32, weight: f32, output: f32) -> Price {
    Price {
        product_macs: product,
        input_macs: input,
        weight_macs: weight,
        output_macs: output,
    }
}

const fn winograd(mr: usize, nr: usize, kr: usize, price: Price) -> Option<WinogradShape> {
    Some(WinogradShape { mr, nr, kr, price })
}

/// Plain Rust, on any processor.
pub(crate) const PORTABLE: Family = Family {
    name: "portable",
    tile: tile(4, 8, 4),
    order: PackOrder { strip: 8, kr: 4 },
    input_offset: 0,
    avoids_minus_128: false,
    rounds_by_addition: false,
    winograd: winograd(4, 8, 1, price(1.0, 200.0, 100.0, 300.0)),
};

/// AArch64 without the dot product. Two products of -128 by -128 overflow 16 bits.
pub(crate) const NEON: Family = Family {
    name: "neon",
    tile: tile(4, 8, 16),
    order: PackOrder { strip: 4, kr: 16 },
    input_offset: 0,
    avoids_minus_128: true,
    rounds_by_addition: false,
    winograd: winograd(8, 8, 1, price(1.3, 150.0, 70.0, 260.0)),
};

/// AArch64 with the dot product.
pub(crate) const NEON_DOT: Family = Family {
    name: "neon-dot",
    tile: tile(8, 8, 4),
    order: PackOrder { strip: 8, kr: 4 },
    input_offset: 0,
    avoids_minus_128: false,
    rounds_by_addition: true,
    winograd: None,
};

/// AArch64 with 8-bit matrix products.
pub(crate) const NEON_I8MM: Family = Family {
    name: "neon-i8mm",
    tile: tile(8, 8, 8),
    order: PackOrder { strip: 8, kr: 8 },
    input_offset: 0,
    avoids_minus_128: false,
    rounds_by_addition: true,
    winograd: None,
};

/// x86-64 with AVX2.
pub(crate) const AVX2: Family = Family {
    name: "avx2",
    tile: tile(6, 16, 2),
    order: PackOrder { strip: 16, kr: 2 },
    input_offset: 0,
    avoids_minus_128: false,
    rounds_by_addition: false,
    winograd: winograd(6, 16, 2, price(1.05, 150.0, 80.0, 300.0)),
};

/// x86-64 with AVX-VNNI. The price is not measured: llvm-mca computes it for Alder Lake, where the
/// direct kernel is 2.7 times as fast as Winograd's products, and 3.5 times as fast as that of AVX2,
/// which has the same transforms.
pub(crate) const AVX_VNNI: Family = Family {
    name: "avx-vnni",
    tile: tile(6, 16, 16),
    order: PackOrder { strip: 16, kr: 4 },
    input_offset: 128,
    avoids_minus_128: false,
    rounds_by_addition: false,
    winograd: winograd(6, 16, 2, price(2.7, 520.0, 280.0, 1040.0)),
};

/// x86-64 with AVX-512 VNNI. llvm-mca computes the price for Ice Lake and Sapphire Rapids.
pub(crate) const AVX512_VNNI: Family = Family {
    name: "avx512-vnni",
    tile: tile(16, 16, 16),
    order: PackOrder { strip: 16, kr: 4 },
    input_offset: 128,
    avoids_minus_128: false,
    rounds_by_addition: false,
    winograd: winograd(12, 16, 2, price(2.0, 650.0, 350.0, 1300.0)),
};

/// x86-64 with AMX-INT8.
pub(crate) const AMX: Family = Family {
    name: "amx",
    tile: tile(32, 16, 64),
    order: PackOrder { strip: 16, kr: 4 },
    input_offset: 0,
    avoids_minus_128: false,
    rounds_by_addition: false,
    winograd: None,
};

/// All families, in the order in which they are listed to users.
pub(crate) static FAMILIES: [Family; 8] = [
    PORTABLE,
    NEON,
    NEON_DOT,
    NEON_I8MM,
    AVX2,
    AVX_VNNI,
    AVX512_VNNI,
    AMX,
];

/// The family of this name.
///
/// # Errors
/// The names of all families, if it is none of them.
#[cfg(feature = "onnx")]
pub(crate) fn named(name: &str) -> Result<&'static Family, String> {
    FAMILIES
        .iter()
        .find(|family| family.name == name)
        .ok_or_else(|| names().join(", "))
}

/// The names of all families.
pub(crate) fn names() -> Vec<&'static str> {
    FAMILIES.iter().map(|family| family.name).collect()
}
