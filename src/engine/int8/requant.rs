//! Arithmetic from 32-bit sums and products to 8-bit results, shared by plans and kernels.

/// Requantisation of the sums of one block of channels, or of several.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requant<'a> {
    /// Addend of the sum: the bias minus the contribution of the zero point.
    pub bias: &'a [i32],
    /// Input scale x weight scale / output scale, for each channel.
    pub multipliers: &'a [f32],
    pub zero_point: i8,
    /// Results below this are raised to it.
    pub floor: i8,
    /// The addition behind the convolution, if there is one.
    pub residual: Option<&'a Residual>,
    /// No result exceeds 16 bits, whatever the inputs: before it is clamped, or as the sum of an addition.
    #[cfg_attr(
        not(target_arch = "aarch64"),
        expect(dead_code, reason = "only kernels for AArch64 round by an addition")
    )]
    pub is_narrow: bool,
}

impl<'a> Requant<'a> {
    /// Of each block of `nr` channels.
    #[inline(always)]
    pub(crate) fn blocks(self, nr: usize) -> impl Iterator<Item = Requant<'a>> {
        let channels = self
            .bias
            .chunks_exact(nr)
            .zip(self.multipliers.chunks_exact(nr));
        channels.map(move |(bias, multipliers)| Requant {
            bias,
            multipliers,
            ..self
        })
    }
}

/// See [`Requant::is_narrow`]: `sizes` has the sum of the sizes of each channel's weights.
pub(crate) fn is_narrow(
    sizes: impl Iterator<Item = u64>,
    bias: &[i32],
    multipliers: &[f32],
    residual: Option<&Residual>,
) -> bool {
    /// Below 2^15 by more than roundings and zero points.
    const MOST: f64 = 32_000.0;
    /// Of a byte with the offset of an addition.
    const MOST_BYTE: f64 = 255.0;
    let fits = |((size, &bias), &multiplier): ((u64, &i32), &f32)| {
        (128.0 * size as f64 + f64::from(bias).abs()) * f64::from(multiplier).abs() < MOST
    };
    sizes.zip(bias).zip(multipliers).all(fits)
        && residual.is_none_or(|residual| {
            let Addition {
                ratio_a,
                ratio_b,
                fixed,
                ..
            } = residual.addition;
            let ratios = f64::from(ratio_a).abs() + f64::from(ratio_b).abs();
            MOST_BYTE * ratios + f64::from(fixed).abs() < MOST
        })
}

/// The addition behind a convolution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Residual {
    pub addition: Addition,
    /// The convolution's result is the first operand.
    pub conv_is_lhs: bool,
}

/// `round(a * ratio_a + (b * ratio_b + fixed))` with two fused multiply-adds, on values as the ONNX
/// graph has them: `offset` (128 for u8, else 0) above those in memory. The order is ONNX Runtime's, so
/// that even ties and near-ties fall as they do there. Values of different types are all taken as u8, for ONNX Runtime
/// adds values of one type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Addition {
    pub ratio_a: f32,
    pub ratio_b: f32,
    pub fixed: f32,
    pub offset: f32,
    /// Results below this, in memory's range, are raised to it.
    pub floor: i8,
}

impl Addition {
    /// The sum of two values, still a float.
    #[inline(always)]
    pub(crate) fn apply(&self, a: f32, b: f32) -> f32 {
        let b = (b + self.offset).mul_add(self.ratio_b, self.fixed);
        let sum = (a + self.offset).mul_add(self.ratio_a, b);
        (sum.round_ties_even() - self.offset)
            .max(f32::from(self.floor))
            .min(127.0)
    }
}

/// `round((a - a_zero) * (b - b_zero) * ratio) + zero_point`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Product {
    pub a_zero: i8,
    pub b_zero: i8,
    /// The operands' scales over the result's.
    pub ratio: f32,
    pub zero_point: i8,
    /// Results below this are raised to it.
    pub floor: i8,
}

/// `round((sum of from_scale * (value - from_zero)) / count / scale) + zero_point` in f32: averages of a few values are
/// often ties, which fall as in ONNX Runtime if they are rounded as often.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Average {
    pub from_scale: f32,
    pub from_zero: i8,
    pub scale: f32,
    pub zero_point: i8,
    /// Results below this are raised to it.
    pub floor: i8,
}
