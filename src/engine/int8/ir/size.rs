//! Arithmetic on sizes that come from a file: bytes, pixels, products.
//!
//! In: numbers of any size. Out: exact sizes, or `None` for a size beyond `u64`, which is above every
//! limit. The numbers of a file fit `u64` on every processor, so a 64-bit host tests what 32-bit ARM
//! does.

use std::ops::{Add, AddAssign, Mul};

/// A size, exact or beyond `u64`. Sums and products of a size beyond `u64` stay beyond it, except
/// products with 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(Option<u64>);

impl Size {
    pub(crate) const ZERO: Size = Size(Some(0));

    /// The size if it is at most `limit`.
    pub(crate) fn at_most(self, limit: u64) -> Option<u64> {
        self.0.filter(|&size| size <= limit)
    }

    pub(crate) fn is(self, other: usize) -> bool {
        self == Size::from(other)
    }

    /// The smallest multiple of `step` that holds this size.
    pub(crate) fn round_up(self, step: u64) -> Size {
        Size(self.0.and_then(|size| size.checked_next_multiple_of(step)))
    }
}

impl From<usize> for Size {
    fn from(size: usize) -> Self {
        Size(u64::try_from(size).ok())
    }
}

impl<T: Into<Size>> Add<T> for Size {
    type Output = Size;

    fn add(self, other: T) -> Size {
        let both = self.0.zip(other.into().0);
        Size(both.and_then(|(a, b)| a.checked_add(b)))
    }
}

impl<T: Into<Size>> Mul<T> for Size {
    type Output = Size;

    fn mul(self, other: T) -> Size {
        match (self.0, other.into().0) {
            (Some(0), _) | (_, Some(0)) => Size::ZERO,
            (Some(a), Some(b)) => Size(a.checked_mul(b)),
            _ => Size(None),
        }
    }
}

impl<T: Into<Size>> AddAssign<T> for Size {
    fn add_assign(&mut self, other: T) {
        *self = *self + other;
    }
}

/// The product of some sizes.
pub(crate) fn product<const N: usize>(sides: [usize; N]) -> Size {
    sides
        .into_iter()
        .fold(Size(Some(1)), |product, side| product * side)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Exact up to 2^128, for factors below 2^32.
    fn exact(a: u32, b: u32, c: u32, d: u32) -> u128 {
        (u128::from(a) + 16) * u128::from(b) * u128::from(c) + u128::from(d)
    }

    proptest! {
        #[test]
        fn a_limit_holds_for_all_numbers_of_a_file(
            a: u32, b: u32, c: u32, d: u32, limit in 0..u64::MAX
        ) {
            let [a_, b_, c_, d_] = [a, b, c, d].map(|side| side as usize);
            let size = (Size::from(a_) + 16) * b_ * c_ + d_;
            let exact = exact(a, b, c, d);
            prop_assert_eq!(size.at_most(limit).is_some(), exact <= u128::from(limit));
            if let Some(size) = size.at_most(limit) {
                prop_assert_eq!(u128::from(size), exact);
            }
        }

        #[test]
        fn rounding_up_never_wraps(size: u64, step in 1..1_u64 << 20) {
            let rounded = Size(Some(size)).round_up(step);
            match rounded.at_most(u64::MAX) {
                Some(rounded) => {
                    prop_assert!(rounded >= size && rounded - size < step && rounded % step == 0);
                }
                None => prop_assert!(size > u64::MAX - step),
            }
        }
    }

    #[test]
    fn a_size_beyond_u64_is_above_every_limit() {
        let huge = product([usize::MAX; 3]);
        assert_eq!((huge + 1).at_most(u64::MAX), None);
        assert_eq!((huge * 2).round_up(16).at_most(u64::MAX), None);
        assert_eq!((huge * Size::ZERO).at_most(0), Some(0));
    }
}
