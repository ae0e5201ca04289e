//! Scene cuts: a frame that does not continue the last one.

/// Columns of the grid.
pub const GRID_COLUMNS: usize = 16;
/// Rows of the grid.
pub const GRID_ROWS: usize = 12;

/// Mean brightness of each cell of a frame, row by row.
pub type Grid = [u8; GRID_COLUMNS * GRID_ROWS];

/// A cell changes by more than this at a cut.
const CHANGE: u8 = 30;
/// Share of the cells that change at a cut, in percent.
const SHARE_PERCENT: usize = 40;

/// Compares each frame with the one before.
#[derive(Debug, Clone, Default)]
pub(super) struct CutWatch {
    last: Option<Grid>,
}

impl CutWatch {
    /// Whether a frame does not continue the last one.
    pub fn is_cut(&mut self, grid: &Grid) -> bool {
        let Some(last) = self.last.replace(*grid) else {
            return false;
        };
        let changed = last.iter().zip(grid);
        let changed = changed.filter(|(a, b)| a.abs_diff(**b) > CHANGE).count();
        100 * changed > SHARE_PERCENT * grid.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_changes_many_cells_and_a_hand_few() {
        let mut watch = CutWatch::default();
        let mut grid: Grid = std::array::from_fn(|cell| cell as u8);
        assert!(!watch.is_cut(&grid));
        for cell in grid.iter_mut().take(60) {
            *cell = cell.wrapping_add(90);
        }
        assert!(!watch.is_cut(&grid));
        for cell in grid.iter_mut().take(90) {
            *cell = cell.wrapping_add(90);
        }
        assert!(watch.is_cut(&grid));
        assert!(!watch.is_cut(&grid));
    }

    #[test]
    fn dusk_is_no_cut() {
        let mut watch = CutWatch::default();
        for level in (0..=200).rev().step_by(10) {
            assert!(!watch.is_cut(&[level; GRID_COLUMNS * GRID_ROWS]));
        }
    }
}
