//! The pairing of rows and columns with the greatest sum: the Hungarian method, by shortest paths, O(n^3).

/// The column of each row. A value is at least 0, and a pair of value 0 is none. Rows have the same length.
pub(super) fn best(values: &[Vec<f64>]) -> Vec<Option<usize>> {
    let rows = values.len();
    let columns = values.first().map_or(0, Vec::len);
    let side = rows.max(columns);
    // A square of costs; what is beyond the values costs as much as no pair.
    let value = |row: usize, column: usize| {
        values
            .get(row)
            .and_then(|row| row.get(column))
            .map_or(0.0, |value| value.max(0.0))
    };
    // Row and column 0 are not used, as in the usual form of the method.
    let mut row_price = vec![0.0; side + 1];
    let mut column_price = vec![0.0; side + 1];
    let mut row_of = vec![0; side + 1];
    for row in 1..=side {
        row_of[0] = row;
        let mut column = 0;
        let mut least = vec![f64::INFINITY; side + 1];
        let mut way = vec![0; side + 1];
        let mut is_used = vec![false; side + 1];
        while row_of[column] != 0 {
            is_used[column] = true;
            let own = row_of[column];
            let (mut step, mut next) = (f64::INFINITY, 0);
            for other in 1..=side {
                if is_used[other] {
                    continue;
                }
                let cost = -value(own - 1, other - 1) - row_price[own] - column_price[other];
                if cost < least[other] {
                    least[other] = cost;
                    way[other] = column;
                }
                if least[other] < step {
                    (step, next) = (least[other], other);
                }
            }
            for other in 0..=side {
                if is_used[other] {
                    row_price[row_of[other]] += step;
                    column_price[other] -= step;
                } else {
                    least[other] -= step;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[way[column]];
            column = way[column];
        }
    }
    let mut found = vec![None; rows];
    for (column, &row) in row_of.iter().enumerate().take(columns + 1).skip(1) {
        if row >= 1 && row <= rows && value(row - 1, column - 1) > 0.0 {
            found[row - 1] = Some(column - 1);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_greatest_sum_and_not_the_greatest_pair() {
        let values = vec![vec![9.0, 8.0], vec![8.0, 1.0]];
        assert_eq!(best(&values), [Some(1), Some(0)]);
        // More rows than columns, more columns than rows, and nothing that fits.
        let tall = vec![vec![1.0], vec![3.0], vec![2.0]];
        assert_eq!(best(&tall), [None, Some(0), None]);
        assert_eq!(best(&[vec![1.0, 5.0, 2.0]]), [Some(1)]);
        assert_eq!(best(&[vec![0.0, 0.0]]), [None]);
        assert_eq!(best(&[vec![]]), [None]);
        assert_eq!(best(&[]), []);
    }

    /// The greatest sum, by trying all.
    fn by_trial(values: &[Vec<f64>], row: usize, used: u32) -> f64 {
        if row == values.len() {
            return 0.0;
        }
        let mut most = by_trial(values, row + 1, used);
        for (column, value) in values[row].iter().enumerate() {
            if used & (1 << column) == 0 {
                most = most.max(value + by_trial(values, row + 1, used | 1 << column));
            }
        }
        most
    }

    proptest! {
        #[test]
        fn no_other_pairing_has_a_greater_sum(
            (rows, columns) in (1..5_usize, 1..5_usize),
            numbers in proptest::collection::vec(0..20_u8, 16),
        ) {
            let row = |row: usize| (0..columns).map(|column| f64::from(numbers[4 * row + column])).collect();
            let values: Vec<Vec<f64>> = (0..rows).map(row).collect();
            let found = best(&values);
            let sum: f64 = found.iter().enumerate().filter_map(|(row, column)| Some(values[row][(*column)?])).sum();
            prop_assert_eq!(sum, by_trial(&values, 0, 0));
            let mut taken: Vec<usize> = found.iter().flatten().copied().collect();
            taken.sort_unstable();
            let pairs = taken.len();
            taken.dedup();
            prop_assert_eq!(taken.len(), pairs);
        }
    }
}
