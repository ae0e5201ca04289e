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
