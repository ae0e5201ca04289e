//! Offsets of activations: buffers whose lives do not overlap share memory.

/// One buffer: its size, and the first and last step that need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lifetime {
    pub bytes: u64,
    pub first: usize,
    pub last: usize,
}

impl Lifetime {
    fn overlaps(&self, other: &Lifetime) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Buffers start at multiples of a cache line.
const ALIGNMENT: u64 = 64;

/// An offset for each buffer, and the size of all. Up to 2^32 buffers of up to 2^31 bytes do not
/// overflow. The largest are placed first, each at the lowest
/// place that is free during its life.
pub(super) fn place(lifetimes: &[Lifetime]) -> (Vec<u64>, u64) {
    let mut order: Vec<usize> = (0..lifetimes.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(lifetimes[index].bytes));
    let mut offsets: Vec<Option<u64>> = vec![None; lifetimes.len()];
    let mut end = 0;
    for &index in &order {
        let mut taken: Vec<(u64, u64)> = lifetimes
            .iter()
            .zip(&offsets)
            .filter_map(|(other, offset)| {
                let start = (*offset)?;
                other
                    .overlaps(&lifetimes[index])
                    .then(|| (start, start + other.bytes.next_multiple_of(ALIGNMENT)))
            })
            .collect();
        taken.sort_unstable();
        let mut offset = 0;
        for (start, stop) in taken {
            if offset + lifetimes[index].bytes <= start {
                break;
            }
            offset = offset.max(stop);
        }
        offsets[index] = Some(offset);
        end = end.max(offset + lifetimes[index].bytes);
    }
    (offsets.into_iter().flatten().collect(), end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lives_that_overlap_do_not_share_memory(
            lives in proptest::collection::vec((1_u64..5000, 0_usize..20, 0_usize..6), 1..30)
        ) {
            let lifetimes: Vec<Lifetime> = lives
                .into_iter()
                .map(|(bytes, first, length)| Lifetime { bytes, first, last: first + length })
                .collect();
            let (offsets, end) = place(&lifetimes);
            prop_assert_eq!(offsets.len(), lifetimes.len());
            for (i, a) in lifetimes.iter().enumerate() {
                prop_assert!(offsets[i] + a.bytes <= end);
                for (j, b) in lifetimes.iter().enumerate().skip(i + 1) {
                    let apart = offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
                    prop_assert!(apart || !a.overlaps(b));
                }
            }
        }
    }

    #[test]
    fn buffers_that_follow_each_other_share() {
        let chain: Vec<Lifetime> = (0..10)
            .map(|index| Lifetime {
                bytes: 640,
                first: index,
                last: index + 1,
            })
            .collect();
        assert_eq!(place(&chain).1, 2 * 640);
    }
}
