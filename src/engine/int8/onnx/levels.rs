//! Functions of 8-bit values: a Relu, a Clip or another scale gives each of the 256 values one result.

use crate::engine::int8::ir::{Operand, QuantParams, Table};

/// The float function of an 8-bit activation.
#[derive(Debug, Clone)]
pub(super) struct Mapped {
    pub operand: Operand,
    /// The result of each value, from -128 on.
    pub levels: Box<[f32; 256]>,
}

/// All 8-bit values, in order.
fn values() -> impl Iterator<Item = i8> {
    i8::MIN..=i8::MAX
}

pub(super) fn table(result: impl Fn(i8) -> i8) -> Table {
    let mut table = [0; 256];
    for (to, value) in table.iter_mut().zip(values()) {
        *to = result(value);
    }
    table
}

impl Mapped {
    /// The reading of an activation with this scale and zero point.
    pub(super) fn reading(operand: Operand, quant: QuantParams) -> Self {
        let mut levels = Box::new([0.0; 256]);
        for (level, value) in levels.iter_mut().zip(values()) {
            *level = quant.real(value);
        }
        Mapped { operand, levels }
    }

    pub(super) fn map(mut self, function: impl Fn(f32) -> f32) -> Self {
        self.levels
            .iter_mut()
            .for_each(|level| *level = function(*level));
        self
    }

    /// The same as a function of the activation that a table made this one from.
    pub(super) fn through(&self, operand: Operand, table: &Table) -> Self {
        let mut levels = Box::new([0.0; 256]);
        for (level, &value) in levels.iter_mut().zip(table) {
            *level = self.levels[usize::from(value.cast_unsigned() ^ 0x80)];
        }
        Mapped { operand, levels }
    }

    /// The product with another function of the same activation.
    pub(super) fn times(mut self, other: &Mapped) -> Self {
        let levels = self.levels.iter_mut().zip(other.levels.iter());
        levels.for_each(|(level, other)| *level *= other);
        self
    }

    pub(super) fn clip(self, [low, high]: [f32; 2]) -> Self {
        // A range of which the ends are in the wrong order gives its upper end, as in ONNX.
        self.map(|level| level.max(low).min(high))
    }

    /// Whether a larger value never has a smaller result.
    pub(super) fn keeps_order(&self) -> bool {
        self.levels.is_sorted()
    }

    pub(super) fn has_levels_of(&self, other: &Mapped) -> bool {
        self.levels == other.levels
    }

    /// The table to a scale and zero point.
    pub(super) fn rounded(&self, quant: QuantParams) -> Table {
        let mut table = [0; 256];
        for (to, &level) in table.iter_mut().zip(self.levels.iter()) {
            *to = quant.level(level);
        }
        table
    }

    /// The table to a scale and zero point that hold each result as it is.
    pub(super) fn exact(&self, quant: QuantParams) -> Option<Table> {
        let table = self.rounded(quant);
        let mut pairs = table.iter().zip(self.levels.iter());
        pairs
            .all(|(&value, &level)| quant.real(value).to_bits() == (level + 0.0).to_bits())
            .then_some(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::int8::ir::ValueId;

    const QUANT: QuantParams = QuantParams {
        scale: 0.25,
        zero_point: -28,
        unsigned: false,
    };

    fn reading() -> Mapped {
        let operand = Operand {
            tensor: ValueId(0),
            upsampled: false,
        };
        Mapped::reading(operand, QUANT)
    }

    #[test]
    fn rounding_goes_half_to_even_and_saturates() {
        let other = QuantParams {
            scale: 0.5,
            zero_point: 3,
            unsigned: true,
        };
        let table = reading().rounded(other);
        let at = |value: i8| table[usize::from(value.cast_unsigned() ^ 0x80)];
        // 0.25 / 0.5 and 0.75 / 0.5 are ties.
        assert_eq!([at(-28), at(-27), at(-25)], [3, 3, 5]);
        assert_eq!([at(-128), at(127)], [-47, 81]);
        let fine = QuantParams {
            scale: 0.01,
            ..other
        };
        assert_eq!(reading().rounded(fine)[0], -128);
    }

    #[test]
    fn a_relu_is_exact_in_the_scale_it_has() {
        let relu = reading().clip([0.0, f32::INFINITY]);
        let table = relu.exact(QUANT).unwrap();
        assert!(values().zip(table).all(|(value, to)| to == value.max(-28)));
        assert!(reading().clip([0.1, 4.0]).exact(QUANT).is_none());
    }
}
