//! The layers that a setting may stand in: the command line, a file, a board.

/// The layers that may have a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerSet(u8);

impl LayerSet {
    /// The command line.
    pub const LINE: LayerSet = LayerSet(1);
    /// A configuration file.
    pub const FILE: LayerSet = LayerSet(2);
    /// The `[run]` table of a board's file.
    pub const BOARD: LayerSet = LayerSet(4);

    /// The layers of both.
    pub const fn and(self, other: LayerSet) -> LayerSet {
        LayerSet(self.0 | other.0)
    }

    /// Whether all layers of `other` are among these.
    pub const fn has(self, other: LayerSet) -> bool {
        self.0 & other.0 == other.0
    }
}
