//! The arrangement of a picture's lines in a buffer.
//!
//! An analogue grabber has pictures of two fields: the odd lines and the even lines. posewire reads whole pictures.
//! A buffer with one field, or with one field after the other, would look like a picture of another scene.

use std::fmt;

/// `V4L2_FIELD_*` of `<linux/videodev2.h>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field(pub u32);

impl Field {
    /// All lines in order, taken at one time.
    pub const NONE: Field = Field(1);

    /// False if a buffer has one field only, or its lines are not in the picture's order. Drivers that do not say
    /// (0), and interlaced ones whose fields are interleaved, give whole pictures.
    pub(super) fn is_whole(self) -> bool {
        !matches!(self.0, 2 | 3 | 5 | 6 | 7)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 10] = [
            "ANY",
            "NONE",
            "TOP",
            "BOTTOM",
            "INTERLACED",
            "SEQ_TB",
            "SEQ_BT",
            "ALTERNATE",
            "INTERLACED_TB",
            "INTERLACED_BT",
        ];
        match NAMES.get(self.0 as usize) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}
